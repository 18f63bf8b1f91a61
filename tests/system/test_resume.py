"""What an interrupted backup stored is not stored again, whenever and however it was interrupted."""

import filecmp
import os
import random
import signal
import subprocess
import time
import unittest

from dr_machine import LONG, MIB, Done, Machine, main, write_random

SIZE = (2048 if LONG else 512) * MIB
SEED = int(os.environ.get("DR_TEST_SEED", "1"))


class Resume(unittest.TestCase):
    def setUp(self):
        self.machine = Machine(self).make_key()
        self.source = self.machine.path("source")
        os.mkdir(self.source)

    def fill(self, size, files):
        for number in range(files):
            write_random(os.path.join(self.source, f"part-{number}"), size // files, number)

    def interrupted_at(self, plan, stored, how):
        """A backup that got `how` as soon as `stored` bytes are in packs/: None if it had ended by then."""
        process = self.machine.start("backup", "--spec", plan, "--json")
        while process.poll() is None and self.machine.pack_bytes() < stored:
            time.sleep(0.002)
        process.send_signal(how)
        out, err = process.communicate(timeout=120)
        return Done(["backup", how], process.returncode, out, err) if process.returncode != 0 else None

    def interrupted_stream(self, size, stored, how):
        """A backup of the first `size` bytes of the stream, which then waits for more: it cannot end before the signal, sent once `stored` bytes
        are in packs/."""
        process = self.machine.start("backup", "--stdin", "stream", "--json", stdin=subprocess.PIPE)
        with open(self.stream, "rb") as file:
            while size > 0:
                size -= process.stdin.write(file.read(min(size, MIB)))
            process.stdin.flush()
        deadline = time.monotonic() + 120
        while self.machine.pack_bytes() < stored:
            self.assertIsNone(process.poll(), "it ended although its input is open")
            self.assertLess(time.monotonic(), deadline, f"{self.machine.pack_bytes()} of {stored} bytes are stored")
            time.sleep(0.01)
        process.send_signal(how)
        # The input stays open until it has ended: it must not be the end of the input that ends it.
        status = process.wait(timeout=60)
        done = Done(["backup", how], status, process.stdout.read(), process.stderr.read())
        process.stdin.close()
        process.stdout.close()
        process.stderr.close()
        return done

    def assert_comes_back(self):
        target = os.path.join(self.machine.target, "resumed")
        self.machine.restore(target)
        for name in os.listdir(self.source):
            back = os.path.join(target, self.source.lstrip("/"), name)
            with open(os.path.join(self.source, name), "rb") as before, open(back, "rb") as after:
                while True:
                    part = before.read(MIB)
                    self.assertEqual(part, after.read(MIB))
                    if not part:
                        break

    def test_killed_at_half_the_next_run_stores_at_most_60_percent(self):
        size = SIZE
        plan = self.machine.plan("half", [self.source])
        self.fill(size, 4)
        while (done := self.interrupted_at(plan, size // 2, signal.SIGKILL)) is None:
            # This machine stores faster than it is looked at: twice as much, and from the start.
            size *= 2
            self.assertLessEqual(size, 8 * SIZE, "it always ends before the signal")
            self.machine.storage = self.machine.env["QNWIS_DR_STORAGE_PATH"] = self.machine.path(f"backups-{size}")
            os.mkdir(self.machine.storage)
            self.fill(size, 4)
        self.assertEqual(done.status, -signal.SIGKILL)

        result = self.machine.backup(plan)
        print(f"stored by the second run: {result['bytes_stored'] * 100 / size:.1f} % of {size // MIB} MiB")
        self.assertLessEqual(result["bytes_stored"], 0.60 * size)
        self.assertTrue(result["resumed"])
        self.machine.verify_everything()
        self.assert_comes_back()

    def test_ctrl_c_ends_with_130_and_the_next_run_resumes(self):
        size = 256 * MIB
        self.stream = self.machine.path("stream")
        write_random(self.stream, size, 1)
        # Each round brings a quarter more; the last packs of it may still be waiting to be full.
        for quarters, how in ((1, signal.SIGINT), (2, signal.SIGTERM), (3, signal.SIGKILL)):
            done = self.interrupted_stream(size * quarters // 4, size * quarters // 4 - 40 * MIB, how)
            if how == signal.SIGKILL:
                self.assertEqual(done.status, -signal.SIGKILL, done)
                continue
            self.assertEqual(done.status, 130, done)
            self.assertIn(b"interrupted", done.err, done)
        self.assertEqual(self.machine.snapshots(), [])
        with open(self.stream, "rb") as file:
            result = self.machine.run("backup", "--stdin", "stream", "--json", stdin=file).json
        self.assertTrue(result["resumed"])
        # What was cut short may lose what it had not yet packed.
        self.assertLessEqual(result["bytes_stored"], size // 4 + 48 * MIB)
        self.machine.verify_everything()
        with open(self.machine.path("back"), "wb") as file:
            self.machine.run("dump", "stream", stdout=file)
        self.assertTrue(filecmp.cmp(self.stream, self.machine.path("back"), shallow=False))

    def test_killed_at_any_moment_the_next_backup_works(self):
        rng = random.Random(SEED)
        write_random(os.path.join(self.source, "part-0"), 12 * MIB, 100)
        plan = self.machine.plan("any", [self.source])
        begin = time.monotonic()
        self.machine.backup(plan)
        usual = time.monotonic() - begin
        acknowledged = 1
        for round_number in range(100 if LONG else 20):
            # The first five rounds meet an empty directory each: the repository itself is made then.
            if round_number < 5:
                self.machine.storage = self.machine.env["QNWIS_DR_STORAGE_PATH"] = self.machine.path(f"backups-{round_number}")
                os.mkdir(self.machine.storage)
                acknowledged = 0
            write_random(os.path.join(self.source, "part-1"), 4 * MIB, round_number)
            process = self.machine.start("backup", "--spec", plan, "--json")
            delay = rng.uniform(0, usual * 1.2)
            time.sleep(delay)
            process.kill()
            out, err = process.communicate()
            what = f"seed {SEED}, round {round_number}, killed after {delay:.3f} s: exit {process.returncode}"
            with self.subTest(what):
                if process.returncode == 0:
                    acknowledged += 1
                if round_number % 4 == 3 or round_number < 5:
                    self.machine.backup(plan)
                    acknowledged += 1
                    # One that was killed after its commit and before it could say so is there, too.
                    self.assertGreaterEqual(len(self.machine.snapshots()), acknowledged, what)
        self.machine.backup(plan)
        self.machine.verify_everything()

    def test_what_killed_writers_left_is_removed_and_nothing_of_living_ones(self):
        def leave(name, hours):
            path = os.path.join(self.machine.storage, "tmp", name)
            with open(path, "wb") as file:
                file.write(b"x" * 1000)
            age(path, hours)

        def age(path, hours):
            os.utime(path, (time.time() - hours * 3600,) * 2)

        def left():
            return sorted(name for name in os.listdir(os.path.join(self.machine.storage, "tmp")) if name.startswith("0123"))

        write_random(os.path.join(self.source, "part"), MIB, 1)
        plan = self.machine.plan("litter", [self.source])
        self.machine.backup(plan)
        leave("0123456789abcdef-1", 2)
        leave("0123456789abcdef-2", 0)
        self.machine.backup(plan)
        self.assertEqual(left(), ["0123456789abcdef-2"], "what is young may belong to somebody who just began")

        # A backup that has been running for three hours, and is waiting for its input.
        leave("0123456789abcdef-3", 2)
        leave("0123456789abcdef-4", 4)
        process = self.machine.start("backup", "--stdin", "slow", stdin=subprocess.PIPE)
        tmp = os.path.join(self.machine.storage, "tmp")
        while left() != ["0123456789abcdef-2"]:  # it has begun, and looked for leftovers itself
            self.assertIsNone(process.poll())
            time.sleep(0.01)
        marks = [name for name in os.listdir(tmp) if name.startswith("session-")]
        self.assertEqual(len(marks), 1)
        leave("0123456789abcdef-3", 2)
        leave("0123456789abcdef-4", 4)
        for mark in marks:
            age(os.path.join(tmp, mark), 3)
        self.machine.run("prune", "--json")
        self.assertEqual(left(), ["0123456789abcdef-2", "0123456789abcdef-3"], "the living one may be at the younger ones")

        # Killed, it leaves its mark, until somebody has taken over what it stored.
        process.kill()
        process.communicate()
        self.machine.run("prune", "--json")
        self.assertEqual(left(), ["0123456789abcdef-2"])
        self.machine.backup(plan)
        self.assertEqual([name for name in os.listdir(tmp) if name.startswith(("session-", "writer-"))], [])


if __name__ == "__main__":
    main()

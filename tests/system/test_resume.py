"""What an interrupted backup stored is not stored again, whenever and however it was interrupted."""

import os
import random
import signal
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
        """A backup that got `how` as soon as `stored` bytes are in packs/."""
        process = self.machine.start("backup", "--spec", plan, "--json")
        while process.poll() is None and self.machine.pack_bytes() < stored:
            time.sleep(0.002)
        process.send_signal(how)
        out, err = process.communicate(timeout=120)
        done = Done(["backup", how], process.returncode, out, err)
        if done.status == 0:
            self.skipTest("the backup ended before the signal reached it")
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
        self.fill(SIZE, 4)
        plan = self.machine.plan("half", [self.source])
        self.assertEqual(self.interrupted_at(plan, SIZE // 2, signal.SIGKILL).status, -signal.SIGKILL)

        result = self.machine.backup(plan)
        print(f"stored by the second run: {result['bytes_stored'] * 100 / SIZE:.1f} % of {SIZE // MIB} MiB")
        self.assertLessEqual(result["bytes_stored"], 0.60 * SIZE)
        self.assertTrue(result["resumed"])
        self.machine.verify_everything()
        self.assert_comes_back()

    def test_ctrl_c_ends_with_130_and_the_next_run_resumes(self):
        size = 256 * MIB
        self.fill(size, 2)
        plan = self.machine.plan("polite", [self.source])
        for how in (signal.SIGINT, signal.SIGTERM):
            # SIGTERM comes when a quarter more has been stored.
            begin = time.monotonic()
            done = self.interrupted_at(plan, self.machine.pack_bytes() + size // 4, how)
            self.assertEqual(done.status, 130, done)
            self.assertIn(b"interrupted", done.err, done)
            self.assertLess(time.monotonic() - begin, 60)
        self.assertEqual(self.machine.snapshots(), [])
        result = self.machine.backup(plan)
        self.assertTrue(result["resumed"])
        # What was cut short may lose what it had not yet packed.
        self.assertLessEqual(result["bytes_stored"], 0.75 * size)
        self.machine.verify_everything()

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


if __name__ == "__main__":
    main()

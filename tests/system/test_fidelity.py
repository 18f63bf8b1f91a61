"""What is backed up comes back: every kind of file, every attribute, every size and name; and what cannot is said."""

import itertools
import os
import shutil
import signal
import subprocess
import time
import unittest

import fidelity_tree
import tree_compare
from dr_machine import IS_ROOT, LONG, MIB, NOBODY, Done, Machine, main, write_random

GIB = fidelity_tree.GIB


def rsync_differences(before, after, *more):
    """What rsync would still have to do."""
    words = ["rsync", "-aHAXn", "--checksum", "--itemize-changes", "--delete", *more, before + "/", after + "/"]
    done = subprocess.run(words, stdout=subprocess.PIPE, check=True)
    return done.stdout.decode("utf-8", "backslashreplace").splitlines()


class Fidelity(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.machine = Machine(self).make_key()
        self.source = self.machine.path("source")

    def below(self, target, source=None):
        """Where `source` comes back below `target`."""
        return os.path.join(target, (source or self.source).lstrip("/"))

    def assert_same_tree(self, target, ignore=()):
        differences = tree_compare.differences(tree_compare.describe(self.source), tree_compare.describe(self.below(target)), ignore)
        self.assertFalse(differences, "\n".join(differences[:40]))

    def assert_rsync_agrees(self, target, *more, source=None):
        differences = rsync_differences(source or self.source, self.below(target, source), *more)
        self.assertFalse(differences, "\n".join(differences[:40]))

    def backed_up(self):
        plan = self.machine.plan("all", [self.source])
        return self.machine.backup(plan)

    @unittest.skipUnless(IS_ROOT, "owners, devices, trusted attributes and flags need root")
    def test_everything_root_has_comes_back_and_stays_when_restored_again(self):
        os.mkdir(self.source)
        fidelity_tree.fill(self.source)
        missing = fidelity_tree.fill_as_root(self.source)
        for line in missing:
            print("this file system does not keep", line)
        fidelity_tree.deep(os.path.join(self.source, "deep"), 20)
        os.chmod(self.source, 0o2750)
        self.backed_up()
        target = os.path.join(self.machine.target, "all")

        self.machine.restore(target, "--devices")
        self.assert_same_tree(target)
        self.assert_rsync_agrees(target, "--exclude=/deep/*")

        again = self.machine.restore(target, "--devices")
        self.assertEqual((again["files_restored"], again["bytes_restored"]), (0, 0))
        self.assertEqual(again["bytes_read"], 0)
        self.machine.restore(target, "--devices", "--overwrite")
        self.assert_same_tree(target)
        self.machine.verify_everything()

    @unittest.skipUnless(IS_ROOT, "devices need root")
    def test_devices_are_made_only_when_asked_for(self):
        os.mkdir(self.source)
        os.mknod(os.path.join(self.source, "null"), 0o020666, os.makedev(1, 3))
        fidelity_tree.write(os.path.join(self.source, "file"))
        self.backed_up()
        target = os.path.join(self.machine.target, "without")
        done = self.machine.run("restore", "--snapshot-id", "latest", "--target-path", target)
        self.assertFalse(os.path.lexists(os.path.join(self.below(target), "null")))
        self.assertTrue(os.path.exists(os.path.join(self.below(target), "file")))
        self.assertIn(b"--devices", done.out + done.err)

    def test_files_with_holes_keep_them(self):
        os.mkdir(self.source)
        os.mkdir(os.path.join(self.source, "sizes"))
        fidelity_tree.sparse(os.fsencode(self.source))
        size = (64 if LONG else 4) * GIB
        fidelity_tree.sparse_file(os.path.join(self.source, "huge"), size, [0, GIB, size // 2 + 4096, size - 65536])
        result = self.backed_up()
        self.assertLess(result["bytes_stored"], 8 * MIB)
        target = os.path.join(self.machine.target, "holes")
        self.machine.restore(target)
        self.assert_same_tree(target)
        blocks = lambda top: os.stat(os.path.join(top, "huge")).st_blocks
        self.assertLessEqual(blocks(self.below(target)), blocks(self.source) + 64)

    def test_a_crowded_directory_comes_back(self):
        fidelity_tree.crowd(self.source, 1_000_000 if LONG else 20_000)
        self.backed_up()
        target = os.path.join(self.machine.target, "crowd")
        self.machine.restore(target)
        self.assert_rsync_agrees(target)

    @unittest.skipUnless(IS_ROOT, "the system's files belong to root")
    def test_the_system_comes_back(self):
        parts = ["/usr"] if LONG else [part for part in ("/usr/share/zoneinfo", "/usr/lib/gcc", "/usr/include/c++") if os.path.isdir(part)]
        self.machine.backup(self.machine.plan("system", parts))
        target = os.path.join(self.machine.target, "system")
        self.machine.restore(target)
        for part in parts:
            self.assert_rsync_agrees(target, source=part)

    def test_one_changed_byte_of_a_big_file_is_repaired_by_reading_little(self):
        os.mkdir(self.source)
        write_random(os.path.join(self.source, "big"), 64 * MIB, 1)
        self.backed_up()
        target = os.path.join(self.machine.target, "in-place")
        self.machine.restore(target)
        big = os.path.join(self.below(target), "big")
        with open(big, "r+b") as file:
            file.seek(40 * MIB)
            byte = file.read(1)
            file.seek(40 * MIB)
            file.write(bytes([byte[0] ^ 1]))

        refused = self.machine.try_run("restore", "--snapshot-id", "latest", "--target-path", target)
        self.assertEqual(refused.status, 11, refused)
        self.assertIn(b"big", refused.out + refused.err)
        result = self.machine.restore(target, "--overwrite")
        self.assertLess(result["bytes_read"], 8 * MIB)
        self.assertEqual(result["files_restored"], 1)
        self.assert_same_tree(target)

    def test_an_unreadable_file_is_listed_and_the_rest_is_safe(self):
        machine = Machine(self, user=NOBODY if IS_ROOT else None).make_key()
        source = machine.path("plans", "source")
        os.mkdir(source)
        fidelity_tree.write(os.path.join(source, "readable"))
        fidelity_tree.write(os.path.join(source, "secret\n1"), mode=0o000)
        os.mkdir(os.path.join(source, "closed"), 0o000)
        result = machine.backup(machine.plan("some", [source]), code=3)
        self.assertEqual(result["files_unreadable"], 2)
        listed = " ".join(str(problem) for problem in result["unreadable"])
        self.assertIn("closed", listed)
        self.assertIn("secret", listed)
        target = os.path.join(machine.target, "some")
        machine.restore(target)
        self.assertEqual(sorted(os.listdir(self.below(target, source)))[-1], "readable")

    @unittest.skipUnless(IS_ROOT, "needs root to make what an ordinary user may not")
    def test_an_ordinary_user_restores_what_he_may_and_reads_the_rest(self):
        os.mkdir(self.source)
        fidelity_tree.fill(self.source)
        fidelity_tree.fill_as_root(self.source)
        self.backed_up()
        user = Machine(self, user=NOBODY)
        shutil.rmtree(user.storage)
        subprocess.run(["cp", "-a", self.machine.storage, user.storage], check=True)
        for name in ("dr_key.json", "kek"):
            shutil.copy(self.machine.path(name), user.path(name))
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", user.root], check=True)

        target = os.path.join(user.target, "mine")
        done = user.run("restore", "--snapshot-id", "latest", "--target-path", target, "--json")
        said = " ".join(str(warning) for warning in done.json["warnings"])
        for word in ("owner", "group", "attribute", "capability", "inode flags"):
            self.assertIn(word, said)
        self.assertEqual({os.path.basename(refused["path"]) for refused in done.json["refused"]}, {"null", "loop"})
        before = tree_compare.describe(self.source)
        after = tree_compare.describe(self.below(target))
        lost = {b"root/null", b"root/loop"}
        self.assertEqual(before.keys() - after.keys(), lost)
        for path in before.keys() - lost:
            for fact in ("type", "size", "sha256", "holes", "mtime", "to", "linked to"):
                self.assertEqual(before[path].get(fact), after[path].get(fact), (path, fact))
            # Rights given to somebody else's programs are not given to one's own.
            self.assertEqual(int(after[path]["mode"], 8) & ~int(before[path]["mode"], 8), 0, path)

    def stopped_while_reading(self, plan, file):
        """A backup that was stopped with `file` open: what happens to files then happens while they are read."""
        process = self.machine.start("backup", "--spec", plan, "--json", "--workers", "1")
        directory = f"/proc/{process.pid}/fd"
        wanted = os.stat(file)
        deadline = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            try:
                for handle in os.listdir(directory):
                    status = os.stat(os.path.join(directory, handle))
                    if (status.st_dev, status.st_ino) == (wanted.st_dev, wanted.st_ino):
                        process.send_signal(signal.SIGSTOP)
                        return process
            except FileNotFoundError:
                pass
        process.kill()
        process.communicate()
        self.fail(f"'{file}' was never seen open")

    def finished(self, process, meanwhile=lambda: None):
        process.send_signal(signal.SIGCONT)
        # Nobody reads its output meanwhile: it is short.
        while process.poll() is None:
            meanwhile()
        out, err = process.communicate()
        return Done(["backup"], process.returncode, out, err)

    def slow_to_read(self, name):
        """512 MiB that take little room in the repository."""
        path = os.path.join(self.source, name)
        block = os.urandom(MIB)
        with open(path, "wb") as file:
            for _ in range(512):
                file.write(block)
        return path

    def assert_back_but_for(self, target, *names):
        self.machine.restore(target, "--overwrite")
        self.assert_rsync_agrees(target, *[f"--exclude={name}" for name in names])

    def test_a_file_that_vanishes_meanwhile_is_reported_and_one_that_changed_once_is_read_again(self):
        os.mkdir(self.source)
        # They keep the other cores busy, so that the last file is not read before it vanishes.
        for number in range(5000):
            fidelity_tree.write(os.path.join(self.source, f"kept-{number}"), b"%d" % number * 200)
        plan = self.machine.plan("moving", [self.source])
        for _ in range(5):
            done = self.backup_while_files_move(plan)
            if done.status != 0:
                break

        self.assertEqual(done.status, 3, done)
        self.assertEqual([os.path.basename(problem["path"]) for problem in done.json["unreadable"]], ["z-vanishing"])
        target = os.path.join(self.machine.target, "moving")
        self.machine.restore(target, "--overwrite")
        # The directory changed when the file went, before or after it was looked at.
        self.assert_rsync_agrees(target, "--omit-dir-times")
        self.machine.verify_everything()

    def backup_while_files_move(self, plan):
        changing = self.slow_to_read("a-changing")
        vanishing = os.path.join(self.source, "z-vanishing")
        fidelity_tree.write(vanishing)
        process = self.stopped_while_reading(plan, changing)
        with open(changing, "r+b") as file:
            file.seek(511 * MIB)
            file.write(b"changed")
            file.truncate(511 * MIB + 100)
        os.unlink(vanishing)
        return self.finished(process)

    def test_a_file_that_never_stops_changing_is_reported_and_comes_back_with_the_next_backup(self):
        os.mkdir(self.source)
        changing = self.slow_to_read("a-changing")
        fidelity_tree.write(os.path.join(self.source, "kept"))
        plan = self.machine.plan("moving", [self.source])

        process = self.stopped_while_reading(plan, changing)
        with open(changing, "r+b") as file:
            counter = itertools.count()
            done = self.finished(process, lambda: (file.seek(511 * MIB), file.write(b"%d" % next(counter)), file.flush(), time.sleep(0.001)))

        self.assertEqual(done.status, 3, done)
        self.assertEqual([os.path.basename(problem["path"]) for problem in done.json["unreadable"]], ["a-changing"])
        target = os.path.join(self.machine.target, "moving")
        self.assert_back_but_for(target, "a-changing")
        self.machine.verify_everything()
        self.machine.backup(plan)
        self.assert_back_but_for(target)


if __name__ == "__main__":
    main()

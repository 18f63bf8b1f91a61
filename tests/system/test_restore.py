"""A restore never lets somebody believe that the target is what the snapshot says when it is not."""

import os
import shutil
import subprocess
import unittest

import tree_compare
from dr_machine import MIB, enter_private_mounts, write_random
from dr_test import IS_ROOT, Machine, check_schema, main, next_command


class RestoreTest(unittest.TestCase):
    def setUp(self):
        self.machine = Machine(self).make_key()
        self.run_line = self.machine.run
        self.source = self.machine.path("source")
        os.mkdir(self.source)

    def write(self, *names, content="x\n"):
        path = os.path.join(*names)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
        return path

    def back_up(self):
        """A snapshot of the source, whose files stand at its top."""
        plan = self.machine.path("plans", "all.json")
        self.run_line("plan", "--spec-id", "all", "--tag", "t", "--no-default-excludes", "--output", plan)
        return self.machine.backup(plan, "--workspace", self.source)["snapshot_id"]

    def run_next(self, done):
        """Types what the message says to type next."""
        command = next_command(done.err.decode())
        self.assertTrue(command, done)
        env = {**self.machine.env, "PATH": os.path.dirname(os.path.abspath(self.machine.program)) + ":" + self.machine.env["PATH"]}
        ran = subprocess.run(["sh", "-c", command], env=env, cwd=self.machine.path("home"), capture_output=True, text=True, check=False)
        self.assertEqual(ran.returncode, 0, command + "\n" + ran.stdout + ran.stderr)
        return ran


class Refusals(RestoreTest):
    def test_the_next_line_of_a_conflict_names_a_target_with_spaces_as_a_shell_takes_it(self):
        self.write(self.source, "file")
        self.back_up()
        target = os.path.join(self.machine.target, "a target's")
        self.write(target, "file", content="mine\n")
        done = self.run_line("restore", "--snapshot-id", "latest", "--target-path", target, code=11)
        self.run_next(done)
        with open(os.path.join(target, "file"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "x\n")


    def test_what_is_in_the_way_of_an_overwriting_restore_is_an_error_and_moved_aside_by_the_next_line(self):
        self.write(self.source, "data", "file", content="inner\n")
        self.write(self.source, "file", content="outer\n")
        self.write(self.source, "other")
        self.back_up()
        target = os.path.join(self.machine.target, "a target")
        os.makedirs(os.path.join(target, "file"))
        os.symlink("elsewhere", os.path.join(target, "data"))

        for quiet in ([], ["-q"], ["--json"]):
            done = self.run_line("restore", "--snapshot-id", "latest", "--target-path", target, "--overwrite", *quiet, code=11)
            text = done.err.decode()
            self.assertRegex(text, r"(?m)^qnwis_dr: not restored: 'data' \(.*symbolic link.*\), 'file' \(.*directory.*\)$")
            self.assertRegex(text, r"(?m)^  means  .*not whole")
            self.assertTrue(os.path.exists(os.path.join(target, "other")))
            self.assertTrue(os.path.islink(os.path.join(target, "data")))
        # One thing after the other, until nothing is in the way.
        command = next_command(text)
        for _ in range(2):
            ran = subprocess.run(["sh", "-c", command.replace("qnwis_dr ", self.machine.program + " ")], env=self.machine.env,
                                 cwd=self.machine.path("home"), capture_output=True, text=True, check=False)
            command = next_command(ran.stderr)
        self.assertEqual(ran.returncode, 0, ran)
        with open(os.path.join(target, "data", "file"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "inner\n")
        with open(os.path.join(target, "file"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "outer\n")

    def test_a_name_that_a_restore_keeps_for_itself_ends_in_3(self):
        self.write(self.source, ".qnwis-restore-mine", "file")
        self.write(self.source, "kept")
        self.back_up()
        target = os.path.join(self.machine.target, "own")
        done = self.run_line("restore", "--snapshot-id", "latest", "--target-path", target, "-q", code=3)
        self.assertIn(b"'.qnwis-restore-mine'", done.err)
        self.assertEqual(os.listdir(target), ["kept"])
        self.assertIn(".qnwis-restore-mine", self.run_next(done).stdout)


class Selection(RestoreTest):
    def test_the_next_line_of_a_conflict_replaces_no_more_than_was_selected(self):
        for name in ("one", "a file's", "-dash", "kept", "left out"):
            self.write(self.source, "d", name)
        self.write(self.source, "outside")
        self.back_up()
        target = os.path.join(self.machine.target, "t")
        for name in ("d/one", "d/a file's", "d/-dash", "d/left out", "outside"):
            self.write(target, name, content="mine\n")
        done = self.run_line("restore", "--snapshot-id", "latest", "--target-path", target, "--path", "d/one", "--path", "d/a file's", "--path=d/-dash",
                             "--path", "d/left out", "--include", "*e*", "--include=-*", "--exclude", "left *", "--devices", code=11)
        self.assertIn("--devices", next_command(done.err.decode()))
        self.run_next(done)
        texts = {}
        for parent, _, files in os.walk(target):
            for name in files:
                with open(os.path.join(parent, name), encoding="utf-8") as file:
                    texts[name] = file.read()
        self.assertEqual(texts, {"one": "x\n", "a file's": "x\n", "-dash": "x\n", "left out": "mine\n", "outside": "mine\n"})

    def test_patterns_that_match_nothing_end_in_10(self):
        self.write(self.source, "file")
        self.back_up()
        for more in ([], ["--dry-run"]):
            done = self.run_line("restore", "--snapshot-id", "latest", "--target-path", os.path.join(self.machine.target, "t"), "--include", "*nomatch*",
                                 *more, code=10)
            self.assertIn(b"no entry matches", done.err)
            self.assertIn("file", self.run_next(done).stdout)
        self.assertEqual(os.listdir(self.machine.target), [])


class DryRun(RestoreTest):
    def dry_run(self, target, *more):
        """What a dry run says of a restore that would not happen; in words it says the same."""
        line = ["restore", "--snapshot-id", "latest", "--target-path", target, "--dry-run", *more]
        refusal = check_schema(self, "restore", self.run_line(*line, "--json").json)["would_refuse"]
        text = self.run_line(*line).out.decode()
        self.assertEqual("as it is, nothing would be written: " in text, refusal is not None, text)
        if refusal is not None:
            self.assertIn(refusal["message"], text)
        return refusal and (refusal["code"], refusal["exit_status"])

    def test_a_dry_run_says_what_the_restore_would_end_with(self):
        self.write(self.source, "file")
        self.back_up()
        target = os.path.join(self.machine.target, "t")
        self.assertIsNone(self.dry_run(target))
        self.write(target, "file", content="mine\n")
        self.assertEqual(self.dry_run(target), ("already_exists", 11))
        self.assertIsNone(self.dry_run(target, "--overwrite"))

    @unittest.skipUnless(IS_ROOT, "mounting needs root")
    def test_mounts_and_a_lack_of_room_are_told_too(self):
        if not enter_private_mounts():
            self.skipTest("this machine allows no private mounts")
        os.mkdir(os.path.join(self.source, "d"))
        write_random(os.path.join(self.source, "d", "large"), 2 * MIB, seed=1)
        self.back_up()
        target = os.path.join(self.machine.target, "t")
        os.makedirs(os.path.join(target, "d"))
        for place, refusal in ((os.path.join(target, "d"), ("refused", 14)), (target, ("no_space", 15))):
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "small", place], check=True)
            self.addCleanup(subprocess.run, ["umount", "-q", "-l", place], check=False)
            self.assertEqual(self.dry_run(target), refusal)
            self.run_line("restore", "--snapshot-id", "latest", "--target-path", target, code=refusal[1])
            subprocess.run(["umount", place], check=True)


class Frozen(RestoreTest):
    @unittest.skipUnless(IS_ROOT, "freezing files needs root")
    def test_what_cannot_be_replaced_is_not_told_as_written(self):
        for name in ("changed", "frozen", "new"):
            self.write(self.source, name)
        if subprocess.run(["chattr", "+d", os.path.join(self.source, "frozen")], check=False, capture_output=True).returncode != 0:
            self.skipTest("this file system has no inode flags")
        self.back_up()
        target = os.path.join(self.machine.target, "t")
        for name in ("changed", "frozen"):
            self.write(target, name, content="mine\n")
        if subprocess.run(["chattr", "+i", os.path.join(target, "frozen")], check=False).returncode != 0:
            self.skipTest("files cannot be frozen here")
        done = self.run_line("restore", "--snapshot-id", "latest", "--target-path", target, "--overwrite", "--json", code=3)
        told = check_schema(self, "restore", done.json)
        self.assertEqual((told["files_restored"], told["files_created"], told["files_replaced"], told["files_refused"]), (2, 1, 1, 1))
        self.assertEqual((told["bytes_restored"], told["warnings"]), (4, []))
        self.assertNotIn(b"inode flags", done.err)


class NewMachine(RestoreTest):
    def test_an_allowed_target_that_was_not_made_yet_is_made_by_the_next_line(self):
        self.write(self.source, "file")
        self.back_up()
        os.rmdir(self.machine.target)
        line = ["restore", "--snapshot-id", "latest", "--target-path", os.path.join(self.machine.target, "t")]
        done = self.run_line(*line, code=14)
        self.assertIn(f"the allowed target '{self.machine.target}' does not exist", done.err.decode())
        self.run_next(done)
        self.run_line(*line)


class Mounts(RestoreTest):
    @unittest.skipUnless(IS_ROOT, "mounting needs root")
    def test_something_mounted_below_the_target_is_refused_before_anything_is_written(self):
        if not enter_private_mounts():
            self.skipTest("this machine allows no private mounts")
        self.write(self.source, "data", "mounted [here]*", "new")
        self.write(self.source, "data", "mounted [here]*", "sub", "changed")
        self.write(self.source, "other")
        self.back_up()
        target = os.path.join(self.machine.target, "a target")
        mounted = os.path.join(target, "data", "mounted [here]*")
        os.makedirs(mounted)
        elsewhere = self.machine.path("elsewhere")
        os.mkdir(elsewhere)
        for words in (["-t", "tmpfs", "small", mounted], ["--bind", elsewhere, mounted]):  # a bind mount has the same device
            with self.subTest(mount=words):
                subprocess.run(["mount", *words], check=True)
                self.addCleanup(subprocess.run, ["umount", "-q", "-l", mounted], check=False)
                for more in ([], ["--overwrite"]):
                    done = self.run_line("restore", "--snapshot-id", "latest", "--target-path", target, *more, code=14)
                    self.assertIn(f"'{mounted}'", done.err.decode())
                    self.assertEqual((os.listdir(target), os.listdir(mounted)), (["data"], []))
                self.run_next(done)
                self.assertTrue(os.path.exists(os.path.join(target, "other")))
                os.unlink(os.path.join(target, "other"))
                # What is there and equal is no reason to refuse anything.
                shutil.copytree(os.path.join(self.source, "data", "mounted [here]*"), mounted, dirs_exist_ok=True)
                self.run_line("restore", "--snapshot-id", "latest", "--target-path", target)
                self.write(mounted, "sub", "changed", content="mine\n")
                self.run_line("restore", "--snapshot-id", "latest", "--target-path", target, code=11)
                self.run_line("restore", "--snapshot-id", "latest", "--target-path", target, "--overwrite", code=14)
                subprocess.run(["umount", mounted], check=True)
                os.unlink(os.path.join(target, "other"))


class Room(RestoreTest):
    @unittest.skipUnless(IS_ROOT, "mounting needs root")
    def test_a_file_of_several_names_needs_room_once(self):
        if not enter_private_mounts():
            self.skipTest("this machine allows no private mounts")
        name = os.path.join(self.source, "dir", "one")
        os.mkdir(os.path.dirname(name))
        write_random(name, 5 * MIB, seed=1)
        for other in ("dir/two", "three"):
            os.link(name, os.path.join(self.source, other))
        self.back_up()
        target = os.path.join(self.machine.target, "small")
        os.mkdir(target)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "small", target], check=True)
        self.addCleanup(subprocess.run, ["umount", "-q", "-l", target], check=False)
        planned = self.machine.restore(target, "--dry-run")
        self.assertEqual((planned["bytes_written"], planned["bytes_read"]), (5 * MIB, 5 * MIB))
        done = self.machine.restore(target)
        self.assertEqual((done["bytes_written"], done["files_created"]), (5 * MIB, 3))
        self.assertEqual(os.stat(os.path.join(target, "three")).st_nlink, 3)


class Metadata(RestoreTest):
    @unittest.skipUnless(IS_ROOT, "owners and capabilities need root")
    def test_overwriting_brings_back_what_somebody_changed_and_nothing_else_hides_it(self):
        note = self.write(self.source, "noted")
        os.setxattr(note, "user.note", b"1")
        os.link(self.write(self.source, "one", content="linked\n"), os.path.join(self.source, "two"))
        os.symlink("nowhere", os.path.join(self.source, "link"))
        tool = self.write(self.source, "tool")
        os.setxattr(tool, "security.capability", bytes.fromhex("0100000200200000000000000000000000000000"))
        self.write(self.source, "plain")
        self.back_up()
        target = os.path.join(self.machine.target, "t")
        self.machine.restore(target)
        before = tree_compare.describe(target)
        again = self.machine.run("restore", "--snapshot-id", "latest", "--target-path", target, "--json")
        self.assertEqual(again.json["metadata_differing"], 0)
        self.assertNotIn(b"warning", again.err)

        def at(name):
            return os.path.join(target, name)

        os.removexattr(at("noted"), "user.note")
        os.removexattr(at("tool"), "security.capability")
        os.chown(at("link"), 65534, 65534, follow_symlinks=False)
        os.unlink(at("two"))
        shutil.copy2(at("one"), at("two"))
        os.setxattr(at("plain"), "user.foreign", b"1")
        subprocess.run(["setfacl", "-m", "u:65534:rw", at("plain")], check=True)
        os.setxattr(target, "user.mine", b"1")  # the target itself is not the snapshot's

        told = self.machine.run("restore", "--snapshot-id", "latest", "--target-path", target, "--json")
        check_schema(self, "restore", told.json)
        self.assertEqual((told.json["metadata_differing"], told.json["metadata_restored"]), (5, 0))
        self.assertIn(b"warning: 5 entries", told.err)
        self.assertIn(b"--overwrite", told.err)
        done = self.machine.restore(target, "--overwrite")
        # `plain` too is made anew: whom the access list let write to it may hold it open still.
        self.assertEqual((done["metadata_restored"], done["files_replaced"]), (2, 3))
        os.removexattr(target, "user.mine")
        self.assertEqual(tree_compare.differences(before, tree_compare.describe(target), ignore=("mtime",)), [])


if __name__ == "__main__":
    main()

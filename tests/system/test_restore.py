"""A restore never lets somebody believe that the target is what the snapshot says when it is not."""

import os
import subprocess
import unittest

from dr_test import Machine, main, next_command


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


if __name__ == "__main__":
    main()

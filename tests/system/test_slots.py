"""The machine is gone and its keys with it: a repository and one passphrase bring everything back."""

import os
import unittest

import tree_compare
from dr_machine import Machine, main, write_random

PASSPHRASE = "correct horse battery staple"


class Slots(unittest.TestCase):
    def setUp(self):
        self.machine = Machine(self).make_key()
        self.source = self.machine.path("source")
        os.mkdir(self.source)
        write_random(os.path.join(self.source, "payroll"), 300_000, 1)
        write_random(os.path.join(self.source, "small"), 300, 2)
        self.plan = self.machine.plan("slots", [self.source])
        self.machine.backup(self.plan)
        self.passphrase = self.written("passphrase", PASSPHRASE)
        self.wrong = self.written("wrong", "incorrect horse")
        self.machine.run("keys", "slot", "add", "--name", "custodian", "--new-passphrase-file", self.passphrase)

    def written(self, name, text):
        path = self.machine.path(name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text + "\n")
        os.chmod(path, 0o600)
        return path

    def slots(self, **how):
        return {slot["kind"]: slot["slot_id"] for slot in self.machine.run("keys", "slot", "list", "--json", **how).json["slots"]}

    def lose_the_machine(self):
        """Nothing is left but the repository: no key file, no key-encryption key, no state."""
        os.unlink(self.machine.key_file)
        os.unlink(self.machine.path("kek"))
        os.rename(self.machine.path("state"), self.machine.path("lost state"))
        for name in ("QNWIS_DR_KEY_FILE", "QNWIS_DR_KEK_FILE"):
            del self.machine.env[name]

    def assert_comes_back(self, target, **how):
        target = os.path.join(self.machine.target, target)
        self.machine.restore(target, **how)
        before, after = tree_compare.describe(self.source), tree_compare.describe(os.path.join(target, self.source.lstrip("/")))
        self.assertEqual(tree_compare.differences(before, after), [])

    def test_a_passphrase_and_the_repository_are_enough(self):
        self.lose_the_machine()
        by_passphrase = {"QNWIS_DR_PASSPHRASE_FILE": self.passphrase}
        self.assert_comes_back("by passphrase", env=by_passphrase)
        self.machine.run("verify", "--snapshot-id", "latest", "--all", env=by_passphrase)
        self.machine.backup(self.plan, env=by_passphrase)

    def test_the_key_file_is_made_again_from_the_repository(self):
        self.lose_the_machine()
        by_passphrase = {"QNWIS_DR_PASSPHRASE_FILE": self.passphrase}
        again = self.machine.path("again.json")
        exported = self.machine.run("keys", "export", "--output", again, "--slot", self.slots(env=by_passphrase)["passphrase"], "--json",
                                    env=by_passphrase).json
        self.assertEqual(exported["output"], again)
        self.assertEqual(os.stat(again).st_mode & 0o077, 0)
        with open(again, encoding="utf-8") as file:
            self.assertNotIn(PASSPHRASE, file.read())
        status = self.machine.run("keys", "status", "--key-file", again, "--json", env=by_passphrase).json
        self.assertTrue(status["opens"])
        self.assert_comes_back("by key file", env={"QNWIS_DR_KEY_FILE": again, **by_passphrase})
        existing = self.machine.run("keys", "export", "--output", again, env=by_passphrase, code=(2, 11))
        self.assertEqual(existing.status, 11, existing)

    def test_a_wrong_passphrase_ends_with_12_before_any_work(self):
        self.lose_the_machine()
        target = os.path.join(self.machine.target, "wrong")
        by_wrong = {"QNWIS_DR_PASSPHRASE_FILE": self.wrong}
        before = tree_compare.describe(self.machine.storage)
        for words in (["restore", "--snapshot-id", "latest", "--target-path", target], ["verify", "--snapshot-id", "latest"], ["backup", "--spec", self.plan]):
            refused = self.machine.run(*words, env=by_wrong, code=12)
            self.assertIn(b"passphrase", refused.err, refused)
            self.assertNotIn(b"incorrect horse", refused.err + refused.out)
        self.assertFalse(os.path.exists(target))
        self.assertEqual(tree_compare.differences(before, tree_compare.describe(self.machine.storage)), [])

    def test_a_removed_slot_opens_nothing_any_more_and_the_last_one_stays(self):
        slots = self.slots()
        self.machine.run("keys", "slot", "remove", slots["passphrase"])
        self.assertEqual(list(self.slots()), ["kek_file"])
        self.machine.run("restore", "--snapshot-id", "latest", "--target-path", os.path.join(self.machine.target, "still"))
        last = self.machine.try_run("keys", "slot", "remove", slots["kek_file"])
        self.assertNotEqual(last.status, 0, last)
        self.assertEqual(list(self.slots()), ["kek_file"])
        self.lose_the_machine()
        self.machine.run("restore", "--snapshot-id", "latest", "--target-path", os.path.join(self.machine.target, "no more"),
                         env={"QNWIS_DR_PASSPHRASE_FILE": self.passphrase}, code=12)


if __name__ == "__main__":
    main()

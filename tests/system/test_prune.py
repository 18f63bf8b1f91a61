"""Retention keeps what it promises and nothing else, WORM holds against everybody, and what was forgotten frees its space, also on a full disk."""

import datetime
import json
import os
import subprocess
import unittest

import tree_compare
from dr_machine import IS_ROOT, MIB, Machine, enter_private_mounts, main, tree_bytes, write_random

DAY = 86400


class Prune(unittest.TestCase):
    def setUp(self):
        self.machine = Machine(self)
        self.machine.env["TZ"] = "UTC"
        self.source = self.machine.path("source")
        os.mkdir(self.source)

    def shift_the_clock(self):
        """From now on every run of the program takes `days` from now; its snapshots are of that day."""
        self.machine.env |= self.machine.preload("shifted_clock.c")

    def at(self, days):
        return {"QNWIS_TEST_CLOCK_SHIFT": str(int(days * DAY))}

    def policy(self, **values):
        path = self.machine.path("retention_policy.json")
        rule = {"rule_id": "site", "keep_daily": 7, "keep_weekly": 4, "keep_monthly": 12, "min_age_days": 1, **values}
        with open(path, "w", encoding="utf-8") as file:
            json.dump(rule, file)
        return path

    def changed(self, seed, size=MIB):
        write_random(os.path.join(self.source, "changing"), size, seed)

    # --- retention ---

    def test_retention_keeps_what_the_rule_says(self):
        self.shift_the_clock()
        self.machine.make_key()
        plan = self.machine.plan("site", [self.source])
        days = sorted({day * 13 % 400 for day in range(24)} | {395, 396, 397, 398, 399})
        made = []
        for number, day in enumerate(days):
            self.changed(number, 20_000)
            result = self.machine.backup(plan, "--tag", "adhoc", env=self.at(day))
            made.append((result["snapshot_id"], datetime.datetime.fromisoformat(result["created_at"])))

        wanted = expected_to_stay(made)
        later = self.at(days[-1] + 2)
        dry = self.machine.run("prune", "--policy", self.policy(), "--dry-run", "--json", env=later).json
        self.assertEqual({kept["snapshot_id"] for kept in dry["kept"]}, wanted)
        self.assertEqual(len(self.machine.snapshots()), len(made))

        done = self.machine.run("prune", "--policy", self.policy(), "--json", env=later).json
        self.assertEqual({kept["snapshot_id"] for kept in done["kept"]}, wanted)
        self.assertEqual(set(self.machine.snapshots()), wanted)
        for decision in done["kept"] + done["removed"]:
            self.assertTrue(decision["reasons"])
        again = self.machine.run("prune", "--policy", self.policy(), "--json", env=later).json
        self.assertEqual(again["removed_count"], 0)
        self.machine.verify_everything()

    def test_worm_holds_against_every_way_to_remove_it(self):
        self.shift_the_clock()
        self.machine.make_key()
        plan = self.machine.plan("worm", [self.source], "--retention-days", "30")
        self.changed(1)
        locked = self.machine.backup(plan, "--worm")["snapshot_id"]
        self.changed(2)
        free = self.machine.backup(plan, env=self.at(1))["snapshot_id"]
        nothing = self.policy(keep_daily=1, keep_weekly=0, keep_monthly=0)

        refused = self.machine.run("prune", "--snapshot-id", locked, code=14)
        self.assertIn(b"WORM", refused.err, refused)
        self.machine.run("prune", "--snapshot-id", locked, "--snapshot-id", free, code=14)
        kept = self.machine.run("prune", "--policy", nothing, "--json", env=self.at(1.5)).json["kept"]
        self.assertIn(locked, [snapshot["snapshot_id"] for snapshot in kept])
        self.machine.run("prune", env=self.at(29))
        self.assertEqual(self.machine.snapshots(), [locked, free])
        self.machine.verify_everything()
        nothing_at_all = self.policy(keep_daily=0, keep_weekly=0, keep_monthly=0)
        self.machine.run("prune", "--policy", nothing_at_all, env=self.at(29))
        self.assertEqual(self.machine.snapshots(), [locked])
        self.machine.run("prune", "--policy", nothing_at_all, env=self.at(32))
        self.assertEqual(self.machine.snapshots(), [])

    def test_a_plain_prune_never_takes_the_last_good_snapshot(self):
        self.shift_the_clock()
        self.machine.make_key()
        plan = self.machine.plan("broken", [self.source], "--retention-days", "30")
        made = []
        for day in range(9):
            self.changed(day, 20_000)
            made.append(self.machine.backup(plan, env=self.at(day))["snapshot_id"])
        self.machine.run("prune", env=self.at(20))
        self.assertEqual(self.machine.snapshots(), made)
        # Every backup since then has failed.
        done = self.machine.run("prune", "--json", env=self.at(200)).json
        self.assertEqual((done["rule"]["keep_daily"], done["removed_count"]), (7, 2))
        self.assertEqual(self.machine.snapshots(), made[2:])

    # --- space ---

    def test_forgotten_bytes_are_freed_and_the_rest_stays_whole(self):
        self.machine.make_key()
        plan = self.machine.plan("space", [self.source])
        write_random(os.path.join(self.source, "kept"), 4 * MIB, 1)
        self.changed(2, 16 * MIB)
        first = self.machine.backup(plan)["snapshot_id"]
        self.changed(3, 16 * MIB)
        second = self.machine.backup(plan)["snapshot_id"]
        self.changed(4, 16 * MIB)
        third = self.machine.backup(plan)["snapshot_id"]
        before = self.machine.pack_bytes()

        dry = self.machine.run("prune", "--snapshot-id", second, "--dry-run", "--json").json
        self.assertEqual([removed["snapshot_id"] for removed in dry["removed"]], [second])
        self.assertEqual(self.machine.pack_bytes(), before)
        done = self.machine.run("prune", "--snapshot-id", second, "--json").json
        self.assertEqual(done["removed_count"], 1)
        self.assertGreaterEqual(done["bytes_freed"], 15 * MIB)
        self.assertLessEqual(self.machine.pack_bytes(), before - 15 * MIB)
        self.assertEqual(self.machine.snapshots(), [first, third])
        self.machine.verify_everything()
        self.assertEqual(self.machine.run("prune", "--json").json["bytes_freed"], 0)
        self.machine.run("restore", "--snapshot-id", second, "--target-path", os.path.join(self.machine.target, "gone"), code=10)

    @unittest.skipUnless(IS_ROOT, "mounting needs root")
    def test_a_full_disk_is_no_damage_and_prune_makes_room(self):
        if not enter_private_mounts():
            self.skipTest("this machine allows no private mounts")
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "small-disk", self.machine.storage], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", self.machine.storage], check=False)
        self.machine.make_key()
        plan = self.machine.plan("full", [self.source])
        self.changed(1, 20 * MIB)
        first = self.machine.backup(plan)["snapshot_id"]
        self.changed(2, 20 * MIB)
        second = self.machine.backup(plan)["snapshot_id"]

        self.changed(3, 40 * MIB)
        full = self.machine.run("backup", "--spec", plan, "--json", code=15)
        self.assertIn(b"space", full.err, full)
        self.assertIn(self.machine.storage.encode(), full.err, full)
        self.assertEqual(self.machine.snapshots(), [first, second])
        self.machine.verify_everything()

        # To the last byte: what runs now cannot even write a record.
        filler = os.path.join(self.machine.storage, "..filler")
        with open(filler, "wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                pass
        self.assertEqual(os.statvfs(self.machine.storage).f_bfree, 0)
        self.machine.run("list")
        self.machine.run("restore", "--snapshot-id", "latest", "--target-path", os.path.join(self.machine.target, "from full"))
        self.machine.run("backup", "--spec", plan, code=15)
        os.unlink(filler)

        before = tree_bytes(self.machine.storage)
        self.machine.run("prune", "--snapshot-id", first)
        self.assertLess(tree_bytes(self.machine.storage), before - 15 * MIB)
        self.machine.backup(plan)
        self.machine.verify_everything()
        target = os.path.join(self.machine.target, "after")
        self.machine.restore(target)
        before, after = tree_compare.describe(self.source), tree_compare.describe(os.path.join(target, self.source.lstrip("/")))
        self.assertEqual(tree_compare.differences(before, after), [])


def expected_to_stay(made):
    """SPEC 9 for 7 days, 4 weeks and 12 months of a tag that all rules count, in the plainest words: [(id, time)], oldest first."""
    stay = set()
    for count, period_of in ((7, lambda at: at.date()), (4, lambda at: at.isocalendar()[:2]), (12, lambda at: (at.year, at.month))):
        newest = {period_of(at): snapshot for snapshot, at in made}
        stay |= {newest[period] for period in sorted(newest)[-count:]}
    return stay


if __name__ == "__main__":
    main()

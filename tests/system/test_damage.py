"""Damage in the repository costs what was damaged, and never the next backup."""

import os
import pathlib
import time
import unittest

from dr_machine import MIB, Machine, main, tree_bytes, write_random


class DamageTest(unittest.TestCase):
    def packs(self):
        found = [os.path.join(parent, name) for parent, _, names in os.walk(os.path.join(self.machine.storage, "packs")) for name in names]
        return sorted(found, key=lambda path: (os.path.dirname(path), os.path.getsize(path)))

    def packs_of_class(self, wanted):
        """Of the first backup first. The header of a pack has its class behind the magic and the version."""
        found = []
        for path in self.packs():
            with open(path, "rb") as file:
                if file.read(64)[10] == wanted:
                    found.append(path)
        return found

    def metadata_pack(self):
        return self.packs_of_class(2)[0]

    def data_packs(self):
        return self.packs_of_class(1)

    def damage(self, path, change):
        with open(path, "rb") as file:
            content = bytearray(file.read())
        os.unlink(path)
        if (content := change(content)) is not None:
            with open(path, "wb") as file:
                file.write(content)

    def assert_damage_is_said(self, done):
        self.assertRegex(done.err, rb"(?m)^  next   \S*qnwis_dr .*verify ", done)


class Damage(DamageTest):
    def setUp(self):
        self.machine = Machine(self).make_key()
        self.source = self.machine.path("source")
        for directory in range(40):
            os.makedirs(os.path.join(self.source, f"directory-{directory}"))
            for number in range(200):
                with open(os.path.join(self.source, f"directory-{directory}", f"file-with-a-long-name-{number}"), "w", encoding="ascii") as file:
                    file.write(f"content {directory} {number} " * 5)
        write_random(os.path.join(self.source, "large"), 20 * MIB, 1)
        self.plan = self.machine.plan("site", [self.source])
        # What changed less than two seconds before a backup is read again by the next.
        time.sleep(3)

    def assert_the_next_backup_heals(self, change, verified_before=False):
        first = self.machine.backup(self.plan)
        self.damage(self.metadata_pack(), change)
        if verified_before:
            self.machine.run("verify", "--snapshot-id", first["snapshot_id"], "--all", "--json", code=13)

        done = self.machine.run("backup", "--spec", self.plan, "--json")
        second = done.json
        if not verified_before:
            self.assertIn(b"warning: 'pack ", done.err, done)
        self.assertEqual(second["files_unreadable"], 0)
        self.assertEqual(second["file_count"], first["file_count"])
        self.assertLess(second["bytes_stored"], 4 * MIB, "data is there already")
        self.machine.verify_everything([second["snapshot_id"]])
        target = os.path.join(self.machine.target, "healed")
        self.machine.restore(target, snapshot=second["snapshot_id"])
        self.assertEqual(tree_bytes(target), tree_bytes(self.source))

        # From now on all is as usual: nothing changed, so nothing is read, and nothing of the damage is taken over.
        done = self.machine.run("backup", "--spec", self.plan, "--json")
        third = done.json
        self.assertNotIn(b"warning", done.err, done)
        self.assertEqual(third["bytes_read"], 0)
        self.assertEqual(third["files_unmodified"], first["file_count"])
        self.machine.verify_everything([third["snapshot_id"]])

        # And another plan, which never saw the damaged snapshot, does not refer to it either.
        other = self.machine.backup(self.machine.plan("other", [self.source]))
        self.machine.verify_everything([other["snapshot_id"]])
        return first, second

    def test_a_flipped_bit_in_a_pack_of_trees(self):
        def flip(content):
            content[len(content) // 2] ^= 1
            return content

        first, _ = self.assert_the_next_backup_heals(flip)
        # The first snapshot lost what was damaged, not what lies beside it.
        large = self.machine.run("dump", "--snapshot-id", first["snapshot_id"], os.path.join(self.source, "large").lstrip("/"))
        self.assertEqual(len(large.out), 20 * MIB)

    def test_a_pack_of_trees_that_is_cut_off(self):
        self.assert_the_next_backup_heals(lambda content: content[:200])

    def test_a_pack_of_trees_that_a_verification_found_damaged(self):
        self.assert_the_next_backup_heals(lambda content: content[:200], verified_before=True)

    def assert_content_is_stored_anew(self, change, *verify):
        first = self.machine.backup(self.plan)
        large = max(self.packs(), key=os.path.getsize)
        self.damage(large, change)
        done = self.machine.run("verify", "--snapshot-id", first["snapshot_id"], *verify, code=13)
        self.assertIn(b"stores anew", done.err, done)

        second = self.machine.run("backup", "--spec", self.plan, "--json").json
        self.assertGreater(second["bytes_stored"], 10 * MIB, second)
        self.machine.verify_everything([second["snapshot_id"]])
        target = os.path.join(self.machine.target, "healed")
        self.machine.restore(target, snapshot=second["snapshot_id"])
        self.assertEqual(tree_bytes(target), tree_bytes(self.source))
        # It was told once, and stays known.
        third = self.machine.run("backup", "--spec", self.plan, "--json").json
        self.assertEqual(third["bytes_read"], 0)
        # What is stored anew heals the first snapshot too: its content has a second copy now.
        self.machine.restore(os.path.join(self.machine.target, "first"), snapshot=first["snapshot_id"])

    def test_content_that_a_verification_found_damaged(self):
        def flip(content):
            for at in range(3 * MIB, len(content) - MIB, 1000):
                content[at] ^= 1
            return content

        self.assert_content_is_stored_anew(flip, "--all")

    def test_content_that_a_sample_found_damaged(self):
        def flip(content):
            for at in range(1000, len(content), 1000):
                content[at] ^= 1
            return content

        # One file, so that the sample meets it.
        self.source = self.machine.path("alone")
        os.mkdir(self.source)
        write_random(os.path.join(self.source, "large"), 20 * MIB, 2)
        self.plan = self.machine.plan("alone", [self.source])
        time.sleep(3)
        self.assert_content_is_stored_anew(flip)

    def test_content_that_is_gone(self):
        self.assert_content_is_stored_anew(lambda content: None, "--all")

    def test_a_pack_of_trees_that_is_gone(self):
        self.assert_the_next_backup_heals(lambda content: None)

    def test_trees_that_are_gone_are_damage(self):
        snapshot = self.machine.backup(self.plan)["snapshot_id"]
        os.unlink(self.metadata_pack())
        for words in (["ls", "--recursive"], ["restore", "--target-path", self.machine.target], ["dump"]):
            done = self.machine.run(*words, "--snapshot-id", snapshot, code=13)
            self.assert_damage_is_said(done)


class EveryCopy(DamageTest):
    """Twelve files in one pack of data, and what of them is restored."""

    FILES = 12
    SIZE = 200_000  # a frame of its own

    def setUp(self):
        self.machine = Machine(self).make_key()
        self.source = self.machine.path("source")
        os.mkdir(self.source)
        for number in range(self.FILES):
            write_random(os.path.join(self.source, f"file-{number:02}"), self.SIZE, number)
        self.plan = self.machine.plan("site", [self.source])
        self.snapshot = self.machine.backup(self.plan)["snapshot_id"]

    def flip(self, pack, at):
        def change(content):
            content[at] ^= 1
            return content

        self.damage(pack, change)

    def in_snapshot(self, name):
        return os.path.join(self.source, name).lstrip("/")

    def restored(self, code, snapshot=None, **how):
        """The restore, and the names that came back, each as it was."""
        target = os.path.join(self.machine.target, str(len(os.listdir(self.machine.target))))
        done = self.machine.run("restore", "--snapshot-id", snapshot or self.snapshot, "--target-path", target, code=code, **how)
        directory = os.path.join(target, self.in_snapshot(""))
        names = sorted(os.listdir(directory)) if os.path.isdir(directory) else []
        for name in names:
            with open(os.path.join(directory, name), "rb") as copy, open(os.path.join(self.source, name), "rb") as original:
                self.assertEqual(copy.read(), original.read(), name)
        return done, names

    def bad_disk(self, **what):
        """The environment of a program that has one."""
        return {**self.machine.preload("other_disk.c"), **what}

    def test_a_bad_sector_costs_the_file_in_it(self):
        bad = self.bad_disk(BAD_SECTOR="1234567")
        done, names = self.restored(13, env=bad)
        self.assertEqual(len(names), self.FILES - 1, done)
        self.assertIn(b"Input/output error", done.err, done)
        self.assert_damage_is_said(done)
        for number in range(self.FILES):
            name = f"file-{number:02}"
            done = self.machine.run("dump", "--snapshot-id", self.snapshot, self.in_snapshot(name), code=0 if name in names else 13, env=bad)
        # It was the disk, and the disk was mended.
        self.assertEqual(len(self.restored(0)[1]), self.FILES)

    def test_a_bad_target_ends_the_restore(self):
        done, names = self.restored(1, env=self.bad_disk(BAD_TARGET=self.machine.target))
        self.assertEqual(names, [], done)
        self.assertIn(b"Input/output error", done.err, done)

    def test_a_pack_that_is_gone_is_damage(self):
        os.unlink(self.data_packs()[0])
        done, names = self.restored(13)
        self.assertEqual(names, [], done)
        self.assert_damage_is_said(done)
        done = self.machine.run("dump", "--snapshot-id", self.snapshot, self.in_snapshot("file-03"), code=13)
        self.assert_damage_is_said(done)
        self.machine.run("dump", "--snapshot-id", self.snapshot, code=13)

    def store_again(self):
        """All content lies in a second pack afterwards. The first has lost one file."""
        self.flip(self.data_packs()[0], 5000)
        self.machine.run("verify", "--snapshot-id", self.snapshot, "--all", code=13)
        again = self.machine.backup(self.plan)
        self.assertGreater(again["bytes_stored"], self.FILES * self.SIZE)
        first, second = self.data_packs()
        return again["snapshot_id"], first, second

    def test_what_is_whole_in_a_damaged_pack_is_read_where_the_second_is_gone(self):
        again, _, second = self.store_again()
        os.unlink(second)
        for snapshot in (self.snapshot, again):
            done, names = self.restored(13, snapshot)
            self.assertEqual(len(names), self.FILES - 1, done)
            self.assert_damage_is_said(done)

    def test_two_damaged_packs_that_lost_different_files_lost_none(self):
        again, first, second = self.store_again()
        for at in range(self.SIZE * 2, self.SIZE * 8, 50_000):
            self.flip(second, at)
        for snapshot in (self.snapshot, again):
            self.assertEqual(len(self.restored(0, snapshot)[1]), self.FILES)
        for at in range(self.SIZE * 3, self.SIZE * 5, 50_000):
            self.flip(first, at)
        done, names = self.restored(13, again)
        self.assertGreaterEqual(len(names), self.FILES - 4, done)


class RottenRecord(unittest.TestCase):
    """A record of the log, behind a checkpoint, is lost or rots, and a machine comes back that has not looked for long."""

    def setUp(self):
        self.machine = Machine(self).make_key()
        source = self.machine.path("source")
        os.mkdir(source)
        write_random(os.path.join(source, "file"), 1000, 1)
        self.plan = self.machine.plan("site", [source])

    def record(self, number):
        return os.path.join(self.machine.storage, "log", f"{number:020}")

    def fill_a_checkpoint(self):
        """What the machine knew at first is put back at the end."""
        self.machine.backup(self.plan)
        pins = {path: path.read_bytes() for path in pathlib.Path(self.machine.env["QNWIS_DR_STATE_DIR"]).iterdir()}
        while len(os.listdir(os.path.join(self.machine.storage, "log"))) < 72:
            self.machine.backup(self.plan)
        for path, content in pins.items():
            path.write_bytes(content)

    def rot(self, record):
        os.chmod(record, 0o600)
        with open(record, "r+b") as file:
            file.write(bytes(os.path.getsize(record)))

    def check_that_everything_goes_on(self):
        done = self.machine.run("list")
        self.assertIn(b"cannot be told", done.err, done)
        self.machine.restore(os.path.join(self.machine.target, "restored"))
        done = self.machine.run("backup", "--spec", self.plan, code=13)
        self.assertIn(b"--accept-history", done.err, done)
        self.machine.run("list", "--accept-history")
        self.machine.run("list")
        self.machine.restore(os.path.join(self.machine.target, "again"))
        self.machine.backup(self.plan)

    def test_rotten(self):
        self.fill_a_checkpoint()
        self.rot(self.record(20))
        self.check_that_everything_goes_on()

    def test_missing(self):
        self.fill_a_checkpoint()
        os.remove(self.record(20))
        os.remove(self.record(32))  # where the search for the end of the log looks
        self.check_that_everything_goes_on()

    def test_rotten_where_this_machines_key_did_not_make_the_repository(self):
        """Accepting the history that is there does not make it forget whose checkpoints it may believe."""
        machine = self.machine
        machine.run("init")
        second = {name: machine.path("second " + name) for name in ("key", "kek", "state")}
        machine.run("keys", "slot", "add", "--name", "second", "--new-kek-file", second["kek"], "--output", second["key"])
        machine.env |= {"QNWIS_DR_KEY_FILE": second["key"], "QNWIS_DR_KEK_FILE": second["kek"], "QNWIS_DR_STATE_DIR": second["state"]}
        self.fill_a_checkpoint()
        self.rot(self.record(20))
        self.check_that_everything_goes_on()


if __name__ == "__main__":
    main()

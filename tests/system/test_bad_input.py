"""Bad input: for each row a golden file with the exit status and the message, and the command of its `next` line runs.

A message is what a tired person reads at 03:00, so it is kept word for word in golden/<row>.txt, with <ROOT>, <ID> and the like for what differs from
run to run. DR_UPDATE_GOLDEN=1 writes the files anew: read the difference before you commit it.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import time
import unittest

import dr_machine
from dr_test import IS_ROOT, NOBODY, Machine, check_schema, contract_plan, lines_of, main, next_command, small_workspace, write_random

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")
UPDATE = os.environ.get("DR_UPDATE_GOLDEN", "") not in ("", "0")

# Most particular first.
PLACEHOLDERS = (
    (rb"\b[0-9a-f]{64}\b", b"<HASH>"),
    (rb"\b[0-9a-f]{32}\b", b"<ID>"),
    (rb"\bk-[0-9a-f]{16}\b", b"<KEY>"),
    (rb"\b[0-9a-f]{16}-\d+\b", b"<TEMPORARY>"),
    (rb"\b[0-9a-f]{12}\b", b"<ID>"),
    (rb"\bbyte \d+\b", b"byte <N>"),
    (rb"\b\d+ bytes are free", b"<N> bytes are free"),
    (rb"\b(?=[0-9a-f]*[a-f])[0-9a-f]{8}\b|\b\d{8}\b", b"<SHORT>"),
    (rb"\d{4}-\d\d-\d\d \d\d:\d\d UTC", b"<TIME>"),
)


def normalized(machine, text):
    text = text.replace(machine.root.encode(), b"<ROOT>")
    for pattern, name in PLACEHOLDERS:
        text = re.sub(pattern, name, text)
    return text.decode("utf-8", "backslashreplace")


class BadInput(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.machine = Machine(self)

    def ready(self, machine=None):
        """A key, a workspace, its plan and one snapshot."""
        self.machine = (machine or self.machine).make_key()
        self.workspace = small_workspace(self.machine)
        self.plan = contract_plan(self.machine)
        self.backup_line = ["backup", "--spec", self.plan, "--workspace", self.workspace]
        if self.machine.user is not None:
            subprocess.run(["chown", "-R", f"{self.machine.user}:{self.machine.user}", self.workspace, self.machine.path("plans")], check=True)
        return self.machine.backup(self.plan, "--workspace", self.workspace)

    def check(self, row, done):
        """Compares with the golden file, checks the error object, and runs the `next` line."""
        shown = f"exit {done.status}\n{normalized(self.machine, done.err)}"
        path = pathlib.Path(GOLDEN, row + ".txt")
        if UPDATE:
            path.parent.mkdir(exist_ok=True)
            path.write_text(shown, encoding="utf-8")
        self.assertEqual(shown, path.read_text(encoding="utf-8"), f"{row}: the message changed; if it is meant, DR_UPDATE_GOLDEN=1")
        command = next_command(done.err.decode())
        if command is None:
            self.assertNotIn("qnwis_dr: ", shown, f"{row}: an error without a next line")
            return
        environment = {**self.machine.env, "PATH": f"{os.path.dirname(os.path.abspath(self.machine.program))}:{self.machine.env['PATH']}"}
        ran = subprocess.run(["sh", "-c", command], env=environment, cwd=self.machine.path("home"), stdin=subprocess.DEVNULL, capture_output=True,
                             timeout=300, check=False)
        self.assertNotIn(ran.returncode, (2, 126, 127), f"{row}: the next line is no command: {command}\n{ran.stderr.decode()}")

    def fails(self, row, code, *words, **how):
        done = self.machine.run(*words, code=code, **how)
        self.check(row, done)
        return done

    def written(self, name, text):
        path = self.machine.path(name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o600)
        return path

    # --- keys ---

    def test_key_file_of_another_repository(self):
        self.ready()
        other = self.machine.path("other.json")
        self.machine.run("keys", "init", "--output", other)
        self.fails("key_file_of_another_repository", 12, "verify", "--snapshot-id", "latest", "--key-file", other)

    def test_wrong_key_encryption_key(self):
        self.ready()
        self.machine.run("keys", "init", "--output", self.machine.path("x.json"), env={"QNWIS_DR_KEK_FILE": self.machine.path("other kek")})
        self.fails("wrong_kek", 12, *self.backup_line, env={"QNWIS_DR_KEK_FILE": self.machine.path("other kek")})

    def test_wrong_passphrase(self):
        del self.machine.env["QNWIS_DR_KEK_FILE"]
        self.machine.env["QNWIS_DR_PASSPHRASE_FILE"] = self.written("right", "correct horse\n")
        self.ready()
        wrong = {"QNWIS_DR_PASSPHRASE_FILE": self.written("wrong", "battery staple\n")}
        self.fails("wrong_passphrase", 12, "restore", "--snapshot-id", "latest", "--target-path", self.machine.target, env=wrong)
        self.fails("empty_passphrase", 12, "ls", env={"QNWIS_DR_PASSPHRASE_FILE": self.written("empty", "")})

    def test_no_passphrase(self):
        del self.machine.env["QNWIS_DR_KEK_FILE"]
        self.machine.env["QNWIS_DR_PASSPHRASE_FILE"] = self.written("right", "correct horse\n")
        self.ready()
        del self.machine.env["QNWIS_DR_PASSPHRASE_FILE"]
        self.fails("no_passphrase", 12, "ls")

    def test_key_file_exists(self):
        self.machine.make_key()
        before = pathlib.Path(self.machine.key_file).read_bytes()
        self.fails("key_file_exists", 11, "keys", "init", "--output", self.machine.key_file)
        self.assertEqual(pathlib.Path(self.machine.key_file).read_bytes(), before)

    def test_key_file_missing_and_malformed(self):
        self.machine.make_key()
        self.fails("key_file_missing", 10, "init", "--key-file", self.machine.path("gone.json"))
        self.fails("key_file_malformed", 12, "init", "--key-file", self.written("bad.json", '{"key_id": "k", "wrapped": 1}'))

    # --- plans ---

    def bad_plan(self, row, text, code=2):
        self.machine.make_key()
        plan = self.written("bad_plan.json", text)
        self.fails(row, code, "backup", "--spec", plan, "--workspace", small_workspace(self.machine))
        self.assertEqual(os.listdir(self.machine.storage), [])

    def test_plan_with_an_unknown_key(self):
        self.bad_plan("plan_unknown_key", '{"spec_id": "a", "tag": "t", "dataset": ["X"]}')

    def test_plan_with_a_negative_number(self):
        self.bad_plan("plan_negative_number", '{"spec_id": "a", "tag": "t", "retention_days": -1}')

    def test_plan_with_a_huge_number(self):
        self.bad_plan("plan_huge_number", '{"spec_id": "a", "tag": "t", "retention_days": 1e400}')

    def test_plan_with_an_empty_id(self):
        self.bad_plan("plan_empty_id", '{"spec_id": "a", "tag": "t", "datasets": [""]}')

    def test_plan_that_is_no_json(self):
        self.bad_plan("plan_no_json", "spec_id: a\n")

    def test_plan_that_is_not_there(self):
        self.machine.make_key()
        self.fails("plan_missing", 10, "backup", "--spec", self.machine.path("gone.json"))

    def test_dataset_that_matches_nothing(self):
        self.ready()
        plan = self.machine.path("plans", "none.json")
        self.machine.run("plan", "--spec-id", "none", "--tag", "daily", "--datasets", "LMIS_NOTHING_TS", "--output", plan)
        self.fails("dataset_matches_nothing", 10, "backup", "--spec", plan, "--workspace", self.workspace)
        self.assertEqual(len(self.machine.snapshots()), 1)

    def test_policy_with_a_negative_number(self):
        self.ready()
        self.fails("policy_negative_number", 2, "prune", "--policy", self.written("policy.json", '{"rule_id": "r", "keep_daily": -7}'))

    # --- storage ---

    def test_storage_that_is_not_there(self):
        self.ready()
        gone = self.machine.path("unmounted")
        self.fails("storage_missing", 10, *self.backup_line, "--storage-path", gone)
        self.assertFalse(os.path.exists(gone) and os.listdir(gone) == ["data"])

    def test_storage_with_other_files(self):
        self.ready()
        other = self.machine.path("photos")
        os.mkdir(other)
        write_random(os.path.join(other, "photo.jpg"), 10, 1)
        self.fails("storage_holds_other_files", 10, *self.backup_line, "--storage-path", other)
        # The next line made one beside the file.
        self.assertEqual(sorted(os.listdir(other)), ["photo.jpg", "repository"])

    def test_storage_without_a_repository(self):
        self.machine.make_key()
        self.fails("storage_empty", 10, "list")

    def test_storage_where_another_repository_was_seen(self):
        """A new disk, another one, or an older copy at a path that this machine knows: nothing is written, and the next line helps."""
        self.ready()
        known = self.machine.path("known")
        shutil.copytree(self.machine.storage, known)
        self.machine.backup(self.plan, "--workspace", self.workspace)
        newer = self.machine.path("newer")
        os.rename(self.machine.storage, newer)

        os.mkdir(self.machine.storage)
        done = self.machine.run(*self.backup_line, code=13)
        self.assertEqual(os.listdir(self.machine.storage), [], "nothing is made on a disk that may be the wrong one")
        os.rmdir(self.machine.storage)
        shutil.copytree(known, self.machine.storage)
        older = self.machine.run("list", code=13)
        shutil.rmtree(self.machine.storage)
        os.mkdir(self.machine.storage)
        self.machine.run("init", env={"QNWIS_DR_STATE_DIR": self.machine.path("elsewhere")})
        another = self.machine.run("list", code=13)

        # Each next line does what it says: the very line that failed works after it.
        self.check("storage_known_is_another", another)
        self.machine.run("list")
        shutil.rmtree(self.machine.storage)
        os.rename(newer, self.machine.storage)
        self.machine.run("list", "--accept-history")
        os.rename(self.machine.storage, newer)
        shutil.copytree(known, self.machine.storage)
        self.check("storage_known_is_older", older)
        self.machine.run("list")
        shutil.rmtree(self.machine.storage)
        os.mkdir(self.machine.storage)
        self.check("storage_known_is_empty", done)
        self.machine.run(*self.backup_line)

    def pin(self):
        return next(pathlib.Path(self.machine.path("state")).glob("pin-*"))

    def test_a_damaged_memory_of_the_repository(self):
        """It is a file of this machine: the error says which one, and the next line mends it."""
        self.ready()
        restore = ["restore", "--snapshot-id", "latest", "--target-path", self.machine.target]
        for row in ("pin_damaged", "pin_damaged_restore"):
            self.pin().write_text("qnwis-dr-pin 1\nlocation !\n", encoding="ascii")
            self.fails(row, 13, *(restore if row.endswith("restore") else self.backup_line))
            self.machine.run(*restore, "--overwrite")  # the next line has mended it
        self.pin().write_bytes(b"")
        self.machine.run(*restore, "--overwrite", "--accept-history")
        self.machine.run(*self.backup_line)
        self.assertTrue(self.machine.run("list", "--json").json["snapshots"][0]["signer_pinned"])

    def test_a_memory_of_the_repository_that_cannot_be_read(self):
        self.ready()
        pin = self.pin()
        pin.unlink()
        pin.symlink_to("nowhere")  # also root cannot open that
        for words in (["list"], ["verify", "--snapshot-id", "latest"], ["restore", "--snapshot-id", "latest", "--target-path", self.machine.target]):
            done = self.machine.run(*words)
            self.assertEqual(done.err.decode().count(str(pin)), 1, done)
        self.fails("pin_unreadable", 1, *self.backup_line)
        pin.unlink()
        self.machine.run(*self.backup_line)

    @unittest.skipUnless(IS_ROOT, "root may write everywhere: another user is needed")
    def test_storage_that_cannot_be_written(self):
        self.ready(Machine(self, user=NOBODY))
        subprocess.run(["chmod", "-R", "a-w", self.machine.storage], check=True)
        self.addCleanup(subprocess.run, ["chmod", "-R", "u+w", self.machine.storage], check=False)
        self.fails("storage_not_writable", 14, *self.backup_line)
        self.machine.run("verify", "--snapshot-id", "latest", "--all")

    @unittest.skipUnless(IS_ROOT and dr_machine.enter_private_mounts(), "needs the right to mount")
    def test_storage_that_is_full(self):
        self.ready()
        small = self.machine.path("small disk")
        os.mkdir(small)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", small], check=True)
        self.addCleanup(subprocess.run, ["umount", small], check=False)
        storage = os.path.join(small, "backups")
        os.mkdir(storage)
        self.machine.run(*self.backup_line, "--storage-path", storage)
        write_random(os.path.join(self.workspace, "audit_packs/large.bin"), 40_000_000, 1)
        self.fails("storage_full", 15, *self.backup_line, "--storage-path", storage)
        # No damage: what was there is whole, and works on.
        self.machine.run("verify", "--snapshot-id", "latest", "--all", "--storage-path", storage)
        os.unlink(os.path.join(self.workspace, "audit_packs/large.bin"))
        self.machine.run(*self.backup_line, "--storage-path", storage)

    def test_repository_of_a_newer_format(self):
        self.ready()
        path = pathlib.Path(self.machine.storage, "repository.json")
        path.chmod(0o600)
        text = path.read_text(encoding="utf-8")
        changed = re.sub(r'"version": *1\b', '"version": 2', text)
        self.assertNotEqual(text, changed)
        path.write_text(changed, encoding="utf-8")
        self.fails("repository_newer_format", 1, "list")
        self.fails("repository_newer_format_backup", 1, *self.backup_line)

    # --- damage ---

    def packs(self):
        return sorted((p for p in pathlib.Path(self.machine.storage, "packs").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)

    def damage(self, path, change):
        content = bytearray(path.read_bytes())
        path.chmod(0o600)
        path.write_bytes(change(content))

    def suffers(self, row, files=1):
        """What a damaged pack does: verify and restore end in 13, naming snapshot and file; nothing wrong is written."""
        done = self.machine.run("verify", "--snapshot-id", "latest", "--all", "--json", code=13)
        report = check_schema(self, "verify", lines_of(done)[-1])
        self.assertFalse(report["passed"])
        self.assertIn(self.machine.snapshots()[-1][:12], done.err.decode())
        restored = self.machine.run("restore", "--snapshot-id", "latest", "--target-path", os.path.join(self.machine.target, "t"), code=13)
        if files > 1:  # in any order, and how a frame is wrong depends on its neighbours
            kept = [re.sub(r"'(large|second)\.bin': .*", "'<FILE>': <REASON>", line) for line in restored.err.decode().splitlines(keepends=True)]
            restored.err = "".join(kept).encode()
        self.check(row, restored)
        for parent, _, files in os.walk(os.path.join(self.machine.target, "t")):
            for name in files:
                path = os.path.join(parent, name)
                original = os.path.join(self.workspace, os.path.relpath(path, os.path.join(self.machine.target, "t")))
                self.assertEqual(pathlib.Path(path).read_bytes(), pathlib.Path(original).read_bytes(), path)

    def with_one_large_file(self):
        self.machine.make_key()
        self.workspace = self.machine.path("workspace")
        os.mkdir(self.workspace)
        write_random(os.path.join(self.workspace, "large.bin"), 3_000_000, 1)
        self.plan = self.machine.path("plans", "all.json")
        self.machine.run("plan", "--spec-id", "all", "--tag", "daily", "--output", self.plan)
        self.machine.backup(self.plan, "--workspace", self.workspace)

    def test_flipped_byte_in_a_pack(self):
        self.with_one_large_file()

        def flip(content):
            content[len(content) // 2] ^= 1
            return content

        self.damage(self.packs()[-1], flip)
        self.suffers("pack_flipped")

    def test_truncated_pack(self):
        self.with_one_large_file()
        self.damage(self.packs()[-1], lambda content: content[: len(content) // 2])
        self.suffers("pack_truncated")

    def test_foreign_pack(self):
        """A pack of another repository under the name of one of ours."""
        self.with_one_large_file()
        ours = self.packs()[-1]
        theirs = Machine(self)
        theirs.make_key()
        other = theirs.path("w")
        os.mkdir(other)
        write_random(os.path.join(other, "large.bin"), 3_000_000, 2)
        theirs.backup(theirs.plan("x", [other]))
        foreign = max((p for p in pathlib.Path(theirs.storage, "packs").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
        self.damage(ours, lambda _: foreign.read_bytes())
        self.suffers("pack_foreign")

    def test_swapped_packs(self):
        self.with_one_large_file()
        write_random(os.path.join(self.workspace, "second.bin"), 3_000_000, 3)
        self.machine.backup(self.plan, "--workspace", self.workspace)
        first, second = self.packs()[-2:]
        first_bytes, second_bytes = first.read_bytes(), second.read_bytes()
        self.damage(first, lambda _: second_bytes)
        self.damage(second, lambda _: first_bytes)
        self.suffers("packs_swapped", files=2)

    def test_flipped_byte_in_the_log(self):
        self.ready()
        for path in pathlib.Path(self.machine.storage, "checkpoints").rglob("*"):
            if path.is_file():
                path.unlink()
        records = sorted(p for p in pathlib.Path(self.machine.storage, "log").iterdir() if p.is_file())

        def flip_both_copies(content):
            for at in (len(content) // 4, len(content) * 3 // 4):
                content[at] ^= 1
            return content

        self.damage(records[1], flip_both_copies)
        self.fails("log_record_damaged", 13, "list")

    # --- restores ---

    def test_target_outside_the_allowlist(self):
        self.ready()
        self.fails("target_not_allowed", 14, "restore", "--snapshot-id", "latest", "--target-path", self.machine.path("elsewhere"))
        self.assertFalse(os.path.exists(self.machine.path("elsewhere")))
        os.symlink(self.machine.path("home"), os.path.join(self.machine.target, "link"))
        self.fails("target_behind_a_symlink", 14, "restore", "--snapshot-id", "latest", "--target-path", os.path.join(self.machine.target, "link"))
        self.assertEqual(os.listdir(self.machine.path("home")), [])

    def test_files_that_differ_are_in_the_way(self):
        self.ready()
        target = os.path.join(self.machine.target, "t")
        os.makedirs(os.path.join(target, "audit_packs/2026-10"))
        pathlib.Path(target, "audit_packs/2026-10/evidence.json").write_text("mine\n", encoding="utf-8")
        self.fails("restore_in_the_way", 11, "restore", "--snapshot-id", "latest", "--target-path", target)

    def test_snapshot_that_is_not_there(self):
        self.ready()
        self.fails("snapshot_missing", 10, "restore", "--snapshot-id", "0123abcd", "--target-path", self.machine.target)
        self.fails("snapshot_tag_missing", 10, "verify", "--snapshot-id", "latest:monthly")
        self.fails("path_missing", 10, "restore", "--snapshot-id", "latest", "--target-path", self.machine.target, "--path", "no/such/file")

    # --- backups ---

    def test_source_that_contains_the_repository(self):
        self.machine.make_key()
        workspace = small_workspace(self.machine)
        inside = os.path.join(workspace, "backups")
        os.mkdir(inside)
        plan = self.machine.path("plans", "all.json")
        self.machine.run("plan", "--spec-id", "all", "--tag", "daily", "--output", plan)
        done = self.machine.run("backup", "--spec", plan, "--workspace", workspace, "--storage-path", inside)
        self.assertIn("left out", done.out.decode())
        self.assertRegex(done.out.decode(), r"\b1 repository\b")
        result = lines_of(self.machine.run("backup", "--spec", plan, "--workspace", workspace, "--storage-path", inside, "--json"))[-1]
        self.assertEqual(result["skipped"]["repository"], 1)
        names = [line["path"] for line in lines_of(self.machine.run("ls", "--storage-path", inside, "--json"))[:-1]]
        self.assertNotIn("backups", names)
        # The source is the repository itself: nothing is left to store.
        self.machine.run("backup", "--spec", plan, "--workspace", inside, "--storage-path", inside, code=10)
        explained = self.machine.run("plan", "--spec", plan, "--workspace", inside, "--explain", env={"QNWIS_DR_STORAGE_PATH": inside})
        self.assertIn(b"1 repository", explained.out)

    def wait_until_it_listens(self, process):
        """Until the program catches SIGTERM: one that comes while it is being loaded ends it as any program."""
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            with open(f"/proc/{process.pid}/status", encoding="ascii", errors="replace") as status:
                caught = next((line.split()[1] for line in status if line.startswith("SigCgt:")), "0")
            if int(caught, 16) >> (signal.SIGTERM - 1) & 1:
                return
            time.sleep(0.001)

    def test_interrupted_anywhere(self):
        """Stopped at several points; each time 130, no snapshot, and the next run is whole."""
        self.machine.make_key()
        workspace = self.machine.path("workspace")
        os.mkdir(workspace)
        for i in range(12):
            write_random(os.path.join(workspace, str(i)), 16_000_000, i)
        plan = self.machine.path("plans", "all.json")
        self.machine.run("plan", "--spec-id", "all", "--tag", "daily", "--output", plan)
        seen = 0
        for delay in (0.05, 0.15, 0.3, 0.5):
            process = self.machine.start("backup", "--spec", plan, "--workspace", workspace)
            self.wait_until_it_listens(process)
            time.sleep(delay)
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=120)
            self.assertIn(process.returncode, (0, 130), err)
            if process.returncode == 130:
                seen += 1
                text = err.decode()
                self.check("interrupted", dr_machine.Done(["backup"], 130, out, text[text.index("qnwis_dr: "):].encode()))
        self.assertGreater(seen, 0)
        self.machine.run("backup", "--spec", plan, "--workspace", workspace)
        self.machine.run("verify", "--snapshot-id", "latest", "--all")


if __name__ == "__main__":
    main()

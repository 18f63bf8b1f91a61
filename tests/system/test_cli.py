"""The command line: every line of the contract, wrong usage, exit codes, JSON against its schemas, terminals."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading
import time
import unittest

from dr_test import (IS_ROOT, PROGRAM, OnTerminal, Machine, check_schema, contract_plan, lines_of, main, next_command, small_workspace, write_random)

# SPEC 4, as written; <id> stands for a snapshot.
CONTRACT = """
qnwis_dr keys init --output dr_key.json
qnwis_dr keys status --key-file dr_key.json
qnwis_dr plan --spec-id daily-backup-001 --tag daily --datasets LMIS_RETENTION_TS LMIS_SALARY_TS --audit-packs --config-files --storage-target local-prod --encryption aes_256_gcm --retention-days 30 --output backup_plan.json
qnwis_dr backup --spec backup_plan.json --storage-path /mnt/backups --key-file dr_key.json
qnwis_dr backup --spec backup_plan.json --storage-path /mnt/backups --backend local --worm --key-file dr_key.json --workspace /app
qnwis_dr list --storage-path /mnt/backups --tag daily
qnwis_dr verify --snapshot-id <id> --storage-path /mnt/backups --key-file dr_key.json
qnwis_dr verify --snapshot-id <id> --storage-path /mnt/backups --key-file dr_key.json --sample-count 10
qnwis_dr restore --snapshot-id <id> --target-path /mnt/restore --dry-run
qnwis_dr restore --snapshot-id <id> --target-path /mnt/restore --overwrite
qnwis_dr restore --snapshot-id <id> --target-path /mnt/restore --key-file dr_key.json
qnwis_dr restore --snapshot-id <id> --storage-path /mnt/backups --target-path /mnt/restore --key-file dr_key.json
qnwis_dr prune --storage-path /mnt/backups --backend local --policy retention_policy.json
"""


class CliTest(unittest.TestCase):
    def setUp(self):
        self.machine = Machine(self)
        self.run_line = self.machine.run

    def ready(self):
        """A key, a workspace, a plan and one snapshot; its id."""
        self.machine.make_key()
        self.workspace = small_workspace(self.machine)
        self.plan = contract_plan(self.machine)
        return self.back_up()["snapshot_id"]

    def back_up(self, *more, code=0):
        return self.machine.backup(self.plan, "--workspace", self.workspace, *more, code=code)

    def fails(self, code, *words, **how):
        """The message of a line that fails with `code`."""
        done = self.run_line(*words, code=code, **how)
        text = done.err.decode()
        self.assertTrue(text.startswith("qnwis_dr: ") or "\nqnwis_dr: " in text, done)
        return text


class TheContract(CliTest):
    def test_every_line_works_in_order(self):
        """With directories of this machine in place of /mnt and /app; the built-in defaults are tested below."""
        workspace = small_workspace(self.machine, "app")
        here = self.machine.path("home")
        os.rmdir(here)
        shutil.copytree(workspace, here)
        with open(os.path.join(here, "retention_policy.json"), "w", encoding="utf-8") as file:
            file.write('{"rule_id": "standard", "keep_daily": 7, "keep_weekly": 4, "keep_monthly": 12, "min_age_days": 1}')
        for name in ("QNWIS_DR_KEY_FILE",):
            del self.machine.env[name]
        snapshot = None
        for line in CONTRACT.strip().splitlines():
            words = line.replace("/mnt/backups", self.machine.storage).replace("/mnt/restore", self.machine.target)
            words = words.replace("/app", workspace).replace("<id>", snapshot or "latest").split()[1:]
            with self.subTest(line=line):
                self.run_line(*words)
            if words[0] == "backup":
                snapshot = self.machine.snapshots()[-1]

    def test_the_built_in_defaults_are_those_of_the_contract(self):
        environment = {"PATH": self.machine.env["PATH"], "HOME": self.machine.path("home")}
        self.machine.env = environment
        shown = {v["name"]: v for v in self.run_line("config", "show", "--config", "/dev/null", "--json").json["values"]}
        own = os.path.join(environment["HOME"], ".config/qnwis_dr")
        self.assertEqual(shown["storage_path"]["value"], "/mnt/backups")
        self.assertEqual(shown["allowed_targets"]["value"], "/mnt/restore")
        self.assertEqual(shown["key_file"]["value"], "dr_key.json:" + ("/etc/qnwis_dr" if IS_ROOT else own) + "/dr_key.json")
        self.assertEqual(shown["kek_file"]["value"], ("/etc/qnwis_dr" if IS_ROOT else own) + "/kek")
        self.assertEqual({v["source"] for v in shown.values()}, {"default", "unset"})

    def test_options_stand_before_or_after_the_command_and_datasets_accumulate(self):
        before = self.run_line("--json", "plan", "--spec-id", "p", "--tag", "t", "--datasets", "A", "B", "--audit-packs", "--datasets", "C").json
        after = self.run_line("plan", "--datasets", "A", "--datasets", "B", "C", "--spec-id", "p", "--audit-packs", "--tag", "t", "--json").json
        self.assertEqual(before["spec"]["datasets"], ["A", "B", "C"])
        self.assertEqual(before["spec"], after["spec"])

    def test_the_last_of_a_pair_of_flags_counts(self):
        for words, expected in ((["--worm", "--no-worm"], False), (["--no-worm", "--worm"], True), ([], False)):
            self.assertEqual(self.run_line("plan", "--spec-id", "p", "--tag", "t", *words, "--json").json["spec"]["worm"], expected)


class OneFile(unittest.TestCase):
    def test_the_program_needs_nothing_but_glibc(self):
        needs = subprocess.run(["ldd", PROGRAM], capture_output=True, text=True, check=True).stdout
        if "san.so" in needs:
            self.skipTest("a sanitizer brings its own libraries")
        names = {line.split()[0].rsplit("/", 1)[-1] for line in needs.splitlines()}
        self.assertLessEqual(names, {"linux-vdso.so.1", "libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2"}, needs)


class WrongUsage(CliTest):
    def test_the_nearest_option_is_named(self):
        text = self.fails(2, "restore", "--snapshto-id", "latest", "--target-path", "/x")
        self.assertIn("has no option '--snapshto-id'; did you mean '--snapshot-id'?", text)
        self.assertIn("next   qnwis_dr restore --help", text)

    def test_the_nearest_command_is_named(self):
        self.assertIn("did you mean 'backup'?", self.fails(2, "bakcup"))
        self.assertIn("did you mean 'list'?", self.fails(2, "keys", "slot", "lst"))

    def test_what_is_missing_is_named(self):
        self.assertIn("--target-path", self.fails(2, "restore", "--snapshot-id", "latest"))
        self.fails(2)
        self.fails(2, "keys")
        self.fails(2, "backup")
        self.fails(2, "plan", "--tag", "daily")
        self.fails(2, "diff", "latest")
        self.fails(2, "completion", "tcsh")

    def test_bad_values_are_wrong_usage(self):
        plan = ["plan", "--spec-id", "p", "--tag", "t"]
        for words in (["--retention-days", "-5"], ["--retention-days", "0"], ["--retention-days", "1e99"], ["--retention-days", "nan"],
                      ["--retention-days", "1.5"], ["--retention-days", "99999999999999999999"], ["--datasets", ""], ["--datasets", "a/b"],
                      ["--encryption", "rot13"], ["--exclude", "["], ["--paths", "../x"]):
            with self.subTest(words=words):
                self.fails(2, *plan, *words)
        self.fails(2, "list", "--backend", "floppy")
        self.fails(2, "list", "--workers", "0")
        for count in ("-1", "0"):  # a sample of nothing would pass
            self.fails(2, "verify", "--snapshot-id", "x", "--sample-count", count)

    def test_a_message_cannot_move_the_cursor(self):
        done = self.run_line("plan", "--spec", "evil\x1b[2J\nname", code=10)
        self.assertNotIn(b"\x1b", done.err + done.out)
        done = self.run_line("list", "--no-such\x1b[31m", code=2)
        self.assertNotIn(b"\x1b", done.err + done.out)

    def test_help_is_everywhere(self):
        for words in ([], ["keys"], ["keys", "slot", "add"], ["backup"], ["restore"], ["plan"], ["completion"]):
            self.assertIn(b"Usage: qnwis_dr", self.run_line(*words, "--help").out)


class ExitCodes(CliTest):
    def test_each_failure_has_its_own(self):
        self.machine.make_key()
        self.fails(11, "keys", "init", "--output", self.machine.key_file)
        self.assertEqual(self.run_line("init").status, 0)
        done = self.run_line("list")
        self.assertIn(b"0 snapshots", done.out)
        self.fails(10, "list", "--storage-path", self.machine.path("nowhere"))
        self.fails(10, "verify", "--snapshot-id", "latest")
        self.fails(14, "restore", "--snapshot-id", "latest", "--target-path", "/etc")

    def test_a_wrong_passphrase_ends_before_any_work(self):
        for name, text in (("right", "correct horse\n"), ("wrong", "battery staple\n")):
            with open(self.machine.path(name), "w", encoding="utf-8") as file:
                file.write(text)
            self.machine.env["QNWIS_DR_PASSPHRASE_FILE"] = self.machine.path("right")
        del self.machine.env["QNWIS_DR_KEK_FILE"]
        self.ready()
        before = sorted(os.listdir(os.path.join(self.machine.storage, "log")))
        wrong = {"QNWIS_DR_PASSPHRASE_FILE": self.machine.path("wrong")}
        for words in (["backup", "--spec", self.plan, "--workspace", self.workspace], ["verify", "--snapshot-id", "latest"], ["ls"],
                      ["restore", "--snapshot-id", "latest", "--target-path", self.machine.target]):
            self.fails(12, *words, env=wrong)
        self.assertEqual(sorted(os.listdir(os.path.join(self.machine.storage, "log"))), before)
        self.assertEqual(os.listdir(self.machine.target), [])
        status = self.run_line("keys", "status", "--json", env=wrong).json
        self.assertFalse(check_schema(self, "keys_status", status)["opens"])

    def test_what_is_remembered_of_a_repository_does_not_depend_on_how_its_place_is_typed(self):
        self.ready()
        older = self.machine.path("older")
        shutil.copytree(self.machine.storage, older)
        self.back_up()
        shutil.rmtree(self.machine.storage)
        shutil.copytree(older, self.machine.storage)
        link = self.machine.path("link")
        os.symlink(self.machine.storage, link)
        for typed in (self.machine.storage, self.machine.storage + "/", self.machine.storage + "/.", link, "../backups", "file://" + self.machine.storage):
            with self.subTest(typed=typed):
                self.fails(13, "list", "--storage-path", typed)

    def test_the_same_relative_place_of_two_directories_is_two_places(self):
        self.machine.make_key()
        for name in ("one", "two"):
            os.mkdir(self.machine.path(name))
            self.run_line("init", "--storage-path", "backups", cwd=self.machine.path(name))

    def test_no_repository_is_made_amid_other_files(self):
        self.machine.make_key()
        photos = self.machine.path("photos")
        os.mkdir(photos)
        with open(os.path.join(photos, "p.jpg"), "wb") as file:
            file.write(b"jpeg")
        self.assertIn("holds files, but no repository", self.fails(11, "init", "--storage-path", photos))
        self.assertEqual(os.listdir(photos), ["p.jpg"])
        self.workspace = small_workspace(self.machine)
        self.fails(10, "backup", "--spec", contract_plan(self.machine), "--workspace", self.workspace, "--storage-path", photos)
        self.run_line("init", "--storage-path", self.machine.path("fresh"))
        self.fails(11, "init", "--storage-path", self.machine.path("fresh"))

    def test_what_is_missing_has_a_name(self):
        self.ready()
        nowhere = self.machine.path("no such workspace")
        for words in (["backup", "--spec", self.plan], ["plan", "--spec", self.plan, "--explain"]):
            self.assertIn(f"the workspace '{nowhere}' does not exist", self.fails(10, *words, "--workspace", nowhere))
        text = self.fails(1, "verify", "--snapshot-id", "latest", env={"TMPDIR": nowhere})
        self.assertIn(f"the scratch directory '{nowhere}' does not exist", text)
        self.assertIn("next   qnwis_dr config show", text)
        self.assertIn("means  nothing was read", text)
        self.run_line("verify", "--snapshot-id", "latest", env={"TMPDIR": "."})

    def test_paths_of_a_restore_are_typed_as_those_of_a_listing(self):
        self.ready()
        for number, path in enumerate((".", "/", "./audit_packs/")):
            self.run_line("ls", path)
            self.run_line("restore", "--snapshot-id", "latest", "--target-path", os.path.join(self.machine.target, str(number)), "--path", path)
        self.assertEqual(sorted(os.listdir(os.path.join(self.machine.target, "0"))), sorted(os.listdir(os.path.join(self.machine.target, "1"))))
        self.assertEqual(os.listdir(os.path.join(self.machine.target, "2")), ["audit_packs"])

    def test_a_secret_that_others_can_read_is_warned_of(self):
        self.machine.make_key()
        self.assertEqual(self.run_line("keys", "status").err, b"")
        for name in ("kek", "dr_key.json"):
            os.chmod(self.machine.path(name), 0o644)
            self.assertIn(f"others on this machine can read '{self.machine.path(name)}'".encode(), self.run_line("keys", "status").err)
            os.chmod(self.machine.path(name), 0o600)

    def test_a_list_says_whether_this_machine_knows_who_signed(self):
        self.ready()
        self.assertTrue(self.run_line("list", "--json").json["snapshots"][0]["signer_pinned"])
        self.assertRegex(self.run_line("list").out, rb"[0-9a-f]{8} pinned")
        # A second key makes the next snapshot; a third machine has opened the repository with that key only.
        second = self.machine.path("second.json")
        self.run_line("keys", "slot", "add", "--name", "second", "--output", second, "--new-kek-file", self.machine.path("kek"))
        self.back_up("--key-file", second)
        other = {"QNWIS_DR_STATE_DIR": self.machine.path("state of another machine")}
        pinned = lambda: [s["signer_pinned"] for s in self.run_line("list", "--json", env=other).json["snapshots"]]
        self.assertEqual(pinned(), [None, None])
        self.run_line("ls", "--key-file", second, env=other)
        self.assertEqual(pinned(), [False, True])
        self.assertRegex(self.run_line("list", env=other).out, rb"[0-9a-f]{8} not pinned")

    def test_no_key_is_needed_for_a_list(self):
        self.ready()
        os.unlink(self.machine.key_file)
        self.assertEqual(len(self.machine.snapshots()), 1)

    @unittest.skipUnless(IS_ROOT, "as root everything can be read: another user is needed")
    def test_files_that_cannot_be_read_are_listed_and_end_in_3(self):
        self.machine = Machine(self, user=65534)
        self.run_line = self.machine.run
        self.machine.make_key()
        self.workspace = small_workspace(self.machine)
        subprocess.run(["chown", "-R", "65534:65534", self.workspace], check=True)
        secret = os.path.join(self.workspace, "audit_packs/unreadable.json")
        with open(secret, "w", encoding="utf-8") as file:
            file.write("{}")
        os.chmod(secret, 0o000)  # and owned by root
        self.plan = contract_plan(self.machine)
        done = self.run_line("backup", "--spec", self.plan, "--workspace", self.workspace, "--json", code=3)
        result = check_schema(self, "backup", lines_of(done)[-1])
        self.assertEqual(result["files_unreadable"], 1)
        self.assertEqual(result["unreadable"][0]["path"], "audit_packs/unreadable.json")
        self.assertIn(b"audit_packs/unreadable.json", done.err)

    def test_files_in_the_way_end_in_11_with_nothing_written(self):
        self.ready()
        target = os.path.join(self.machine.target, "t")
        os.makedirs(os.path.join(target, "audit_packs/2026-10"))
        in_the_way = os.path.join(target, "audit_packs/2026-10/evidence.json")
        with open(in_the_way, "w", encoding="utf-8") as file:
            file.write("mine\n")
        text = self.fails(11, "restore", "--snapshot-id", "latest", "--target-path", target)
        self.assertIn("evidence.json", text)
        self.assertEqual(os.listdir(target), ["audit_packs"])
        self.run_line("restore", "--snapshot-id", "latest", "--target-path", target, "--overwrite")
        self.run_line("restore", "--snapshot-id", "latest", "--target-path", target)  # equal now

    def test_a_named_configuration_must_be_there(self):
        self.fails(10, "config", "show", "--config", self.machine.path("missing.toml"))
        self.fails(10, "config", "show", env={"QNWIS_DR_CONFIG": self.machine.path("missing.toml")})
        with open(self.machine.path("bad.toml"), "w", encoding="utf-8") as file:
            file.write('storage_pth = "/x"\n')
        text = self.fails(2, "config", "show", "--config", self.machine.path("bad.toml"))
        self.assertIn("did you mean 'storage_path'?", text)

    def test_a_target_that_is_not_configured_needs_a_storage_path(self):
        self.machine.make_key()
        workspace = small_workspace(self.machine)
        plan = contract_plan(self.machine)
        del self.machine.env["QNWIS_DR_STORAGE_PATH"]
        self.assertIn("'local-prod' is not configured", self.fails(10, "backup", "--spec", plan, "--workspace", workspace))
        self.run_line("backup", "--spec", plan, "--workspace", workspace, "--storage-path", self.machine.storage)
        config = self.machine.path("config.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f'storage_path = "{self.machine.storage}"\n')
        text = self.fails(10, "backup", "--spec", plan, "--workspace", workspace, "--config", config)
        self.assertIn("'local-prod' is not configured", text)
        line = f"qnwis_dr --storage-path {self.machine.storage} backup --spec {plan} --workspace {workspace} --config {config}"
        self.assertEqual(next_command(text), line)
        self.run_line(*line.split()[1:])
        with open(config, "w", encoding="utf-8") as file:
            file.write(f'[targets.local-prod]\nbackend = "local"\nbase_path = "{self.machine.storage}"\n')
        self.run_line("backup", "--spec", plan, "--workspace", workspace, "--config", config)
        self.assertEqual(len(lines_of(self.run_line("list", "--storage-path", self.machine.storage, "--json"))[0]["snapshots"]), 3)
        # Nobody typed where the target is: the line to type next says it.
        command = next_command(self.fails(3, "backup", "--spec", contract_plan(self.machine, "--paths", "missing"), "--workspace", workspace, "--config", config))
        self.assertIn(f"--storage-path {self.machine.storage}", command)
        self.run_line(*command.split()[1:])


class Json(CliTest):
    def one(self, schema, *words, code=0):
        lines = lines_of(self.run_line(*words, "--json", code=code))
        self.assertEqual(len(lines), 1)
        return check_schema(self, schema, lines[0])

    def lines(self, schema, *words):
        lines = lines_of(self.run_line(*words, "--json"))
        for line in lines:
            check_schema(self, schema, line)
        self.assertEqual(lines[-1]["type"], "summary")
        self.assertNotIn("summary", [line["type"] for line in lines[:-1]])
        return lines

    def test_every_command_prints_what_its_schema_says(self):
        made = self.one("keys_init", "keys", "init", "--output", self.machine.key_file)
        self.assertTrue(made["kek_created"])
        self.assertEqual(made["kek_file"], self.machine.path("kek"))
        self.assertTrue(self.one("keys_status", "keys", "status")["opens"])
        self.one("version", "version")
        self.one("config_show", "config", "show")
        self.one("init", "init", "--storage-path", self.machine.path("other"))

        self.workspace = small_workspace(self.machine)
        self.plan = contract_plan(self.machine)
        plan = self.one("plan", "plan", "--spec", self.plan, "--explain", "--workspace", self.workspace)
        self.assertEqual(plan["skipped"], {"cache": 1, "log": 1, "private_key": 1})
        self.assertEqual(plan["datasets_missing"], [])
        first = self.one("backup", "backup", "--spec", self.plan, "--workspace", self.workspace)
        self.assertEqual((first["file_count"], first["skipped"]), (plan["file_count"], plan["skipped"]))
        self.assertEqual(first["total_bytes"], plan["total_bytes"])
        self.assertTrue(first["repository_created"])
        with open(os.path.join(self.workspace, "audit_packs/new.json"), "w", encoding="utf-8") as file:
            file.write("{}")
        os.unlink(os.path.join(self.workspace, ".env.example"))
        second = self.one("backup", "backup", "--spec", self.plan, "--workspace", self.workspace, "--worm")
        self.assertTrue(second["worm"])

        listed = self.one("list", "list")
        self.assertEqual([s["snapshot_id"] for s in listed["snapshots"]], [first["snapshot_id"], second["snapshot_id"]])
        self.assertEqual(listed["count"], 2)
        self.assertEqual(self.one("list", "list", "--tag", "weekly")["count"], 0)
        for words in ([], ["--all"]):
            self.assertTrue(self.one("verify", "verify", "--snapshot-id", "latest", *words)["passed"])

        target = os.path.join(self.machine.target, "t")
        dry = self.one("restore", "restore", "--snapshot-id", first["snapshot_id"], "--target-path", target, "--dry-run")
        self.assertEqual((dry["files_created"], dry["files_restored"]), (first["file_count"], 0))
        done = self.one("restore", "restore", "--snapshot-id", first["snapshot_id"], "--target-path", target)
        self.assertEqual((done["files_created"], done["files_restored"]), (first["file_count"], first["file_count"]))
        again = self.one("restore", "restore", "--snapshot-id", first["snapshot_id"], "--target-path", target)
        self.assertEqual((again["files_restored"], again["files_skipped"]), (0, first["file_count"]))

        listing = self.lines("ls", "ls", "--recursive", "--snapshot-id", first["snapshot_id"])
        self.assertEqual(sum(line.get("kind") == "file" for line in listing), first["file_count"])
        self.assertEqual(listing[-1]["snapshot_id"], first["snapshot_id"])
        found = self.lines("find", "find", "*.json")
        self.assertEqual([line["path"] for line in found[:-1]], sorted(line["path"] for line in found[:-1]))
        self.assertEqual(found[-1]["matches"], 3)
        changes = self.lines("diff", "diff", first["snapshot_id"], second["snapshot_id"])
        self.assertIn(("added", "audit_packs/new.json"), [(c["change"], c["path"]) for c in changes[:-1]])
        self.assertIn(("removed", ".env.example"), [(c["change"], c["path"]) for c in changes[:-1]])
        self.lines("diff", "diff", "latest", "--live", self.workspace)
        manifest = check_schema(self, "manifest", self.manifest())
        self.assertEqual(len(manifest["entries"]), second["file_count"])
        self.one("stats", "stats")

        with open(self.machine.path("policy.json"), "w", encoding="utf-8") as file:
            file.write('{"rule_id": "standard", "min_age_days": 0}')
        pruned = self.one("prune", "prune", "--policy", self.machine.path("policy.json"), "--dry-run")
        self.assertEqual(pruned["kept_count"] + pruned["removed_count"], 2)
        self.one("prune", "prune")
        named = self.one("prune", "prune", "--snapshot-id", first["snapshot_id"])
        self.assertEqual([s["snapshot_id"] for s in named["removed"]], [first["snapshot_id"]])

        with open(self.machine.path("passphrase"), "w", encoding="utf-8") as file:
            file.write("correct horse\n")
        slot = self.one("keys_slot_add", "keys", "slot", "add", "--name", "ops", "--new-passphrase-file", self.machine.path("passphrase"))["slot"]
        self.assertEqual(self.one("keys_slot_list", "keys", "slot", "list")["count"], 2)
        self.one("keys_export", "keys", "export", "--slot", slot["slot_id"], "--output", self.machine.path("exported.json"))
        self.assertEqual(self.one("keys_slot_remove", "keys", "slot", "remove", slot["slot_id"])["slots_left"], 1)

    def manifest(self):
        return json.loads(self.run_line("manifest", "--json").out)

    def test_a_failure_ends_with_the_error_object(self):
        for code, words in ((2, ["bakcup"]), (10, ["list", "--storage-path", self.machine.path("nowhere")]), (2, ["plan", "--tag", "x"]),
                            (14, ["restore", "--snapshot-id", "latest", "--target-path", "/etc"])):
            done = self.run_line(*words, "--json", code=code)
            error = check_schema(self, "error", lines_of(done)[-1])["error"]
            self.assertEqual(error["exit_status"], code)
            self.assertIn(error["message"], done.err.decode())

    def test_a_name_that_is_no_text_keeps_its_bytes(self):
        self.machine.make_key()
        self.workspace = small_workspace(self.machine)
        with open(os.path.join(os.fsencode(self.workspace), b"audit_packs/b\xe9d\n.json"), "wb") as file:
            file.write(b"{}")
        self.plan = contract_plan(self.machine)
        self.back_up()
        lines = self.lines("ls", "ls", "audit_packs")
        self.assertIn("YXVkaXRfcGFja3MvYulkCi5qc29u", [line.get("path_base64") for line in lines])
        shown = self.run_line("ls", "audit_packs").out
        self.assertIn(b"audit_packs/b\\xe9d\\n.json", shown)

    def test_explain_matches_what_a_backup_does(self):
        """On the seeded sample workspace, with what must stay out of it."""
        from dr_test import SAMPLE_WORKSPACE
        workspace = self.machine.path("sample")
        subprocess.run([SAMPLE_WORKSPACE, workspace], check=True, stdout=subprocess.DEVNULL)
        self.machine.make_key()
        for more in ([], ["--no-default-excludes"]):
            plan = self.machine.path("plans", "p.json")
            self.run_line("plan", "--spec-id", "all", "--tag", "t", *more, "--output", plan)
            explained = self.one("plan", "plan", "--spec", plan, "--explain", "--workspace", workspace)
            stored = self.one("backup", "backup", "--spec", plan, "--workspace", workspace)
            for field in ("file_count", "total_bytes", "skipped"):
                self.assertEqual(explained[field], stored[field], field)


class Streams(CliTest):
    def setUp(self):
        super().setUp()
        self.machine.make_key()

    def test_standard_input_becomes_a_file(self):
        source = self.machine.path("dump.sql")
        write_random(source, 3_000_000, 1)
        with open(source, "rb") as file:
            self.run_line("backup", "--stdin", "dump.sql", stdin=file)
        with open(source, "rb") as file:
            self.assertEqual(self.run_line("dump", "dump.sql").out, file.read())

    def test_a_stream_without_a_plan_is_sealed_as_the_repository_says(self):
        self.run_line("init", "--encryption", "none")
        self.run_line("backup", "--command", "--", "printf", "hello")
        self.assertEqual(self.run_line("dump", "stdin").out, b"hello")
        self.assertFalse(self.run_line("list", "--json").json["snapshots"][0]["encrypted"])

    def test_a_command_is_backed_up_only_if_it_succeeds(self):
        self.run_line("backup", "--stdin", "greeting", "--command", "--", "printf", "%s", "hello --json")
        self.assertEqual(self.run_line("dump", "greeting").out, b"hello --json")
        self.run_line("backup", "--command", "echo by the shell | tr a-z A-Z")
        self.assertEqual(self.run_line("dump", "stdin").out, b"BY THE SHELL\n")
        text = self.fails(1, "backup", "--stdin", "x", "--command", "echo half of it; exit 3")
        self.assertIn("exit status 3", text)
        self.fails(1, "backup", "--command", "--", "/no/such/program")
        self.assertEqual(len(self.machine.snapshots()), 2)

    def test_hooks_run_around_a_backup(self):
        trace = self.machine.path("trace")
        self.workspace = small_workspace(self.machine)

        def plan(before, after):
            path = self.machine.path("plans", "hooks.json")
            with open(path, "w", encoding="utf-8") as file:
                json.dump({"spec_id": "hooks", "tag": "t", "hooks": {"before": before, "after": after}}, file)
            return path

        add = lambda word: f"echo {word} >> {trace}; echo printed"
        read = lambda: pathlib.Path(trace).read_text(encoding="utf-8").split()
        result = lines_of(self.run_line("backup", "--spec", plan([add("before")], [add("after")]), "--workspace", self.workspace, "--json"))
        self.assertEqual((len(result), read()), (1, ["before", "after"]))
        self.fails(1, "backup", "--spec", plan([add("again"), "exit 4"], [add("late")]), "--workspace", self.workspace)
        self.assertEqual(len(self.machine.snapshots()), 1)
        done = self.run_line("backup", "--spec", plan([], ["exit 5", add("last")]), "--workspace", self.workspace, "--json", code=1)
        self.assertEqual(read()[-1], "last")
        check_schema(self, "backup", lines_of(done)[0])
        check_schema(self, "error", lines_of(done)[-1])
        self.assertEqual(len(self.machine.snapshots()), 2)

    def test_what_a_hook_or_a_command_says_of_a_secret_reaches_no_error(self):
        self.workspace = small_workspace(self.machine)
        path = self.machine.path("plans", "hooks.json")
        for before, after, name in ((["true", "PGPASSWORD=hunter2 false"], [], "hook 2 of 'before'"), ([], ["exit 5 hunter2"], "hook 1 of 'after'")):
            with open(path, "w", encoding="utf-8") as file:
                json.dump({"spec_id": "hooks", "tag": "t", "hooks": {"before": before, "after": after}}, file)
            done = self.run_line("backup", "--spec", path, "--workspace", self.workspace, "--json", code=1)
            self.assertNotIn(b"hunter2", done.out + done.err)
            self.assertIn(name, done.json["error"]["message"])
        for words in (["--command", "echo hunter2; exit 3"], ["--command", "--", "sh", "-c", "echo hunter2; exit 3"]):
            done = self.run_line("backup", *words, "--json", code=1)
            self.assertNotIn(b"hunter2", done.out + done.err)
        # Also the line to type again.
        done = self.run_line("backup", "--command", "kill -INT $PPID; sleep 5; echo hunter2", "--json", code=130)
        self.assertNotIn(b"hunter2", done.out + done.err)
        self.assertIn("--command COMMAND", done.json["error"]["next"])

    def test_the_reader_of_a_listing_may_go_away(self):
        self.workspace = small_workspace(self.machine)
        many = os.path.join(self.workspace, "audit_packs/many")
        os.mkdir(many)
        for i in range(5000):
            with open(os.path.join(many, f"{i:060}"), "wb"):
                pass
        self.plan = contract_plan(self.machine)
        self.back_up()
        process = self.machine.start("ls", "--recursive")
        process.stdout.readline()
        process.stdout.close()
        self.assertEqual(process.stderr.read(), b"")
        process.stderr.close()
        self.assertNotIn(process.wait(60), (2, -signal.SIGPIPE))


def slow_pipe(test, seconds, size=40_000_000, steps=40):
    """The reading end of a pipe that takes that long to give `size` bytes."""
    read_end, write_end = os.pipe()

    def feed():
        block = os.urandom(size // steps)
        try:
            for _ in range(steps):
                os.write(write_end, block)
                time.sleep(seconds / steps)
        except BrokenPipeError:
            pass
        os.close(write_end)

    thread = threading.Thread(target=feed, daemon=True)
    thread.start()
    test.addCleanup(thread.join)
    return read_end


class OnAConsole(CliTest):
    def setUp(self):
        super().setUp()
        self.machine.make_key()

    def test_a_terminal_shows_at_least_5_updates_in_10_seconds(self):
        seconds = 10
        source = slow_pipe(self, seconds)
        began = time.monotonic()
        terminal = OnTerminal(self.machine, "backup", "--stdin", "slow", stdin=source)
        os.close(source)
        done = terminal.finish()
        took = time.monotonic() - began
        self.assertEqual(done.status, 0, done)
        updates = [part for part in re.split(rb"\r", done.out) if b"MB/s" in part]
        self.assertGreaterEqual(len(set(updates)), 5, done)
        self.assertLessEqual(len(updates), 10 * (took + 2))
        for update in updates:
            self.assertRegex(update, rb"%.*MB/s.*ETA")
            self.assertLess(len(update), 130)
        # Nothing of it is left before the summary.
        self.assertRegex(done.out, rb"\x1b\[K(\r\n)?[^\r]*snapshot [0-9a-f]{32}")

    def test_a_first_backup_of_files_finds_its_total(self):
        workspace = self.machine.path("big")
        os.mkdir(workspace)
        for i in range(120):
            write_random(os.path.join(workspace, str(i)), 200_000, i)
        plan = self.machine.path("plans", "big.json")
        self.run_line("plan", "--spec-id", "big", "--tag", "t", "--output", plan)
        # Slow enough on any machine that the total is found while there is still something to do.
        slow = {**self.machine.preload("other_disk.c"), "SLOW_READS": "1"}
        done = OnTerminal(self.machine, "backup", "--spec", plan, "--workspace", workspace, "--workers", "1", env=slow).finish()
        self.assertEqual(done.status, 0, done)
        updates = [part for part in done.out.split(b"\r") if b"MB/s" in part]
        self.assertRegex(b"".join(updates), rb" \d+ %  [\d.]+ MB/s  ETA \d+:\d\d")

    def test_without_a_terminal_there_is_no_carriage_return(self):
        source = slow_pipe(self, 2, size=4_000_000)
        process = self.machine.start("backup", "--stdin", "slow", stdin=source)
        os.close(source)
        out, err = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 0, err)
        self.assertNotIn(b"\r", out + err)
        self.assertNotIn(b"\x1b", out + err)

    def test_quiet_says_nothing_of_success(self):
        self.workspace = small_workspace(self.machine)
        self.plan = contract_plan(self.machine)
        done = self.run_line("backup", "--spec", self.plan, "--workspace", self.workspace, "--quiet")
        self.assertEqual((done.out, done.err), (b"", b""))
        terminal = OnTerminal(self.machine, "-q", "verify", "--snapshot-id", "latest", "--all").finish()
        self.assertEqual((terminal.status, terminal.out), (0, b""))

    def test_no_color_is_obeyed(self):
        self.assertIn(b"\x1b[1;31m", OnTerminal(self.machine, "bakcup").finish().out)
        for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            self.assertNotIn(b"\x1b", OnTerminal(self.machine, "bakcup", env=env).finish().out)

    def test_an_archive_is_not_written_to_a_terminal(self):
        done = OnTerminal(self.machine, "dump").finish()
        self.assertEqual(done.status, 2, done)


class Passphrases(CliTest):
    def setUp(self):
        super().setUp()
        del self.machine.env["QNWIS_DR_KEK_FILE"]

    def make(self, first=b"correct horse\n", second=b"correct horse\n"):
        terminal = OnTerminal(self.machine, "keys", "init", "--output", self.machine.key_file)
        terminal.read_until(b"new passphrase: ")
        terminal.type(first)
        terminal.read_until(b"new passphrase again: ")
        terminal.type(second)
        return terminal.finish()

    def test_a_terminal_is_asked_without_echo(self):
        done = self.make()
        self.assertEqual(done.status, 0, done)
        self.assertNotIn(b"horse", done.out)
        terminal = OnTerminal(self.machine, "keys", "status")
        terminal.read_until(b"passphrase: ")
        terminal.type(b"correct horse\n")
        self.assertRegex(terminal.finish().out, rb"opens now +yes")

    def test_a_slip_makes_no_key(self):
        self.assertEqual(self.make(second=b"correct house\n").status, 2)
        self.assertFalse(os.path.exists(self.machine.key_file))

    def test_nobody_is_asked_where_nobody_is_or_with_no_input(self):
        self.assertEqual(self.make().status, 0)
        self.fails(12, "init")
        done = OnTerminal(self.machine, "init", "--no-input").finish()
        self.assertEqual(done.status, 12, done)
        self.assertNotIn(b"passphrase: ", done.out)

    def test_ctrl_c_at_the_question_leaves_the_terminal_as_it_was(self):
        terminal = OnTerminal(self.machine, "keys", "init", "--output", self.machine.key_file)
        terminal.read_until(b"new passphrase: ")
        time.sleep(0.2)
        terminal.type(b"\x03")
        done = terminal.finish()
        self.assertEqual(done.status, 130, done)
        self.assertFalse(os.path.exists(self.machine.key_file))


class Interrupted(CliTest):
    def setUp(self):
        super().setUp()
        self.machine.make_key()

    def interrupt(self, number):
        source = slow_pipe(self, 20, size=20_000_000)
        process = self.machine.start("backup", "--stdin", "slow", "--json", stdin=source)
        os.close(source)
        time.sleep(2)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def test_signals_stop_cleanly_with_130(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(signal=number):
                began = time.monotonic()
                status, out, err = self.interrupt(number)
                self.assertEqual(status, 130, err)
                self.assertLess(time.monotonic() - began, 15)
                error = check_schema(self, "error", json.loads(out.splitlines()[-1]))["error"]
                self.assertEqual(error["code"], "cancelled")
        self.assertEqual(self.machine.snapshots() if os.listdir(self.machine.storage) else [], [])

    def test_core_dumps_hold_no_keys(self):
        source = slow_pipe(self, 5, size=1_000_000)
        process = self.machine.start("backup", "--stdin", "slow", stdin=source)
        os.close(source)
        time.sleep(1)
        with open(f"/proc/{process.pid}/limits", encoding="utf-8") as file:
            limits = file.read()
        process.communicate(timeout=60)
        self.assertRegex(limits, r"Max core file size\s+0\s+0")


class Completion(CliTest):
    def script(self, shell):
        path = self.machine.path("completion." + shell)
        with open(path, "wb") as file:
            file.write(self.run_line("completion", shell).out)
        return path

    def complete(self, *words):
        """What bash offers for the last of `words`."""
        line = " ".join(words)
        code = (f"source {self.script('bash')}; complete -p qnwis_dr >/dev/null || exit 9; COMP_WORDS=({' '.join(w or chr(39) * 2 for w in words)}); "
                f"COMP_CWORD={len(words) - 1}; COMP_LINE='{line}'; COMP_POINT={len(line)}; _qnwis_dr; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
        done = subprocess.run(["bash", "--norc", "-c", code], capture_output=True, text=True, check=True, cwd=self.machine.path("home"))
        self.assertEqual(done.stderr, "")
        return set(done.stdout.split())

    def test_bash_completes_commands_and_options(self):
        self.assertEqual(self.complete("qnwis_dr", "re"), {"restore"})
        self.assertEqual(self.complete("qnwis_dr", "keys", "slot", ""), {"add", "remove", "list"})
        self.assertEqual(self.complete("qnwis_dr", "restore", "--ta"), {"--target-path"})
        self.assertIn("--json", self.complete("qnwis_dr", "keys", "slot", "list", "--"))
        self.assertTrue({"--worm", "--no-worm"} <= self.complete("qnwis_dr", "backup", "--"))
        self.assertEqual(self.complete("qnwis_dr", "list", "--backend", "a"), {"archive"})
        self.assertEqual(self.complete("qnwis_dr", "completion", ""), {"bash", "zsh", "fish"})
        os.mkdir(self.machine.path("home", "some directory"))
        self.assertIn("directory", self.complete("qnwis_dr", "list", "--storage-path", "so"))

    @unittest.skipUnless(shutil.which("zsh"), "zsh is not installed")
    def test_zsh_reads_it(self):
        subprocess.run(["zsh", "-n", self.script("zsh")], check=True)
        code = f"autoload -U compinit; compinit -u -D; source {self.script('zsh')}; print $_comps[qnwis_dr]"
        done = subprocess.run(["zsh", "-f", "-c", code], capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout.strip(), "_qnwis_dr", done.stderr)

    @unittest.skipUnless(shutil.which("fish"), "fish is not installed")
    def test_fish_completes(self):
        path = self.script("fish")
        subprocess.run(["fish", "-n", path], check=True)
        environment = {**os.environ, "HOME": self.machine.path("home"), "XDG_CONFIG_HOME": self.machine.path("home")}

        def offered(line):
            done = subprocess.run(["fish", "--no-config", "-c", f"source {path}; complete -C '{line}'"], capture_output=True, text=True, check=True,
                                  env=environment)
            return {line.split("\t")[0] for line in done.stdout.splitlines()}

        self.assertEqual(offered("qnwis_dr re"), {"restore"})
        self.assertTrue({"add", "remove", "list"} <= offered("qnwis_dr keys slot "))
        self.assertIn("--target-path", offered("qnwis_dr restore --ta"))


if __name__ == "__main__":
    main()

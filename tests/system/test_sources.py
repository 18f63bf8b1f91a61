"""What a backup says about its sources: nothing is lost in silence, and no backup of nothing looks like a good one."""

import mmap
import os
import shutil
import subprocess
import time
import unittest

from dr_test import Machine, main, next_command

PRIVATE_KEY = b"-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n"


def file_system_of(path):
    done = subprocess.run(["stat", "-f", "-c", "%T", path], stdout=subprocess.PIPE, check=True)
    return done.stdout.decode().strip()


class Sources(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.machine = Machine(self).make_key()
        self.workspace = self.machine.path("workspace")
        os.mkdir(self.workspace)

    def put(self, path, content=b"x\n"):
        full = os.path.join(self.workspace, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as file:
            file.write(content)
        return full

    def plan(self, *words):
        file = self.machine.path("plans", "plan.json")
        self.machine.run("plan", "--spec-id", "p", "--tag", "daily", *words, "--output", file)
        return file

    def backup(self, *words, code=0):
        """Of a plan with these words, in the workspace."""
        return self.machine.run("backup", "--spec", self.plan(*words), "--workspace", self.workspace, "--json", code=code)

    def explain(self, *words):
        return self.machine.run("plan", "--spec-id", "p", "--tag", "daily", *words, "--workspace", self.workspace, "--explain", "--json").json

    def reasons(self, done):
        return {problem["path"]: problem["error"] for problem in done.json["unreadable"]}

    # --- changes ---

    def test_a_store_through_a_mapping_is_in_the_next_snapshot(self):
        if file_system_of(self.workspace) == "tmpfs":
            self.skipTest("a page of tmpfs is never clean again, so its times say nothing")
        path = self.put("mapped", bytes(8192))
        with open(path, "r+b") as file, mmap.mmap(file.fileno(), 8192) as mapping:
            mapping[0:5] = b"FIRST"
            time.sleep(4)
            self.backup()
            mapping[0:5] = b"SECND"
            self.backup()
            target = os.path.join(self.machine.target, "second")
            self.machine.restore(target)
            with open(os.path.join(target, "mapped"), "rb") as restored:
                self.assertEqual(restored.read(5), b"SECND")
            mapping.flush()
        self.backup()
        target = os.path.join(self.machine.target, "third")
        self.machine.restore(target)
        with open(os.path.join(target, "mapped"), "rb") as restored:
            self.assertEqual(restored.read(5), b"SECND")

    # --- symbolic links ---

    def test_a_path_behind_a_link_is_reported(self):
        self.put("real/sub/file")
        os.symlink("real", os.path.join(self.workspace, "link"))
        self.put("beside")
        done = self.backup("--paths", "link/sub", "beside", code=3)
        reason = self.reasons(done)["link/sub"]
        self.assertIn("symbolic link 'link'", reason)
        self.assertIn(f'paths: ["{os.path.realpath(self.workspace)}/real/sub"]', reason)
        alone = self.backup("--paths", "link/sub", code=10)
        self.assertIn(reason, alone.err.decode())
        self.assertEqual(self.backup("--paths", "real/sub").json["file_count"], 1)

    def test_audit_packs_that_are_a_link_are_reported(self):
        os.makedirs(self.machine.path("big") + "/evidence")
        evidence = os.path.realpath(self.machine.path("big", "evidence"))
        with open(os.path.join(evidence, "pack"), "wb") as file:
            file.write(b"evidence\n")
        os.symlink(evidence, os.path.join(self.workspace, "audit_packs"))
        done = self.backup("--audit-packs", code=3)
        self.assertIn(f'paths: ["{evidence}"]', self.reasons(done)["audit_packs"])
        self.assertIn(b"audit_packs", done.err)
        self.assertEqual(self.backup("--audit-packs", "--paths", evidence).json["file_count"], 1)

    def test_audit_packs_on_a_disk_that_is_not_mounted_are_reported(self):
        self.put(".env.example")
        disk = self.machine.path("no-disk")
        os.symlink(disk, os.path.join(self.workspace, "audit_packs"))
        expected = f"it leads to '{disk}', which is not there"
        for words in (["--audit-packs"], ["--audit-packs", "--config-files"]):
            self.assertIn(expected, self.reasons(self.backup(*words, code=3))["audit_packs"])
            explained = self.machine.run("plan", "--spec-id", "p", "--tag", "daily", *words, "--workspace", self.workspace, "--explain")
            self.assertIn(expected, explained.err.decode())

    def test_the_advice_for_what_lies_behind_a_link_ends_the_report(self):
        elsewhere = os.path.realpath(self.machine.root) + "/elsewhere"
        os.makedirs(os.path.join(elsewhere, "config"))
        with open(os.path.join(elsewhere, "config", "rbac.yml"), "wb") as file:
            file.write(b"x\n")
        os.mkdir(os.path.join(self.workspace, "src"))
        os.symlink(elsewhere, os.path.join(self.workspace, "src", "qnwis"))
        self.assertIn(f'paths: ["{elsewhere}/config"]', self.backup("--config-files", code=10).err.decode())
        self.assertEqual(self.backup("--config-files", "--paths", elsewhere + "/config").json["file_count"], 1)

    def test_a_catalog_behind_a_link_says_why_the_dataset_is_not_there(self):
        elsewhere = self.machine.path("elsewhere")
        os.makedirs(os.path.join(elsewhere, "catalog"))
        with open(os.path.join(elsewhere, "catalog", "LMIS_A.csv"), "wb") as file:
            file.write(b"x\n")
        os.symlink(elsewhere, os.path.join(self.workspace, "data"))
        done = self.backup("--datasets", "LMIS_A", code=10)
        self.assertIn("symbolic link 'data'", done.err.decode())

    # --- nothing stored ---

    def test_parts_that_are_nowhere_are_no_backup(self):
        done = self.backup("--audit-packs", "--config-files", code=10)
        self.assertIn("'audit_packs' and 'config'", done.err.decode())
        self.assertEqual(self.machine.snapshots(), [])

    def test_a_part_that_is_nowhere_beside_others_is_reported(self):
        self.put(".env.example")
        done = self.backup("--audit-packs", "--config-files", code=3)
        self.assertEqual(list(self.reasons(done)), ["audit_packs"])
        self.assertEqual(done.json["file_count"], 1)
        self.put("audit_packs/pack")
        self.assertEqual(self.backup("--audit-packs", "--config-files").json["file_count"], 2)

    def test_directories_alone_are_no_backup(self):
        self.put("audit_packs/x.log")
        os.mkdir(os.path.join(self.workspace, "empty"))
        for words in (["--audit-packs"], ["--paths", "empty"], ["--paths", "missing"]):
            done = self.backup(*words, code=10)
            self.assertIn("the plan selects no file that could be stored", done.err.decode())
            explained = self.machine.run("plan", "--spec-id", "p", "--tag", "daily", *words, "--workspace", self.workspace, "--explain")
            self.assertIn(b"nothing would be stored", explained.out)
        shutil.rmtree(os.path.join(self.workspace, "audit_packs"))
        self.backup(code=10)  # the whole of an empty workspace
        self.assertEqual(self.machine.snapshots(), [])

    def test_a_part_without_a_file_beside_others_is_reported(self):
        self.put("audit_packs/x.log")
        self.put(".env.example")
        words = ["--audit-packs", "--config-files"]
        done = self.backup(*words, code=3)
        self.assertEqual(self.reasons(done), {"audit_packs": "the plan asks for audit_packs, and no file of it is stored"})
        explained = self.machine.run("plan", "--spec-id", "p", "--tag", "daily", *words, "--workspace", self.workspace, "--explain")
        self.assertIn("no file of it is stored", explained.err.decode())
        os.symlink("x.log", os.path.join(self.workspace, "audit_packs", "latest"))
        self.backup(*words)
        self.backup(*words)  # unchanged

    def test_what_to_type_next_names_the_plan_and_the_workspace(self):
        workspace = self.workspace = self.machine.path("a    b")
        os.mkdir(workspace)
        for words in (["--datasets", "LMIS_A"], ["--audit-packs"], []):
            command = next_command(self.backup(*words, code=10).err.decode())
            self.assertEqual(command, f"qnwis_dr plan --spec {self.machine.path('plans', 'plan.json')} --workspace '{workspace}' --explain")
            subprocess.run(["sh", "-c", command.replace("qnwis_dr", self.machine.program, 1)], env=self.machine.env, check=True,
                           stdout=subprocess.DEVNULL)

    def test_a_dataset_of_which_nothing_is_stored_is_no_backup(self):
        self.put("data/catalog/LMIS_KEY.csv", PRIVATE_KEY)
        self.put("data/catalog/LMIS_GOOD.csv")
        done = self.backup("--datasets", "LMIS_KEY", "LMIS_GOOD", code=10)
        self.assertIn("no file of dataset 'LMIS_KEY' could be stored", done.err.decode())
        self.assertEqual(self.machine.snapshots(), [])
        self.assertEqual(self.explain("--datasets", "LMIS_KEY", "LMIS_GOOD")["datasets_missing"], ["LMIS_KEY"])
        self.assertEqual(self.backup("--datasets", "LMIS_GOOD").json["file_count"], 1)

    # --- secrets ---

    def test_the_files_that_open_the_repository_are_left_out_wherever_they_lie(self):
        self.put("kept")
        shutil.copy(self.machine.path("kek"), os.path.join(self.workspace, "kek-of-backups"))
        shutil.copy(self.machine.key_file, os.path.join(self.workspace, "opens-it.json"))
        self.put("phrase", b"passphrase\n")
        self.machine.env.update({"QNWIS_DR_KEK_FILE": os.path.join(self.workspace, "kek-of-backups"),
                                 "QNWIS_DR_KEY_FILE": os.path.join(self.workspace, "opens-it.json"),
                                 "QNWIS_DR_PASSPHRASE_FILE": os.path.join(self.workspace, "phrase")})
        explained = self.explain()
        self.assertEqual((explained["file_count"], explained["skipped"]), (1, {"secret": 3}))
        self.assertIn("secret.of_these_backups", [rule["id"] for rule in explained["explain"]])
        done = self.backup().json
        self.assertEqual((done["file_count"], done["skipped"]), (1, {"secret": 3}))

    def test_a_key_encryption_key_is_known_by_its_content_and_by_any_name_it_was_given(self):
        self.put("kept")
        shutil.copy(self.machine.path("kek"), os.path.join(self.workspace, "notes.txt"))
        overridden = self.put("phrase", b"passphrase\n")
        config = self.machine.path("config.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"passphrase_file = '{overridden}'\n")
        env = {"QNWIS_DR_CONFIG": config, "QNWIS_DR_PASSPHRASE_FILE": "/dev/null"}
        done = self.machine.run("backup", "--spec", self.plan(), "--workspace", self.workspace, "--json", env=env).json
        self.assertEqual((done["file_count"], done["skipped"]), (1, {"private_key": 1, "secret": 1}))

    def test_a_private_key_in_front_of_a_hole_is_left_out(self):
        path = self.put("sparse", PRIVATE_KEY)
        os.truncate(path, 20_000)
        self.put("kept")
        explained = self.explain()
        done = self.backup().json
        self.assertEqual((done["file_count"], done["skipped"]), (1, {"private_key": 1}))
        self.assertEqual((explained["file_count"], explained["skipped"]), (1, {"private_key": 1}))


if __name__ == "__main__":
    main()

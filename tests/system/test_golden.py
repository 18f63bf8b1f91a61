#!/usr/bin/env python3
"""Every version restores the golden repository of each format version ever released (tests/format/v*/)."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from dr_machine import main

FORMATS = pathlib.Path(__file__).resolve().parents[1] / "format"
PROGRAM = os.environ["QNWIS_DR"]


class Golden(unittest.TestCase):
    def test_every_released_format_restores(self):
        versions = sorted(FORMATS.glob("v*"))
        self.assertTrue(versions, "there is no golden repository")
        for version in versions:
            with self.subTest(version.name), tempfile.TemporaryDirectory() as scratch:
                self.restore(version, pathlib.Path(scratch))

    def restore(self, version, scratch):
        shutil.copytree(version, scratch / "golden")
        golden = scratch / "golden"
        (scratch / "restore").mkdir()
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(scratch),
            "QNWIS_DR_CONFIG": "/dev/null",
            "QNWIS_DR_KEK_FILE": str(golden / "kek"),
            "QNWIS_DR_KEY_FILE": str(golden / "dr_key.json"),
            "QNWIS_DR_STORAGE_PATH": str(golden / "repository"),
            "QNWIS_DR_STATE_DIR": str(scratch / "state"),
            "QNWIS_DR_ALLOWED_TARGETS": str(scratch / "restore"),
        }

        def run(*arguments):
            result = subprocess.run([PROGRAM, *arguments], env=environment, capture_output=True, text=True)
            self.assertEqual(result.returncode, 0, result.stderr)
            return result.stdout

        oldest, latest = (snapshot["snapshot_id"] for snapshot in json.loads(run("list", "--json"))["snapshots"])
        for snapshot, lines in ((latest, 20_001), (oldest, 20_000)):
            run("verify", "--snapshot-id", snapshot, "--all")
            target = scratch / "restore" / snapshot
            run("restore", "--snapshot-id", snapshot, "--target-path", str(target))
            numbers = target / "source/numbers.csv"
            self.assertEqual(numbers.read_text(encoding="ascii"), "".join(f"{number}\n" for number in range(1, lines + 1)))
            # In everything but its numbers the oldest one is what the latest is.
            numbers.write_text("".join(f"{number}\n" for number in range(1, 20_002)), encoding="ascii")
            checked = subprocess.run(
                ["sha256sum", "-c", "--quiet", str(golden / "expected.sha256")], cwd=target / "source", capture_output=True, text=True
            )
            self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)


if __name__ == "__main__":
    main()

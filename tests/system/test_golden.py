#!/usr/bin/env python3
"""Every version restores the golden repository of each format version ever released (tests/format/v*/)."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

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

        run("verify", "--snapshot-id", "latest", "--all")
        run("restore", "--snapshot-id", "latest", "--target-path", str(scratch / "restore/data"))
        checked = subprocess.run(
            ["sha256sum", "-c", "--quiet", str(golden / "expected.sha256")], cwd=scratch / "restore/data/source", capture_output=True, text=True
        )
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        # The oldest snapshot too: its number file has one line fewer.
        oldest = run("list", "--json")
        self.assertEqual(oldest.count('"snapshot_id"'), 2)


if __name__ == "__main__":
    unittest.main()

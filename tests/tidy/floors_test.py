#!/usr/bin/env python3
"""The floors check must find a planted include that points up, a module without a line, and nothing in a clean tree."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

CHECK = pathlib.Path(__file__).with_name("floors.py")


class Floors(unittest.TestCase):
    def run_on(self, files):
        with tempfile.TemporaryDirectory() as root:
            for name, text in files.items():
                path = pathlib.Path(root, "src/dr", name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return subprocess.run([sys.executable, CHECK, root], capture_output=True, text=True)

    def test_an_include_that_points_down_is_fine(self):
        self.assertEqual(self.run_on({"FLOORS": "low\nhigh\n", "low/a.h": "", "high/b.h": '#include "dr/low/a.h"\n'}).returncode, 0)

    def test_an_include_that_points_up_is_named(self):
        result = self.run_on({"FLOORS": "low\nhigh\n", "high/b.h": "", "low/a.h": '\n#include "dr/high/b.h"\n'})
        self.assertEqual(result.returncode, 1)
        self.assertIn("src/dr/low/a.h:2", result.stdout)

    def test_a_module_without_a_line_is_named(self):
        result = self.run_on({"FLOORS": "low\n", "low/a.h": "", "stray/b.h": ""})
        self.assertEqual(result.returncode, 1)
        self.assertIn("stray", result.stdout)


if __name__ == "__main__":
    unittest.main()

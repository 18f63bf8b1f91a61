#!/usr/bin/env python3
"""Tests of bench/compare. BENCH_BIN_DIR names the directory of the built programs."""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from comparing import measure, plots, tools  # noqa: E402  (the path comes first)
from comparing.figures import Figures, budget, check  # noqa: E402
from comparing.report import Report  # noqa: E402
from comparing.session import OPERATIONS, Session  # noqa: E402

BINARIES = os.environ.get("BENCH_BIN_DIR", "")


def row(tool, wall, repetition=0, operation="first", corpus="code", **more):
    return {"corpus": corpus, "operation": operation, "tool": tool, "repetition": repetition, "wall_s": wall, "cpu_s": wall,
            "peak_mib": 10, "other_cpu": 0, "steal": 0, **more}


class JudgesFairly(unittest.TestCase):
    def test_a_ratio_is_taken_within_each_repetition(self):
        # The machine was three times slower in the second repetition; the tools compare as before.
        figures = Figures([row("limit", 1.0), row("qnwis_dr", 1.4), row("limit", 3.0, 1), row("qnwis_dr", 4.2, 1)])
        self.assertAlmostEqual(figures.ratio("code", "first", "qnwis_dr", "limit"), 1.4)

    def test_a_failed_command_gives_no_figure(self):
        figures = Figures([row("qnwis_dr", 0.1, failed=True), row("limit", 1.0)])
        self.assertIsNone(figures.ratio("code", "first", "qnwis_dr", "limit"))

    def test_what_was_not_measured_is_neither_met_nor_missed(self):
        line = check("restore", "code", None, 1.5, 1.2)
        self.assertIsNone(line["close_met"])
        self.assertIsNone(line["want_met"])

    def test_both_columns_are_judged(self):
        line = check("restore", "code", 1.3, 1.5, 1.2)
        self.assertTrue(line["close_met"])
        self.assertFalse(line["want_met"])

    def test_the_size_is_held_against_the_smaller_of_restic_and_borg(self):
        rows = [row(tool, 1, repository_bytes=size) for tool, size in (("qnwis_dr", 100), ("restic", 125), ("borg", 80))]
        line = next(line for line in budget(Figures(rows), ["code"], "qnwis_dr") if "first / smaller" in line["work"])
        self.assertAlmostEqual(line["value"], 1.25)
        self.assertFalse(line["close_met"])

    def test_a_million_unchanged_files_are_judged_against_the_bare_walk(self):
        rows = [row("limit", 1.0, operation="unchanged", corpus="tiny1M"), row("qnwis_dr", 1.9, operation="unchanged", corpus="tiny1M")]
        line = next(line for line in budget(Figures(rows), ["tiny1M"], "qnwis_dr") if "statx" in line["work"])
        self.assertTrue(line["close_met"])
        self.assertFalse(line["want_met"])

    def test_every_plot_is_well_formed(self):
        import xml.dom.minidom
        made = plots.all_plots(Figures([row("qnwis_dr", 1.0, repository_bytes=5), row("limit", 0.5)]), ["code"], ["limit", "qnwis_dr"])
        self.assertEqual(set(made), {"first.svg", "size-first.svg"})
        for text in made.values():
            xml.dom.minidom.parseString(text)


class Spoiler(tools.Copy):
    """A tool that restores everything but one byte."""

    name = "cp"

    def restored_root(self, target):
        root = super().restored_root(target)
        victim = max((os.path.join(at, name) for at, _folders, names in os.walk(root) for name in names), key=os.path.getsize)
        before = os.stat(victim)
        with open(victim, "r+b") as file:
            first = file.read(1)
            file.seek(0)
            file.write(bytes([first[0] ^ 1]))
        os.utime(victim, ns=(before.st_atime_ns, before.st_mtime_ns))
        return root


@unittest.skipUnless(BINARIES, "BENCH_BIN_DIR is not set")
class RunsForReal(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.scratch)

    def session(self, names, **more):
        options = argparse.Namespace(
            corpora=["code"], ops=list(OPERATIONS), tools=names, reps=1, scale=0.002, dir=self.scratch, repositories=self.scratch,
            restores=self.scratch, bin_dir=BINARIES, subject=names[0], cold=False, comparer="same_tree", settle=0, timeout=600, keep=False)
        vars(options).update(more)
        session = Session(options)
        session.run()
        return session

    def test_a_run_measures_every_operation_a_tool_has(self):
        session = self.session(["tar", "cp"])
        self.assertEqual(session.problems, [])
        measured = {(found["tool"], found["operation"]) for found in session.rows}
        self.assertEqual(measured, {(tool, operation) for tool, operations in {
            "limit": ("first", "unchanged", "changed", "restore", "verify"), "tar": ("first", "unchanged", "changed", "restore", "verify"),
            "cp": ("first", "restore")}.items() for operation in operations})
        self.assertTrue(all(found["equal"] for found in session.rows if found["operation"] == "restore"))

    def test_a_restore_with_one_wrong_byte_voids_the_run(self):
        good = tools.ALL["cp"]
        tools.ALL["cp"] = Spoiler
        self.addCleanup(tools.ALL.__setitem__, "cp", good)
        session = self.session(["cp"])
        self.assertEqual([(problem["tool"], problem["operation"]) for problem in session.problems], [("cp", "restore")])
        text = Report({"scale": 1, "versions": {}}, session.trees, session.rows, session.problems, [], ["cp"], "cp").markdown()
        self.assertIn("**This run is void**", text)

    def test_memory_is_the_commands_own_and_not_the_callers(self):
        # This process holds 64 MiB; `true` must not be said to.
        ballast = bytearray(random.Random(1).randbytes(64 << 20))
        cost = measure.run(measure.Command(["true"]), os.path.join(BINARIES, "run_measured"), 60)
        self.assertLess(cost.peak_mib, 32)
        self.assertEqual(len(ballast), 64 << 20)

    def test_the_seed_decides_a_corpus_and_its_changes(self):
        trees = [os.path.join(self.scratch, name) for name in ("a", "b")]
        for tree in trees:
            for arguments in (["code", tree, "--scale", "0.003"], ["change", tree, "--seed", "5", "--part", "0.2"]):
                subprocess.run([os.path.join(BINARIES, "make_corpus"), *arguments], check=True)
        subprocess.run(["diff", "-r", *trees], check=True)


@unittest.skipUnless(BINARIES, "BENCH_BIN_DIR is not set")
class TellsTreesApart(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.scratch)
        self.a = os.path.join(self.scratch, "a")
        os.makedirs(os.path.join(self.a, "folder"))
        for name in ("one", "folder/two"):
            with open(os.path.join(self.a, name), "wb") as file:
                file.write(b"content" * 1000)
        os.link(os.path.join(self.a, "one"), os.path.join(self.a, "linked"))
        os.symlink("one", os.path.join(self.a, "symbolic"))
        self.b = os.path.join(self.scratch, "b")
        subprocess.run(["cp", "-a", self.a, self.b], check=True)

    def said(self):
        return subprocess.run([os.path.join(BINARIES, "same_tree"), self.a, self.b], capture_output=True, text=True, check=False).stdout

    def test_a_copy_is_equal(self):
        self.assertEqual(self.said(), "")

    def test_each_kind_of_difference_is_named(self):
        def inside(name):
            return os.path.join(self.b, name)

        def replace_link():
            os.remove(inside("symbolic"))
            os.symlink("two", inside("symbolic"))

        def break_hard_link():
            shutil.copy2(inside("one"), inside("new"))
            os.rename(inside("new"), inside("linked"))

        spoils = {"modes differ": lambda: os.chmod(inside("folder/two"), 0o600),
                  "times differ": lambda: os.utime(inside("folder/two"), ns=(1, 1)),
                  "sizes differ": lambda: os.truncate(inside("folder/two"), 5),
                  "missing in the second": lambda: os.remove(inside("folder/two")),
                  "missing in the first": lambda: os.mkdir(inside("extra")),
                  "link targets differ": replace_link,
                  "is a hard link on one side only": break_hard_link}
        for words, spoil in spoils.items():
            with self.subTest(words):
                shutil.rmtree(self.b)
                subprocess.run(["cp", "-a", self.a, self.b], check=True)
                spoil()
                self.assertIn(words, self.said())


if __name__ == "__main__":
    unittest.main()

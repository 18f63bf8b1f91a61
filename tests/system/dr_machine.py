"""A scratch machine for system tests: directories, keys and the environment of one `qnwis_dr`, and how to run it as users do.

Everything lies in one temporary directory that goes with the machine, whatever flags and modes the test left there.
"""

import ctypes
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

PROGRAM = os.environ.get("QNWIS_DR") or os.path.join(os.path.dirname(__file__), "../../build/release/bin/qnwis_dr")
SAMPLE_WORKSPACE = os.environ.get("SAMPLE_WORKSPACE") or os.path.join(os.path.dirname(PROGRAM), "sample_workspace")
# What a coverage build adds where the program runs as somebody who may not write its counts.
COUNTS_NOT_WRITTEN = re.compile(rb"(?m)^profiling:.*:Cannot open\n")
LONG = os.environ.get("DR_TEST_LONG", "") not in ("", "0")
IS_ROOT = os.geteuid() == 0
NOBODY = 65534
MIB = 1 << 20


class Done:
    """What a run left behind: exit status, output as bytes."""

    def __init__(self, words, status, out, err):
        self.words, self.status, self.out, self.err = words, status, out, err

    def __str__(self):
        text = lambda data: data.decode("utf-8", "backslashreplace")[-4000:]
        return f"$ {' '.join(map(str, self.words))}\nexit {self.status}\n{text(self.out)}\n{text(self.err)}"

    @property
    def json(self):
        """The last JSON object on standard output."""
        lines = [line for line in self.out.split(b"\n") if line.startswith(b"{")]
        if not lines:
            raise AssertionError(f"no JSON object in the output of\n{self}")
        return json.loads(lines[-1])


class Machine:
    """`test` is told about failures; the machine cleans up when the test ends."""

    def __init__(self, test, user=None, root=None):
        self.test = test
        self.root = root or tempfile.mkdtemp(prefix="qnwis-test-", dir=os.environ.get("TMPDIR", "/tmp"))
        os.chmod(self.root, 0o755)
        test.addCleanup(remove_tree, self.root)
        self.user = user
        self.storage = self.path("backups")
        self.target = self.path("restore")
        self.key_file = self.path("dr_key.json")
        self.program = PROGRAM
        for directory in ("backups", "restore", "plans", "home"):
            os.mkdir(self.path(directory))
        self.env = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C",
            "HOME": self.path("home"),
            "QNWIS_DR_KEK_FILE": self.path("kek"),
            "QNWIS_DR_STORAGE_PATH": self.storage,
            "QNWIS_DR_KEY_FILE": self.key_file,
            "QNWIS_DR_ALLOWED_TARGETS": self.target,
            "QNWIS_DR_STATE_DIR": self.path("state"),
            "QNWIS_DR_CONFIG": "/dev/null",
        }
        for name, value in os.environ.items():
            if name.endswith("SAN_OPTIONS"):
                self.env[name] = value
        if user is not None:
            # A program below root's home cannot be run by others.
            self.program = self.path("qnwis_dr")
            shutil.copy2(PROGRAM, self.program)
            for name in ("", "backups", "restore", "plans", "home"):
                os.chown(self.path(name), user, user)

    def path(self, *names):
        return os.path.join(self.root, *[name for name in names if name])

    # --- running ---

    def as_user(self, words, user):
        return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--inh-caps=-all", "--", *words]

    def start(self, *words, env=None, cwd=None, **more):
        """The program, running."""
        line = [self.program, *map(os.fspath, words)]
        if self.user is not None:
            line = self.as_user(line, self.user)
        more.setdefault("stdin", subprocess.DEVNULL)
        more.setdefault("stdout", subprocess.PIPE)
        more.setdefault("stderr", subprocess.PIPE)
        return subprocess.Popen(line, env={**self.env, **(env or {})}, cwd=cwd or self.path("home"), **more)

    def try_run(self, *words, timeout=3000, **more):
        process = self.start(*words, **more)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            self.test.fail(f"still running after {timeout} s: {words}")
        return Done(words, process.returncode, out or b"", COUNTS_NOT_WRITTEN.sub(b"", err or b""))

    def run(self, *words, code=0, **more):
        done = self.try_run(*words, **more)
        allowed = code if isinstance(code, tuple) else (code,)
        self.test.assertIn(done.status, allowed, f"expected exit {code}:\n{done}")
        if done.status not in (0, 130):
            self.test.assertRegex(done.err, rb"(?m)^qnwis_dr: \S", f"it does not say what failed:\n{done}")
        return done

    def preload(self, name):
        """The environment of a program that has the C file `name` of this directory in front of its libraries."""
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            self.test.skipTest(f"needs a C compiler for {name}")
        library = self.path(name + ".so")
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
        return {"LD_PRELOAD": library, "ASAN_OPTIONS": self.env.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}

    # --- the usual steps ---

    def make_key(self):
        self.run("keys", "init", "--output", self.key_file)
        return self

    def plan(self, name, paths, *more):
        """A plan for `paths`, with nothing left out by default; returns its file."""
        file = self.path("plans", name + ".json")
        self.run("plan", "--spec-id", name, "--tag", "daily", "--no-default-excludes", "--paths", *paths, *more, "--output", file)
        return file

    def backup(self, plan, *more, code=0, **how):
        done = self.run("backup", "--spec", plan, "--json", *more, code=code, **how)
        return done.json

    def restore(self, target, *more, snapshot="latest", code=0, **how):
        return self.run("restore", "--snapshot-id", snapshot, "--target-path", target, "--json", *more, code=code, **how).json

    def snapshots(self):
        """Ids, oldest first."""
        return [snapshot["snapshot_id"] for snapshot in self.run("list", "--json").json["snapshots"]]

    def verify_everything(self, snapshots=None):
        """Every byte of every snapshot."""
        for snapshot in self.snapshots() if snapshots is None else snapshots:
            report = self.run("verify", "--snapshot-id", snapshot, "--all", "--json").json
            self.test.assertTrue(report["passed"], report)

    def pack_bytes(self):
        return tree_bytes(os.path.join(self.storage, "packs"))


def tree_bytes(directory):
    """Bytes in files below `directory`, which others may be changing."""
    total = 0
    for parent, _, files in os.walk(directory):
        for name in files:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size
            except FileNotFoundError:
                pass
    return total


def remove_tree(directory):
    """Also what is immutable, or too deep for a path."""
    subprocess.run(["chattr", "-R", "-f", "-i", "-a", directory], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    subprocess.run(["rm", "-rf", "--one-file-system", directory], check=False)


def write_random(path, size, seed):
    """Incompressible, and the same for the same seed."""
    source = random.Random(seed)
    with open(path, "wb") as file:
        while size > 0:
            part = min(size, MIB)
            file.write(source.randbytes(part))
            size -= part


def enter_private_mounts():
    """Mounts that this process makes from now on are seen by it and its children only. False where the machine does not allow it."""
    clone_newns = 0x00020000
    if not IS_ROOT or ctypes.CDLL(None, use_errno=True).unshare(clone_newns) != 0:
        return False
    done = subprocess.run(["mount", "--make-rprivate", "/"], check=False, stderr=subprocess.DEVNULL)
    return done.returncode == 0


ALL_SKIPPED = 77  # ctest's SKIP_RETURN_CODE


def main():
    """Runs the tests of the file. What was skipped as a whole is not passed: ctest is told."""
    result = unittest.main(verbosity=2, argv=[sys.argv[0], *sys.argv[1:]], exit=False).result
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(ALL_SKIPPED if result.skipped and len(result.skipped) >= result.testsRun else 0)

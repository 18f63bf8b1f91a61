"""The independent reader (tools/reader) restores what the binary wrote, and the repository gives nothing away."""

import hashlib
import json
import os
import pathlib
import random
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

BINARY = os.environ.get("QNWIS_DR", "")
GENERATOR = os.environ.get("SAMPLE_WORKSPACE", "")
READER = pathlib.Path(__file__).resolve().parents[2] / "tools" / "reader" / "qnwis_read.py"
sys.path.insert(0, str(READER.parent))

from dr_machine import main  # noqa: E402
import qnwis_format  # noqa: E402
from reader_test import KeysTest, NumbersTest, PacksTest, TreesTest  # noqa: E402, F401  (the reader's own tests run here too)

CANARY_NAME = b"canary-file-name"
CANARY_CONTENT = b"canary-content-of-a-file"
CANARY_XATTR = b"canary-xattr-value"
MIB = 1 << 20


def make_source(root):
    """A tree with everything that a reader must bring back. Bytes come from a seed."""
    numbers = random.Random(1)
    at = os.fsencode(root)
    for folder in (b"empty", b"deep/er/est", b"tiny", b"na\xefve \xff\xfe", b"line\nbreak"):
        os.makedirs(os.path.join(at, folder))
    files = {
        b"none": b"",
        b"inline": CANARY_CONTENT,
        b"deep/er/est/" + CANARY_NAME: CANARY_CONTENT * 1000,
        b"deep/random-small": numbers.randbytes(70_000),
        b"big": numbers.randbytes(9 * MIB),
        b"big-compressible": (CANARY_CONTENT + b" 0123456789\n") * 100_000,
        b"na\xefve \xff\xfe/\x80\x81": b"bytes that are no text",
        b"line\nbreak/back\\slash": b"names that sha256sum escapes",
        b"old": b"from before 1970",
        b"set-id": b"#!/bin/true\n",
    }
    for number in range(600):
        files[b"tiny/%04d" % number] = numbers.randbytes(numbers.randrange(300))
    for name, data in files.items():
        write(os.path.join(at, name), data)
    for number in range(2500):  # more names than one node holds
        os.symlink(b"%d" % number, os.path.join(at, b"empty", b"link-%05d" % number))
    os.mkdir(os.path.join(at, b"really-empty"))
    with open(os.path.join(at, b"sparse"), "wb") as file:
        file.seek(3 * MIB)
        file.write(CANARY_CONTENT)
        file.truncate(20 * MIB)
    with open(os.path.join(at, b"all-hole"), "wb") as file:
        file.truncate(5 * MIB)
    os.link(os.path.join(at, b"big"), os.path.join(at, b"deep/hard-link-to-big"))
    os.link(os.path.join(at, b"inline"), os.path.join(at, b"another-inline"))
    os.symlink(b"nowhere/" + CANARY_NAME, os.path.join(at, b"dangling"))
    os.symlink(b"deep", os.path.join(at, b"to-a-directory"))
    os.mkfifo(os.path.join(at, b"fifo"), 0o640)
    os.setxattr(os.path.join(at, b"inline"), b"user.canary", CANARY_XATTR)
    os.setxattr(os.path.join(at, b"old"), b"user.large", CANARY_XATTR * 150)
    os.setxattr(os.path.join(at, b"deep"), b"user.of-a-directory", b"\x00\xff")
    os.chmod(os.path.join(at, b"set-id"), 0o6755)
    os.chmod(os.path.join(at, b"really-empty"), 0o1500)
    os.chmod(os.path.join(at, b"none"), 0)
    os.utime(os.path.join(at, b"old"), ns=(-10**18 + 1, -10**18 + 1))
    os.utime(os.path.join(at, b"dangling"), ns=(10**18 + 5, 10**18 + 5), follow_symlinks=False)
    os.utime(os.path.join(at, b"deep"), ns=(10**18 + 123456789, 10**18 + 123456789))


def change_source(root):
    at = os.fsencode(root)
    with open(os.path.join(at, b"big"), "r+b") as file:
        file.seek(4 * MIB)
        file.write(b"changed in the middle")
    write(os.path.join(at, b"tiny/0007"), b"changed " + CANARY_CONTENT)
    write(os.path.join(at, b"new"), b"new in the second snapshot")
    os.unlink(os.path.join(at, b"tiny/0008"))
    os.unlink(os.path.join(at, b"deep/random-small"))


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def picture(root):
    """{path below root: what a restore must bring back}, hard links as groups of paths."""
    root = os.fsencode(root)
    seen, links = {}, {}
    for folder, folders, names in os.walk(root):
        for name in folders + names:
            path = os.path.join(folder, name)
            status, below = os.lstat(path), os.path.relpath(path, root)
            facts = [stat.S_IFMT(status.st_mode), status.st_mtime_ns, status.st_uid, status.st_gid]
            if not stat.S_ISLNK(status.st_mode):
                facts.append(oct(stat.S_IMODE(status.st_mode)))
            if stat.S_ISREG(status.st_mode):
                with open(path, "rb") as file:
                    facts += [status.st_size, hashlib.sha256(file.read()).hexdigest()]
                links.setdefault(status.st_ino, []).append(below)
            if stat.S_ISLNK(status.st_mode):
                facts.append(os.readlink(path))
            keys = sorted(os.listxattr(path, follow_symlinks=False))
            facts.append([(key, os.getxattr(path, key, follow_symlinks=False)) for key in keys])
            seen[below] = facts
    for group in links.values():
        for below in group:
            seen[below].append(sorted(group))
    return seen


@unittest.skipUnless(BINARY, "QNWIS_DR names no binary")
class ReaderTest(unittest.TestCase):
    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        cls.scratch = pathlib.Path(tempfile.mkdtemp(prefix="reader-"))
        cls.addClassCleanup(shutil.rmtree, cls.scratch, ignore_errors=True)
        cls.source = cls.scratch / "source"
        cls.pictures, cls.repositories = [], {}
        for kind in ("kek", "passphrase", "none"):
            cls.prepare(kind)
        make_source(cls.source)
        for number in range(2):
            if number:
                change_source(cls.source)
            for kind in cls.repositories:
                cls.backup(kind)
            cls.pictures.append(picture(cls.source))

    @classmethod
    def environment(cls, kind):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("QNWIS_DR_")}
        secret = cls.scratch / kind / "secret"
        source = {"QNWIS_DR_PASSPHRASE_FILE": str(secret)} if kind == "passphrase" else {"QNWIS_DR_KEK_FILE": str(secret)}
        return kept | source | {"QNWIS_DR_STATE_DIR": str(cls.scratch / kind / "state"), "QNWIS_DR_CONFIG": "/dev/null"}

    @classmethod
    def run_binary(cls, kind, *arguments):
        line = [BINARY, *map(str, arguments)]
        done = subprocess.run(line, env=cls.environment(kind), cwd=cls.scratch / kind, capture_output=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{arguments} ended with {done.returncode}: {done.stdout!r} {done.stderr!r}")
        return done.stdout

    @classmethod
    def prepare(cls, kind):
        home = cls.scratch / kind
        (home / "repository").mkdir(parents=True)
        (home / "state").mkdir()
        if kind == "passphrase":
            (home / "secret").write_text("correct horse battery staple\n")
        encryption = "none" if kind == "none" else "aes_256_gcm"
        cls.run_binary(kind, "keys", "init", "--output", "key.json")
        if kind == "none":
            cls.run_binary(kind, "init", "--encryption", "none", "--storage-path", "repository", "--key-file", "key.json")
        cls.run_binary(kind, "plan", "--spec-id", "reader-test", "--tag", "daily", "--encryption", encryption, "--retention-days", "30",
                       "--output", "plan.json", "--paths", cls.source, "--no-default-excludes")
        cls.repositories[kind] = home / "repository"

    @classmethod
    def backup(cls, kind):
        cls.run_binary(kind, "backup", "--spec", "plan.json", "--storage-path", "repository", "--key-file", "key.json")

    def reader(self, *arguments, expect=0):
        done = subprocess.run([sys.executable, "-B", READER, *map(str, arguments)], capture_output=True, check=False)
        self.assertEqual(done.returncode, expect, done.stderr.decode(errors="replace"))
        return done.stdout if expect == 0 else done.stderr

    def secret(self, kind):
        return {"none": [], "kek": ["--kek-file", self.scratch / "kek" / "secret"],
                "passphrase": ["--passphrase-file", self.scratch / "passphrase" / "secret"]}[kind]

    def snapshots(self, repository):
        return [line.split()[0] for line in self.reader("list", repository).decode().splitlines()]

    def assert_restores(self, repository, secret, *options):
        ids = self.snapshots(repository)
        self.assertEqual(len(ids), 2)
        for snapshot, wanted in zip(ids, self.pictures):
            target = pathlib.Path(tempfile.mkdtemp(dir=self.scratch))
            try:
                self.reader("restore", repository, snapshot, target, *secret, *options)
                found = picture(target / self.source.relative_to("/"))
                paths = wanted.keys() | found.keys()
                self.assertEqual({path: (wanted.get(path), found.get(path)) for path in paths if wanted.get(path) != found.get(path)}, {})
                self.assertLess((target / self.source.relative_to("/") / "sparse").stat().st_blocks * 512, 2 * MIB, "holes are holes again")
            finally:
                shutil.rmtree(target)

    def test_both_snapshots_come_back_through_the_index(self):
        for kind, repository in self.repositories.items():
            with self.subTest(kind):
                self.assert_restores(repository, self.secret(kind))

    def test_they_come_back_without_index_and_checkpoints(self):
        for kind, repository in self.repositories.items():
            with self.subTest(kind):
                copy = self.scratch / "copy"
                shutil.copytree(repository, copy)
                shutil.rmtree(copy / "index")
                shutil.rmtree(copy / "checkpoints", ignore_errors=True)
                self.assert_restores(copy, self.secret(kind))
                shutil.rmtree(copy)

    def test_the_directories_of_the_packs_say_what_the_index_says(self):
        self.assert_restores(self.repositories["kek"], self.secret("kek"), "--no-index")

    def test_the_reader_and_the_binary_list_the_same_snapshots(self):
        for kind, repository in self.repositories.items():
            listed = json.loads(self.run_binary(kind, "list", "--storage-path", repository, "--json"))
            self.assertEqual([s["snapshot_id"] for s in listed["snapshots"]], self.snapshots(repository))

    def test_sha256sum_agrees_with_the_sums(self):
        repository, target = self.repositories["kek"], pathlib.Path(tempfile.mkdtemp(dir=self.scratch))
        self.reader("restore", repository, "latest", target, *self.secret("kek"))
        sums = self.reader("sha256", repository, "latest", *self.secret("kek"))
        subprocess.run(["sha256sum", "--check", "--strict", "--quiet"], input=sums, cwd=target, check=True)
        self.assertEqual(len(sums.splitlines()), sum(stat.S_IFREG == facts[0] for facts in self.pictures[1].values()))

    def test_check_finds_no_damage_with_and_without_the_key(self):
        for kind, repository in self.repositories.items():
            self.reader("check", repository)
            self.reader("check", repository, *self.secret(kind))

    def test_one_flipped_bit_is_found_wherever_it_is(self):
        numbers = random.Random(3)
        for kind in ("kek", "none"):
            copy = self.scratch / "flipped"
            shutil.copytree(self.repositories[kind], copy)
            for path in sorted(path for folder in ("packs", "index", "keys") for path in (copy / folder).rglob("*") if path.is_file()):
                if kind == "none" and path.parent.name == "keys":
                    continue
                whole = path.read_bytes()
                place = numbers.randrange(len(whole))
                path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << numbers.randrange(8)]) + whole[place + 1:])
                with self.subTest(object=path.relative_to(copy), byte=place):
                    self.assertIn(b"qnwis_read: ", self.reader("check", copy, *self.secret(kind), expect=1))
                path.write_bytes(whole)
            shutil.rmtree(copy)

    def test_the_log_stands_one_damaged_copy_but_not_two_and_no_gap(self):
        copy = self.scratch / "log"
        shutil.copytree(self.repositories["kek"], copy)
        last = max((copy / "log").iterdir())
        whole = last.read_bytes()
        half, flipped = len(whole) // 2, lambda data: data[:100] + bytes([data[100] ^ 1]) + data[101:]
        for damaged in flipped(whole), whole[:half] + flipped(whole[half:]):
            last.write_bytes(damaged)
            self.reader("check", copy)
        last.write_bytes(flipped(whole[:half]) + flipped(whole[half:]))
        self.assertIn(b"is junk", self.reader("check", copy, expect=1))
        last.write_bytes(whole)
        last.with_name(f"{2:020}").unlink()
        self.assertIn(b"record 2 is missing", self.reader("list", copy, expect=1))
        shutil.rmtree(copy)

    def test_a_wrong_key_opens_nothing(self):
        other = self.scratch / "other-kek"
        other.write_text("qnwis-dr-kek-1:" + "A" * 43 + "=\n")
        message = self.reader("restore", self.repositories["kek"], "latest", self.scratch / "never", "--kek-file", other, expect=1)
        self.assertIn(b"no slot of this repository opens", message)

    def test_no_name_content_or_key_is_found_in_any_byte(self):
        kek = (self.scratch / "kek" / "secret").read_bytes().strip().split(b":")[1]
        secrets = {CANARY_NAME, CANARY_CONTENT, CANARY_XATTR, kek, b"correct horse", b"back\\slash", b"really-empty", b"big-compressible",
                   b"hard-link-to-big", b"from before 1970", b"user.canary", b"#!/bin/true", os.fsencode(self.source), *self.raw_keys()}
        for kind in ("kek", "passphrase"):
            for path in self.repositories[kind].rglob("*"):
                self.assertFalse([s for s in secrets if s in os.fsencode(path.relative_to(self.scratch / kind))], path)
                data = path.read_bytes() if path.is_file() else b""
                self.assertEqual([s for s in secrets if s in data], [], path)

    def raw_keys(self):
        """The plaintext keys of both encrypted repositories, and the bytes of the key-encryption key."""
        keys = set()
        for kind, number in ("kek", qnwis_format.KEK_FILE), ("passphrase", qnwis_format.PASSPHRASE):
            repository = qnwis_format.Repository(self.repositories[kind])
            repository.unlock(self.scratch / kind / "secret", number)
            keys |= {repository.blob_key, *repository.roots.values()}
        return keys


@unittest.skipUnless(BINARY, "QNWIS_DR names no binary")
class RoundTripTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="reader-")
        self.addCleanup(folder.cleanup)
        self.home = pathlib.Path(folder.name)

    def round_trip(self, path):
        """Backs up `path`, below the current directory and so named relative to it, and restores it with the reader below out/."""
        kek, out = self.home / "kek", self.home / "out"
        environment = {"PATH": os.environ["PATH"], "QNWIS_DR_KEK_FILE": str(kek), "QNWIS_DR_STATE_DIR": str(self.home / "state"),
                       "QNWIS_DR_CONFIG": "/dev/null"}
        (self.home / "repository").mkdir()
        for line in ("keys init --output key.json",
                     "plan --spec-id round --tag daily --encryption aes_256_gcm --retention-days 30 --output plan.json "
                     f"--paths {path} --no-default-excludes",
                     "backup --spec plan.json --storage-path repository --key-file key.json"):
            subprocess.run([BINARY, *line.split()], env=environment, cwd=self.home, check=True, capture_output=True)
        subprocess.run([sys.executable, "-B", READER, "restore", self.home / "repository", "latest", out, "--kek-file", kek], check=True)

    @unittest.skipUnless(GENERATOR, "SAMPLE_WORKSPACE names no generator")
    def test_a_sample_workspace_comes_back(self):
        workspace = self.home / "workspace"
        subprocess.run([GENERATOR, workspace], check=True, capture_output=True)
        self.round_trip(workspace)
        self.assertEqual(picture(workspace), picture(self.home / "out" / "workspace"))

    def test_paths_longer_than_path_max_come_back_with_their_hard_links(self):
        name, levels = "a-directory-below-others", 250
        top = self.home / "deep"
        top.mkdir()
        here = bottom = os.open(top, os.O_DIRECTORY)
        for _ in range(levels):
            os.mkdir(name, dir_fd=bottom)
            bottom = self.step(bottom, name, here)
        with open(os.open("file", os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=bottom), "wb") as file:
            file.write(CANARY_CONTENT)
        os.link("file", "linked", src_dir_fd=bottom, dst_dir_fd=here)
        self.round_trip(top)
        restored = bottom = os.open(self.home / "out" / "deep", os.O_DIRECTORY)
        for _ in range(levels):
            bottom = self.step(bottom, name, restored)
        found = os.stat("file", dir_fd=bottom)
        self.assertEqual((found.st_size, found.st_nlink), (len(CANARY_CONTENT), 2))
        self.assertEqual(found.st_ino, os.stat("linked", dir_fd=restored).st_ino)

    def step(self, here, name, keep):
        there = os.open(name, os.O_DIRECTORY, dir_fd=here)
        if here != keep:
            os.close(here)
        return there


if __name__ == "__main__":
    main()

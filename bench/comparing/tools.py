"""The tools that are compared: for each, the command line of every operation.

An operation that a tool does not have returns None. Every tool keeps its state (keys, caches) below `home`, so that
nothing of the user's is used or left behind. Durability is on: what does not sync by itself gets a `sync` at the end.
"""

import base64
import json
import os
import secrets
import shlex
import shutil

from .measure import Command, must

PASSWORD = "correct horse battery staple"


class Tool:
    name = ""
    remark = ""
    # Operations that may be run again at once and still be the same operation.
    repeatable = ("unchanged", "verify", "list")

    def __init__(self, home, binaries):
        self.home = home
        self.binaries = binaries
        self.repository = None
        self.source = None
        os.makedirs(home, exist_ok=True)

    def available(self):
        """None, or why it cannot take part."""
        return None if shutil.which(self.name) else f"{self.name} is not installed"

    def version(self):
        return must(Command([self.name, "--version"])).splitlines()[0]

    def start(self, repository, source):
        """A new repository for `source`; not measured."""
        self.repository = repository
        self.source = source
        os.makedirs(repository)

    def first(self):
        return None

    def unchanged(self):
        return self.first_again()

    def changed(self):
        return self.first_again()

    def first_again(self):
        return None

    def renew(self):
        """Before restore: what has no changed() of its own brings its copy up to date; not measured."""

    def restore(self, target):
        return None

    def verify(self):
        return None

    def list(self):
        return None

    def restored_root(self, target):
        """Where the source's top directory is after restore(target)."""
        return target + self.source

    def write(self, name, text):
        path = os.path.join(self.home, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o600)
        return path


class QnwisDr(Tool):
    name = "qnwis_dr"
    remark = "key-encryption-key file slot: no passphrase derivation"

    def __init__(self, home, binaries):
        super().__init__(home, binaries)
        self.program = os.path.join(binaries, "qnwis_dr")

    def available(self):
        return None if os.access(self.program, os.X_OK) else f"{self.program} is not built"

    def version(self):
        return must(Command([self.program, "version"])).splitlines()[0]

    def command(self, *arguments, target=None):
        env = {"HOME": self.home, "XDG_CONFIG_HOME": self.home, "XDG_CACHE_HOME": self.home,
               "QNWIS_DR_KEK_FILE": os.path.join(self.home, "kek"), "QNWIS_DR_STATE_DIR": os.path.join(self.home, "state"),
               "QNWIS_DR_CONFIG": "/dev/null"}
        if target:
            env["QNWIS_DR_ALLOWED_TARGETS"] = os.path.dirname(target)
        return Command([self.program, *arguments], env, cwd=self.home)

    def start(self, repository, source):
        self.repository = repository
        self.source = source
        self.write("kek", "qnwis-dr-kek-1:" + base64.b64encode(secrets.token_bytes(32)).decode() + "\n")  # FORMAT.md
        self.key = os.path.join(self.home, "dr_key.json")
        must(self.command("keys", "init", "--output", self.key))
        must(self.command("init", "--storage-path", repository, "--key-file", self.key))
        self.spec = self.write("spec.json", json.dumps({
            "spec_id": "bench", "tag": "bench", "datasets": [], "audit_packs": False, "config": False,
            "storage_target": "bench", "encryption": "aes_256_gcm", "retention_days": 30, "paths": [source],
            "default_excludes": False}))

    def first(self):
        return self.command("backup", "--spec", self.spec, "--storage-path", self.repository, "--key-file", self.key, "--json")

    first_again = first

    def restore(self, target):
        return self.command("restore", "--snapshot-id", "latest", "--target-path", target, "--storage-path", self.repository,
                            "--key-file", self.key, "--json", target=target)

    def restored_root(self, target):
        for root in (target + self.source, os.path.join(target, os.path.basename(self.source))):
            if os.path.isdir(root):
                return root
        return target

    def verify(self):
        return self.command("verify", "--snapshot-id", "latest", "--all", "--storage-path", self.repository,
                            "--key-file", self.key, "--json")

    def list(self):
        return self.command("list", "--storage-path", self.repository, "--json")


class Restic(Tool):
    name = "restic"
    remark = "scrypt costs 0.5 to 0.7 s of one core in every command"

    def version(self):
        return must(Command(["restic", "version"])).splitlines()[0]

    def command(self, *arguments):
        return Command(["restic", "-q", *arguments],
                       {"RESTIC_REPOSITORY": self.repository, "RESTIC_PASSWORD_FILE": self.password,
                        "RESTIC_CACHE_DIR": os.path.join(self.home, "cache"), "HOME": self.home})

    def start(self, repository, source):
        self.repository = repository
        self.source = source
        self.password = self.write("password", PASSWORD)
        must(self.command("init"))

    def first(self):
        return self.command("backup", self.source)

    first_again = first

    def restore(self, target):
        return self.command("restore", "latest", "--target", target)

    def verify(self):
        return self.command("check", "--read-data")

    def list(self):
        return self.command("snapshots")


class Borg(Tool):
    name = "borg"
    remark = "zstd,1, repokey-blake2, one thread"

    def command(self, *arguments, cwd=None):
        return Command(["borg", *arguments],
                       {"BORG_REPO": self.repository, "BORG_PASSPHRASE": PASSWORD, "BORG_BASE_DIR": self.home,
                        "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes", "HOME": self.home}, cwd=cwd)

    def start(self, repository, source):
        self.repository = repository
        self.source = source
        self.count = 0
        must(self.command("init", "-e", "repokey-blake2"))

    def first(self):
        self.count += 1
        return self.command("create", "-C", "zstd,1", f"::snapshot{self.count}", self.source)

    def first_again(self):
        return self.first()

    def restore(self, target):
        return self.command("extract", f"::snapshot{self.count}", cwd=target)

    def verify(self):
        return self.command("check", "--verify-data")

    def list(self):
        return self.command("list")


class TarPipe(Tool):
    name = "tar"
    remark = "tar | zstd -1 -T0 | openssl aes-256-ctr: no authentication, no deduplication; every backup is a full one"
    repeatable = ("verify",)

    def version(self):
        zstd = must(Command(["zstd", "--version"])).strip().strip("* ").split(",")[0]
        return f"{super().version()}; {zstd}; {must(Command(['openssl', 'version'])).split(' (')[0].strip()}"

    def start(self, repository, source):
        super().start(repository, source)
        self.count = 0
        # A raw key in a file: openssl's own derivation would take part in the measurement.
        self.key = secrets.token_hex(32)

    def shell(self, script):
        return Command(["bash", "-o", "pipefail", "-c", script])

    def cipher(self, *flags):
        return f"openssl enc {' '.join(flags)} -aes-256-ctr -K {self.key} -iv {self.count:032x}"

    def first(self):
        self.count += 1
        # pax keeps nanoseconds; access and change times would only make it larger.
        tar = (f"tar --format=posix --pax-option=delete=atime,delete=ctime --xattrs --acls --numeric-owner "
               f"-C {shlex.quote(os.path.dirname(self.source))} -cf - {shlex.quote(os.path.basename(self.source))}")
        out = self.archive()
        return self.shell(f"{tar} | zstd -q -1 -T0 | {self.cipher('-e')} > {out} && sync {out} {shlex.quote(self.repository)}")

    def first_again(self):
        return self.first()

    def archive(self):
        return shlex.quote(os.path.join(self.repository, f"archive{self.count}"))

    def restore(self, target):
        return self.shell(f"{self.cipher('-d')} < {self.archive()} | zstd -q -d | tar --xattrs --acls --numeric-owner -p -C {shlex.quote(target)} -xf -")

    def restored_root(self, target):
        return os.path.join(target, os.path.basename(self.source))

    def verify(self):
        return self.shell(f"{self.cipher('-d')} < {self.archive()} | zstd -q -t")


class Copy(Tool):
    name = "cp"
    remark = "a copy only"

    def first(self):
        source, repository = shlex.quote(self.source), shlex.quote(self.repository)
        return Command(["bash", "-c", f"cp -a {source} {repository}/copy && sync -f {repository}"])

    def renew(self):
        must(Command(["rsync", "-aHAX", "--delete", self.source + "/", os.path.join(self.repository, "copy") + "/"]))

    def restore(self, target):
        return Command(["cp", "-a", os.path.join(self.repository, "copy"), target])

    def restored_root(self, target):
        return os.path.join(target, "copy")


class Limit(Tool):
    """The limit pass. It has no repository to add to: each backup writes a directory of its own."""

    name = "limit"
    remark = "what no tool can beat; see README.md"

    def available(self):
        path = os.path.join(self.binaries, "limit_pass")
        return None if os.access(path, os.X_OK) else f"{path} is not built"

    def version(self):
        return "limit_pass, built with this tree"

    def start(self, repository, source):
        super().start(repository, source)
        self.program = os.path.join(self.binaries, "limit_pass")
        self.current = None

    def fresh(self, name):
        path = os.path.join(self.repository, name)
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path)
        return path

    def first(self):
        self.current = self.fresh("first")
        return Command([self.program, "backup", self.source, self.current])

    def unchanged(self):
        return Command([self.program, "walk", self.source])

    def changed_since(self, seconds):
        return Command([self.program, "backup", self.source, self.fresh("changed"), "--known", self.current,
                        "--newer-than", str(seconds)])

    def renew(self):
        """Holds the source as it is now; not measured."""
        self.current = self.fresh("whole")
        must(Command([self.program, "backup", self.source, self.current]))

    def restore(self, target):
        return Command([self.program, "restore", self.current, target])

    def restored_root(self, target):
        return target

    def verify(self):
        return Command([self.program, "verify", self.current])


ALL = {tool.name: tool for tool in (QnwisDr, Restic, Borg, TarPipe, Copy)}

"""What the tests of the command line share: JSON against docs/schemas, and the program on a terminal. The scratch machine is dr_machine's."""

import functools
import json
import os
import pty
import re
import select
import signal
import subprocess
import time

import jsonschema

from dr_machine import IS_ROOT, LONG, NOBODY, PROGRAM, SAMPLE_WORKSPACE, Done, Machine, main, remove_tree, write_random  # noqa: F401

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SEEDED = os.environ.get("QNWIS_DR_SEEDED") or os.path.join(os.path.dirname(PROGRAM), "qnwis_dr_seeded")


@functools.cache
def validator(name):
    with open(os.path.join(ROOT, "docs", "schemas", name + ".schema.json"), encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def check_schema(test, name, document):
    """Fails with every complaint of docs/schemas/<name>.schema.json about `document`; gives it back."""
    complaints = [f"{'/'.join(map(str, e.absolute_path)) or 'the document'}: {e.message}" for e in validator(name).iter_errors(document)]
    test.assertEqual(complaints, [], f"{name}: {json.dumps(document)[:2000]}")
    return document


def lines_of(done):
    """The JSON lines on standard output: nothing else may be there."""
    return [json.loads(line) for line in done.out.decode().splitlines()]


def small_workspace(machine, name="workspace"):
    """A workspace with a file for every part of a plan, and some that must stay out. Its path."""
    root = machine.path(name)
    files = {
        "data/catalog/LMIS_RETENTION_TS_2026.csv": b"month,rate\n2026-10,0.91\n",
        "data/catalog/LMIS_SALARY_TS_2026.csv": b"month,qar\n" + b"2026-10,11250\n" * 400,
        "audit_packs/2026-10/evidence.json": b'{"passed": true}\n',
        "src/qnwis/config/rbac.yml": b"dr.backup: {allow: [admin, service]}\n",
        ".env.example": b"TOKEN=\n",
        ".env": b"TOKEN=secret\n",
        "audit_packs/server.log": b"line\n",
        "audit_packs/__pycache__/x.pyc": b"cache\n",
        "audit_packs/deploy.txt": b"-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n",
    }
    for path, content in files.items():
        full = os.path.join(root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as file:
            file.write(content)
    return root


def contract_plan(machine, *more):
    """The plan of the contract's own line; its file."""
    file = machine.path("plans", "backup_plan.json")
    machine.run("plan", "--spec-id", "daily-backup-001", "--tag", "daily", "--datasets", "LMIS_RETENTION_TS", "LMIS_SALARY_TS", "--audit-packs",
                "--config-files", "--storage-target", "local-prod", "--encryption", "aes_256_gcm", "--retention-days", "30", *more, "--output", file)
    return file


class OnTerminal:
    """The program with a terminal as its controlling one: standard output and error, and standard input unless `stdin` is given."""

    def __init__(self, machine, *words, env=None, stdin=None, columns=120):
        self.machine, self.words = machine, words
        main_end, end = pty.openpty()
        subprocess.run(["stty", "cols", str(columns), "rows", "40"], stdin=end, check=True)
        self.fd = main_end
        self.output = b""
        setup = "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(2, termios.TIOCSCTTY, 0); os.execve(sys.argv[1], sys.argv[1:], os.environ)"
        self.process = subprocess.Popen(
            ["/usr/bin/python3", "-c", setup, machine.program, *words],
            env={**machine.env, "TERM": "xterm", **(env or {})}, cwd=machine.path("home"), stdin=end if stdin is None else stdin, stdout=end, stderr=end)
        os.close(end)
        machine.test.addCleanup(self.close)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def read(self, seconds):
        """What came within that time; returns early at the end."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self.fd], [], [], left)[0]:
                return
            try:
                part = os.read(self.fd, 65536)
            except OSError:  # EIO: the other end is closed
                return
            if not part:
                return
            self.output += part

    def read_until(self, text, seconds=60):
        deadline = time.monotonic() + seconds
        while text not in self.output and time.monotonic() < deadline:
            self.read(0.05)
        self.machine.test.assertIn(text, self.output)

    def type(self, text):
        os.write(self.fd, text)

    def finish(self, seconds=120):
        """Reads to the end; the Done, with all output in `out`."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < deadline:
            self.read(0.1)
        self.read(0.2)
        self.machine.test.assertIsNotNone(self.process.poll(), f"still running: {self.words}\n{self.output[-2000:]}")
        return Done(self.words, self.process.returncode, self.output, b"")


def next_command(stderr):
    """The command of the `next` line, without the explanation that may follow it; None where there is no such line."""
    found = re.search(r"^  next   (.*)$", stderr, re.MULTILINE)
    return re.match(r"(?:'[^']*'|\\.|(?!    )[^'])*", found.group(1)).group() if found else None


def interrupt(process, number=signal.SIGINT):
    process.send_signal(number)

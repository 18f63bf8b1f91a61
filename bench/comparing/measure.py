"""Runs one command and says what it cost: wall time, CPU seconds, peak memory, and who else used the cores."""

import dataclasses
import json
import os
import subprocess
import tempfile


@dataclasses.dataclass
class Command:
    argv: list
    env: dict = dataclasses.field(default_factory=dict)  # added to a small fixed environment
    cwd: str = None
    accepts: tuple = (0,)  # exit statuses that are success


@dataclasses.dataclass
class Cost:
    wall_s: float
    cpu_s: float
    peak_mib: float  # of the largest process
    exit: int
    other_cpu: float  # CPU seconds of other processes meanwhile, per second of wall time
    steal: float  # of the hypervisor, likewise
    output: str

    def row(self):
        kept = dataclasses.asdict(self)
        del kept["output"]
        return kept


class Failure(Exception):
    """A command that must succeed did not."""


def environment(extra):
    base = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8", "TZ": "UTC"}
    base.update(extra)
    return base


def _cpu_ticks():
    with open("/proc/stat", encoding="ascii") as stat:
        fields = [int(field) for field in stat.readline().split()[1:9]]
    user, nice, system, _idle, _iowait, irq, softirq, steal = fields
    return user + nice + system + irq + softirq, steal


def run(command, launcher, timeout):
    """Runs `command` under run_measured. A failure is in the result, not raised."""
    hertz = os.sysconf("SC_CLK_TCK")
    with tempfile.TemporaryDirectory() as scratch:
        out = os.path.join(scratch, "cost.json")
        # Output goes to a file: a full pipe would slow the command down.
        with open(os.path.join(scratch, "output"), "w+b") as output:
            busy_before, steal_before = _cpu_ticks()
            try:
                subprocess.run([launcher, out, *command.argv], env=environment(command.env), cwd=command.cwd,
                               stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, timeout=timeout, check=False)
            except subprocess.TimeoutExpired:
                return Cost(timeout, 0.0, 0.0, 124, 0.0, 0.0, f"gave up after {timeout} s")
            busy_after, steal_after = _cpu_ticks()
            output.seek(0)
            text = output.read().decode(errors="replace")
        with open(out, encoding="ascii") as file:
            cost = json.load(file)
    cpu = cost["user_s"] + cost["system_s"]
    wall = max(cost["wall_s"], 1e-6)
    other = max(0.0, (busy_after - busy_before) / hertz - cpu) / wall if wall > 0.2 else 0.0
    return Cost(cost["wall_s"], cpu, cost["peak_kib"] / 1024, cost["exit"], other,
                (steal_after - steal_before) / hertz / wall, text)


def must(command, timeout=7200):
    """Runs what is not measured: preparation and questions. Returns its output."""
    done = subprocess.run(command.argv, env=environment(command.env), cwd=command.cwd, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout, check=False)
    text = done.stdout.decode(errors="replace")
    if done.returncode not in command.accepts:
        raise Failure(f"{' '.join(command.argv)} ended with {done.returncode}:\n{text[-2000:]}")
    return text

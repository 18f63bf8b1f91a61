"""One comparison: every tool, every operation, interleaved, on the same trees."""

import os
import statistics
import sys
import time

from . import corpora, measure, tools
from .measure import Command, Failure, must
from .space import Space

OPERATIONS = ("first", "unchanged", "changed", "restore", "verify", "list")
BACKUPS = ("first", "unchanged", "changed")

# A command shorter than this is run this often, where it can be repeated, and its median counts.
SHORT_S = 1.0
SHORT_RUNS = 5


def say(text):
    print(text, file=sys.stderr, flush=True)


class Session:
    """`options` is what bench/compare parsed. `rows` holds one dictionary per measured command."""

    def __init__(self, options):
        self.options = options
        self.rows = []
        self.trees = {}
        self.problems = []
        self.launcher = os.path.join(options.bin_dir, "run_measured")
        spaces = {path: Space(path, say, options.settle) for path in {options.repositories, options.restores}}
        self.repositories = spaces[options.repositories]
        self.restores = spaces[options.restores]

    def run(self):
        try:
            for kind in self.options.corpora:
                corpus = corpora.Corpus(kind, self.options.scale, os.path.join(self.options.dir, "corpora"), self.options.bin_dir)
                say(f"{kind}: preparing")
                corpus.prepare()
                self.trees[kind] = corpus.measure()
                for repetition in range(self.options.reps):
                    Repetition(self, corpus, repetition).run()
        finally:
            if not self.options.keep:
                self.repositories.empty()
                self.restores.empty()


class Repetition:
    def __init__(self, session, corpus, number):
        self.session = session
        self.options = session.options
        self.corpus = corpus
        self.number = number
        self.size = corpus.measure()
        self.tools = []
        self.changed_at = 0

    def run(self):
        self.start_tools()
        if not self.options.cold:
            self.corpus.warm_up()
        for index, operation in enumerate(OPERATIONS):
            # Without a first backup there is nothing to measure.
            if operation in self.options.ops or operation == "first":
                self.group(operation, index)
        for tool in [self.limit, *self.tools]:
            entries = self.size["entries"] if tool.name == "cp" else 0
            self.session.repositories.discard(tool.repository, entries)
            self.session.repositories.discard(tool.home, 0)

    def start_tools(self):
        space = self.session.repositories
        for name in ["limit", *self.options.tools]:
            kind = tools.Limit if name == "limit" else tools.ALL[name]
            # State of its own in each repetition: caches of an earlier one would help or hinder.
            tool = kind(space.path(f"home-{name}"), self.options.bin_dir)
            space.make_room(self.size["bytes"], self.size["entries"])
            try:
                tool.start(space.path(f"repository-{name}"), self.corpus.path)
            except Failure as failure:
                self.problem(name, "init", str(failure))
                continue
            if name == "limit":
                self.limit = tool
            else:
                self.tools.append(tool)

    def group(self, operation, index):
        """One operation by every tool, in an order that differs in each group, between two passes of the limit."""
        if operation == "changed":
            self.changed_at = self.corpus.change()
            self.size = self.corpus.measure()
        if operation in BACKUPS:
            self.corpus.wait_until_quiet()
        if operation == "restore" or (operation == "verify" and "restore" not in self.options.ops):
            for tool in [self.limit, *self.tools]:
                self.renew(tool)
        turn = (self.number + index) % max(1, len(self.tools))
        before = self.measure(self.limit, operation, 0)
        for position, tool in enumerate([*self.tools[turn:], *self.tools[:turn]], 1):
            self.keep(self.measure(tool, operation, position))
        after = self.measure(self.limit, operation, len(self.tools) + 1)
        # A limit is what can be reached: of two passes the faster is nearer to it, and the stricter judge.
        self.keep(min((row for row in (before, after) if row), key=lambda row: row["wall_s"], default=None))

    def keep(self, row):
        if row is not None:
            self.session.rows.append(row)

    def renew(self, tool):
        try:
            tool.renew()
        except Failure as failure:
            self.problem(tool.name, "renew", str(failure))

    def measure(self, tool, operation, position):
        """The row of one operation, None where the tool lacks it."""
        target = None
        if operation == "restore":
            space = self.session.restores
            space.make_room(self.size["bytes"], self.size["entries"])
            target = os.path.join(space.path(f"restore-{tool.name}"), "target")
            os.makedirs(target)
        command = self.command(tool, operation, target)
        if command is None:
            return None
        cost = self.measured(command)
        row = {"corpus": self.corpus.kind, "repetition": self.number, "operation": operation, "tool": tool.name,
               "position": position, "source_bytes": self.size["bytes"], **cost.row()}
        if cost.exit not in command.accepts:
            self.problem(tool.name, operation, f"exit {cost.exit}: {cost.output[-1500:]}")
            row["failed"] = True
        self.add_sizes(row, tool, operation)
        if operation == "restore":
            row["equal"] = not row.get("failed") and self.is_equal(tool, target)
            self.session.restores.discard(os.path.dirname(target), self.size["entries"])
        elif operation in tool.repeatable and cost.wall_s < SHORT_S and not row.get("failed"):
            self.repeat(row, tool, operation)
        say(f"  {self.corpus.kind} #{self.number + 1} {operation:9} {tool.name:9} {row['wall_s']:8.3f} s  cpu {row['cpu_s']:8.3f} s  "
            f"{row['peak_mib']:6.0f} MiB" + ("  FAILED" if row.get("failed") else ""))
        return row

    def add_sizes(self, row, tool, operation):
        if operation not in BACKUPS or row.get("failed"):
            return
        if tool is self.limit:
            if operation == "first":
                row["repository_bytes"] = corpora.size_of(tool.current, self.options.bin_dir)["bytes_read"]
            return
        found = corpora.size_of(tool.repository, self.options.bin_dir)
        row["repository_bytes"] = found["bytes_read"]
        row["repository_allocated"] = found["bytes_allocated"]

    def repeat(self, row, tool, operation):
        """Replaces the cost in `row` by the median of several runs."""
        costs = [row]
        for _run in range(SHORT_RUNS - 1):
            command = self.command(tool, operation, None)
            cost = self.measured(command)
            if cost.exit not in command.accepts:
                self.problem(tool.name, operation, f"exit {cost.exit}: {cost.output[-1500:]}")
                row["failed"] = True
                return
            costs.append(cost.row())
        row["walls_s"] = [cost["wall_s"] for cost in costs]
        for field in ("wall_s", "cpu_s", "other_cpu", "steal"):
            row[field] = statistics.median(cost[field] for cost in costs)
        row["peak_mib"] = max(cost["peak_mib"] for cost in costs)

    def command(self, tool, operation, target):
        if operation == "restore":
            return tool.restore(target)
        if operation == "changed" and tool is self.limit:
            return tool.changed_since(self.changed_at)
        return getattr(tool, operation)()

    def measured(self, command):
        # What others left to be written must not slow this one down.
        os.sync()
        if self.options.cold:
            with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as caches:
                caches.write("3\n")
            time.sleep(1)
        return measure.run(command, self.session.launcher, self.options.timeout)

    def is_equal(self, tool, target):
        root = tool.restored_root(target)
        if self.options.comparer == "rsync":
            command = Command(["rsync", "-aHAXn", "--checksum", "--itemize-changes", "--delete", self.corpus.path + "/", root + "/"])
        else:
            command = Command([os.path.join(self.options.bin_dir, "same_tree"), self.corpus.path, root])
        try:
            differences = must(command)
        except Failure as failure:
            differences = str(failure)
        if differences.strip():
            self.problem(tool.name, "restore", f"not equal to the source: {differences[:1500]}")
        return not differences.strip()

    def problem(self, tool, operation, text):
        self.session.problems.append({"corpus": self.corpus.kind, "repetition": self.number, "tool": tool,
                                      "operation": operation, "text": text})
        say(f"  {self.corpus.kind} {operation} {tool}: {text}")

"""The report: Markdown for people, with the machine and the versions it is true for."""

import os
import platform
import subprocess
import time

from .figures import LIMIT_OPERATIONS, Figures
from .session import OPERATIONS
from .space import file_system

TITLES = {"first": "first backup", "unchanged": "unchanged", "changed": "1 % changed", "restore": "restore",
          "verify": "full verify", "list": "list"}


def _first_match(path, key):
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.startswith(key):
                return line.split(":", 1)[1].strip()
    return "unknown"


def _git(root, *arguments):
    done = subprocess.run(["git", "-C", root, *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def describe(options, versions):
    """The conditions of a run."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "commit": _git(root, "rev-parse", "--short=12", "HEAD") + ("+changes" if _git(root, "status", "--porcelain", "-uno") else ""),
        "processor": _first_match("/proc/cpuinfo", "model name"),
        "cores": len(os.sched_getaffinity(0)),
        "memory": _first_match("/proc/meminfo", "MemTotal"),
        "kernel": f"{platform.system()} {platform.release()}",
        "repositories_on": file_system(options.repositories),
        "restores_on": file_system(options.restores),
        "corpora_on": file_system(options.dir),
        "cache": "cold: dropped before every command" if options.cold else "warm",
        "scale": options.scale,
        "repetitions": options.reps,
        "load_at_start": os.getloadavg()[0],
        "versions": versions,
    }


def seconds(value):
    if value is None:
        return "–"
    return f"{value:.3f}" if value < 1 else f"{value:.2f}"


def times(value):
    return "–" if value is None else f"{value:.2f}x"


def megabytes(value):
    return "–" if value is None else f"{value / 1e6:.1f}"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


class Report:
    def __init__(self, conditions, trees, rows, problems, lines, names, subject):
        self.conditions = conditions
        self.trees = trees
        self.rows = rows
        self.problems = problems
        self.lines = lines
        self.names = names  # in the order of the columns, without the limit
        self.subject = subject
        self.figures = Figures(rows)

    def markdown(self):
        parts = ["# bench/compare", "", *self._verdict(), "", *self._conditions()]
        parts += ["", "## Ratios", "", f"Wall time of `{self.subject}` divided by that of the other, median over repetitions of the ratio within each; "
                  "below 1 is faster. `limit`: the pass of all work that cannot be avoided (unchanged: a bare walk).", "", *self._ratios()]
        parts += ["", "## Budget (DESIGN 11)", "", *self._budget()]
        parts += ["", "## Medians", "", "Wall seconds (CPU seconds, peak MiB of the largest process).", "", *self._medians()]
        parts += ["", "## Repository size", "", "MB after each operation; sums of file sizes.", "", *self._sizes()]
        parts += ["", "## Remarks", "", *self._remarks()]
        return "\n".join(parts) + "\n"

    def _verdict(self):
        if not self.problems:
            return ["All commands succeeded and every restore was equal to its source."]
        lines = ["**This run is void**: "
                 f"{len(self.problems)} command(s) failed or restored something else. Its figures must not be quoted.", ""]
        for problem in self.problems:
            text = " ".join(problem["text"].split())[:300]
            lines.append(f"- {problem['corpus']} #{problem['repetition'] + 1}, {problem['operation']}, {problem['tool']}: {text}")
        return lines

    def _conditions(self):
        rows = [[key.replace("_", " "), str(value)] for key, value in self.conditions.items() if key != "versions"]
        rows += [[f"version of {name}", version] for name, version in self.conditions["versions"].items()]
        rows += [[f"corpus {kind}", f"{tree['entries']:,} entries, {tree['bytes'] / 1e6:,.1f} MB"
                  + (f", changed {tree['changes']} times before" if tree["changes"] else "")] for kind, tree in self.trees.items()]
        return table(["condition", ""], rows)

    def _cells(self):
        for corpus in self.trees:
            for operation in OPERATIONS:
                if any(self.figures.median(corpus, operation, tool) is not None for tool in self.names):
                    yield corpus, operation

    def _ratios(self):
        others = [name for name in self.names if name != self.subject] + ["limit"]
        rows = []
        for corpus, operation in self._cells():
            ratios = [times(self.figures.ratio(corpus, operation, self.subject, other))
                      if other != "limit" or operation in LIMIT_OPERATIONS else "–" for other in others]
            rows.append([corpus, TITLES[operation], str(self.figures.repetitions(corpus, operation, self.subject)), *ratios])
        return table(["corpus", "operation", "n", *(f"/ {other}" for other in others)], rows)

    def _budget(self):
        def word(met, bound, unit):
            if bound is None:
                return "–"
            return {None: "not measured", True: "met", False: "**missed**"}[met] + f" (≤ {bound:g} {unit})"
        rows = [[line["work"], line["corpus"], "–" if line["value"] is None else f"{line['value']:.2f} {line['unit']}",
                 word(line["close_met"], line["close"], line["unit"]), word(line["want_met"], line["want"], line["unit"])]
                for line in self.lines]
        return table(["work", "corpus", self.subject, "to close", "where we want to be"], rows)

    def _medians(self):
        names = ["limit", *self.names]

        def cell(corpus, operation, tool):
            wall = self.figures.median(corpus, operation, tool)
            if wall is None:
                return "–"
            cpu = self.figures.median(corpus, operation, tool, "cpu_s")
            return f"{seconds(wall)} ({seconds(cpu)}, {self.figures.median(corpus, operation, tool, 'peak_mib'):.0f})"
        rows = [[corpus, TITLES[operation], *(cell(corpus, operation, tool) for tool in names)] for corpus, operation in self._cells()]
        return table(["corpus", "operation", *names], rows)

    def _sizes(self):
        names = ["limit", *self.names]
        rows = [[corpus, TITLES[operation], *(megabytes(self.figures.median(corpus, operation, tool, "repository_bytes")) for tool in names)]
                for corpus, operation in self._cells() if operation in ("first", "unchanged", "changed")]
        return table(["corpus", "after", *names], rows)

    def _remarks(self):
        noisy = [row for row in self.rows if row["other_cpu"] > 0.05 or row["steal"] > 0.05]
        remarks = [
            f"- Noise: in {len(noisy)} of {len(self.rows)} measurements other processes or the hypervisor took more than 5 % of a core "
            "(`other_cpu`, `steal` in results.json). CPU seconds are the steadier figure then.",
            "- tar and cp store everything again for a changed tree: tar is given a new archive each time, cp is measured once (its copy is brought up to date unmeasured before the restore).",
            "- The limit is measured before and after each group of tools; the faster pass counts. Commands under 1 s that can be repeated count as the median of 5.",
            "- restic derives its key with scrypt in every command (0.5 to 0.7 s of one core); the others use a key at hand or a cheap derivation.",
            "- A restore is not synced by any tool, a backup by all. Before each command everything is synced.",
            "- bupstash, named by the budget for the size of the first backup, is not packaged for Debian and not measured here.",
        ]
        if min((self.figures.repetitions(c, o, self.subject) for c, o in self._cells()), default=0) < 3:
            remarks.append("- Fewer than three repetitions somewhere (column n): treat differences below 25 % there as nothing.")
        if self.conditions["scale"] != 1:
            remarks.append(f"- **Scale {self.conditions['scale']:g}**: a short mode to try the tools. Fixed costs weigh too much in it; do not quote it.")
        return remarks

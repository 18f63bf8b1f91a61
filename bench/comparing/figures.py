"""Medians out of the raw rows, and the budget of DESIGN 11 held against them."""

import statistics

LIMIT_OPERATIONS = ("first", "unchanged", "changed", "restore", "verify")


class Figures:
    def __init__(self, rows):
        self.rows = [row for row in rows if not row.get("failed")]

    def median(self, corpus, operation, tool, field="wall_s"):
        """None where nothing was measured."""
        values = [row[field] for row in self.rows if row["corpus"] == corpus and row["operation"] == operation
                  and row["tool"] == tool and row.get(field) is not None]
        return statistics.median(values) if values else None

    def ratio(self, corpus, operation, tool, other, field="wall_s"):
        """The median of the ratios within each repetition: what slows a whole repetition down cancels out."""
        def by_repetition(name):
            return {row["repetition"]: row[field] for row in self.rows if row["corpus"] == corpus
                    and row["operation"] == operation and row["tool"] == name and row.get(field)}
        ours, theirs = by_repetition(tool), by_repetition(other)
        ratios = [ours[key] / theirs[key] for key in ours if key in theirs]
        return statistics.median(ratios) if ratios else None

    def repetitions(self, corpus, operation, tool):
        return sum(1 for row in self.rows if (row["corpus"], row["operation"], row["tool"]) == (corpus, operation, tool))

    def peak(self, tool):
        values = [row["peak_mib"] for row in self.rows if row["tool"] == tool]
        return max(values) if values else None


def check(work, corpus, value, close, want, unit="x"):
    """A line of the budget table: `value` against both columns; None is "not measured"."""
    def verdict(bound):
        if value is None or bound is None:
            return None
        return value <= bound
    return {"work": work, "corpus": corpus, "value": value, "unit": unit, "close": close, "want": want,
            "close_met": verdict(close), "want_met": verdict(want)}


def budget(figures, corpora, subject):
    lines = []
    for corpus in corpora:
        lines += _speed(figures, corpus, subject)
        lines += _sizes(figures, corpus, subject)
    lines.append(check("peak memory", "all", figures.peak(subject), 256, 128, "MiB"))
    for corpus in corpora:
        wall = figures.median(corpus, "list", subject)
        lines.append(check("list (few snapshots here; the budget is for 1,000)", corpus, None if wall is None else wall * 1000, 10, None, "ms"))
    return lines


def _speed(figures, corpus, subject):
    def to(operation, other):
        return figures.ratio(corpus, operation, subject, other)
    lines = [check("first backup / limit", corpus, to("first", "limit"), 1.5, 1.2)]
    if corpus == "code":
        lines.append(check("first backup / cp -a", corpus, to("first", "cp"), None, 1.0))
    if corpus == "tiny1M":
        lines.append(check("nothing changed / statx walk", corpus, to("unchanged", "limit"), 2.0, 1.4))
    lines.append(check("restore / limit", corpus, to("restore", "limit"), 1.5, 1.2))
    lines.append(check("restore / tar pipe", corpus, to("restore", "tar"), 1.0, None))
    lines.append(check("full verification / limit", corpus, to("verify", "limit"), 1.5, 1.2))
    return lines


def _sizes(figures, corpus, subject):
    lines = []
    for operation, words in (("first", "repository size, first"), ("changed", "repository size, after a change")):
        ratios = [figures.ratio(corpus, operation, subject, other, "repository_bytes") for other in ("restic", "borg")]
        both = None if None in ratios else max(ratios)
        lines.append(check(f"{words} / smaller of restic and borg", corpus, both, 1.0, None))
    # Not packaged for Debian, so not part of any run; the line stays because the budget names it.
    lines.append(check("repository size, first / bupstash", corpus, None, None, 1.0))
    return lines

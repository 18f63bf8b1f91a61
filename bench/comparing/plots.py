"""SVG bar charts without any library: one per operation, and one of repository sizes."""

from html import escape

from .report import TITLES, megabytes, seconds

COLOURS = {"qnwis_dr": "#0b6e4f", "limit": "#9aa5b1", "restic": "#d1495b", "borg": "#edae49", "tar": "#00798c", "cp": "#6d597a"}
WIDTH, LEFT, RIGHT, BAR, GAP, TOP = 760, 130, 90, 16, 14, 48


def _text(x, y, content, anchor="start", size=12, weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}" '
            f'fill="#1f2933">{escape(content)}</text>')


def bars(title, unit, groups, show):
    """`groups`: [(label, [(tool, value)…])…]. Each group has a scale of its own, so that small corpora can be read."""
    parts = [_text(16, 24, title, size=16, weight="bold"), _text(16, 40, f"{unit}; each group to its own scale", size=11)]
    y = TOP + 6
    for label, values in groups:
        values = [(tool, value) for tool, value in values if value is not None]
        if not values:
            continue
        parts.append(_text(16, y + BAR - 3, label, weight="bold"))
        most = max(value for _tool, value in values) or 1
        for tool, value in values:
            length = max(1.0, value / most * (WIDTH - LEFT - RIGHT))
            parts.append(_text(LEFT - 6, y + BAR - 4, tool, "end", 11))
            parts.append(f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR - 3}" rx="2" fill="{COLOURS.get(tool, "#52606d")}"/>')
            parts.append(_text(LEFT + length + 5, y + BAR - 4, show(value), size=11))
            y += BAR
        y += GAP
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}" '
            f'font-family="system-ui, sans-serif"><rect width="100%" height="100%" fill="#ffffff"/>{"".join(parts)}</svg>\n')


def all_plots(figures, corpora, names):
    """{file name: SVG} of everything that was measured."""
    plots = {}
    for operation, title in TITLES.items():
        groups = [(corpus, [(tool, figures.median(corpus, operation, tool)) for tool in names]) for corpus in corpora]
        if any(value is not None for _corpus, values in groups for _tool, value in values):
            plots[f"{operation}.svg"] = bars(title, "wall seconds, medians", groups, lambda value: seconds(value) + " s")
    for operation in ("first", "changed"):
        groups = [(corpus, [(tool, figures.median(corpus, operation, tool, "repository_bytes")) for tool in names if tool != "limit"])
                  for corpus in corpora]
        if any(value is not None for _corpus, values in groups for _tool, value in values):
            plots[f"size-{operation}.svg"] = bars(f"repository size: {TITLES[operation]}", "megabytes", groups,
                                                  lambda value: megabytes(value) + " MB")
    return plots

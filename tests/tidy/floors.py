#!/usr/bin/env python3
"""Keeps the module order of src/dr/FLOORS: a file includes only from its own module and from modules listed above it."""

import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2])
source = root / "src" / "dr"
floors = [line.strip() for line in (source / "FLOORS").read_text().splitlines() if line.strip() and not line.startswith("#")]
level = {name: place for place, name in enumerate(floors)}
include = re.compile(r'^\s*#\s*include\s*"dr/([a-z_]+)/')
wrong = []

for directory in sorted(p.name for p in source.iterdir() if p.is_dir()):
    if directory not in level:
        wrong.append(f"src/dr/{directory}: this module has no line in src/dr/FLOORS")

for path in sorted(source.rglob("*")):
    if path.suffix not in (".h", ".cpp"):
        continue
    module = path.relative_to(source).parts[0]
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        found = include.match(line)
        if not found:
            continue
        used = found.group(1)
        if used not in level:
            wrong.append(f"{path.relative_to(root)}:{number} includes dr/{used}/, which has no line in FLOORS")
        elif level[used] > level.get(module, -1):
            wrong.append(
                f"{path.relative_to(root)}:{number} includes dr/{used}/, but `{used}` stands above `{module}` in FLOORS: "
                "lower floors do not know upper ones. Report through base/monitor.h, or move the file up."
            )

print("\n".join(wrong) if wrong else f"{len(floors)} modules in order")
sys.exit(1 if wrong else 0)

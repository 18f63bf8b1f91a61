#!/usr/bin/env python3
"""What users must find: every command and option of src/cli in docs/COMMANDS.md, every package of tools/packages in docs/DEPENDENCIES.md."""

import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2])
commands = (root / "docs" / "COMMANDS.md").read_text()
dependencies = (root / "docs" / "DEPENDENCIES.md").read_text()
wrong = []


def named(word, text):
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) is not None


for path in sorted((root / "src" / "cli").glob("*.cpp")):
    if path.name.endswith("_test.cpp"):
        continue
    source = path.read_text()
    words = re.findall(r'\.command\(\s*"([^"]+)"', source)
    words += ["--" + name for name in re.findall(r'\.pair\(\s*"([^"]+)"', source)]
    for names in re.findall(r'\.(?:option|options|flag|option_or_flag)\(\s*"([^"]+)"', source):
        words += names.split(",")
    wrong += [f"{path.relative_to(root)}: '{word}' is not in docs/COMMANDS.md" for word in words if not named(word, commands)]

for path in sorted((root / "tools" / "packages").glob("*.txt")):
    for package in path.read_text().split():
        if not named(package, dependencies):
            wrong.append(f"{path.relative_to(root)}: '{package}' is not in docs/DEPENDENCIES.md")

if wrong:
    print("\n".join(wrong))
sys.exit(1 if wrong else 0)

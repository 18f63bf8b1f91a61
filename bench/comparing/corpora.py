"""The corpora below --dir: made once, changed a little more in each repetition, never deleted between runs."""

import json
import os
import shlex
import time

from .measure import Command, must

KINDS = ("code", "usr", "series", "random", "tiny1M")

# What files touched a moment ago would hide: tools look again at files younger than their scan, which is no fault of theirs.
QUIET_S = 5


class Corpus:
    def __init__(self, kind, scale, directory, binaries):
        self.kind = kind
        self.binaries = binaries
        self.path = os.path.join(directory, f"{kind}-{scale:g}")
        self.state_path = self.path + ".json"
        self.scale = scale
        self.state = {"changes": 0, "touched": 0.0}

    def prepare(self):
        """Makes the tree, or takes the one that an earlier run left, with all changes made to it since."""
        if os.path.exists(self.state_path):
            with open(self.state_path, encoding="ascii") as file:
                self.state = json.load(file)
            return
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        must(Command([os.path.join(self.binaries, "make_corpus"), self.kind, self.path, "--scale", str(self.scale)]))
        self._touched()

    def change(self):
        """Changes 1 % of the bytes; returns the second before which no file was changed."""
        self.state["changes"] += 1
        start = int(time.time())
        must(Command([os.path.join(self.binaries, "make_corpus"), "change", self.path, "--seed", str(self.state["changes"])]))
        self._touched()
        return start

    def _touched(self):
        self.state["touched"] = time.time()
        with open(self.state_path, "w", encoding="ascii") as file:
            json.dump(self.state, file)

    def wait_until_quiet(self):
        os.sync()
        time.sleep(max(0.0, self.state["touched"] + QUIET_S - time.time()))

    def warm_up(self):
        """Everything into the page cache, so that nobody pays for being first."""
        must(Command(["bash", "-c", f"tar -cf - {shlex.quote(self.path)} 2>/dev/null | cat > /dev/null"]))

    def measure(self):
        found = size_of(self.path, self.binaries)
        return {"bytes": found["bytes_read"], "entries": found["entries"], "changes": self.state["changes"]}


def size_of(path, binaries):
    """Entries, bytes and allocated bytes of a tree."""
    return json.loads(must(Command([os.path.join(binaries, "limit_pass"), "walk", path])))

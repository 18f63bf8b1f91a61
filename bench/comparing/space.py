"""Where files lie and when they go.

Creating tens of thousands of files on ext4 within minutes of deleting as many costs 5 to 10 times as much: without a
journal its allocator steps over freed inodes for up to 300 s. Trees of many files are therefore only set aside, and
deleted at the end, or when room runs out; then the run waits until the file system has forgotten.
"""

import os
import re
import shutil
import subprocess
import time

MANY_FILES = 2000
LEFT_BEHIND = re.compile(r"(home|repository|restore)-[a-z_]+\d+-\d+")
SETTLE_S = 360


def file_system(path):
    return subprocess.run(["stat", "-f", "-c", "%T", path], capture_output=True, text=True, check=True).stdout.strip()


class Space:
    def __init__(self, root, say, settle_s=SETTLE_S):
        self.root = root
        self.say = say
        self.settle_s = settle_s
        self.is_tmpfs = file_system(root) in ("tmpfs", "ramfs")
        # What an interrupted run left goes at the end of this one.
        self.set_aside = [os.path.join(root, name) for name in os.listdir(root) if LEFT_BEHIND.fullmatch(name)]
        self.count = 0
        self.stamp = os.path.join(root, "last_mass_deletion")
        self._settle(self._last_deletion())

    def path(self, kind):
        self.count += 1
        return os.path.join(self.root, f"{kind}{self.count}-{os.getpid()}")

    def discard(self, path, entries):
        if not os.path.exists(path):
            return
        if self.is_tmpfs or entries < MANY_FILES:
            shutil.rmtree(path)
        else:
            self.set_aside.append(path)

    def make_room(self, size, entries):
        """Before a step that will write about this much."""
        free = os.statvfs(self.root)
        has_room = free.f_bavail * free.f_frsize > 2 * size + (1 << 30)
        has_inodes = free.f_favail == 0 or free.f_favail > 2 * entries
        if self.set_aside and not (has_room and has_inodes):
            self.empty()
            self._settle(time.time())

    def empty(self):
        if not self.set_aside:
            return
        for path in self.set_aside:
            shutil.rmtree(path, ignore_errors=True)
        self.set_aside = []
        with open(self.stamp, "w", encoding="ascii") as file:
            file.write(f"{time.time():.0f}\n")

    def _last_deletion(self):
        try:
            with open(self.stamp, encoding="ascii") as file:
                return float(file.read())
        except (OSError, ValueError):
            return 0.0

    def _settle(self, since):
        left = since + self.settle_s - time.time()
        if left > 0 and not self.is_tmpfs:
            self.say(f"waiting {left:.0f} s: ext4 is slow to create files right after many were deleted")
            os.sync()
            time.sleep(left)

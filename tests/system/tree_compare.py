"""Compares two trees in everything a file system keeps, however deep they are.

Walks directory handles: nothing here is opened by a path from the top, so that paths longer than PATH_MAX are no matter.
"""

import array
import errno
import fcntl
import hashlib
import os
import stat

FS_IOC_GETFLAGS = 0x80086601
# Those that a user sets; the others (extents, inline data, ...) say how the file system stores the file.
SETTABLE_FLAGS = 0x00000008 | 0x00000010 | 0x00000020 | 0x00000040 | 0x00000080  # sync, immutable, append, nodump, noatime


def describe(top):
    """{path: facts} of all below the directory `top` and of `top` itself (b"."). Hard links are told by the first path of their file."""
    seen = {}
    found = {}
    handle = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    try:
        found[b"."] = _facts_of_open(handle, os.fstat(handle))
        _walk(handle, b"", seen, found)
    finally:
        os.close(handle)
    return found


def differences(before, after, ignore=()):
    """Lines; none where the trees are equal. `ignore`: names of facts."""
    lines = []
    for path in sorted(before.keys() | after.keys()):
        if path not in after:
            lines.append(f"missing: {path!r}")
        elif path not in before:
            lines.append(f"too much: {path!r}")
        else:
            for fact in sorted(before[path].keys() | after[path].keys()):
                if fact in ignore:
                    continue
                old, new = before[path].get(fact), after[path].get(fact)
                if old != new:
                    lines.append(f"{path!r}: {fact} was {old!r}, is {new!r}")
    return lines


def _walk(handle, prefix, seen, found):
    for name in sorted(os.fsencode(entry) for entry in os.listdir(handle)):
        path = prefix + name
        status = os.stat(name, dir_fd=handle, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            child = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
            try:
                found[path] = _facts_of_open(child, status)
                _walk(child, path + b"/", seen, found)
            finally:
                os.close(child)
            continue
        facts = _facts(handle, name, status)
        if status.st_nlink > 1:
            facts["linked to"] = seen.setdefault((status.st_dev, status.st_ino), path)
        if stat.S_ISREG(status.st_mode):
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=handle)
            try:
                facts["holes"], facts["sha256"] = _content(file, status.st_size)
                facts["flags"] = _flags(file)
            finally:
                os.close(file)
        found[path] = facts


def _common(status):
    return {"type": stat.S_IFMT(status.st_mode), "mode": oct(stat.S_IMODE(status.st_mode)), "uid": status.st_uid, "gid": status.st_gid,
            "mtime": status.st_mtime_ns}


def _facts_of_open(handle, status):
    facts = _common(status)
    # By name, not by handle: a handle does not see trusted.* on every kernel.
    facts["xattrs"] = _xattrs(b"/proc/self/fd/%d/." % handle)
    facts["flags"] = _flags(handle)
    return facts


def _facts(handle, name, status):
    facts = _common(status)
    facts["links"] = status.st_nlink
    facts["xattrs"] = _xattrs(b"/proc/self/fd/%d/%b" % (handle, name))
    if stat.S_ISLNK(status.st_mode):
        facts["to"] = os.readlink(name, dir_fd=handle)
    if stat.S_ISREG(status.st_mode):
        facts["size"] = status.st_size
    if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
        facts["device"] = (os.major(status.st_rdev), os.minor(status.st_rdev))
    return facts


def _xattrs(path):
    try:
        return {name: os.getxattr(path, name, follow_symlinks=False) for name in os.listxattr(path, follow_symlinks=False)}
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return {}
        raise


def _flags(handle):
    flags = array.array("l", [0])
    try:
        fcntl.ioctl(handle, FS_IOC_GETFLAGS, flags)
    except OSError:
        return 0
    return flags[0] & SETTABLE_FLAGS


def _content(file, size):
    """Where the holes are, and the SHA-256 of the data between them with their offsets: 64 GiB of nothing are read in no time."""
    digest = hashlib.sha256()
    extents = []
    offset = 0
    while offset < size:
        try:
            begin = os.lseek(file, offset, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                break
            raise
        end = os.lseek(file, begin, os.SEEK_HOLE)
        extents.append((begin, end))
        digest.update(b"%d:" % begin)
        while begin < end:
            data = os.pread(file, min(1 << 20, end - begin), begin)
            if not data:
                break
            digest.update(data)
            begin += len(data)
        offset = end
    return extents, digest.hexdigest()

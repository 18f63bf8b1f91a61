"""Trees with everything in them that a backup may get wrong."""

import os
import socket
import stat
import struct
import subprocess

from dr_machine import MIB, write_random

GIB = 1 << 30
LONG_NAME = b"n" * 255
ODD_NAMES = [b"two\nlines", b"caf\xe9 latin-1", b"\xff\xfe\x80", b" leading and trailing ", b"-rf", b"*?[a]", b"tab\tbell\x07", b"quote'\"\\", b"...",
             "\u0645\u0631\u062d\u0628\u0627".encode(), "cafe\u0301".encode(), "caf\u00e9".encode(), LONG_NAME]


def write(path, data=b"content\n", mode=None):
    with open(path, "wb") as file:
        file.write(data)
    if mode is not None:
        os.chmod(path, mode)


def fill(top):
    """Everything that an ordinary user may make. Paths are bytes: not every name is text."""
    top = os.fsencode(top)
    at = lambda *names: os.path.join(top, *names)
    for name in (b"modes", b"names", b"links", b"links/elsewhere", b"empty", b"empty/inside", b"special", b"sizes"):
        os.mkdir(at(name))
    for mode in (0o000, 0o400, 0o644, 0o755, 0o4755, 0o2755, 0o6711, 0o1644, 0o7777):
        write(at(b"modes", b"%04o" % mode), b"%o" % mode, mode)
    for mode in (0o700, 0o1777, 0o2775, 0o3755):
        os.mkdir(at(b"modes", b"dir-%04o" % mode))
        os.chmod(at(b"modes", b"dir-%04o" % mode), mode)
    for name in ODD_NAMES:
        write(at(b"names", name), name)
    for size in (0, 1, 511, 512, 513, 4095, 4096, 4097, MIB - 1, MIB, 3 * MIB + 17):
        write_random(at(b"sizes", b"%d" % size), size, size)
    write_random(at(b"sizes", b"twice"), MIB, MIB)
    write(at(b"sizes", b"zeros"), bytes(2 * MIB))

    write(at(b"links", b"one"), b"linked")
    os.link(at(b"links", b"one"), at(b"links", b"elsewhere", b"two"))
    os.link(at(b"links", b"one"), at(b"three"))
    os.symlink(b"one", at(b"links", b"relative"))
    os.symlink(b"/nowhere/at/all", at(b"links", b"dangling"))
    os.symlink(b"..", at(b"links", b"up"))
    os.symlink(b"caf\xe9\n" + b"t" * 1000, at(b"links", b"odd target"))
    os.symlink(b"loop", at(b"links", b"loop"))
    os.link(at(b"links", b"dangling"), at(b"links", b"dangling too"), follow_symlinks=False)

    os.mkfifo(at(b"special", b"fifo"), 0o620)
    make_socket(at(b"special", b"socket"))
    sparse(top)
    times(top)


def make_socket(path):
    """Bound by a name relative to its directory: socket addresses are short."""
    here = os.open(".", os.O_RDONLY)
    try:
        os.chdir(os.path.dirname(path))
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(os.path.basename(path))
    finally:
        os.fchdir(here)
        os.close(here)


def sparse(top):
    for name, size, data in ((b"hole first", 8 * MIB, [5 * MIB]), (b"hole last", 8 * MIB, [0]), (b"holes only", 64 * MIB, []),
                             (b"comb", 16 * MIB, range(0, 16 * MIB, MIB)), (b"odd end", 8 * MIB + 123, [4 * MIB])):
        sparse_file(os.path.join(top, b"sizes", name), size, data)


def sparse_file(path, size, offsets):
    """`size` bytes, with 64 KiB of data at each of `offsets`."""
    with open(path, "wb") as file:
        for number, offset in enumerate(offsets):
            file.seek(offset)
            file.write(bytes([number % 255 + 1]) * 65536)
        file.truncate(size)


def times(top):
    """Times of all kinds: before 1970, far ahead, and every nanosecond told apart."""
    os.mkdir(os.path.join(top, b"times"))
    for number, time in enumerate((-1, 0, 1, 999_999_999, 1_700_000_000_123_456_789, -1_000_000_001, 2**31 * 10**9 + 1)):
        write(os.path.join(top, b"times", b"%d" % number))
        os.utime(os.path.join(top, b"times", b"%d" % number), ns=(time, time))
        os.symlink(b"x", os.path.join(top, b"times", b"link %d" % number))
        os.utime(os.path.join(top, b"times", b"link %d" % number), ns=(time, time), follow_symlinks=False)
    os.utime(os.path.join(top, b"empty"), ns=(7, 7))


def fill_as_root(top):
    """What only root may make, and what only some file systems keep. Returns what this one does not."""
    top = os.fsencode(top)
    at = lambda *names: os.path.join(top, *names)
    missing = []
    os.mkdir(at(b"root"))

    def attempt(what, action):
        try:
            action()
        except (OSError, subprocess.CalledProcessError) as error:
            missing.append(f"{what}: {error}")

    for number, (user, group) in enumerate(((1, 2), (65534, 65534), (4_000_000_000, 3_000_000_000))):
        path = at(b"root", b"owned %d" % number)
        write(path)
        os.chown(path, user, group)
        os.chmod(path, 0o6750)  # chown took these bits away
        os.symlink(b"x", path + b" link")
        os.lchown(path + b" link", user, group)
        os.mkdir(path + b" directory")
        os.chown(path + b" directory", user, group)
    attempt("character device", lambda: os.mknod(at(b"root", b"null"), stat.S_IFCHR | 0o666, os.makedev(1, 3)))
    attempt("block device", lambda: os.mknod(at(b"root", b"loop"), stat.S_IFBLK | 0o660, os.makedev(7, 1234)))
    _extended(at, attempt)
    return missing


def _extended(at, attempt):
    file, directory, link = at(b"root", b"attributes"), at(b"root", b"acl directory"), at(b"root", b"attributes link")
    write(file, mode=0o640)
    os.mkdir(directory)
    os.symlink(b"nowhere", link)
    attempt("user.*", lambda: os.setxattr(file, b"user.text", b"value"))
    attempt("user.*", lambda: os.setxattr(file, b"user.empty", b""))
    attempt("user.*", lambda: os.setxattr(file, b"user.bytes", bytes(range(256)) * 4))
    attempt("user.* of a directory", lambda: os.setxattr(directory, b"user.of directory", b"\0"))
    attempt("trusted.*", lambda: os.setxattr(file, b"trusted.secret", b"for root"))
    attempt("trusted.* of a link", lambda: os.setxattr(link, b"trusted.of link", b"x", follow_symlinks=False))
    run = lambda *words: subprocess.run([os.fsencode(word) for word in words], check=True, capture_output=True)
    attempt("ACL", lambda: run("setfacl", "-m", "u:1:r,u:65534:rwx,g:2:-,m::rx", file))
    attempt("default ACL", lambda: run("setfacl", "-m", "u:1:rx,d:u:1:rwx,d:g:3:r,d:o::-", directory))
    program = at(b"root", b"capable")
    write(program, mode=0o755)
    # cap_net_raw+ep, revision 2: as setcap writes it.
    attempt("capability", lambda: os.setxattr(program, b"security.capability", struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0)))
    for name, flag in ((b"immutable", "+i"), (b"append only", "+a"), (b"no dump", "+d"), (b"no atime", "+A")):
        path = at(b"root", name)
        write(path)
        attempt("flag " + flag, lambda path=path, flag=flag: run("chattr", flag, path))
    os.mkdir(at(b"root", b"immutable directory"))
    write(at(b"root", b"immutable directory", b"inside"))
    attempt("immutable directory", lambda: run("chattr", "+i", at(b"root", b"immutable directory")))


def deep(top, levels):
    """`levels` directories of 255 bytes below each other, with a file, a link and a hard link at the bottom: a path longer than PATH_MAX."""
    top = os.fsencode(top)
    os.mkdir(top)
    handle = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    for level in range(levels):
        name = b"%03d" % level + b"d" * 252
        os.mkdir(name, dir_fd=handle)
        child = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=handle)
        file = os.open(b"file", os.O_WRONLY | os.O_CREAT, 0o640, dir_fd=child)
        os.write(file, b"at level %d\n" % level)
        os.close(file)
        os.close(handle)
        handle = child
    os.link(b"file", LONG_NAME, src_dir_fd=handle, dst_dir_fd=handle)
    os.symlink(b"file", b"link", dir_fd=handle)
    os.utime(handle, ns=(5, 5))
    os.close(handle)


def crowd(top, count):
    """One directory of `count` entries."""
    os.mkdir(top)
    handle = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    for number in range(count):
        file = os.open(f"entry-{number:07}", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=handle)
        if number % 10 == 0:
            os.write(file, b"%d" % number)
        os.close(file)
    os.close(handle)

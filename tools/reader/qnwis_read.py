#!/usr/bin/python3
"""Lists, checks and restores a QNWIS DR repository without QNWIS DR; see README.md."""
import argparse, functools, os, sys, time
from qnwis_format import FIFO, FILE, FOLDER, KEK_FILE, PASSPHRASE, SYMLINK, Blobs, Damaged, Pack, Repository, Tree, require, warn

OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
text = lambda data: ascii(os.fsdecode(data))[1:-1]  # bytes for people

def upwards(path):  # the names of a path, the last one first
    while path:
        path, name = path
        yield name

def step(here, name):  # from one open directory to another: one is open at a time, so that depth and length of paths have no limit
    there = os.open(name, OPEN_FOLDER, dir_fd=here)
    os.close(here)
    return there

def restore(tree, target):
    os.makedirs(target, exist_ok=True)
    require(not os.listdir(target), f"{target} is not empty")
    here, first_names = os.open(target, OPEN_FOLDER), {}
    for path, entry in tree.walk():
        if entry.kind == FOLDER and path:
            os.mkdir(entry.name, 0o700, dir_fd=here)
            here = step(here, entry.name)  # its metadata come when everything is in it
        elif entry.link in first_names:
            name, *folders = upwards(first_names[entry.link])
            there = functools.reduce(step, reversed(folders), os.open(target, OPEN_FOLDER))
            os.link(name, entry.name, src_dir_fd=there, dst_dir_fd=here, follow_symlinks=False)
            os.close(there)
        elif entry.kind not in (FOLDER, FILE, SYMLINK, FIFO):
            warn(f"{text(entry.name)}: devices and sockets are not restored")
        else:
            here = step(here, "..") if entry.kind == FOLDER else here
            make(tree, here, entry, b"/proc/self/fd/%d/%s" % (here, entry.name))
            first_names |= {entry.link: path} if entry.link else {}

def make(tree, here, entry, name):
    if entry.kind == FILE:
        with open(os.open(entry.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=here), "wb") as file:
            for data, length in tree.pieces(entry):
                file.seek(length, os.SEEK_CUR) if data is None else file.write(data)
            file.truncate(entry.size)
    elif entry.kind == SYMLINK:
        os.symlink(entry.content[0], entry.name, dir_fd=here)
    elif entry.kind == FIFO:
        os.mkfifo(entry.name, 0o600, dir_fd=here)
    if os.geteuid() == 0:  # first, since a change of owner takes away set-id bits and capabilities
        os.lchown(name, entry.uid, entry.gid)
    for key, value in entry.xattrs:
        try:
            os.setxattr(name, key, value, follow_symlinks=False)
        except OSError as error:
            warn(f"{text(entry.name)}: extended attribute {text(key)}: {error.strerror}")
    if entry.kind != SYMLINK:
        os.chmod(name, entry.mode)
    os.utime(name, ns=(entry.mtime, entry.mtime), follow_symlinks=False)

def print_sums(tree):  # as sha256sum does: where a name has a backslash or line end, both are escaped and a backslash begins the line
    for path, entry in tree.walk():
        if entry.kind == FILE:
            name = b"/".join([*upwards(path)][::-1])
            escaped = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
            sys.stdout.buffer.write(b"\\" * (escaped != name) + entry.sha256.hex().encode() + b"  " + escaped + b"\n")

def print_list(repository):
    for s in repository.snapshots.values():
        created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(s["created"] // 10**9))
        print(s["id"].hex(), created, s["state"], f"{s['files']} files {s['size']} bytes", text(s["spec"]), text(s["tag"]))

def check(repository):  # the log is checked by now; without a key this checks all bytes of packs and index runs, with one every blob too
    damage, missing, blobs = [f"log record {seq} is junk" for seq in repository.junk], repository.packs | repository.runs, 0
    for path in [*repository.path.glob("packs/*/*"), *repository.path.glob("index/*")]:
        try:
            pack = Pack(repository, path)
            pack.check_slices()
            blobs += len(list(pack.check_blobs())) if repository.blob_key else 0
            missing.discard(pack.id)
        except Damaged as found:
            damage.append(str(found))
    damage += [f"pack or index run {pack.hex()} is missing or damaged" for pack in missing]
    require(not damage, "\n".join(damage))
    print(f"{len(repository.snapshots)} snapshots, {len(repository.packs)} packs, {blobs} blobs opened: no damage")

def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["list", "check", "sha256", "restore"])
    parser.add_argument("repository")
    parser.add_argument("snapshot", nargs="?", default="latest", help="latest, latest:TAG or the beginning of an id")
    parser.add_argument("target", nargs="?", help="for restore: an empty directory, or one to be made")
    parser.add_argument("--kek-file")
    parser.add_argument("--passphrase-file")
    parser.add_argument("--no-index", action="store_true", help="find blobs by the directories of the packs")
    options = parser.parse_args()
    try:
        require(options.target or options.command != "restore", "where to? name a directory")
        secret, word, repository = options.passphrase_file or options.kek_file, options.snapshot, Repository(options.repository)
        if repository.encrypted and options.command != "list" and (secret or options.command != "check"):
            repository.unlock(secret, PASSPHRASE if options.passphrase_file else KEK_FILE)
        if options.command in ("list", "check"):
            return print_list(repository) if options.command == "list" else check(repository)
        every = repository.snapshots.values()
        found = [s for s in every if s["state"] == "live" and word in ("latest", "latest:" + text(s["tag"]))][-1:]
        found = found or [s for s in every if s["id"].hex().startswith(word)]
        require(len(found) == 1, f"'{word}' means {len(found)} snapshots")
        tree = Tree(repository, Blobs(repository, not options.no_index), found[0])
        restore(tree, options.target) if options.command == "restore" else print_sums(tree)
    except (Damaged, OSError, ValueError, LookupError) as error:
        sys.exit(f"qnwis_read: {error}")

if __name__ == "__main__":
    main()

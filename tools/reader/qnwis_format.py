"""The QNWIS DR repository format, read: written from docs/FORMAT.md alone, whose sections are named here by `§`."""
import base64, contextlib, functools, hashlib, hmac, itertools, json, os, pathlib, re, struct, sys, types
import argon2, zstandard
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MIB, PASSPHRASE, KEK_FILE = 1 << 20, 1, 2  # the latter are kinds of slots
BACKUP, FORGET, GC, ADMIN, ANY = 1, 2, 4, 8, 31  # roles
HEADER, FRAME, TAG, FOOTER = 256, 36, 16, 384  # bytes of the parts of a pack
SINGLE, SOLID, DIRECTORY, ROWS, TAIL, FILTER, COMMIT, PACKS = range(1, 9)  # types of frames
(DATA, NODE, EXTENTS, XATTRS), (FILE, FOLDER, SYMLINK, FIFO), DEVICES = range(1, 5), range(1, 5), (5, 6)  # types of blobs; kinds of entries
LISTS = "packs:*dBv runs_added:*d runs_removed:*d newrefs:*d rescue:*d"
RECORDS = {  # the types of records that a reader needs: name, who may sign, payload in the letters of Cursor.SIZES
    1: ("genesis", 0, "config:d chunker:d arbitration:B random:S"), 2: ("key.grant", ADMIN, "who:d roles:v label:b"),
    3: ("key.slot", ADMIN, "op:B slot:b public:d file:d"), 4: ("key.ring", ADMIN, "ring:v file:d"),
    5: ("open", ANY, "kind:B parent:v adopts:*v"), 6: ("refresh", ANY, "session:v " + LISTS),
    7: ("commit", BACKUP, "session:v id:S spec:b tag:b created:t size:v files:v unreadable:v manifest:d encrypted:B retention_days:v "
                          "worm:B retain_until:t closes:B " + LISTS + " body:b"),
    8: ("close", ANY, "session:v"), 9: ("abandon", ANY, "session:v"), 10: ("forget", FORGET, "commits:*vb"), 13: ("reap", GC, "reaped:*d"),
    15: ("runs", GC | BACKUP, "runs_added:*d runs_removed:*d"), 21: ("admin.void", ADMIN, "junk:vd"),
}
warn = functools.partial(print, "qnwis_read: note:", file=sys.stderr)

class Damaged(Exception):
    """What was read is not what the format says, or not what its checksum, hash, tag or signature promises."""

def require(condition, message):
    if not condition:
        raise Damaged(message)

@contextlib.contextmanager
def reading(what):  # whatever a library refuses in here means that `what` is damaged
    try:
        yield
    except (InvalidSignature, InvalidTag, keywrap.InvalidUnwrap, zstandard.ZstdError, struct.error, ValueError, LookupError, TypeError) as bad:
        raise Damaged(f"{what} is damaged: {type(bad).__name__} {bad}") from None

class Cursor:  # §1: reads one field after the other, never past the end; end() demands that nothing is left
    SIZES = {"0": 1, "B": 1, "H": 2, "I": 4, "Q": 8, "t": 8, "S": 16, "d": 32}  # v varint, s svarint, b bytes, t i64, S d bytes, 0 zero
    def __init__(self, data, what, magic=b""):
        self.data, self.what, self.position = data, what, 0
        require(self.take(len(magic)) == magic, f"{what} is damaged, or something else")
    def take(self, length):
        piece = self.data[self.position:self.position + length]
        require(len(piece) == length, f"{self.what} is damaged: ends too early")
        self.position += length
        return piece
    def varint(self, limit=2**64 - 1):
        value, shift, byte = 0, 0, 0x80
        while byte & 0x80:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            require(byte or not shift, f"{self.what} is damaged: a varint is not in its shortest form")
            require(value <= limit and shift < 70, f"{self.what} is damaged: a number is beyond the limit of {limit}")
            shift += 7
        return value
    def read(self, layout):  # a value for each letter, but for 0
        values = []
        for kind in layout:
            if kind in "vsb":
                value = self.varint()
                values.append(value if kind == "v" else value >> 1 ^ -(value & 1) if kind == "s" else self.take(value))
            else:
                piece = self.take(self.SIZES[kind])
                require(kind != "0" or piece == b"\0", f"{self.what} is damaged: a reserved byte is not zero")
                values += [piece if kind in "Sd" else int.from_bytes(piece, "little", signed=kind == "t")] if kind != "0" else []
        return values
    def many(self, layout, limit=2**32):  # T*: nothing is shorter than a byte, so a count beyond what is left is a lie
        return [self.read(layout) for _ in range(self.varint(min(limit, len(self.data) - self.position)))]
    def end(self):
        require(self.position == len(self.data), f"{self.what} is damaged: bytes after its end")

CRC_TABLE = [functools.reduce(lambda crc, _: crc >> 1 ^ 0x82F63B78 * (crc & 1), range(8), byte) for byte in range(256)]
crc32c = lambda data: functools.reduce(lambda crc, byte: CRC_TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8, data, 0xFFFFFFFF) ^ 0xFFFFFFFF
sha256 = lambda *parts: hashlib.sha256(b"".join(parts)).digest()
hmac256 = lambda key, *parts: hmac.digest(key, b"".join(parts), "sha256")
expand = lambda key, info: hmac256(key, info, b"\x01")  # HKDF-Expand to 32 bytes, which is one block
hkdf = lambda salt, key, info: expand(hmac256(salt, key), info)
public_of = lambda private: private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
blob_id = lambda repository, kind, digest: hmac256(repository.blob_key, bytes([kind]), digest)

def checked(data, what):  # the bytes before the crc that ends a structure
    require(len(data) >= 4 and crc32c(data[:-4]) == int.from_bytes(data[-4:], "little"), f"{what} is damaged: wrong checksum")
    return data[:-4]

def open_slot(data, what, kind, secret):  # §4: the public and private key of a slot, or None where it belongs to another secret
    at = Cursor(checked(data, what), what, b"QDRSLOT1")
    own_kind, t, memory, salt, kek_id, public, actor, wrapped, _ = at.read("B000IQSSdd") + [at.take(72), at.read("0" * 33)]  # no pin
    if own_kind != kind or kind == KEK_FILE and kek_id != sha256(b"qnwis-dr/1/kek-id", secret)[:16]:
        return None
    require(kind == KEK_FILE or 1 <= t <= 16 and 8192 <= memory <= 1024 * MIB and not memory % 1024, f"{what} is damaged: wrong Argon2id")
    key = hkdf(salt, secret, b"qnwis-dr/1/kek") if kind == KEK_FILE else \
        argon2.low_level.hash_secret_raw(secret, salt, t, memory // 1024, 1, 32, argon2.Type.ID, 19)
    with contextlib.suppress(keywrap.InvalidUnwrap):  # another passphrase's
        keys = keywrap.aes_key_unwrap(key, wrapped)
        private, signer = x25519.X25519PrivateKey.from_private_bytes(keys[:32]), ed25519.Ed25519PrivateKey.from_private_bytes(keys[32:])
        return require((public, actor) == (public_of(private), public_of(signer)), f"{what}: public keys of others") or (public, private)

def open_ring(data, number, repository_id, public, private):  # §4: K_id and {epoch: R}, from the box that is sealed to this slot
    what, tail = f"keys/ring-{number:08}", number.to_bytes(4, "little")
    at = Cursor(checked(data, what), what, b"QDRRING1" + tail)
    boxes = {at.take(32): at.take(*at.read("I")) for _ in range(*at.read("I"))}
    at.end()
    require(public in boxes, f"{what} is not sealed to the slot that opens")
    ephemeral, box = boxes[public][:32], boxes[public][32:]
    with reading(what):
        shared, info = private.exchange(x25519.X25519PublicKey.from_public_bytes(ephemeral)), b"qnwis-dr/1/box" + repository_id + tail
        at = Cursor(keywrap.aes_key_unwrap(hkdf(ephemeral + public, shared, info), box), what, b"\x01\0\0\0")
    epochs, blob_key, _ = at.read("Idd")
    roots = dict(at.read("I0000d") for _ in range(epochs))
    at.end()
    return blob_key, roots

def parse_file(data, what):  # §9: the body of the first copy that checks
    for copy in data, data[len(data) // 2:]:
        if (body := copy[16:16 + int.from_bytes(copy[4:8], "little")]) and copy[:16] == b"QREC" + struct.pack("<III", len(body), crc32c(body), 0):
            return body
    raise Damaged(f"{what} is damaged: no copy of it is whole")

def parse_record(body, what, repository_id):  # §9: the fields of a record whose signature is right
    at = Cursor(body[:-64], what, b"\x01")
    kind, _, seq, previous, _, actor, payload = at.read("BB0Qdtdb")
    at.end()
    with reading(what):
        ed25519.Ed25519PublicKey.from_public_bytes(actor).verify(body[-64:], b"qnwis-dr/1/record" + repository_id + body[:-64])
    name, signers, layout = RECORDS.get(kind, (f"type {kind}", ANY, ""))
    record, at = dict(seq=seq, previous=previous, actor=actor, name=name, signers=signers, hash=sha256(body)), Cursor(payload, what)
    for field, letters in (item.split(":") for item in layout.split()):
        values = [v if len(v) > 1 else v[0] for v in (at.many(letters[1:]) if letters[0] == "*" else [at.read(letters)])]
        record[field] = values if letters[0] == "*" else values[0]
    require(not layout or at.position == len(payload), f"{what} is damaged: bytes after its end")
    return record

class Repository:  # repository.json and the replayed log (§3, §9, §10). What is encrypted can be read after unlock()
    def __init__(self, path):
        self.path, self.id, self.blob_key, self.roots = pathlib.Path(path), bytes(32), None, {}
        self.actors, self.sessions, self.snapshots, self.packs = {}, {}, {}, set()  # key: roles; number: actor; number: commit; ids
        self.slots, self.rings, self.runs, self.junk = {}, {}, set(), {}  # name: sha256; number: sha256; ids; seq: [seq, sha256]
        raw = self.object("repository.json", 64 << 10)
        with reading("repository.json"):
            config = json.loads(raw)
            self.encrypted = {"aes_256_gcm": True, "none": False}[config["encryption"]]
            require((config["format"], config["version"], config["required_features"]) == ("qnwis-dr", 1, []), "this format is unknown")
        self.blob_key = None if self.encrypted else bytes(32)
        names, last = sorted(path.name for path in self.path.glob("log/" + "[0-9]" * 20)), bytes(32)
        for seq, name in enumerate(names or ["record 0"]):
            require(name == f"{seq:020}", f"log record {seq} is missing")
            last = self.replay(seq, self.path / "log" / name, last, sha256(raw))
    def object(self, name, limit=MIB, digest=None):
        data = (self.path / name).read_bytes()
        require(len(data) <= limit and digest in (None, sha256(data)), f"{name} is damaged: too long, or not what the log names")
        return data
    def replay(self, seq, path, last, config):  # returns the hash that the next record is chained to
        data, what = path.read_bytes(), f"log record {seq}"
        try:
            record = parse_record(parse_file(data, what), what, self.id)
            require((record["seq"], record["previous"]) == (seq, last), f"{what} does not follow the one before it")
            require(seq or record.get("config") == config, "repository.json is not the one that genesis names")
        except Damaged as damage:
            require(seq, damage)
            self.junk[seq] = [seq, sha256(data) if len(data) <= MIB else bytes(32)]
            return warn(f"{damage}; what follows is void until an admin.void names it") or last
        if seq == 0:
            self.id, self.actors[record["actor"]] = record["hash"], ANY
        elif not self.apply(record, record["name"], record["actor"]):
            warn(f"{what} ({record['name']}) is void")
        return record["hash"]
    def apply(self, record, name, actor):  # whether it counts, by §10 without packsets, holds and dates: blobs prove themselves
        roles, session, forgotten = self.actors.get(actor, 0), record.get("session"), [seq for seq, _ in record.get("commits", [])]
        ends = record.get("adopts", [session] if name in ("close", "abandon") or record.get("closes") else [])
        owners = {self.sessions.get(number) for number in [*ends, session] if number is not None}  # None: it has ended or never was
        listed, known = {pack for pack, *_ in record.get("packs", [])}, [snapshot["id"] for snapshot in self.snapshots.values()]
        left = {slot for slot, digest in self.slots.items() if digest} - ({record["slot"].decode()} if record.get("op") == 2 else set())
        if not roles & record["signers"] or record.get("op") == 2 and not left and any(self.slots.values()) or None in owners or self.packs & listed or record.get("id") in known \
                or owners - {actor} and not (name in ("open", "abandon") and roles & (GC | ADMIN)) \
                or any(self.snapshots.get(seq, {}).get("state") != "live" for seq in forgotten) \
                or record.get("junk") != next(iter(self.junk.values()), None) or record.get("ring", 2**64) <= max(self.rings, default=0):
            return False
        self.actors |= {record["who"]: record["roles"]} if name == "key.grant" else {}
        self.slots |= {record["slot"].decode(): record["op"] == 1 and record["file"]} if name == "key.slot" else {}
        self.rings |= {record["ring"]: record["file"]} if name == "key.ring" else {}
        self.sessions = {number: owner for number, owner in self.sessions.items() if number not in ends}
        self.sessions |= {record["seq"]: actor} if name == "open" else {}
        self.snapshots |= {record["seq"]: record | {"state": "live"}} if name == "commit" else {}
        self.snapshots |= {seq: self.snapshots[seq] | {"state": "forgotten"} for seq in forgotten}
        self.junk.pop(record.get("junk", [None])[0], None)
        self.packs = (self.packs | listed) - set(record.get("reaped", []))
        self.runs = (self.runs | set(record.get("runs_added", []))) - set(record.get("runs_removed", []))
        return True
    def unlock(self, path, kind):  # opens the newest ring with the passphrase or the key-encryption key in a file
        require(path, "this repository is encrypted: name a --kek-file or a --passphrase-file")
        line, number = pathlib.Path(path).read_bytes().removesuffix(b"\n").removesuffix(b"\r"), max(self.rings)
        key = re.fullmatch(rb"qnwis-dr-kek-1:([A-Za-z0-9+/]{43}=)", line)
        require(kind == PASSPHRASE or key, f"{path} is no key-encryption-key file")
        secret = line if kind == PASSPHRASE else base64.b64decode(key.group(1))
        opened = [open_slot(self.object(f"keys/{name}", 1024, digest), name, kind, secret) for name, digest in self.slots.items() if digest]
        slot, ring = next(filter(None, opened), None), self.object(f"keys/ring-{number:08}", MIB, self.rings[number])
        require(slot, "no slot of this repository opens with that passphrase or key-encryption key")
        self.blob_key, self.roots = open_ring(ring, number, self.id, *slot)

def open_header(raw, repository, what):  # §5: class, clock and K_pack of a pack; without encryption or before unlock() the key is None
    at = Cursor(checked(raw, what), what, b"QNWSPACK")
    version, kind, flags, sequence, session, epoch, clock, owner, salt = at.read("HBBIQIIdS")
    wrapped, commitment, _ = at.take(40), at.take(32), at.read("0" * 100)
    require(version == 1 and 1 <= kind <= 4 and flags <= 1 and owner == repository.id, f"{what} is of another version or repository")
    require(bool(flags) == repository.encrypted, f"{what} is encrypted or not, unlike what repository.json says")
    if not repository.roots:
        return kind, clock, None
    with reading(what):
        dek = keywrap.aes_key_unwrap(repository.roots[epoch], wrapped)
    key = hkdf(salt, dek, b"qnwis-dr/1/pack" + repository.id + struct.pack("<QIB", session, sequence, kind))
    require(expand(key, b"qnwis-dr/1/commit") == commitment, f"{what} does not open with its key")
    return kind, clock, key

def open_frame(repository, header, raw, kinds, what, number=None):  # the blobs of a solid frame, the one plaintext of any other
    pack_class, clock, pack_key = open_header(header, repository, what)
    at, payload, tag = Cursor(raw[:FRAME], what, b"QFRM"), raw[FRAME:-TAG], raw[-TAG:]
    length, own_number, kind, codec, plain_length, fs = at.read("IIBB00IS")
    what = f"{what}: frame {own_number}"
    require(len(raw) == FRAME + length + TAG and max(length, plain_length) <= 16 * MIB, f"{what} has a wrong length")
    require(codec <= 1 and kind in kinds and number in (None, own_number), f"{what} is not the expected one")
    with reading(what):
        if repository.encrypted:
            key = expand(pack_key, b"qnwis-dr/1/frame" + struct.pack("<I", own_number) + fs)
            payload = AESGCM(key).decrypt(struct.pack("<HIIH", pack_class, clock, own_number, 0), payload + tag, header + raw[:FRAME])
        elif sha256(header, raw[:FRAME], payload)[:TAG] != tag:
            raise InvalidTag
        if codec:
            require(payload[:5] == b"\x28\xB5\x2F\xFD\0" and payload[5] <= 104, f"{what} is no zstd frame of this format")
            payload = zstandard.ZstdDecompressor().decompress(payload, max_output_size=plain_length, allow_extra_data=False)
    require(len(payload) == plain_length, f"{what} inflates to another length")
    at = Cursor(payload, what)
    blobs = [at.take(length) for length, in at.many("v", 65535)] if kind == SOLID else [at.take(plain_length)]
    at.end()
    return require(blobs and all(blobs) or kind not in (SINGLE, SOLID), f"{what} holds no blobs, or empty ones") or blobs

class Pack:  # §5: one pack file, its footer checked
    def __init__(self, repository, path):
        self.repository, self.path, self.what, size = repository, path, os.path.relpath(path, repository.path), path.stat().st_size
        require(HEADER + FRAME + TAG + FOOTER <= size <= 128 * MIB, f"{self.what} is damaged: no pack has {size} bytes")
        self.header, footer = self.read(0, HEADER), self.read(size - FOOTER, FOOTER)
        open_header(self.header, repository, self.what)
        (self.sliced, self.directory_offset, self.directory_length, self.slice_size, self.slices, self.frames, table, parity, parity_length,
         self.id) = Cursor(checked(footer[HEADER:376], self.what), self.what).read("QQIIIIQQQd" + "0" * 28)
        slice_size = min(max(-(-self.sliced // 64 // 512) * 512, 512), 65536)
        require(footer[:HEADER] == self.header and footer[376:] == b"QNWSPEND" and path.name == self.id.hex()
                and self.slice_size == slice_size and self.slices == -(-self.sliced // slice_size) and parity == table + 32 * self.slices
                and table == self.sliced == self.directory_offset + self.directory_length and size == parity + parity_length + FOOTER,
                f"{self.what} is damaged: footer, header and name do not agree")
    def read(self, offset, length):
        with open(self.path, "rb") as file:
            data = os.pread(file.fileno(), length, offset)
        require(len(data) == length, f"{self.what} is damaged: ends too early")
        return data
    def frame(self, offset, length, kinds=(SINGLE, SOLID), number=None):
        return open_frame(self.repository, self.header, self.read(offset, length), kinds, self.what, number)
    def directory(self):  # (type, offset, length from header to tag, [[blob type, id, length]]) of each frame
        plain, = self.frame(self.directory_offset, self.directory_length, (DIRECTORY,), self.frames)
        at, offset, frames = Cursor(plain, f"{self.what}: directory"), HEADER, []
        for _ in range(at.varint(1 << 20)):
            kind, length, _ = at.read("Bvv")
            frames.append((kind, offset, FRAME + length + TAG, at.many("Bdv", 65535)))
            offset += FRAME + length + TAG
        at.end()
        require(len(frames) == self.frames and offset == self.directory_offset, f"{self.what} is damaged: directory and footer differ")
        return frames
    def check_slices(self):  # every byte before the slice table, and the pack id over the table; needs no key
        table = self.read(self.sliced, 32 * self.slices)
        require(sha256(b"qnwis-dr/1/pack-id", struct.pack("<QI", self.sliced, self.slice_size), table) == self.id, f"{self.what}: damaged")
        for number, start in enumerate(range(0, self.sliced, self.slice_size)):
            slice_hash = sha256(self.read(start, min(self.slice_size, self.sliced - start)))
            require(slice_hash == table[32 * number:][:32], f"{self.what} is damaged: slice {number}, from byte {start}")
    def check_blobs(self):  # opens every frame and checks every blob; yields what the directory says of each
        for number, (kind, offset, length, listed) in enumerate(self.directory()):
            blobs = self.frame(offset, length, (kind,), number) if kind in (SINGLE, SOLID) else []
            found = [[entry[0], blob_id(self.repository, entry[0], sha256(blob)), len(blob)] for entry, blob in zip(listed, blobs)]
            require(found == listed and len(blobs) == len(listed), f"{self.what} is damaged: frame {number} and the directory differ")
            yield from listed

class Blobs:  # §6, §8: every blob by its id. `places` maps (type, first half of the id) to [(pack, offset, length, ordinal)]
    def __init__(self, repository, use_index):
        self.repository, self.places = repository, {}
        self.frame = functools.lru_cache(16)(lambda pack, *place: Pack(repository, pack).frame(*place))
        try:
            for run in repository.runs if use_index else ():
                self.read_run(Pack(repository, repository.path / "index" / run.hex()))
        except (Damaged, FileNotFoundError) as error:
            use_index = warn(f"{error}: read the directories of the packs instead")
        for path in () if use_index else repository.path.glob("packs/" + "[0-9]" * 20 + "/" + "?" * 64):
            try:
                for _, offset, length, blobs in Pack(repository, path).directory():
                    for ordinal, (kind, name, _) in enumerate(blobs):
                        self.places.setdefault((kind, name[:16]), []).append((path, offset, length, ordinal))
            except Damaged as damage:
                warn(damage)  # that costs only the blobs in it
    @reading("an index run")
    def read_run(self, run):
        frames = [(kind, run.frame(*place, (kind,), number)[0]) for number, (kind, *place, _) in enumerate(run.directory())]
        rows, packs = (b"".join(plain for kind, plain in frames if kind == wanted) for wanted in (ROWS, PACKS))
        packs = [self.repository.path / f"packs/{session:020}/{pack.hex()}" for session, pack in struct.iter_unpack("<Q32s", packs)]
        for start, pack, offset, length, ordinal, kind in struct.iter_unpack("<16sIIIHBx", rows):
            self.places.setdefault((kind, start), []).append((packs[pack], offset, length, ordinal))
    def get(self, kind, name, length):
        damage = f"blob {name.hex()} is in no pack"
        for *place, ordinal in self.places.get((kind, name[:16]), []):
            try:
                blob = self.frame(*place)[ordinal]
                require(blob_id(self.repository, kind, sha256(blob)) == name and len(blob) == length, f"blob {name.hex()} is another one")
                return blob
            except (Damaged, OSError, IndexError) as found:
                damage = found
        raise Damaged(damage)

class Tree:  # §7: the files of one snapshot
    def __init__(self, repository, blobs, snapshot):
        self.repository, self.blobs, self.what, body = repository, blobs, f"snapshot {snapshot['id'].hex()}", snapshot["body"]
        plain, = open_frame(repository, body[:HEADER], body[HEADER:], (COMMIT,), self.what, 0)
        at = Cursor(plain, self.what, b"\x01")
        nonce, self.root = at.take(16), self.reference(at)
        require(sha256(b"qnwis-dr/1/manifest", nonce, plain[17:at.position]) == snapshot["manifest"], f"{self.what}: wrong manifest hash")
        at.read("bbbtBv"), at.many("bb"), at.many("bv")
        at.end()
    def reference(self, at):  # a DirRef: [] where it is empty, [plaintext of its node], or [id, length] of the node's blob
        with reading(self.what):
            return (at.read({0: "", 1: "b", 2: "dv"}[at.take(1)[0]]), at.read("vv"))[0]
    def walk(self):  # (path, entry), a directory before what is in it; (None, entry) after that. A path is (path above or None, name)
        stack = [(None, None, self.entries(self.root))]
        while stack:
            path, folder, entries = stack[-1]
            entry = next(entries, None)
            if entry:
                yield (path, entry.name), entry
            if entry and entry.kind == FOLDER:
                require(len(stack) <= 100_000, f"{self.what}: directories are too deep")
                stack.append(((path, entry.name), entry, self.entries(entry.content)))
            if not entry and stack.pop()[1]:
                yield None, folder
    def entries(self, root):  # the entries of a directory, their names strictly ascending over all of its nodes
        nodes, last = [(root, None)] if root else [], b""
        while nodes:
            node, level = nodes.pop()
            at = Cursor(node[0] if len(node) == 1 else self.blobs.get(NODE, *node), self.what, b"\x01")
            own_level, = at.read("B")
            require(own_level <= 31 and level in (None, own_level), f"{self.what}: a node of a wrong level")
            if own_level:
                nodes += [((blob, length), own_level - 1) for _, blob, length, _, _ in reversed(at.many("bdvvv", 65536))]
            for _ in range(0 if own_level else at.varint(65536)):
                entry = self.entry(at)
                require(entry.name > last, f"{self.what}: names are out of order")
                last = entry.name
                yield entry
            at.end()
    def entry(self, at):
        e = types.SimpleNamespace()
        e.name, e.kind, flags, e.mode, e.uid, e.gid, seconds, nanoseconds, _, _, inode = at.read("bBvvvvsvsvv")
        require(0 < len(e.name) <= 255 and e.name not in (b".", b"..") and not {0, 47} & set(e.name), f"{self.what}: {e.name!r} is no name")
        require(1 <= e.kind <= 7 and flags <= 31 and flags & 17 < 17 and e.mode <= 0o7777 and nanoseconds < 10**9, f"{self.what}: {e.name!r}")
        e.mtime = seconds * 10**9 + nanoseconds
        e.link = (at.read("vv")[0], inode) if flags & 2 else None
        at.read("v" if flags & 4 else "")  # inode flags are not restored
        e.xattrs = at.many("bb") if flags & 1 else []
        e.xattrs += Cursor(self.blobs.get(XATTRS, *at.read("dv")), self.what).many("bb") if flags & 16 else []
        if e.kind == FILE:
            e.size, form = at.read("vB")
            require(form <= 4, f"{self.what}: {e.name!r} is damaged")
            e.content = at.take(e.size) if form == 1 else b""
            e.sha256 = at.take(32) if form >= 2 else sha256(e.content)
            e.extents = [[blob_id(self.repository, DATA, e.sha256), e.size]] if form == 2 else self.extents(at) if form == 3 else []
            e.parts = at.many("dv") if form == 4 else []
        else:
            e.content = self.reference(at) if e.kind == FOLDER else at.read("b" if e.kind == SYMLINK else "vv" if e.kind in DEVICES else "")
        return e
    def extents(self, at):  # [[id of a blob, length]], and [length] of a hole
        with reading(self.what):
            return [[*at.read({0: "", 1: "d"}[at.take(1)[0]]), *at.read("v")] for _ in range(at.varint())]
    def pieces(self, e):  # (bytes or None for a hole, length) in order; raises at the end where the file is not what its SHA-256 promises
        state, size = hashlib.sha256(e.content), len(e.content)
        yield e.content, size
        parts = (self.extents(Cursor(self.blobs.get(EXTENTS, *part), self.what)) for part in e.parts)
        for *blob, length in itertools.chain(e.extents, *parts):
            data = self.blobs.get(DATA, *blob, length) if blob else None
            for start in range(0, length, MIB):
                state.update(data[start:start + MIB] if blob else bytes(min(MIB, length - start)))
            yield data, length
            size += length
        require((size, state.digest()) == (e.size, e.sha256), f"{self.what}: {e.name!r} is not what its SHA-256 promises")

"""Tests of the reader's pure parts. The packs, slots and rings here are made by a tiny writer that shares no code with the reader."""
import hashlib
import hmac
import pathlib
import struct
import tempfile
import types
import unittest

import zstandard
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import qnwis_format as f

REPOSITORY_ID = bytes(range(32))
ROOT = bytes([7]) * 32
BLOB_KEY = bytes([9]) * 32


def crc(data):
    """CRC-32C bit by bit."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return struct.pack("<I", register ^ 0xFFFFFFFF)


def varint(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def derive(salt, key, info):
    return HKDF(hashes.SHA256(), 32, salt, info).derive(key)


def expand(key, info):
    return HKDFExpand(hashes.SHA256(), 32, info).derive(key)


def public_bytes(private):
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def blob_id(kind, plain):
    return hmac.new(BLOB_KEY, bytes([kind]) + hashlib.sha256(plain).digest(), "sha256").digest()


class Writer:
    """One pack of class 1, of session 3, in memory."""

    def __init__(self, encrypted):
        self.encrypted, dek, salt = encrypted, bytes([5]) * 32, bytes([6]) * 16
        self.key = derive(salt, dek, b"qnwis-dr/1/pack" + REPOSITORY_ID + struct.pack("<QIB", 3, 2, 1))
        secret = aes_key_wrap(ROOT, dek) + expand(self.key, b"qnwis-dr/1/commit") if encrypted else bytes(72)
        header = b"QNWSPACK" + struct.pack("<HBBIQII", 1, 1, encrypted, 2, 3, 1 if encrypted else 0, 1_700_000_000)
        header += REPOSITORY_ID + salt + secret + bytes(100)
        self.header = header + crc(header)
        self.bytes, self.listed = self.header, b""

    def frame(self, number, kind, plain, blobs=(), codec=0):
        payload = zstandard.ZstdCompressor(write_content_size=False).compress(plain) if codec else plain
        fs = bytes([number]) * 16
        head = b"QFRM" + struct.pack("<IIBBHI", len(payload), number, kind, codec, 0, len(plain)) + fs
        if self.encrypted:
            key = expand(self.key, b"qnwis-dr/1/frame" + struct.pack("<I", number) + fs)
            nonce = struct.pack("<HI", 1, 1_700_000_000) + number.to_bytes(6, "little")
            sealed = AESGCM(key).encrypt(nonce, payload, self.header + head)
        else:
            sealed = payload + hashlib.sha256(self.header + head + payload).digest()[:16]
        self.bytes += head + sealed
        self.listed += bytes([kind]) + varint(len(payload)) + varint(len(plain)) + varint(len(blobs))
        self.listed += b"".join(b"\x01" + blob_id(1, blob) + varint(len(blob)) for blob in blobs)

    def solid(self, number, *blobs, codec=1):
        self.frame(number, 2, varint(len(blobs)) + b"".join(varint(len(blob)) for blob in blobs) + b"".join(blobs), blobs, codec)

    def finish(self, frames):
        start, listed = len(self.bytes), varint(frames) + self.listed
        self.frame(frames, 3, listed)
        end = len(self.bytes)
        size = 512
        while size * 64 < end and size < 65536:
            size += 512
        table = b"".join(hashlib.sha256(self.bytes[place:min(place + size, end)]).digest() for place in range(0, end, size))
        pack_id = hashlib.sha256(b"qnwis-dr/1/pack-id" + struct.pack("<QI", end, size) + table).digest()
        fields = struct.pack("<QQIIIIQQQ", end, start, end - start, size, len(table) // 32, frames, end, end + len(table), 0)
        fields += pack_id + bytes(28)
        return pack_id, self.bytes + table + self.header + fields + crc(fields) + b"QNWSPEND"


class NumbersTest(unittest.TestCase):
    def read(self, layout, data):
        at = f.Cursor(data, "a test")
        values = at.read(layout)
        at.end()
        return values

    def test_varints_are_read_in_their_shortest_form_only(self):
        for number in (0, 1, 127, 128, 300, 2**32, 2**63, 2**64 - 1):
            self.assertEqual(self.read("v", varint(number)), [number])
        for wrong in (b"\x80\x00", b"\xff\x80\x00", b"", b"\x80", b"\xff" * 9 + b"\x02", b"\x80" * 10 + b"\x01"):
            with self.subTest(wrong), self.assertRaises(f.Damaged):
                self.read("v", wrong)

    def test_svarints_are_zigzag(self):
        for code, number in enumerate((0, -1, 1, -2, 2, -3)):
            self.assertEqual(self.read("s", varint(code)), [number])
        self.assertEqual(self.read("ss", varint(2**64 - 1) + varint(2**64 - 2)), [-2**63, 2**63 - 1])

    def test_fixed_numbers_are_little_endian(self):
        self.assertEqual(self.read("BHIQt", bytes([1, 2, 0, 3, 0, 0, 0, 4] + [0] * 7 + [0xFE] + [0xFF] * 7)), [1, 2, 3, 4, -2])

    def test_reserved_bytes_must_be_zero(self):
        self.assertEqual(self.read("B00B", b"\x01\x00\x00\x02"), [1, 2])
        with self.assertRaises(f.Damaged):
            self.read("B00B", b"\x01\x00\x01\x02")

    def test_nothing_is_read_past_the_end_or_left_over(self):
        for layout, data in (("I", b"123"), ("b", b"\x05abcd"), ("B", b"12"), ("b", varint(2**63) + b"x")):
            with self.subTest(layout), self.assertRaises(f.Damaged):
                self.read(layout, data)

    def test_a_count_that_cannot_be_there_is_refused_before_anything_is_read(self):
        self.assertEqual(f.Cursor(b"\x02\x01a\x00", "a test").many("b"), [[b"a"], [b""]])
        for data, limit in ((varint(2**40) + b"ab", 2**64), (b"\x03\x00\x00\x00", 2)):
            with self.assertRaises(f.Damaged):
                f.Cursor(data, "a test").many("v", limit)

    def test_crc32c_gives_the_known_value(self):
        self.assertEqual(f.crc32c(b"123456789"), 0xE3069283)


class KeysTest(unittest.TestCase):
    SLOT, ACTOR_SEED, KEK = X25519PrivateKey.from_private_bytes(bytes([1]) * 32), bytes([2]) * 32, bytes([3]) * 32

    def slot(self, pin=0, actor_seed=ACTOR_SEED):
        salt = bytes([4]) * 16
        body = b"QDRSLOT1" + bytes([2, 0, 0, 0]) + struct.pack("<IQ", 0, 0) + salt
        body += hashlib.sha256(b"qnwis-dr/1/kek-id" + self.KEK).digest()[:16] + public_bytes(self.SLOT)
        body += public_bytes(Ed25519PrivateKey.from_private_bytes(actor_seed))
        body += aes_key_wrap(derive(salt, self.KEK, b"qnwis-dr/1/kek"), bytes([1]) * 32 + self.ACTOR_SEED) + bytes([pin]) + bytes(32)
        return body + crc(body)

    def ring(self):
        ephemeral, number = X25519PrivateKey.from_private_bytes(bytes([8]) * 32), struct.pack("<I", 2)
        kek = derive(public_bytes(ephemeral) + public_bytes(self.SLOT), ephemeral.exchange(self.SLOT.public_key()),
                     b"qnwis-dr/1/box" + REPOSITORY_ID + number)
        plain = struct.pack("<II", 1, 2) + BLOB_KEY + bytes(32) + struct.pack("<II", 1, 0) + ROOT + struct.pack("<II", 2, 0) + bytes(32)
        box = public_bytes(ephemeral) + aes_key_wrap(kek, plain)
        body = b"QDRRING1" + number + struct.pack("<I", 2) + bytes(32) + struct.pack("<I", 3) + b"abc"
        body += public_bytes(self.SLOT) + struct.pack("<I", len(box)) + box
        return body + crc(body)

    def test_hkdf_gives_the_first_vector_of_rfc_5869(self):
        self.assertEqual(f.hkdf(bytes(range(13)), b"\x0b" * 22, bytes(range(0xF0, 0xFA))).hex(),
                         "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf")

    def test_a_slot_opens_with_its_key_encryption_key_only(self):
        public, private = f.open_slot(self.slot(), "a slot", f.KEK_FILE, self.KEK)
        self.assertEqual((public, public_bytes(private)), (public_bytes(self.SLOT), public_bytes(self.SLOT)))
        self.assertIsNone(f.open_slot(self.slot(), "a slot", f.KEK_FILE, bytes(32)))
        self.assertIsNone(f.open_slot(self.slot(), "a slot", f.PASSPHRASE, self.KEK))

    def test_a_flipped_bit_or_a_pin_makes_a_slot_damaged(self):
        flipped = bytearray(self.slot())
        flipped[50] ^= 1
        for slot in (bytes(flipped), self.slot(pin=1), self.slot()[:-1]):
            with self.assertRaises(f.Damaged):
                f.open_slot(slot, "a slot", f.KEK_FILE, self.KEK)

    def test_a_slot_with_a_public_key_of_somebody_else_is_damaged(self):
        with self.assertRaises(f.Damaged):
            f.open_slot(self.slot(actor_seed=bytes(32)), "a slot", f.KEK_FILE, self.KEK)

    def test_a_ring_opens_with_the_slot_it_is_sealed_to(self):
        blob_key, roots = f.open_ring(self.ring(), 2, REPOSITORY_ID, public_bytes(self.SLOT), self.SLOT)
        self.assertEqual((blob_key, roots), (BLOB_KEY, {1: ROOT, 2: bytes(32)}))

    def test_a_ring_does_not_open_as_another_ring_or_for_another_repository_or_slot(self):
        stranger = X25519PrivateKey.generate()
        for number, repository, slot in ((3, REPOSITORY_ID, self.SLOT), (2, bytes(32), self.SLOT), (2, REPOSITORY_ID, stranger)):
            with self.assertRaises(f.Damaged):
                f.open_ring(self.ring(), number, repository, public_bytes(slot), slot)


class LogTest(unittest.TestCase):
    def test_one_whole_copy_of_a_record_is_enough_wherever_the_other_is_damaged(self):
        copy = b"QREC" + struct.pack("<I", 5) + crc(b"hello") + bytes(4) + b"hello"
        flipped = bytearray(copy)
        for place in range(len(copy)):
            flipped[place] ^= 4
            for data in (bytes(flipped) + copy, copy + bytes(flipped), copy + copy[:place], copy + copy + b"x"):
                self.assertEqual(f.parse_file(data, "a test"), b"hello")
            with self.assertRaises(f.Damaged):
                f.parse_file(bytes(flipped) * 2, "a test")
            flipped[place] ^= 4
        with self.assertRaises(f.Damaged):
            f.parse_file(b"", "a test")


class PacksTest(unittest.TestCase):
    LARGE, SMALL = bytes(range(256)) * 400, (b"one", b"2", b"three" * 100)

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)
        (self.path / "packs" / f"{3:020}").mkdir(parents=True)

    def repository(self, encrypted=True):
        roots = {1: ROOT} if encrypted else {}
        return types.SimpleNamespace(path=self.path, id=REPOSITORY_ID, encrypted=encrypted, roots=roots, blob_key=BLOB_KEY, runs=set())

    def make(self, encrypted=True):
        writer = Writer(encrypted)
        writer.frame(0, 1, self.LARGE, [self.LARGE], codec=1)
        writer.solid(1, *self.SMALL)
        return writer.finish(2)

    def put(self, pack_id, data):
        path = self.path / "packs" / f"{3:020}" / pack_id.hex()
        path.write_bytes(data)
        return path

    def test_a_pack_opens_and_its_blobs_are_found_by_id(self):
        for encrypted in (True, False):
            with self.subTest(encrypted=encrypted):
                pack = f.Pack(self.repository(encrypted), self.put(*self.make(encrypted)))
                pack.check_slices()
                self.assertEqual([name for _, name, _ in pack.check_blobs()], [blob_id(1, blob) for blob in (self.LARGE, *self.SMALL)])
                blobs = f.Blobs(self.repository(encrypted), use_index=False)
                for blob in (self.LARGE, *self.SMALL):
                    self.assertEqual(blobs.get(f.DATA, blob_id(1, blob), len(blob)), blob)
                with self.assertRaises(f.Damaged):
                    blobs.get(f.DATA, bytes(32), 0)
                next((self.path / "packs" / f"{3:020}").iterdir()).unlink()

    def test_every_flipped_bit_of_a_pack_is_found_without_a_key(self):
        pack_id, whole = self.make()
        locked = self.repository()
        locked.roots, locked.blob_key = {}, None
        for place in range(0, len(whole), max(1, len(whole) // 400)):
            flipped = bytearray(whole)
            flipped[place] ^= 1 << place % 8
            with self.subTest(place), self.assertRaises(f.Damaged):
                f.Pack(locked, self.put(pack_id, bytes(flipped))).check_slices()

    def test_a_truncated_or_renamed_pack_is_refused(self):
        pack_id, whole = self.make()
        for name, data in ((pack_id, whole[:-1]), (pack_id, whole[:700]), (pack_id, b""), (bytes(32), whole)):
            with self.assertRaises(f.Damaged):
                f.Pack(self.repository(), self.put(name, data))

    def test_a_pack_of_another_repository_key_or_encryption_is_refused(self):
        path, other = self.put(*self.make()), bytes(32)
        for change in ({"id": other}, {"roots": {1: other}}, {"roots": {2: ROOT}}, {"encrypted": False}):
            repository = self.repository()
            vars(repository).update(change)
            with self.subTest(change), self.assertRaises(f.Damaged):
                f.Pack(repository, path)

    def test_a_frame_inflates_to_its_length_and_no_further(self):
        for plain_length, payload in ((10, b"123456789"), (8, b"123456789")):
            writer = Writer(False)
            packed = zstandard.ZstdCompressor(write_content_size=False).compress(payload)
            head = b"QFRM" + struct.pack("<IIBBHI", len(packed), 0, 1, 1, 0, plain_length) + bytes(16)
            frame = head + packed + hashlib.sha256(writer.header + head + packed).digest()[:16]
            with self.assertRaises(f.Damaged):
                f.open_frame(self.repository(False), writer.header, frame, (f.SINGLE,), "a test")

    def test_a_zstd_frame_that_says_more_than_it_must_is_refused(self):
        for packed in (zstandard.ZstdCompressor().compress(b"123456789"), b"\x28\xB5\x2F\xFD\0\x69\x49\0\x00123456789"):
            writer = Writer(False)
            head = b"QFRM" + struct.pack("<IIBBHI", len(packed), 0, 1, 1, 0, 9) + bytes(16)
            frame = head + packed + hashlib.sha256(writer.header + head + packed).digest()[:16]
            with self.assertRaises(f.Damaged):
                f.open_frame(self.repository(False), writer.header, frame, (f.SINGLE,), "a test")

    def test_an_empty_blob_or_a_solid_frame_of_none_is_refused(self):
        for plain in (b"\x00", b"\x02\x01\x00a"):
            writer = Writer(True)
            writer.frame(0, 2, plain)
            with self.assertRaises(f.Damaged):
                f.open_frame(self.repository(), writer.header, writer.bytes[256:], (f.SOLID,), "a test")

    def test_a_solid_frame_with_bytes_left_over_is_refused(self):
        writer = Writer(True)
        writer.frame(0, 2, b"\x01\x01ab")
        with self.assertRaises(f.Damaged):
            f.open_frame(self.repository(), writer.header, writer.bytes[256:], (f.SOLID,), "a test")


class TreesTest(unittest.TestCase):
    def entries(self, *entries):
        tree = f.Tree.__new__(f.Tree)
        tree.repository, tree.what = types.SimpleNamespace(blob_key=BLOB_KEY), "a test"
        return [(entry.name, entry.mtime) for entry in tree.entries([b"\x01\x00" + varint(len(entries)) + b"".join(entries)])]

    def entry(self, name, tail=b"\x00\x00", flags=0):
        """A file of no bytes, one second before 1970 and five nanoseconds."""
        return varint(len(name)) + name + b"\x01" + varint(flags) + varint(0o644) + b"\x00\x00\x01\x05\x00\x00\x07" + tail

    def test_names_come_as_bytes_and_times_may_be_negative(self):
        self.assertEqual(self.entries(self.entry(b"a\n"), self.entry(b"\xff\xfe")), [(b"a\n", 5 - 10**9), (b"\xff\xfe", 5 - 10**9)])

    def test_names_that_lead_elsewhere_repeat_or_go_down_are_refused(self):
        for names in ((b"",), (b".",), (b"..",), (b"a/b",), (b"a\0",), (b"a" * 256,), (b"a", b"a"), (b"b", b"a")):
            with self.subTest(names), self.assertRaises(f.Damaged):
                self.entries(*map(self.entry, names))

    def test_unknown_forms_and_flags_are_refused(self):
        for entry in (self.entry(b"a", b"\x00\x05"), self.entry(b"a", flags=32), self.entry(b"a", b"\x00\x00\x00")):
            with self.assertRaises(f.Damaged):
                self.entries(entry)

    def test_content_that_differs_from_its_sha256_is_refused(self):
        tree = f.Tree.__new__(f.Tree)
        tree.what, hole = "a test", hashlib.sha256(bytes(3 << 20)).digest()
        e = types.SimpleNamespace(name=b"a", size=3 << 20, content=b"", sha256=hole, extents=[[2 << 20], [1 << 20]], parts=[])
        self.assertEqual(list(tree.pieces(e)), [(b"", 0), (None, 2 << 20), (None, 1 << 20)])
        for change in ({"sha256": bytes(32)}, {"size": 1}):
            vars(e).update(change)
            with self.assertRaises(f.Damaged):
                list(tree.pieces(e))


if __name__ == "__main__":
    unittest.main()

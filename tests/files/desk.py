"""A desk with one card: raw commands in, status words out, and a card that has a file of every kind.

The card is made by raw commands, so what these tests stand on is what a terminal can do.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from cardos.apdu import Command, Response, SecureChannel
from cardos.card import Card, CardSnapshot
from cardos.files.filesystem import FileSystem
from cardos.profile import Profile, load_profile

K16 = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
K8 = bytes.fromhex("0123456789ABCDEF")
MASTER = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
OTHER = bytes.fromhex("FFEEDDCCBBAA99887766554433221100")
AID = bytes.fromhex("A00000000386980701")
SUITES = ("city-3des", "city-sm4")

CREATE_MF = "80E03F000D38FFFFF0F001FFFFFFFFFFFFFF"
CREATE_ADF = "80E03F011138036FF0F095FFFF A00000000386980701"
SELECT_MF = "00A4000000"
SELECT_ADF = "00A4040009 A00000000386980701"


class Random:
    """Random numbers as a test wants them; a counter when it wants none in particular."""

    def __init__(self) -> None:
        self.values: list[bytes] = []
        self.count = 0

    def __call__(self, size: int) -> bytes:
        if self.values:
            value = self.values.pop(0)
            assert len(value) == size
            return value
        self.count += 1
        return self.count.to_bytes(size, "big")


class Desk:
    """A card under power."""

    def __init__(self, card: Card, random: Random) -> None:
        self.card = card
        self.random = random

    @classmethod
    def blank(cls, profile: Profile | str = "city-3des", *, protocol: str = "T=1") -> Desk:
        profile = load_profile(profile) if isinstance(profile, str) else profile
        random = Random()
        desk = cls(Card.blank(profile, random=random, protocol=protocol), random)
        desk.card.power_on()
        return desk

    @property
    def suite(self):
        return self.card.profile.suite

    @property
    def session(self):
        return self.card._kernel.session

    @property
    def fs(self) -> FileSystem:
        return self.card._kernel.fs

    def raw(self, command: str | bytes | Command) -> Response:
        """The response to a command in hex, bytes or as an object."""
        command = bytes.fromhex(command) if isinstance(command, str) else bytes(command)
        return Response.decode(self.card.transmit(command))

    def sw(self, command: str | bytes | Command) -> str:
        """The status word in hex."""
        return f"{self.raw(command).sw:04X}"

    def ok(self, *commands: str | bytes | Command) -> str:
        """Data in hex of the last of some commands that must succeed."""
        response = Response(b"", 0x9000)
        for command in commands:
            response = self.raw(command)
            assert f"{response.sw:04X}" == "9000", command
        return response.data.hex().upper()

    def reset(self) -> Desk:
        self.card.reset()
        return self

    # -- challenges and protection

    def challenge(self, value: str = "11223344") -> bytes:
        """Let the card give this challenge."""
        self.random.values.append(bytes.fromhex(value))
        assert value == self.ok(f"00840000{len(value) // 2:02X}")
        return bytes.fromhex(value)

    def channel(self, key: bytes, challenge: str = "11223344") -> SecureChannel:
        return SecureChannel(self.suite, self.suite.key(key), self.challenge(challenge))

    def protected(
        self, command: str, key: bytes = K16, *, enciphered: bool = False, challenge: str = "11223344"
    ) -> bytes:
        """A plain command, given in hex, as it is sent under a key; the challenge is taken for it."""
        plain = Command.decode(bytes.fromhex(command))
        return bytes(self.channel(key, challenge).protect(plain, enciphered=enciphered))

    def authenticate(self, key: bytes = MASTER, *, id_: int = 0) -> str:
        """Status word of an EXTERNAL AUTHENTICATE."""
        cryptogram = self.suite.cryptogram(self.suite.key(key), self.challenge())
        return self.sw(bytes((0x00, 0x82, 0x00, id_, 8)) + cryptogram)


def wrong(command: bytes) -> bytes:
    """The command with the last byte of its data, of a MAC or cryptogram, changed."""
    whole = Command.decode(command)
    return bytes(replace(whole, data=whole.data[:-1] + bytes([whole.data[-1] ^ 1])))


def key_record(type_: int, id_: int, value: bytes, *, use=0xF0, change=0xF0, first=0xFF, second=0x33) -> str:
    """A plain WRITE KEY that adds a key."""
    data = bytes((type_, use, change, first, second)) + value
    return (bytes((0x80, 0xD4, 0x01, id_, len(data))) + data).hex()


#: Files of the desk's application.  Reading and writing are free where the two rights are F0.
FILES = (
    "80E0000007 3F 018F 95 F0 FF FF",  # key file
    "80E0001507 A8 001E F0 F0 FF FF",  # FCI data, written with MAC
    "80E0000307 28 0010 F1 F2 FF FF",  # plain binary behind states 1 and 2
    "80E0000407 28 0010 F0 F0 FF FF",  # plain binary
    "80E0000507 E8 0020 F0 F0 FF FF",  # enciphered
    "80E0000607 2A 0308 F0 F0 FF FF",  # linear
    "80E0000707 2C 0020 F0 F0 FF FF",  # variable
    "80E0001807 2E 0317 F0 F0 FF FF",  # cyclic
    "80E0000807 28 0008 F0 F0 FF 7F",  # read with MAC under key 00
    "80E0000907 E8 0008 F0 F0 FF 7F",  # read enciphered
    "80E0000A07 AA 0204 F0 F0 FF FE",  # linear, written with MAC under key 01
    "80E0000B07 A8 0010 F0 F0 FF FC",  # written with MAC under key 03, which is not there
    "80E0000207 2F 0208 F0 00 FF 18",  # purse
    "80E0000C07 68 0010 F0 F0 FF FF",  # only the encipherment bit
    "80E0000D07 28 0008 EF EF FF FF",  # never
    "80E0000E07 A8 0010 F0 EF FF FF",  # never written, with MAC
    "80E0000F07 2C 0040 F0 F0 FF 7F",  # variable, read with MAC
)
KEYS = (
    key_record(0x39, 0, MASTER, first=0x02),
    key_record(0x39, 1, OTHER, use=0x11, first=0x01),
    key_record(0xF9, 2, OTHER, first=0x03),
    key_record(0x36, 0, K16),
    key_record(0x36, 1, OTHER),
    key_record(0x36, 2, OTHER, use=0xF5),
    key_record(0x3A, 0, bytes.fromhex("123456FFFFFFFFFF"), change=0xEF, first=0x01),
    key_record(0x3A, 1, bytes.fromhex("1234"), use=0xF1, change=0xEF, first=0x04, second=0x00),
    key_record(0x34, 0, K16, first=0x00, second=0x01),
)


def _make(desk: Desk) -> None:
    desk.ok(CREATE_MF, "80E00000073F005001F0FFFF")
    desk.ok(key_record(0x39, 0, MASTER, first=0x0A), key_record(0x36, 0, K16))
    desk.ok("80E00001072A0213F0F0FFFF", "80E0000507A80014F0F0FFFF")
    desk.ok(CREATE_ADF, SELECT_ADF, *FILES, *KEYS)


@lru_cache
def _made(profile: str) -> CardSnapshot:
    desk = Desk.blank(profile)
    _make(desk)
    desk.card.power_off()
    return desk.card.snapshot()


def application(profile: str = "city-3des", *, protocol: str = "T=1", **options: object) -> Desk:
    """A desk with the card of :data:`FILES` and :data:`KEYS`, its application selected for the second time.

    ``options`` are those of the operating system that differ from the profile's.
    """
    random = Random()
    card = Card.blank(changed(profile, **options), random=random, protocol=protocol)
    card.restore(_made(profile))
    card.power_on()
    desk = Desk(card, random)
    if protocol != "T=0":
        desk.ok(SELECT_ADF)
    return desk


def changed(name: str, **options: object) -> Profile:
    """A profile with other options."""
    return load_profile(name).with_options(**options)

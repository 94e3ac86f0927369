"""Simulated cards and PSAMs for the tests of the wallet: personalised by raw commands, driven by raw commands.

Keys are given as values, not diversified, so that the worked examples of the standard run as they are printed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from functools import cache

from cardos.apdu import SW, Command, Response, SecureChannel
from cardos.apdu.os_commands import (
    CREATE_FILE,
    EXTERNAL_AUTHENTICATE,
    GET_CHALLENGE,
    READ_RECORD,
    SELECT,
    UPDATE_BINARY,
    VERIFY,
    WRITE_KEY,
)
from cardos.apdu.purse_commands import (
    EP,
    GET_BALANCE,
    GET_TRANSACTION_PROVE,
    UPDATE_CAPP_DATA_CACHE,
)
from cardos.apdu.sam_commands import CREDIT_SAM_FOR_PURCHASE, INIT_SAM_FOR_PURCHASE, WRITE_SAM_KEY
from cardos.card import Card
from cardos.profile import FILE_TYPES, Profile, load_profile
from cardos.wallet.purse_file import PurseState
from cardos.wallet.states import State, state_of
from tests.wallet.flows import FLOWS

KEY = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
PIN = bytes.fromhex("123456")
TERMINAL = bytes.fromhex("001122334455")
WHEN = datetime(2016, 12, 16, 10, 58)
LOG_SFI = 0x18


class Random:
    """A random source that hands out what was put into it, then a counter; deterministic."""

    def __init__(self, *values: str) -> None:
        self.values = [bytes.fromhex(value) for value in values]
        self.count = 0

    def __call__(self, size: int) -> bytes:
        if self.values and len(self.values[0]) == size:
            return self.values.pop(0)
        self.count += 1
        return self.count.to_bytes(size, "big")

    def next(self, value: str) -> None:
        self.values.append(bytes.fromhex(value))


def options(name: str, **changes: object) -> Profile:
    """A shipped profile with some options changed."""
    return load_profile(name).with_options(**changes)


def moment(when: datetime) -> Mapping[str, date | time]:
    return {"date": when.date(), "time": when.time()}


# ------------------------------------------------------------------ any card


@dataclass
class Rig:
    """A card under power, and the commands that tests send to it."""

    card: Card
    profile: Profile
    random: Random
    when: datetime = field(default=WHEN)

    @property
    def dialect(self):
        return self.profile.dialect

    @property
    def suite(self):
        return self.profile.suite

    def raw(self, command: Command | bytes) -> Response:
        return Response.decode(self.card.transmit(bytes(command)))

    def send(self, spec, *parameters: int, sw: int = SW.SUCCESS, **fields: object):
        """The parsed answer of a command that must end with ``sw``."""
        answer = self.raw(spec.command(*parameters, **fields))
        assert f"{sw:04X}" == f"{answer.sw:04X}"
        return spec.parse_answer(answer.data) if answer.sw == SW.SUCCESS and spec.answer is not None else None

    def select(self, name: bytes | None = None) -> None:
        self.send(SELECT, 0x04, 0x00, data=self.profile.application.aid if name is None else name)

    @property
    def fs(self):
        """The file system of the card, for what no command shows."""
        return self.card._kernel.fs

    @property
    def application(self):
        return self.fs.by_name(self.profile.application.aid)

    def state(self) -> State:
        return state_of(self.card._kernel.session)

    def stored(self) -> bytes:
        """Everything that survives the loss of power."""
        return self.card.memory.snapshot()

    def power_up(self) -> None:
        """Power again after it was lost, and the application selected."""
        self.card.power_on()
        self.select()

    def reset(self) -> None:
        """Power off and on, and the application selected again."""
        self.card.power_off()
        self.power_up()


def create(rig: Rig, fid: int, type_: int, header: Mapping[str, object]) -> None:
    rig.send(CREATE_FILE, fid >> 8, fid & 0xFF, type=type_, header=header)


def _elementary(spec, application: int) -> tuple[int, Mapping[str, object]]:
    """Type byte and header of CREATE FILE for a file of a profile."""
    shape = {
        "purse": 0x0208,
        "linear": spec.records << 8 | spec.record_length,
        "cyclic": spec.records << 8 | spec.record_length,
    }.get(spec.type, spec.size)
    read = application if spec.type == "key" else spec.read
    write = 0x00 if spec.type == "purse" else spec.write
    protection = spec.log if spec.type == "purse" else spec.protection
    header = {
        "shape": shape,
        "read": read,
        "write": write,
        "reserved": 0xFF,
        "protection": protection,
        "tail": b"",
    }
    return FILE_TYPES[spec.type] | 0x80 * spec.mac, header


def personalise(rig: Rig, keys: Mapping[str, bytes]) -> None:
    """Directories, files and keys of the profile; ``keys`` gives values by source, others are :data:`KEY`."""
    code = bytes.fromhex(rig.profile.cos.transport_code)
    for directory in rig.profile.directories:
        is_mf = directory.fid == 0x3F00
        header = {"size": 0xFFFF if is_mf else 0x0600, "create": directory.create, "erase": directory.erase}
        tail = code if is_mf else b"\xff\xff" + directory.aid
        create(rig, directory.fid, 0x38, header | {"application": directory.application, "tail": tail})
        if not is_mf:
            rig.select(directory.aid)
        for spec in sorted(directory.files, key=lambda spec: spec.type != "key"):
            create(rig, spec.fid, *_elementary(spec, directory.application))
        for key in (key for key in directory.keys if key.type >= 0x20):
            value = bytes.fromhex(key.value) if key.value else keys.get(key.source, KEY)
            rig.send(
                WRITE_KEY, 0x01, key.id, type=key.type, use=key.use, change=key.change, first=key.first,
                second=key.second, value=value,
            )  # fmt: skip


def blank(profile: Profile, random: Random) -> Rig:
    card = Card.blank(profile, random=random)
    card.power_on()
    return Rig(card, profile, random)


# ------------------------------------------------------------------ the purse


@dataclass
class PurseRig(Rig):
    """A card with purses; the test is host and terminal, holding the card's own keys.

    ``kind`` is a name of :data:`FLOWS`; the amount of an overdraft update is the new limit.
    """

    load_key: bytes = KEY
    purchase_key: bytes = KEY
    tac_key: bytes = KEY
    unload_key: bytes = KEY
    overdraft_key: bytes = KEY
    index: int = 1
    terminal: bytes = TERMINAL
    safety_code: bytes = bytes(9)

    @classmethod
    def build(cls, profile: Profile | str = "city-3des", *, keys: Mapping[str, bytes] = {}) -> PurseRig:
        profile = load_profile(profile) if isinstance(profile, str) else profile
        rig = blank(profile, Random())
        personalise(rig, keys)
        purse = cls(
            rig.card, profile, rig.random, load_key=keys.get("load", KEY), purchase_key=keys.get("purchase", KEY),
            tac_key=keys.get("tac", KEY), unload_key=keys.get("unload", KEY),
            overdraft_key=keys.get("overdraft", KEY),
        )  # fmt: skip
        purse.reset()
        return purse

    def key(self, value: bytes):
        return self.suite.key(value)

    def verify(self, pin: bytes = PIN) -> None:
        self.send(VERIFY, 0x00, 0x00, pin=pin)

    # -- any transaction

    def begin(
        self, kind: str, amount: int = 0, purse: int = EP, *, sw: int = SW.SUCCESS, index: int | None = None
    ):
        """The INITIALIZE command; gives its answer."""
        answer = self.raw(self.begin_command(kind, amount, purse, index=index))
        assert f"{sw:04X}" == f"{answer.sw:04X}"
        return FLOWS[kind].initialize.parse_answer(answer.data) if sw == SW.SUCCESS else None

    def begin_command(
        self, kind: str, amount: int = 0, purse: int = EP, *, index: int | None = None
    ) -> Command:
        flow = FLOWS[kind]
        p2 = purse if purse in flow.types else next(iter(flow.types))
        index = self.index if index is None else index
        return flow.initialize.command(None, p2, key_index=index, amount=amount, terminal=self.terminal)

    def session(self, kind: str, begun, serial: int = 0):
        """The session key; ``serial`` is that of the terminal."""
        flow = FLOWS[kind]
        key = self.key(getattr(self, f"{flow.transaction}_key"))
        counter = {flow.serial: getattr(begun, flow.serial)}
        return self.dialect.session_key(
            flow.transaction, key, random=begun.random, terminal_serial=serial, **counter
        )

    def fields(self, kind: str, begun, amount: int, purse: int, serial: int = 0) -> dict[str, object]:
        """What the MACs and the TAC are made of, the balance being that before."""
        flow = FLOWS[kind]
        return {
            "amount": amount, "new_limit": amount, "limit": getattr(begun, "limit", 0), "balance": begun.balance,
            flow.serial: getattr(begun, flow.serial), "terminal_serial": serial, "terminal": self.terminal,
            "type": flow.types.get(purse) or next(iter(flow.types.values())), "safety_code": self.safety_code,
            **moment(self.when),
        }  # fmt: skip

    def partner(
        self, kind: str, begun, amount: int = 0, purse: int = EP, *, serial: int = 0, mac: bytes | None = None
    ) -> Command:
        """The command that completes the transaction, with the right MAC unless ``mac`` is given."""
        flow, session = FLOWS[kind], self.session(kind, begun, serial)
        fields = self.fields(kind, begun, amount, purse, serial)
        right = self.dialect.mac(flow.transaction, flow.received, session, **fields)
        return flow.partner.command(**fields | {flow.received: right if mac is None else mac})

    def transact(
        self, kind: str, amount: int = 0, purse: int = EP, *, serial: int = 0,
        records: Iterable[tuple[int, int, bytes]] = (),
    ) -> bytes:  # fmt: skip
        """A whole transaction, with ``records`` as :meth:`cache` takes them; what the card gives (MACs, TAC) is
        checked as host, SAM and centre do.  Gives the answer of the partner.
        """
        flow, begun = FLOWS[kind], self.begin(kind, amount, purse)
        fields = self.fields(kind, begun, amount, purse, serial)
        session = self.session(kind, begun, serial)
        if flow.received == "mac2":
            self.dialect.verify_mac(flow.transaction, "mac1", session, begun.mac1, **fields)
        for record in records:
            self.cache(*record)
        answer = self.raw(self.partner(kind, begun, amount, purse, serial=serial))
        assert f"{SW.SUCCESS:04X}" == f"{answer.sw:04X}"
        before = begun.balance - (begun.limit if kind == "overdraft" else 0)
        fields["balance"] = before + flow.sign * amount
        given = flow.partner.parse_answer(answer.data)
        for name in (subcon.name for subcon in flow.partner.answer.subcons):
            if name == "tac":
                self.dialect.verify_tac(flow.transaction, self.key(self.tac_key), given.tac, **fields)
            else:
                self.dialect.verify_mac(flow.transaction, name, session, getattr(given, name), **fields)
        return answer.data

    def cache(self, p1: int, p2: int, data: bytes, *, sw: int = SW.SUCCESS) -> None:
        """UPDATE CAPP DATA CACHE."""
        assert f"{sw:04X}" == f"{self.raw(UPDATE_CAPP_DATA_CACHE.command(p1, p2, data=data)).sw:04X}"

    # -- loads and purchases, by shorter names

    def initialize_load(
        self, amount: int, purse: int = EP, *, sw: int = SW.SUCCESS, index: int | None = None
    ):
        return self.begin("load", amount, purse, sw=sw, index=index)

    def initialize_purchase(
        self, amount: int, purse: int = EP, *, sw: int = SW.SUCCESS, index: int | None = None
    ):
        return self.begin("purchase", amount, purse, sw=sw, index=index)

    def credit_command(self, begun, amount: int, purse: int = EP) -> Command:
        return self.partner("load", begun, amount, purse)

    def debit_command(self, begun, amount: int, purse: int = EP, *, serial: int = 0) -> Command:
        return self.partner("purchase", begun, amount, purse, serial=serial)

    def load(self, amount: int, purse: int = EP) -> bytes:
        """A whole load.  Gives the TAC."""
        return self.transact("load", amount, purse)

    def purchase(self, amount: int, purse: int = EP, *, serial: int = 0) -> bytes:
        """A whole purchase.  Gives TAC and MAC2."""
        return self.transact("purchase", amount, purse, serial=serial)

    # -- what lies in its memory

    def _purse(self, purse: int):
        return self.fs.find(self.application, purse)

    def purse_state(self, purse: int = EP) -> PurseState:
        node = self._purse(purse)
        return PurseState.from_bytes(self.fs.read(node, 0, node.size))

    def poke(self, purse: int = EP, **changes: int) -> None:
        """Change variables of a purse behind the card's back."""
        self.fs.write(self._purse(purse), 0, self.purse_state(purse)._replace(**changes).to_bytes())
        self.fs.commit()

    # -- what the card says

    def balance(self, purse: int = EP) -> int:
        return self.send(GET_BALANCE, 0x00, purse).balance

    def prove(self, type_: int, serial: int) -> Response:
        return self.raw(GET_TRANSACTION_PROVE.command(0x00, type_, serial=serial))

    def log(self) -> tuple[bytes, ...]:
        """Every record of the log, the newest first."""
        records = []
        for number in range(1, 256):
            answer = self.raw(READ_RECORD.command(number, LOG_SFI << 3 | 4))
            if answer.sw != SW.SUCCESS:
                break
            records.append(answer.data)
        return tuple(records)


# ------------------------------------------------------------------ the PSAM


@dataclass
class SamRig(Rig):
    """A PSAM in its application."""

    terminal: bytes = TERMINAL

    @classmethod
    def build(
        cls, profile: Profile | str = "psam-3des", *, usage: int = 0x22, versions: Mapping[int, bytes] = {0: KEY},
        counter: int = 0, terminal: bytes = TERMINAL,
    ) -> SamRig:  # fmt: skip
        profile = load_profile(profile) if isinstance(profile, str) else profile
        rig = blank(profile, Random())
        personalise(rig, {})
        rig.send(UPDATE_BINARY, 0x80 | 0x19, 0x00, data=counter.to_bytes(4, "big"))
        sam = cls(rig.card, profile, rig.random, terminal=terminal)
        for version, value in versions.items():
            sam.write_key(usage, version, value)
        if terminal is not None:
            sam.write_terminal()
        sam.reset()
        return sam

    def write_key(self, usage: int, version: int, value: bytes) -> None:
        """WRITE SAM KEY, enciphered and with MAC under the control key of the application."""
        challenge = self.raw(replace(GET_CHALLENGE.command(), le=4)).data
        channel = SecureChannel(self.suite, self.suite.key(KEY), challenge)
        plain = WRITE_SAM_KEY.command(usage=usage, version=version, algorithm=0x00, value=value)
        assert SW.SUCCESS == self.raw(channel.protect(plain, enciphered=True)).sw

    def write_terminal(self) -> None:
        """The terminal number, written with the rights that the control key of the MF gives."""
        self.select(self.profile.directories[0].aid)
        self.authenticate()
        self.send(UPDATE_BINARY, 0x80 | 0x16, 0x00, data=self.terminal)

    def authenticate(self) -> None:
        challenge = self.raw(GET_CHALLENGE.command()).data
        cryptogram = self.suite.cryptogram(self.suite.key(KEY), challenge)
        self.send(EXTERNAL_AUTHENTICATE, 0x00, 0x00, cryptogram=cryptogram)

    def init(
        self,
        factors: Iterable[bytes] = (b"\x01\x02\x03\x04\x05\x06\x07\x08",),
        *,
        sw: int = SW.SUCCESS,
        **fields,
    ):
        """INIT SAM FOR PURCHASE with every field that is not given at a plain value."""
        values = {
            "random": b"\xa1\xb2\xc3\xd4", "offline_serial": 5, "amount": 200, "type": 0x06,
            "key_version": 0, "algorithm": 0, **moment(self.when), **fields,
        }  # fmt: skip
        return self.send(INIT_SAM_FOR_PURCHASE, sw=sw, factors=b"".join(factors), **values)

    def credit(self, mac2: bytes, *, sw: int = SW.SUCCESS) -> None:
        self.send(CREDIT_SAM_FOR_PURCHASE, sw=sw, mac2=mac2)


def card_with(profile: Profile, image: bytes) -> PurseRig:
    """A card of ``profile`` with this memory, in its application."""
    random = Random()
    rig = PurseRig(Card.blank(profile, random=random), profile, random)
    rig.card.memory.restore(image)
    rig.power_up()
    return rig


@cache
def _shipped(name: str) -> bytes:
    return PurseRig.build(name).card.memory.snapshot()


def fresh(name: str = "city-3des") -> PurseRig:
    """A new card of a shipped profile, in its application; personalising it once is enough."""
    return card_with(load_profile(name), _shipped(name))

"""What tables of status words are made of: a row is the command, the status word, what is done before, and the command
itself in hex (or as bytes).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from cardos.apdu import CommandSpec, Response
from cardos.apdu.status import describe_sw
from cardos.files.filesystem import BlockState
from tests.files.desk import K16, MASTER, SELECT_MF, Desk, application, wrong


def nothing(desk: Desk) -> None:
    """Nothing is done before."""


def send(*commands: str) -> Callable[[Desk], None]:
    """Commands that must succeed."""
    return lambda desk: desk.ok(*commands)


def try_(*commands: str) -> Callable[[Desk], None]:
    """Commands that are sent, whatever comes."""
    return lambda desk: [desk.raw(command) for command in commands]


def protected(command: str, key: bytes = K16, **more) -> Callable[[Desk], bytes]:
    return lambda desk: desk.protected(command, key, **more)


def forged(command: str, key: bytes = K16, **more) -> Callable[[Desk], bytes]:
    return lambda desk: wrong(desk.protected(command, key, **more))


def wrong_macs(command: str, times: int, key: bytes = K16, **more) -> Callable[[Desk], None]:
    return lambda desk: [desk.raw(forged(command, key, **more)(desk)) for _ in range(times)]


def cryptogram(key: bytes, id_: int, *, forge: bool = False) -> Callable[[Desk], bytes]:
    def command(desk: Desk) -> bytes:
        answer = desk.suite.cryptogram(desk.suite.key(key), desk.challenge())
        whole = bytes((0x00, 0x82, 0x00, id_, 8)) + answer
        return wrong(whole) if forge else whole

    return command


def wrong_tries(times: int) -> Callable[[Desk], None]:
    return lambda desk: [desk.raw(cryptogram(MASTER, 0, forge=True)(desk)) for _ in range(times)]


def blocked(state: BlockState) -> Callable[[Desk], None]:
    """The application is blocked behind the card's back."""

    def block(desk: Desk) -> None:
        desk.fs.set_block_state(desk.session.directory, state)
        desk.fs.commit()

    return block


def card_blocked(desk: Desk) -> None:
    desk.fs.block_card()
    desk.fs.commit()


def worn(desk: Desk) -> None:
    desk.card.memory.worn = True


def both(*steps: Callable[[Desk], object]) -> Callable[[Desk], None]:
    return lambda desk: [step(desk) for step in steps]


def blank(desk: Desk) -> None:
    """A new card in place of the desk's."""
    desk.card = Desk.blank(desk.card.profile).card


def without_key(file: str) -> Callable[[Desk], None]:
    """A second application with one protected file, 0005, and without the key for it."""
    return empty_application("80E00000073F0040 95F0FFFF", f"80E0000507 {file}")


def empty_application(*commands: str) -> Callable[[Desk], None]:
    """A second application with nothing but what is given, entered again where there is something."""
    return send(SELECT_MF, "80E03F020E 38 0100 F0 F0 95 FFFF D15600000102", "00A4000002 3F02", *commands)


@dataclass(frozen=True)
class Row:
    command: str
    sw: str
    before: Callable[[Desk], object]
    send: str | Callable[[Desk], bytes]
    options: Mapping[str, object] = field(default_factory=dict)


def anywhere(
    command: str, sample: str | Callable[[Desk], bytes], *, blank_sample: str | None = None
) -> list[Row]:
    """What every command answers on a card without an MF, and in an application that is blocked."""
    return [
        Row(command, "6A81", blank, blank_sample or sample),
        Row(command, "6A81", blocked(BlockState.TEMPORARY), sample),
        Row(command, "6985", blocked(BlockState.TEMPORARY), sample, {"blocked_command": 0x6985}),
        Row(command, "9303", blocked(BlockState.PERMANENT), sample),
    ]


def identify(row: Row) -> str:
    return f"{row.command}-{row.sw}-{describe_sw(int(row.sw, 16))}".replace(" ", "_")


def answer(row: Row, profile: str) -> Response:
    desk = application(profile, **row.options)
    row.before(desk)
    return desk.raw(row.send if isinstance(row.send, str) else row.send(desk))


def check(row: Row, profile: str) -> None:
    """The row on a card of ``profile``: its status word, and data only with those that carry some."""
    response = answer(row, profile)
    assert row.sw == f"{response.sw:04X}"
    with_data = {"9000", "6281", "6283"} | ({"6A81"} if row.command == "SELECT" else set())
    assert response.data == b"" or row.sw in with_data


def params(rows: list[Row]) -> list[object]:
    """Rows as parameters with readable names."""
    return [pytest.param(row, id=f"{n:03}-{identify(row)}") for n, row in enumerate(rows)]


#: What any command can answer without saying so; 6D00 and 6E00 have a test of their own.
ALWAYS = {"9000", "6700", "6D00", "6E00"}


def check_declared(spec: CommandSpec, rows: list[Row], never: set[tuple[str, str]]) -> None:
    """The rows of a command against its declaration: none of its status words is missing, none is undeclared."""
    provoked = {row.sw for row in rows if row.command == spec.name}
    declared = {f"{sw:04X}" for sw in spec.statuses}
    numbered = {sw for sw in provoked if sw[:3] == "63C" or sw[:2] == "6C"}
    unreached = {sw for name, sw in never if name == spec.name}
    tries = {"63C0"} if numbered else set()
    assert declared - unreached - tries <= provoked
    assert provoked - numbered - ALWAYS <= declared

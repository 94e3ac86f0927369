"""What every transport must do, as checks that anybody can run on one of theirs.

The kit brings its own card, :class:`KitCard`; whoever wrote the transport puts it behind the channel and hands over
the transport in front::

    check_transport(lambda card: MyTransport(my_server_for(card)))

A check that fails raises :class:`AssertionError` with its name and what was wrong.  A transport that waits for ever
makes the kit wait for ever: give it a limit.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from ..errors import CardRemoved, TransportError
from ..host import Transport

__all__ = ["KIT_ATR", "KitCard", "check_transport"]

#: The ATR of the kit's card: T=1, historical bytes "kit", and a right check byte.
KIT_ATR = bytes.fromhex("3B83016B6974F4")
_OK = b"\x90\x00"
_ECHO, _ANSWER, _STATUS, _COUNT, _DIE = 0xE0, 0xE1, 0xE2, 0xE3, 0xE4
_SHORT_MOST, _EXTENDED_MOST = 255, 65_000
_SHOWN = 32  # hex digits at each end of bytes in a message


@dataclass(slots=True)
class KitCard:
    """A card that shows what passed.

    Of class 80, instruction

    * ``E0`` answers the command itself and 9000 (4 to 65,500 bytes),
    * ``E1`` answers P1 P2 bytes 00 01 02 … and 9000,
    * ``E2`` answers ``AA BB`` with the status word P1 P2,
    * ``E3`` answers how many commands came since the last reset, 1 byte, and 9000,
    * ``E4`` dies: no answer, and no power until the next reset;

    anything else is answered ``6D00``.  ``received`` are all commands, byte for byte.

    >>> card = KitCard()
    >>> card.power_on() == KIT_ATR, card.transmit(bytes.fromhex("80E26A8200")).hex()
    (True, 'aabb6a82')
    """

    received: list[bytes] = field(default_factory=list)
    _since_reset: int = 0
    _powered: bool = False

    def power_on(self) -> bytes:
        """Power up; returns :data:`KIT_ATR`."""
        self._since_reset, self._powered = 0, True
        return KIT_ATR

    def power_off(self) -> None:
        """Cut the power."""
        self._powered = False

    def transmit(self, command: bytes, /) -> bytes:
        """Execute one command."""
        if not self._powered:
            raise CardRemoved("the kit's card has no power; reset it")
        self.received.append(bytes(command))
        self._since_reset += 1
        if len(command) < 4 or command[0] != 0x80:
            return b"\x6d\x00"
        return self._answer(command[1], command)

    def _answer(self, ins: int, command: bytes) -> bytes:
        if ins == _DIE:
            self._powered = False
            raise CardRemoved("the kit's card died, as it was told")
        answers: dict[int, Callable[[], bytes]] = {
            _ECHO: lambda: bytes(command) + _OK,
            _ANSWER: lambda: _pattern(int.from_bytes(command[2:4], "big")) + _OK,
            _STATUS: lambda: b"\xaa\xbb" + bytes(command[2:4]),
            _COUNT: lambda: bytes([self._since_reset & 0xFF]) + _OK,
        }
        return answers.get(ins, lambda: b"\x6d\x00")()


def _pattern(length: int) -> bytes:
    return (bytes(range(256)) * (length // 256 + 1))[:length]


@dataclass(frozen=True, slots=True)
class _Check:
    """One check: its ``name`` and what it does with a connected transport and the card behind it."""

    name: str
    run: Callable[[Transport, KitCard], None]
    needs: str = ""


# ------------------------------------------------------------------ the checks


def _expect(expected: object, got: object, what: str) -> None:
    if expected != got:
        raise AssertionError(f"{what} must be {_shown(expected)}, got {_shown(got)}")


def _shown(value: object) -> str:
    """Bytes in hex, of many the ends."""
    if not isinstance(value, bytes):
        return repr(value)
    text = value.hex().upper()
    if len(text) > 3 * _SHOWN:
        return f"{text[:_SHOWN]}…{text[-_SHOWN:]} ({len(value)} bytes)"
    return text or "nothing"


def _connected(transport: Transport, card: KitCard) -> None:
    """The ATR is there at once, and commands are taken."""
    _expect(KIT_ATR, transport.atr, "atr after connecting")
    _expect(b"\x01" + _OK, transport.transmit(b"\x80\xe3\x00\x00\x01"), "the first answer")
    _expect(1, len(card.received), "number of commands that reached the card")


def _exact_commands(transport: Transport, card: KitCard) -> None:
    """Commands of every short form arrive byte for byte, and the answers come back so."""
    for tail in (
        "",
        "00",
        "05",
        "0311223300",
        "03112233",
        "FF" + "5A" * _SHORT_MOST,
        "FF" + "5A" * _SHORT_MOST + "00",
    ):
        command = bytes.fromhex("80E00000" + tail)
        _expect(command + _OK, transport.transmit(command), f"echo of a command of {len(command)} bytes")
        _expect(command, card.received[-1], "what reached the card")


def _exact_answers(transport: Transport, _: KitCard) -> None:
    """Answers of 0 to 256 bytes come whole."""
    for length in (0, 1, 2, 127, 128, 253, 254, 255, 256):
        got = transport.transmit(b"\x80\xe1" + length.to_bytes(2, "big") + b"\x00")
        _expect(_pattern(length) + _OK, got, f"answer of {length} bytes")


def _status_words(transport: Transport, card: KitCard) -> None:
    """Status words are left alone, those of T=0 as well, and so are data beside an error."""
    for word in ("9000", "6A82", "6283", "63C2", "6110", "6C05", "0000", "FFFF"):
        count = len(card.received)
        got = transport.transmit(bytes.fromhex(f"80E2{word}00"))
        _expect(bytes.fromhex(f"AABB{word}"), got, f"answer with status word {word}")
        _expect(count + 1, len(card.received), f"number of commands for one with status word {word}")


def _malformed(transport: Transport, card: KitCard) -> None:
    """What is no command is for the card to refuse."""
    for raw in (b"\x80\xe0\x00", b"\x80\xe0", b"\x00\xff\x00\x00", b"\x80\xe0\x00\x00\x05\x01"):
        answer = transport.transmit(raw)
        if len(answer) < 2:
            raise AssertionError(f"answer to {raw.hex()} must be at least 2 bytes, got {len(answer)}")
    _expect(b"\x80\xe0\x00\x00\x05\x01", card.received[-1], "what reached the card")


def _extended(transport: Transport, card: KitCard) -> None:
    """Extended commands and answers of many bytes pass."""
    for size in (256, 4096, _EXTENDED_MOST):
        command = b"\x80\xe0\x00\x00\x00" + size.to_bytes(2, "big") + b"\xa5" * size
        _expect(command + _OK, transport.transmit(command), f"echo of {size} bytes")
        _expect(command, card.received[-1], "what reached the card")
    _expect(
        _pattern(0xFD00) + _OK, transport.transmit(b"\x80\xe1\xfd\x00\x00\x00\x00"), "answer of 64,768 bytes"
    )


def _resets(transport: Transport, _: KitCard) -> None:
    """Both kinds of reset give the ATR, and the card forgets."""
    for cold in (True, False, True):
        transport.transmit(b"\x80\xe3\x00\x00\x01")
        _expect(KIT_ATR, transport.reset(cold=cold), f"answer to a {'cold' if cold else 'warm'} reset")
        _expect(KIT_ATR, transport.atr, "atr after the reset")
        _expect(b"\x01" + _OK, transport.transmit(b"\x80\xe3\x00\x00\x01"), "commands since the reset")


def _death(transport: Transport, _: KitCard) -> None:
    """A card that dies is removed: nothing works until a reset, everything after it."""
    for _again in range(2):
        _raises(
            CardRemoved, lambda: transport.transmit(b"\x80\xe4\x00\x00"), "a command in which the card died"
        )
        _raises(
            TransportError, lambda: transport.transmit(b"\x80\xe3\x00\x00\x01"), "a command to a dead card"
        )
        _expect(KIT_ATR, transport.reset(), "answer to the reset of a dead card")
        _expect(b"\x01" + _OK, transport.transmit(b"\x80\xe3\x00\x00\x01"), "the answer after it")


class _OnPurposeError(Exception):
    """What is raised while the card is ours alone."""


def _exclusive(transport: Transport, _: KitCard) -> None:
    """Commands pass while the card is ours alone, and after, also when an error ended it."""
    for _again in range(3):
        with suppress(_OnPurposeError), transport.exclusive():
            _expect(b"\xaa\xbb" + _OK, transport.transmit(b"\x80\xe2\x90\x00\x00"), "answer while exclusive")
            raise _OnPurposeError
    _expect(b"\xaa\xbb" + _OK, transport.transmit(b"\x80\xe2\x90\x00\x00"), "answer afterwards")


def _closing(transport: Transport, _: KitCard) -> None:
    """A closed transport refuses everything but to be closed again."""
    with transport:
        transport.transmit(b"\x80\xe3\x00\x00\x01")
    transport.close()
    _raises(TransportError, lambda: transport.transmit(b"\x80\xe3\x00\x00\x01"), "a command after close()")
    _raises(TransportError, transport.reset, "a reset after close()")


def _raises(kind: type[Exception], action: Callable[[], object], what: str) -> None:
    try:
        got = action()
    except kind:
        return
    raise AssertionError(f"{what} must raise {kind.__name__}, got {got!r}")


_CHECKS = (
    _Check("connected", _connected),
    _Check("exact commands", _exact_commands),
    _Check("exact answers", _exact_answers),
    _Check("status words", _status_words),
    _Check("malformed commands", _malformed),
    _Check("extended length", _extended, needs="extended"),
    _Check("resets", _resets),
    _Check("death of the card", _death, needs="removable"),
    _Check("exclusive use", _exclusive),
    _Check("closing", _closing),
)


def check_transport(
    connect: Callable[[KitCard], Transport], *, extended: bool = True, removable: bool = True
) -> tuple[str, ...]:
    """Run every check on transports that ``connect`` makes, each to a new :class:`KitCard`; gives the names of those
    that passed.

    Without ``extended`` and ``removable`` the channel need not carry extended commands or survive the death of its
    card.  Raises :class:`AssertionError` with the name of the first check that fails, be it that the transport raised
    what it must not.

    >>> from cardos.host import SimulatedTransport
    >>> check_transport(SimulatedTransport)[:3]
    ('connected', 'exact commands', 'exact answers')
    """
    wanted = {"": True, "extended": extended, "removable": removable}
    chosen = [check for check in _CHECKS if wanted[check.needs]]
    for check in chosen:
        _run(check, connect)
    return tuple(check.name for check in chosen)


def _run(check: _Check, connect: Callable[[KitCard], Transport]) -> None:
    card = KitCard()
    transport = connect(card)
    try:
        check.run(transport, card)
        transport.close()
    except Exception as error:
        with suppress(Exception):  # what was wrong first is what is told
            transport.close()
        told = (
            str(error) if isinstance(error, AssertionError) else f"{type(error).__name__} was raised: {error}"
        )
        raise AssertionError(f"{check.name}: {told}") from error

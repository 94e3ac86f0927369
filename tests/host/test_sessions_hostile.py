"""A card that answers what it likes: no session crashes, whatever it is asked.  Only typed errors come out, and none
says that the caller was wrong.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardos.apdu import Command
from cardos.apdu.sam_commands import SamKeyKind
from cardos.errors import DecodeError, MacMismatch, StatusError, TransportError
from cardos.host import BalanceForm, Purse, Transport, Wrapper

from .session_calls import CALLS, FILES, ISAM, KEY, KEY_CARD, KINDS, PSAM, PUBLIC, PURSE, TERMINAL, Kind
from .session_desk import WHEN, Desk

#: What may come out of a session because of its card.
TYPED = (StatusError, DecodeError, MacMismatch, TransportError)
STATUSES = (
    "9000",
    "6100",
    "6101",
    "61FF",
    "6C00",
    "6C05",
    "6CFF",
    "63C2",
    "6281",
    "6A82",
    "6A83",
    "6985",
    "0000",
    "FFFF",
)

#: Calls beside those that a command has: a key for reading, many commands at once.
MORE = {
    FILES: (
        lambda s: s.read_binary(1, key=KEY),
        lambda s: s.read_binary(1, length=5, key=KEY, enciphered=True),
        lambda s: s.read_record(1, 1, key=KEY, enciphered=True),
        lambda s: s.update_binary(1, bytes(500), key=KEY, enciphered=True),
        lambda s: s.external_authenticate(KEY, line_key=KEY),
        lambda s: s.create_directory(0x3F01, size=1, create=0, erase=0, application=0, tail=bytes(4)),
    ),
    PURSE: (
        lambda s: list(s.read_log()),
        lambda s: s.shown_balance(Purse.ED),
        lambda s: [s.get_balance(purse, form) for purse in Purse for form in BalanceForm],
        lambda s: s.enter(s.profile.directories[0]),
    ),
    PSAM: (
        lambda s: s.application_block(key=s.message_key(SamKeyKind.APPLICATION_MAINTENANCE, card=PUBLIC)),
        lambda s: s.update_binary(
            1, bytes(60), enciphered=True, key=s.message_key(SamKeyKind.APPLICATION_MAINTENANCE, card=PUBLIC)
        ),
    ),
    ISAM: (),
    KEY_CARD: (lambda s: s.present_cryptogram(s.internal_authenticate(s.get_challenge())),),
}


class HostileCard(Transport):
    """Answers ``opening`` honestly, then ``answers``, at last ``6F00`` for ever.

    An answer is bytes as they are, or how much longer than asked, what with, and which status.
    """

    def __init__(self, opening, answers) -> None:
        self._left = [bytes.fromhex(answer) for answer in opening] + list(answers)

    def transmit(self, command: bytes, /) -> bytes:
        answer = self._left.pop(0) if self._left else b"\x6f\x00"
        if isinstance(answer, bytes):
            return answer
        more, fill, sw = answer
        size = max(0, Command.decode(command, strict=False).le % 256 + more)
        return (fill * size)[:size] + sw

    def reset(self, *, cold: bool = True) -> bytes:
        del cold
        return b"\x3b\x00"


STATUS = st.sampled_from([bytes.fromhex(sw) for sw in STATUSES]) | st.binary(min_size=2, max_size=2)
ANSWER = (
    st.tuples(st.sampled_from([0, 0, 0, 0, -1, 1, 4, 8]), st.binary(min_size=1, max_size=8), STATUS)
    | st.binary(max_size=40)
    | st.sampled_from(
        [bytes(255), bytes(256) + b"\x90\x00", (70_000, b"\x00", b"\x90\x00"), b"\x61\x00", b"\x90\x00"]
    )
)
ANSWERS = st.lists(ANSWER, max_size=12)


def survives(call) -> None:
    try:
        call()
    except TYPED:
        return


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
@given(wanted=st.lists(st.integers(0, 99), min_size=1, max_size=3), answers=ANSWERS)
@settings(max_examples=150)
def test_no_answer_crashes_a_session(kind, wanted, answers):
    calls = [call.call for call in CALLS if call.kind is kind] + list(MORE[kind])
    session = kind.open(HostileCard(kind.opening, answers))
    for number in wanted:
        survives(lambda number=number: calls[number % len(calls)](session))


@pytest.mark.parametrize("kind", [PURSE, PSAM, ISAM, KEY_CARD], ids=["purse", "psam", "isam", "key-card"])
@given(honest=st.integers(0, 4), answers=ANSWERS)
@settings(max_examples=100)
def test_no_answer_crashes_the_opening_of_a_session(kind: Kind, honest, answers):
    survives(lambda: kind.open(HostileCard(kind.opening[:honest], answers)))


class Mutant(Wrapper):
    """A real card, one of whose answers is changed on its way."""

    def __init__(self, inner, at, change) -> None:
        super().__init__(inner)
        self._left, self._change = at, change

    def transmit(self, command: bytes, /) -> bytes:
        answer = super().transmit(command)
        self._left -= 1
        return self._change(answer) if self._left == -1 else answer


def _flipped(answer: bytes, place: int, bit: int) -> bytes:
    place %= len(answer)
    return answer[:place] + bytes([answer[place] ^ 1 << bit]) + answer[place + 1 :]


CHANGE = st.one_of(
    st.builds(lambda p, b: lambda a: _flipped(a, p, b), st.integers(0, 70), st.integers(0, 7)),
    st.builds(lambda n: lambda a: a[:-n] or b"", st.integers(1, 40)),
    st.builds(lambda n: lambda a: a[n:], st.integers(1, 40)),
    st.builds(lambda more: lambda a: a[:-2] + more + a[-2:], st.binary(min_size=1, max_size=300)),
    st.builds(lambda n: lambda a: a * n, st.integers(2, 3)),
)


@given(at=st.integers(0, 16), change=CHANGE)
@settings(max_examples=200)
def test_no_changed_answer_of_a_real_card_crashes_a_session(at, change):
    desk = Desk()
    link = Mutant(desk.link, at, change)

    def visit() -> None:
        session = desk.card(link)
        begun = session.initialize_for_load(Purse.EP, amount=100, terminal=TERMINAL)
        mac2 = desk.mac("load", begun, amount=100, type=2)
        session.credit_for_load(when=WHEN, mac2=mac2)
        session.get_balance(Purse.EP)
        session.get_transaction_prove(2, begun.online_serial + 1)
        list(session.read_log())
        session.external_authenticate(desk.keys["control"])
        session.application_block(key=desk.keys["maintenance"])
        session.application_unblock(key=desk.keys["maintenance"])

    survives(visit)


def test_a_challenge_of_another_length_is_not_used():
    """A MAC over a challenge that the card chose short would be worth less."""
    for answer in ("9000", "1122339000", "11223344559000"):
        session = FILES.open(HostileCard((answer,), ()))
        with pytest.raises(DecodeError, match="GET CHALLENGE answer at offset 0: must be 4 bytes, got"):
            session.application_block(key=KEY)


def test_an_answer_without_end_is_cut_off():
    class Endless(HostileCard):
        def transmit(self, command: bytes, /) -> bytes:
            del command
            return bytes(255) + b"\x61\xff"

    with pytest.raises(TransportError, match="answer must end within 65536 bytes"):
        FILES.open(Endless((), ())).read_binary(1)

"""Cards that lie, in every flow: nothing that they say makes a wrong MAC right, or a record that is not true."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cardos.card import Card
from cardos.errors import CardosError, CardRemoved, MacMismatch
from cardos.host import (
    EntryState,
    GreyClaim,
    ServiceDesk,
    SimulatedTransport,
    Transport,
    Wrapper,
    personalise,
    read_out,
)

from .conftest import PIN, card_data, counted, torn
from .flow_table import BY_NAME, FLOWS, Bench, Flow, expected, keys_of, profile_of

EACH_FLOW = pytest.mark.parametrize("flow", [pytest.param(flow, id=flow.name) for flow in FLOWS])


def complete(bench: Bench) -> int:
    return bench.states().count(EntryState.COMPLETE)


# ------------------------------------------------------------------ a wrong MAC

#: Where the MACs are in the answers: flow, instruction, first byte.
MACS = [
    ("load", 0x50, 12), ("load", 0x52, 0), ("load-ed", 0x50, 12), ("load-ed", 0x52, 0), ("unload", 0x50, 12),
    ("unload", 0x54, 0), ("overdraft", 0x50, 15), ("overdraft", 0x58, 0), ("purchase", 0x54, 4),
    ("purchase-ed", 0x54, 4), ("prepared", 0x54, 4), ("cash", 0x54, 4), ("entry", 0x54, 4), ("exit", 0x54, 4),
    ("lock", 0x7C, 4), ("online-unlock", 0x7A, 14), ("online-unlock", 0x7E, 0),
]  # fmt: skip
_MAC_WIDTH = 4


class Masked(Wrapper):
    """Changes 4 bytes of the answer to one instruction."""

    def __init__(self, inner: Transport, ins: int, position: int, mask: bytes) -> None:
        super().__init__(inner)
        self.ins, self.position, self.mask = ins, position, mask

    def transmit(self, command: bytes, /) -> bytes:
        answer = bytearray(self.inner.transmit(command))
        if command[1] == self.ins and len(answer) > 2:
            for place, bits in enumerate(self.mask, self.position):
                answer[place] ^= bits
        return bytes(answer)


def test_every_flow_that_gets_a_mac_is_in_the_table():
    assert {flow.name for flow in FLOWS} - {name for name, _, _ in MACS} == {"debit"}  # it gets a TAC only


@pytest.mark.slow
@pytest.mark.parametrize(("name", "ins", "start"), MACS, ids=[f"{name}-{ins:02X}" for name, ins, _ in MACS])
@settings(max_examples=6)
@given(mask=st.binary(min_size=_MAC_WIDTH, max_size=_MAC_WIDTH).filter(any))
@example(mask=b"\x00\x00\x00\x01")
@example(mask=b"\x80\x00\x00\x00")
def test_a_wrong_mac_is_never_right(tmp_path_factory, name, ins, start, mask):
    flow = BY_NAME[name]
    with Bench(tmp_path_factory.mktemp("mac"), flow.profile) as bench:
        flow.before(bench)
        done = complete(bench)
        with pytest.raises(MacMismatch):
            flow.run(bench, Masked(bench.link, ins, start, mask))
        assert done == complete(bench)


# ------------------------------------------------------------------ nothing that it says is true


class Liar(Wrapper):
    """Answers anything, now and then with 9000 behind it."""

    def __init__(self, inner: Transport, answers: list[bytes], seed: int) -> None:
        super().__init__(inner)
        self.answers, self.random = list(answers), counted(seed)

    def transmit(self, _command: bytes, /) -> bytes:
        answer = self.answers.pop() if self.answers else b""
        return answer + (b"\x90\x00" if self.random(1)[0] & 1 else b"")


ANYTHING = {"answers": st.lists(st.binary(max_size=300), max_size=6), "seed": st.integers(0, 255)}


@pytest.fixture(scope="module")
def lasting(tmp_path_factory):
    """A bench of each profile for many examples: nothing that they do may leave a trace in its books."""
    with contextlib.ExitStack() as stack:
        benches = {}
        for name in {flow.profile for flow in FLOWS}:
            benches[name] = stack.enter_context(Bench(tmp_path_factory.mktemp("hostile"), name))
        bench = benches[BY_NAME["debit"].profile]
        bench.sale = bench.terminal.fill(bench.terminal.lock(bench.link), 700)
        yield benches


@EACH_FLOW
@settings(max_examples=25)
@given(**ANYTHING)
def test_a_card_that_answers_anything_gets_nothing(lasting, flow, answers, seed):
    bench = lasting[flow.profile]
    done, money = complete(bench), bench.money()
    with pytest.raises(CardosError):
        flow.run(bench, Liar(bench.link, answers, seed))
    assert (done, money) == (complete(bench), bench.money())


# ------------------------------------------------------------------ it begins honestly


def _shorter(answer: bytes, raw: bytes) -> bytes:
    return answer[: len(raw) % len(answer)]


def _longer(answer: bytes, raw: bytes) -> bytes:
    return answer[:-2] + raw + answer[-2:]


def _other_status(answer: bytes, raw: bytes) -> bytes:
    return answer[:-2] + raw[:2].ljust(2, b"\x6f")


def _refused(_answer: bytes, raw: bytes) -> bytes:
    return raw[:2].ljust(2, b"\x93")


def _noise(answer: bytes, raw: bytes) -> bytes:
    """Of the right form."""
    return (raw.ljust(len(answer), b"\x5a"))[: len(answer) - 2] + b"\x90\x00"


#: What a card makes of a true answer, given some bytes.
LIES: dict[str, Callable[[bytes, bytes], bytes]] = {
    "true": lambda answer, _: answer,
    "anything": lambda _, raw: raw,
    "shorter": _shorter,
    "longer": _longer,
    "other-status": _other_status,
    "refused": _refused,
    "noise": _noise,
}


@dataclass
class Turning(Wrapper):
    """Tells the truth ``honest`` times, then lies."""

    inner: Transport
    honest: int
    lies: list[tuple[str, bytes]]

    def transmit(self, command: bytes, /) -> bytes:
        answer = self.inner.transmit(command)
        self.honest -= 1
        if self.honest >= 0 or not self.lies:
            return answer
        kind, raw = self.lies[-self.honest % len(self.lies)]
        return LIES[kind](answer, raw)


TURNING = {
    "honest": st.integers(0, 8),
    "lies": st.lists(
        st.tuples(st.sampled_from(sorted(LIES)), st.binary(max_size=300)), min_size=1, max_size=4
    ),
}


@pytest.mark.slow
@EACH_FLOW
@settings(max_examples=20)
@given(**TURNING)
def test_a_card_that_begins_to_lie_never_makes_the_books_claim_what_did_not_happen(
    tmp_path_factory, flow, honest, lies
):
    """A result is true; after an error the books claim nothing, or what the card did, and an honest tap settles it."""
    with Bench(tmp_path_factory.mktemp("turning"), flow.profile) as bench:
        flow.before(bench)
        start, books = bench.money(), bench.settled()
        try:
            flow.run(bench, Turning(bench.link, honest, lies))
        except CardosError:
            assert bench.settled() - books in {0, flow.books * moved(bench, flow, start)}
        else:
            assert expected(bench, flow, start) == bench.money()
        bench.link.reset()
        for place in (bench.outlet, bench.terminal):
            place.recover(bench.link, pin=PIN)
        assert bench.settled() - books in {0, flow.books * moved(bench, flow, start)}


def moved(bench: Bench, flow: Flow, start: tuple[int, ...]) -> bool:
    assert bench.money() in (start, expected(bench, flow, start))
    return bench.money() != start


class ChangedOnce(Wrapper):
    """Changes or cuts the ``index``-th answer."""

    def __init__(self, inner: Transport, index: int, position: int, bit: int, *, cut: bool) -> None:
        super().__init__(inner)
        self.left, self.position, self.bit, self.cut = index, position, bit, cut

    def transmit(self, command: bytes, /) -> bytes:
        answer = bytearray(self.inner.transmit(command))
        self.left -= 1
        if self.left != -1:
            return bytes(answer)
        place = self.position % len(answer)
        if self.cut:
            return bytes(answer[:place])
        answer[place] ^= 1 << self.bit
        return bytes(answer)


@pytest.mark.slow
@EACH_FLOW
@settings(max_examples=12)
@given(index=st.integers(0, 7), position=st.integers(0, 60), bit=st.integers(0, 7), cut=st.booleans())
def test_one_changed_answer_never_makes_the_books_wrong(tmp_path_factory, flow, index, position, bit, cut):
    """Whoever believes the flow finds the card as it says; otherwise the next tap makes the books right."""
    with Bench(tmp_path_factory.mktemp("changed"), flow.profile) as bench:
        flow.before(bench)
        start, books = bench.money(), bench.settled()
        try:
            flow.run(bench, ChangedOnce(bench.link, index, position, bit, cut=cut))
        except CardosError:
            bench.link.reset()
            for place in (bench.outlet, bench.terminal):
                place.recover(bench.link, pin=PIN)
            flagged = {EntryState.SUSPECT, EntryState.TORN, EntryState.OPEN}
            right = flow.books * (bench.money() != start)
            assert bench.settled() - books == right or flagged & set(bench.states())
        else:
            assert expected(bench, flow, start) == bench.money()


# ------------------------------------------------------------------ what moves no money


def _torn_purchase(bench: Bench) -> None:
    with contextlib.suppress(CardRemoved):
        bench.terminal.purchase(torn(bench.link, 2, before=False), 100)
    bench.link.reset()


def _claimed(bench: Bench) -> None:
    bench.sale = bench.terminal.fill(bench.terminal.lock(bench.link), 700)


def _blocked(bench: Bench) -> None:
    ServiceDesk(bench.profile, bench.keys).block(bench.link)


def _evidence(bench: Bench, link: Transport) -> None:
    [entry] = bench.journal.open_entries(bench.public.card_serial)
    bench.terminal.accept(bench.other_terminal().read_evidence(link, entry.record))


def _collect(bench: Bench, link: Transport) -> None:
    claim = GreyClaim.decode(bytes(bench.terminal.claim(bench.sale)))
    bench.terminal.accept(bench.other_terminal().collect(link, claim))


def _desk(name: str, *arguments: object, **named: object) -> Callable[[Bench, Transport], object]:
    return lambda bench, link: getattr(ServiceDesk(bench.profile, bench.keys), name)(
        link, *arguments, **named
    )


def _with_card(name: str) -> Callable[[Bench, Transport], object]:
    return lambda bench, link: _desk(name, card=bench.public)(bench, link)


def _nothing(_: Bench) -> None:
    pass


#: What else is done with a card: what comes before it, and it.
BESIDES: dict[str, tuple[Callable[[Bench], None], Callable[[Bench, Transport], object]]] = {
    "read-out": (_nothing, lambda bench, link: read_out(link, bench.profile, pin=PIN)),
    "recover": (_torn_purchase, lambda bench, link: bench.terminal.recover(link)),
    "recover-outlet": (_nothing, lambda bench, link: bench.outlet.recover(link, pin=PIN)),
    "evidence": (_torn_purchase, _evidence),
    "collect": (_claimed, _collect),
    "block": (_nothing, _desk("block")),
    "unblock": (_blocked, _desk("unblock")),
    "unblock-known": (_blocked, _with_card("unblock")),
    "block-card": (_nothing, _with_card("block_card")),
    "change-pin": (_nothing, _desk("change_pin", PIN, bytes(3))),
    "reload-pin": (_nothing, _desk("reload_pin", bytes(3))),
    "unblock-pin": (_nothing, _desk("unblock_pin", PIN)),
}


@pytest.mark.slow
@pytest.mark.parametrize(("before", "run"), BESIDES.values(), ids=BESIDES)
@settings(max_examples=15)
@given(**TURNING)
def test_whatever_a_card_says_ends_in_a_value_or_a_typed_error(tmp_path_factory, before, run, honest, lies):
    with Bench(tmp_path_factory.mktemp("besides")) as bench:
        before(bench)
        with contextlib.suppress(CardosError):
            run(bench, Turning(bench.link, honest, lies))


@settings(max_examples=40)
@given(honest=st.integers(0, 60), lies=TURNING["lies"])
def test_personalising_a_card_that_lies_ends(honest, lies):
    name = BY_NAME["load"].profile
    profile, blank = profile_of(name), Card.blank(profile_of(name), random=counted(1))
    with contextlib.suppress(CardosError):
        personalise(Turning(SimulatedTransport(blank), honest, lies), profile, card_data(), keys_of(name))

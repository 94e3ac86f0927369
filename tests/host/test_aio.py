"""Cards under asyncio: the loop never waits, a command is never abandoned half-way, several cards at once."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from contextlib import contextmanager

import pytest

from cardos.errors import CardRemoved, NoReader, ReaderBusy, TransportError, TransportTimeout
from cardos.host import EntryState, Purse, PurseSession, SamPool, SimulatedTransport, Wrapper
from cardos.host.aio import AsyncTransport
from cardos.readers import open_transport
from cardos.testing import KIT_ATR, KitCard

from .conftest import PIN, City
from .relays import COUNT, DIE, ECHO, far, served

LIMIT = 5.0  # seconds; a test that waits so long has failed
FIRST = b"\x01\x90\x00"


class Gate(Wrapper):
    """Stops at each command that ``at`` chooses, until it is opened."""

    def __init__(self, inner, at=lambda _: True):
        super().__init__(inner)
        self.at, self.begun, self.go = at, threading.Event(), threading.Event()

    def transmit(self, command, /):
        if self.at(command):
            self.begun.set()
            assert self.go.wait(LIMIT)
        return self.inner.transmit(command)


class Held(Wrapper):
    """Notes when exclusive use begins and ends, and what else happens, with the thread that did it."""

    def __init__(self, inner):
        super().__init__(inner)
        self.seen, self.threads = [], set()

    def note(self, what):
        self.seen.append(what)
        self.threads.add(threading.current_thread())

    @contextmanager
    def exclusive(self):
        self.note("begin")
        try:
            yield
        finally:
            self.note("end")

    def transmit(self, command, /):
        self.note("command")
        return self.inner.transmit(command)

    def close(self):
        self.note("close")
        self.inner.close()


@pytest.fixture
def kit():
    return KitCard()


def kit_transport(card):
    return SimulatedTransport(card)


async def begun(gate):
    assert await asyncio.to_thread(gate.begun.wait, LIMIT)


def cards_threads():
    return [each for each in threading.enumerate() if each.name.startswith("card")]


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    before = threading.active_count()
    yield
    for thread in cards_threads():  # one may be just at its end
        thread.join(LIMIT)
    assert before == threading.active_count()


# ------------------------------------------------------------------ what it passes on


def test_the_methods_of_a_transport(kit):
    async def talk():
        async with await AsyncTransport.open(kit_transport, kit) as card:
            assert KIT_ATR == card.atr
            assert ECHO + b"\x90\x00" == await card.transmit(ECHO)
            assert [KIT_ATR, KIT_ATR] == [await card.reset(), await card.reset(cold=False)]
            assert FIRST == await card.transmit(COUNT)
            with pytest.raises(CardRemoved):
                await card.transmit(DIE)

    asyncio.run(talk())
    assert not kit._powered


def test_run_makes_any_call_with_its_arguments_and_context_in_the_cards_thread(kit):
    name = contextvars.ContextVar("name")

    def call(*args, **kwargs):
        return args, kwargs, name.get(), threading.current_thread()

    async def talk():
        async with AsyncTransport(SimulatedTransport(kit)) as card:
            name.set("mine")
            first, second = [await card.run(call, 1, two=2) for _ in range(2)]
            assert ((1,), {"two": 2}, "mine") == first[:3]
            assert first[3] is second[3]
            assert threading.current_thread() is not first[3]

    asyncio.run(talk())


def test_a_transport_that_cannot_be_opened_raises_what_it_raises():
    async def talk():
        await AsyncTransport.open(open_transport, "")

    with pytest.raises(NoReader):
        asyncio.run(talk())


def test_a_timeout_of_the_transport_comes_out(kit):
    gate = Gate(SimulatedTransport(kit), at=lambda command: command == ECHO)

    async def talk():
        async with await AsyncTransport.open(far, relay, timeout=0.05) as card:
            with pytest.raises(TransportTimeout):
                await card.transmit(ECHO)
            gate.go.set()

    with served(gate) as relay:
        asyncio.run(talk())


# ------------------------------------------------------------------ the loop and the threads


def test_the_loop_goes_on_while_a_card_works(kit):
    gate = Gate(SimulatedTransport(kit))

    async def talk():
        async with AsyncTransport(gate) as card:
            answer = asyncio.create_task(card.transmit(COUNT))
            await begun(gate)
            assert not answer.done()
            gate.go.set()  # which only a loop that is not blocked comes to
            assert FIRST == await answer

    asyncio.run(talk())


def test_calls_are_made_in_the_order_in_which_they_were_asked_for(kit):
    commands = [ECHO + bytes([1, number]) for number in range(50)]

    async def talk():
        async with AsyncTransport(SimulatedTransport(kit)) as card:
            await asyncio.gather(*(card.transmit(command) for command in commands))

    asyncio.run(talk())
    assert commands == kit.received


def test_cards_do_not_wait_for_each_other():
    together = threading.Barrier(3)

    class Meeting(Wrapper):
        def transmit(self, command, /):
            together.wait(LIMIT)  # broken, unless three are here at once
            return self.inner.transmit(command)

    async def talk():
        cards = [AsyncTransport(Meeting(SimulatedTransport(KitCard()))) for _ in range(3)]
        assert [FIRST] * 3 == await asyncio.gather(*(card.transmit(COUNT) for card in cards))
        await asyncio.gather(*(card.close() for card in cards))

    asyncio.run(talk())


# ------------------------------------------------------------------ cancellation and timeouts


def test_a_command_that_has_begun_is_finished_and_the_next_is_not_answered_with_its_answer(kit):
    gate = Gate(SimulatedTransport(kit), at=lambda command: command == ECHO)

    async def talk():
        async with AsyncTransport(gate) as card:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await card.transmit(ECHO)
            assert [] == kit.received
            following = asyncio.create_task(card.transmit(COUNT))
            gate.go.set()
            assert b"\x02\x90\x00" == await following
        assert [ECHO, COUNT] == kit.received

    asyncio.run(talk())


def test_a_call_that_has_not_begun_is_never_made(kit):
    gate = Gate(SimulatedTransport(kit), at=lambda command: command == COUNT)

    async def talk():
        async with AsyncTransport(gate) as card:
            first = asyncio.create_task(card.transmit(COUNT))
            await begun(gate)
            second = asyncio.create_task(card.transmit(ECHO))
            await asyncio.sleep(0)
            second.cancel()
            await asyncio.gather(second, return_exceptions=True)
            gate.go.set()
            assert FIRST == await first
        assert [COUNT] == kit.received

    asyncio.run(talk())


def test_a_purchase_that_nobody_waits_for_any_more_is_made_and_in_the_journal(city_3des):
    city = city_3des
    city.load(1000)
    gate = Gate(city.link, at=lambda command: command[1] == 0x54)  # DEBIT FOR PURCHASE

    async def pay():
        async with AsyncTransport(gate) as card:
            paying = asyncio.create_task(card.run(city.terminal.purchase, card.transport, 150))
            await begun(gate)
            paying.cancel()
            with pytest.raises(asyncio.CancelledError):
                await paying
            assert 1000 == city.balance()
            gate.go.set()
            result = await card.run(city.terminal.purchase, card.transport, 50)
            assert 800 == result.balance_after

    asyncio.run(pay())
    assert [(150, EntryState.COMPLETE), (50, EntryState.COMPLETE)] == [
        (entry.record.amount, entry.state) for entry in city.journal.entries()
    ]


def test_a_result_that_is_wanted_later_is_shielded(kit):
    gate = Gate(SimulatedTransport(kit))

    async def talk():
        async with AsyncTransport(gate) as card:
            answer = asyncio.create_task(card.transmit(COUNT))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await asyncio.shield(answer)
            gate.go.set()
            assert FIRST == await answer

    asyncio.run(talk())


def test_an_opening_that_nobody_waits_for_any_more_is_closed(kit):
    gate, opened = threading.Event(), []

    def slow():
        assert gate.wait(LIMIT)
        opened.append(Held(SimulatedTransport(kit)))
        return opened[0]

    async def talk():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await AsyncTransport.open(slow)
        [thread] = cards_threads()
        gate.set()
        await asyncio.to_thread(thread.join, LIMIT)

    asyncio.run(talk())
    assert ["close"] == opened[0].seen


# ------------------------------------------------------------------ exclusive use


def test_tasks_have_exclusive_use_one_after_the_other_and_in_the_cards_thread(kit):
    near = Held(SimulatedTransport(kit))

    async def use(card):
        async with card.exclusive():
            await card.transmit(COUNT)
            await card.transmit(COUNT)

    async def talk():
        async with AsyncTransport(near) as card:
            await asyncio.gather(*(use(card) for _ in range(3)))

    asyncio.run(talk())
    assert ["begin", "command", "command", "end"] * 3 + ["close"] == near.seen
    assert 1 == len(near.threads)


def test_exclusive_use_ends_with_an_error_inside_and_with_closing(kit):
    near = Held(SimulatedTransport(kit))

    async def talk():
        async with AsyncTransport(near) as card:
            with pytest.raises(ValueError, match="mine"):
                async with card.exclusive():
                    raise ValueError("mine")
            assert ["begin", "end"] == near.seen
            async with card.exclusive():
                await card.close()

    asyncio.run(talk())
    assert ["begin", "end", "begin", "end", "close"] == near.seen
    assert 1 == len(near.threads)


def test_exclusive_use_that_nobody_waits_for_any_more_is_given_back(kit):
    near, gate = Held(SimulatedTransport(kit)), threading.Event()

    async def use(card):
        async with card.exclusive():
            raise AssertionError("cancelled before")

    async def talk():
        async with AsyncTransport(near) as card:
            blocker = asyncio.create_task(card.run(gate.wait, LIMIT))
            user = asyncio.create_task(use(card))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            user.cancel()
            await asyncio.sleep(0)
            gate.set()
            assert await blocker
            with pytest.raises(asyncio.CancelledError):
                await user
            async with card.exclusive():
                await card.transmit(COUNT)

    asyncio.run(talk())
    assert ["begin", "end", "begin", "command", "end", "close"] == near.seen


def test_exclusive_use_that_is_refused(kit):
    class Taken(Wrapper):
        def exclusive(self):
            raise ReaderBusy("somebody has it")

    async def talk():
        async with AsyncTransport(Taken(SimulatedTransport(kit))) as card:
            for _ in range(2):
                with pytest.raises(ReaderBusy):
                    async with card.exclusive():
                        raise AssertionError("it was refused")
            assert FIRST == await card.transmit(COUNT)

    asyncio.run(talk())


# ------------------------------------------------------------------ closing


def test_closing_waits_for_what_was_asked_for_and_nothing_follows(kit):
    near = Held(SimulatedTransport(kit))

    async def talk():
        card = AsyncTransport(near)
        answers = [asyncio.create_task(card.transmit(COUNT)) for _ in range(3)]
        await asyncio.sleep(0)
        await asyncio.gather(card.close(), card.close())
        assert 3 == len(await asyncio.gather(*answers))
        for act in (card.transmit(COUNT), card.reset(), card.run(len, b"")):
            with pytest.raises(TransportError, match="transport is closed"):
                await act
        with pytest.raises(TransportError, match="transport is closed"):
            async with card.exclusive():
                raise AssertionError("it is closed")
        await card.close()

    asyncio.run(talk())
    assert ["command"] * 3 + ["close"] == near.seen


def test_closing_that_nobody_waits_for_any_more_closes(kit):
    gate = Gate(SimulatedTransport(kit))

    async def talk():
        card = AsyncTransport(gate)
        answer = asyncio.create_task(card.transmit(COUNT))
        await begun(gate)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await card.close()
        gate.go.set()
        assert FIRST == await answer
        await card.close()

    asyncio.run(talk())
    assert not kit._powered


# ------------------------------------------------------------------ a city under asyncio


def test_sessions_and_purchases_with_several_cards_and_two_terminals_at_once(tmp_path):
    """Three cards pay ten times each at two terminals of a pool, and read their balances meanwhile."""

    async def customer(card, profile, pool, amounts):
        def pay(amount):
            with pool.acquire(LIMIT) as terminal:
                return terminal.purchase(card.transport, amount)

        for amount in amounts:
            await card.run(pay, amount)
        session = await card.run(PurseSession, card.transport, profile)
        await card.run(session.verify, PIN)
        return await card.run(session.get_balance, Purse.EP)

    async def day(city, links, pool):
        cards = [AsyncTransport(link) for link in links]
        try:
            return await asyncio.gather(
                *(
                    customer(card, city.profile, pool, range(number, number + 10))
                    for number, card in enumerate(cards, 1)
                )
            )
        finally:
            await asyncio.gather(*(card.close() for card in cards))

    with City("3des", tmp_path) as city:
        city.load(100)  # the others have as much
        links = [city.link, city.other_card(2), city.other_card(3)]
        terminals = {"left": city.terminal, "right": city.other_terminal()}
        transports = {name: SimulatedTransport(KitCard()) for name in terminals}
        by_transport = {transports[name]: terminals[name] for name in terminals}
        with SamPool(transports, lambda watched: by_transport[watched.inner]) as pool:
            balances = asyncio.run(day(city, links, pool))
        assert [100 - sum(range(number, number + 10)) for number in (1, 2, 3)] == balances

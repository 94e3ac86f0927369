"""The pool of PSAMs: who comes first, what is taken out, who waits for how long."""

from __future__ import annotations

import threading

import pytest

from cardos.errors import CardRemoved, DecodeError, ParameterError, ReaderBusy, TransportError
from cardos.host import BrokenSam, Lease, PsamSession, SamPool, Transport

from .conftest import SAM_DATA
from .flow_table import Bench

LIMIT = 10.0  # seconds; a test that waits so long has failed


class Sam(Transport):
    """Answers 9000 until it is broken."""

    def __init__(self, *, broken: bool = False) -> None:
        self.broken, self.closed = broken, False

    def transmit(self, _command: bytes, /) -> bytes:
        if self.broken:
            raise CardRemoved("SAM was pulled")
        return b"\x90\x00"

    def reset(self, *, cold: bool = True) -> bytes:
        del cold
        if self.broken:
            raise CardRemoved("SAM is still away")
        return b"\x3b\x00"

    def close(self) -> None:
        self.closed = True


def ask(transport: Transport) -> Transport:
    """What is lent in these tests: a transport that has answered once."""
    transport.transmit(b"\x00\x84\x00\x00\x04")
    return transport


@pytest.fixture
def sams():
    return {"one": Sam(), "two": Sam()}


def test_each_is_lent_to_one_at_a_time(sams):
    with SamPool(sams, ask) as pool:
        first, second = pool.acquire(), pool.acquire()
        assert ("one", "two") == (first.name, second.name)
        assert isinstance(first, Lease)
        with pytest.raises(ReaderBusy, match="a PSAM must come free within 0 s, all 2 are in use"):
            pool.acquire(0)
        first.release()
        assert "one" == pool.acquire(0).name


def test_they_take_turns(sams):
    with SamPool(sams, ask) as pool:
        names = []
        for _ in range(4):
            lease = pool.acquire(0)
            names.append(lease.name)
            lease.release()
    assert ["one", "two", "one", "two"] == names


def test_a_lease_ends_once(sams):
    with SamPool(sams, ask) as pool:
        lease = pool.acquire()
        lease.release()
        lease.release()
        with pytest.raises(ParameterError, match="lease must be held"):
            lease.sam.transmit(b"")
        assert {"one", "two"} == {pool.acquire(0).name, pool.acquire(0).name}


def test_one_that_does_not_answer_is_taken_out_whatever_became_of_the_error(sams):
    with SamPool(sams, ask) as pool:
        with pool.acquire() as sam:
            sams["one"].broken = True
            with pytest.raises(CardRemoved):
                sam.transmit(b"\x80\x70")
        assert (BrokenSam("one", "SAM was pulled"),) == pool.broken
        assert "two" == pool.acquire(0).name


def test_an_error_of_the_card_does_not_take_the_sam_out(sams):
    with SamPool(sams, ask) as pool:
        with pytest.raises(CardRemoved), pool.acquire():
            raise CardRemoved("the card was pulled")
        assert () == pool.broken


def test_one_may_be_taken_out_for_a_reason_of_ones_own(sams):
    with SamPool(sams, ask) as pool:
        pool.acquire().release(broken="MAC2 wrong three times")
        assert (BrokenSam("one", "MAC2 wrong three times"),) == pool.broken


def test_one_that_does_not_open_is_out_from_the_start():
    with SamPool({"one": Sam(broken=True), "two": Sam()}, ask) as pool:
        assert ["one"] == [each.name for each in pool.broken]
        assert "two" == pool.acquire(0).name


def test_one_that_makes_no_sense_is_out_as_well():
    def make(_: Transport) -> None:
        raise DecodeError("must be a FCI, got nothing")

    with SamPool({"one": Sam()}, make) as pool:
        assert not pool.revive("one")
        assert (BrokenSam("one", "input at offset 0: must be a FCI, got nothing"),) == pool.broken


def test_when_all_are_out_nobody_waits():
    with (
        SamPool({"one": Sam(broken=True)}, ask) as pool,
        pytest.raises(TransportError, match=r"all were taken out \(one: SAM was pulled\)"),
    ):
        pool.acquire()


def test_one_that_answers_again_comes_back(sams):
    sams["one"].broken = True
    with SamPool(sams, ask) as pool:
        assert not pool.revive("one")
        assert (BrokenSam("one", "SAM is still away"),) == pool.broken
        sams["one"].broken = False
        assert pool.revive("one")
        assert () == pool.broken
        with pytest.raises(ParameterError, match="name must be one of none, got 'one'"):
            pool.revive("one")
        assert {"one", "two"} == {pool.acquire(0).name, pool.acquire(0).name}


def test_closing_closes_every_transport(sams):
    pool = SamPool(sams, ask)
    lease = pool.acquire()
    pool.close()
    assert (False, True) == (sams["one"].closed, sams["two"].closed)
    with pytest.raises(TransportError, match="pool is closed"):
        pool.acquire(0)
    lease.release()
    assert sams["one"].closed


def test_the_time_is_that_of_the_clock(sams):
    """A clock that jumps is believed: no real time passes."""
    moments = iter([0.0, 1.0, 2.5])
    with SamPool({"one": Sam()}, ask, clock=lambda: next(moments)) as pool:
        pool._changed.wait = lambda _: True
        pool.acquire()
        with pytest.raises(ReaderBusy, match=r"within 2 s"):
            pool.acquire(2)


def test_who_comes_first_is_served_first():
    order: list[int] = []
    with SamPool({"one": Sam()}, ask) as pool:
        lease = pool.acquire()

        def customer(number: int) -> None:
            with pool.acquire(LIMIT):
                order.append(number)

        threads = []
        for number in range(5):
            thread = threading.Thread(target=customer, args=(number,))
            thread.start()
            threads.append(thread)
            with pool._changed:
                assert pool._changed.wait_for(lambda: True)
            while len(pool._waiting) <= number:  # it stands in the queue before the next one comes
                thread.join(0.001)
        lease.release()
        for thread in threads:
            thread.join(LIMIT)
    assert [0, 1, 2, 3, 4] == order


def test_closing_ends_the_wait_of_everybody():
    failures: list[TransportError] = []
    pool = SamPool({"one": Sam()}, ask)
    pool.acquire()

    def customer() -> None:
        try:
            pool.acquire(LIMIT)
        except TransportError as error:
            failures.append(error)

    threads = [threading.Thread(target=customer) for _ in range(3)]
    for thread in threads:
        thread.start()
    pool.close()
    for thread in threads:
        thread.join(LIMIT)
    assert ["pool is closed"] * 3 == [str(error) for error in failures]


def test_many_threads_never_share_one(sams):
    lock, in_use, most = threading.Lock(), set(), []

    def customer() -> None:
        for _ in range(20):
            lease = pool.acquire(LIMIT)
            with lock:
                assert lease.name not in in_use
                in_use.add(lease.name)
                most.append(len(in_use))
            lease.sam.transmit(b"")
            with lock:
                in_use.remove(lease.name)
            lease.release()

    with SamPool(sams, ask) as pool:
        threads = [threading.Thread(target=customer) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT)
    assert (120, True) == (len(most), max(most) <= 2)


def test_terminals_on_pooled_sams_sell_and_outlive_one(tmp_path):
    with Bench(tmp_path) as bench:
        links = {"one": bench.sam_link}
        with SamPool(links, lambda link: bench.boot(sam_link=link)) as pool:
            with pool.acquire() as terminal:
                assert 4900 == terminal.purchase(bench.link, 100).balance_after
            bench.sam_link.remove()
            with pytest.raises(CardRemoved), pool.acquire() as terminal:
                terminal.purchase(bench.link, 100)
            assert ["one"] == [each.name for each in pool.broken]
            assert pool.revive("one")
            with pool.acquire() as terminal:
                assert 4800 == terminal.purchase(bench.link, 100).balance_after
        assert SAM_DATA.terminal == bench.journal.entries()[0].record.terminal


def test_sessions_are_pooled_as_well(tmp_path):
    with Bench(tmp_path) as bench:
        pool = SamPool({"one": bench.sam_link}, lambda link: PsamSession(link, bench.sam_profile))
        with pool, pool.acquire() as psam:
            assert SAM_DATA.terminal == psam.info.terminal

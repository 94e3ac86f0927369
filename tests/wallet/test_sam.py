"""The purchase SAM: every status word, the transaction counter, the count of wrong MAC2s, keys and their levels."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardos.apdu import SW, Command
from cardos.apdu.sam_commands import CREDIT_SAM_FOR_PURCHASE, INIT_SAM_FOR_PURCHASE, INIT_SAM_WITH_SERIAL
from cardos.crypto import diversify
from cardos.files.filesystem import BlockState
from cardos.files.memory import PowerCut
from cardos.profile import load_dialect, load_profile
from tests.wallet.rig import KEY, TERMINAL, SamRig, fresh, moment, options
from tests.wallet.sam_rig import CODE, give_code, unblock

CARD, ISSUER, REGION = (bytes([n]) * 8 for n in (0x11, 0x22, 0x33))
CREDIT = CREDIT_SAM_FOR_PURCHASE.command(mac2=bytes(4))
RANDOM = bytes.fromhex("A1B2C3D4")


@pytest.fixture
def sam():
    return SamRig.build()


def mac2(sam, answer, *, factors=(CARD,), key=KEY, amount=200):
    """MAC2 as the card computes it."""
    card_key = diversify(sam.suite.key(key), *reversed(factors))
    session = sam.dialect.session_key(
        "purchase", card_key, random=RANDOM, offline_serial=5, terminal_serial=answer.terminal_serial
    )
    return sam.dialect.mac("purchase", "mac2", session, amount=amount)


def command(sam, factors=(CARD,), **fields):
    values = {
        "random": RANDOM, "offline_serial": 5, "amount": 200, "type": 6, "key_version": 0, "algorithm": 0,
        **moment(sam.when), **fields,
    }  # fmt: skip
    return INIT_SAM_FOR_PURCHASE.command(factors=b"".join(factors), **values)


@pytest.mark.parametrize("size", [0, 27, 29, 35, 37, 43, 45, 52])
def test_init_wrong_length(sam, size):
    assert SW.WRONG_LENGTH == sam.raw(replace(command(sam), data=bytes(size))).sw


@pytest.mark.parametrize("size", [0, 3, 5])
def test_credit_wrong_length(sam, size):
    assert SW.WRONG_LENGTH == sam.raw(replace(CREDIT, data=bytes(size))).sw


@pytest.mark.parametrize("type_", range(256))
def test_types_of_a_purchase(sam, type_):
    """05 and 06, 04 (cash withdrawal) and 09 (composite purchase) share the purchase key; no other type does."""
    expected = SW.SUCCESS if type_ in (0x04, 0x05, 0x06, 0x09) else SW.WRONG_DATA
    assert expected == sam.raw(command(sam, type=type_)).sw


@pytest.mark.parametrize("change", [{"fid": 0x0014}, {"size": 5, "content": ()}], ids=["missing", "short"])
def test_without_terminal_number(change):
    profile = load_profile("psam-3des")
    mf, application = profile.directories
    files = tuple(replace(f, **change) if f.fid == 0x0016 else f for f in mf.files)
    lost = replace(profile, directories=(replace(mf, files=files), application))
    sam = SamRig.build(lost, terminal=None)
    assert SW.CONDITIONS == sam.raw(command(sam)).sw


def test_use_right_of_the_key(sam):
    old = sam.fs.key(sam.application, 0x22, 0x00, mask=0xFF)
    sam.fs.replace_key(sam.application, old, replace(old, use=0xEF))
    sam.fs.commit()
    assert SW.CONDITIONS == sam.raw(command(sam)).sw


# ------------------------------------------------------------------ state


@pytest.mark.parametrize("good", [True, False])
def test_pending_ends_with_the_first_attempt(sam, good):
    answer = sam.init((CARD,))
    right = mac2(sam, answer)
    sam.credit(right if good else bytes(4), sw=SW.SUCCESS if good else SW.MAC_INVALID)
    sam.credit(right, sw=SW.CONDITIONS)


@pytest.mark.parametrize("reason", ["select", "reset", "power", "init-refused"])
def test_pending_dies(sam, reason):
    right = mac2(sam, sam.init((CARD,)))
    ways = {
        "select": sam.select,
        "reset": sam.card.reset,
        "power": sam.reset,
        "init-refused": lambda: sam.init((CARD,), key_version=9, sw=SW.KEY_INDEX),
    }
    ways[reason]()
    if reason == "reset":
        sam.select()
    sam.credit(right, sw=SW.CONDITIONS)


def test_a_second_init_replaces_the_first(sam):
    first = mac2(sam, sam.init((CARD,)))
    second = mac2(sam, sam.init((CARD,)))
    assert first != second
    sam.credit(second)


# ------------------------------------------------------------------ the transaction counter


def test_serials_rise_and_are_never_given_twice(sam):
    """Abandoned transactions, wrong MAC2s and resets leave gaps, never repetitions."""
    given = []
    for step in range(12):
        given.append(sam.init((CARD,)).terminal_serial)
        if step % 3 == 1:
            sam.credit(bytes(4), sw=SW.MAC_INVALID)
        if step % 3 == 2:
            sam.reset()
    assert list(range(12)) == given


@pytest.mark.parametrize("fields", [{"key_version": 9}, {"type": 2}], ids=str)
def test_a_refused_init_does_not_step(sam, fields):
    stored = sam.stored()
    sam.raw(command(sam, **fields))
    sam.raw(command(sam, (CARD, ISSUER)))
    assert stored == sam.stored()
    assert 0 == sam.init((CARD,)).terminal_serial


@pytest.mark.parametrize("first", [0, 1, 1000])
def test_first_serial_is_an_option(first):
    sam = SamRig.build(options("psam-3des", first_serial=first))
    assert [first, first + 1] == [sam.init((CARD,)).terminal_serial for _ in range(2)]


@pytest.mark.parametrize("first", [0, 1])
def test_last_serial(first):
    """FFFFFFFE is the last; the counter then stands at its maximum and stays there."""
    sam = SamRig.build(options("psam-3des", first_serial=first), counter=0xFFFFFFFE - first)
    assert 0xFFFFFFFE == sam.init((CARD,)).terminal_serial
    for _ in range(2):
        sam.init((CARD,), sw=SW.COUNTER_MAXIMUM)


def test_a_serial_is_durable_before_its_answer(sam):
    """The answer left, then the power went: the next number is another one."""
    before = sam.init((CARD,)).terminal_serial
    snapshot = sam.stored()
    sam.card.power_off()
    sam.card.memory.restore(snapshot)
    sam.power_up()
    assert before + 1 == sam.init((CARD,)).terminal_serial


def test_only_the_low_half_of_the_serial_enters_the_session_key():
    low = SamRig.build(counter=0x00000007).init((CARD,))
    high = SamRig.build(counter=0x00010007).init((CARD,))
    assert low.mac1 == high.mac1
    assert 0x10000 == high.terminal_serial - low.terminal_serial


# ------------------------------------------------------------------ wrong MAC2


def failures(sam):
    return sam.fs.proof(sam.application)[0]


@pytest.mark.parametrize("tries", [1, 3, 15])
def test_mac2_tries(tries):
    sam = SamRig.build(options("psam-3des", mac2_tries=tries))
    for count in range(tries):
        assert count == failures(sam)
        sam.init((CARD,))
        sam.credit(bytes(4), sw=SW.MAC_INVALID)
    sam.reset()
    sam.init((CARD,), sw=SW.METHOD_BLOCKED)
    sam.credit(bytes(4), sw=SW.METHOD_BLOCKED)


def test_a_right_mac2_clears_the_count(sam):
    for _ in range(sam.profile.sam.mac2_tries - 1):
        sam.init((CARD,))
        sam.credit(bytes(4), sw=SW.MAC_INVALID)
    sam.reset()
    sam.credit(mac2(sam, sam.init((CARD,))))
    assert 0 == failures(sam)


def test_as_many_tries_as_the_count_can_hold():
    sam = SamRig.build(options("psam-3des", mac2_tries=255))
    for _ in range(255):
        sam.init((CARD,))
        sam.credit(bytes(4), sw=SW.MAC_INVALID)
    assert 255 == failures(sam)
    sam.init((CARD,), sw=SW.METHOD_BLOCKED)


def test_the_count_rises_before_the_comparison(sam):
    """Whoever cuts the power at the comparison has spent the try."""
    sam.init((CARD,))
    writes = sam.card.memory.writes
    sam.credit(bytes(4), sw=SW.MAC_INVALID)
    spent = sam.card.memory.writes - writes
    sam.reset()
    sam.init((CARD,))
    sam.card.memory.cut_after(spent - 1, torn=99)
    with pytest.raises(PowerCut):
        sam.raw(CREDIT)
    sam.power_up()
    assert 2 == failures(sam)


def exhaust(sam):
    for _ in range(sam.profile.sam.mac2_tries):
        sam.init((CARD,))
        sam.credit(bytes(4), sw=SW.MAC_INVALID)


def test_application_unblock_gives_the_tries_back(sam):
    exhaust(sam)
    sam.reset()
    sam.init((CARD,), sw=SW.METHOD_BLOCKED)
    assert SW.SUCCESS == sam.raw(unblock(sam)).sw
    assert 0 == failures(sam)
    sam.credit(mac2(sam, sam.init((CARD,))))


def test_application_unblock_needs_its_mac(sam):
    exhaust(sam)
    assert SW.MAC_WRONG == sam.raw(unblock(sam, key=bytes(range(16)))).sw
    sam.init((CARD,), sw=SW.METHOD_BLOCKED)
    assert SW.SUCCESS == sam.raw(unblock(sam)).sw


def test_application_unblock_of_what_is_not_blocked(sam):
    sam.init((CARD,))
    sam.credit(bytes(4), sw=SW.MAC_INVALID)
    assert SW.CONDITIONS == sam.raw(unblock(sam)).sw
    assert 1 == failures(sam)


def test_application_unblock_takes_back_a_block_as_on_a_card(sam):
    exhaust(sam)
    sam.fs.set_block_state(sam.application, BlockState.TEMPORARY)
    sam.fs.commit()
    assert SW.NOT_SUPPORTED == sam.raw(command(sam)).sw
    assert SW.SUCCESS == sam.raw(unblock(sam)).sw
    sam.init((CARD,))


# ------------------------------------------------------------------ keys


@pytest.mark.parametrize("profile", ["psam-3des", "psam-sm4"])
@pytest.mark.parametrize("factors", [(CARD,), (CARD, ISSUER), (CARD, ISSUER, REGION)], ids=len)
def test_levels(profile, factors):
    """The card's serial is sent first and used last."""
    sam = SamRig.build(profile, usage=len(factors) << 5 | 0x02)
    answer = sam.init(factors)
    sam.credit(mac2(sam, answer, factors=factors))


@pytest.mark.parametrize("levels", [0, 1, 2, 3])
@pytest.mark.parametrize("sent", [1, 2, 3])
def test_factors_must_be_as_many_as_levels(levels, sent):
    sam = SamRig.build(usage=levels << 5 | 0x02)
    expected = SW.SUCCESS if levels == sent else SW.WRONG_LENGTH
    sam.init([CARD] * sent, sw=expected)


def test_several_versions():
    other = bytes(range(16))
    sam = SamRig.build(versions={0: KEY, 1: other, 0xFF: KEY})
    sam.credit(mac2(sam, sam.init((CARD,), key_version=1), key=other))
    sam.credit(mac2(sam, sam.init((CARD,), key_version=0xFF), key=KEY))


def test_one_version_with_several_levels():
    sam = SamRig.build(usage=0x22)
    sam.select(sam.profile.directories[0].aid)
    sam.authenticate()
    sam.select()
    sam.write_key(0x42, 0, bytes(range(16)))
    sam.credit(mac2(sam, sam.init((CARD,))))
    sam.credit(mac2(sam, sam.init((CARD, ISSUER)), factors=(CARD, ISSUER), key=bytes(range(16))))


@pytest.mark.parametrize("usage", [0x21, 0x26, 0x27, 0x29, 0x2C])
def test_a_key_of_another_kind_makes_no_purchase(usage):
    SamRig.build(usage=usage).init((CARD,), sw=SW.KEY_INDEX)


@given(algorithm=st.integers(0, 255))
@settings(max_examples=20)
def test_the_algorithm_identifier_chooses_nothing(algorithm):
    sam = SamRig.build()
    sam.credit(mac2(sam, sam.init((CARD,), algorithm=algorithm)))


def test_factor_order_is_an_option():
    as_sent = SamRig.build(options("psam-3des", factor_order="as_sent"), usage=0x42)
    reverse = SamRig.build(options("psam-3des", factor_order="reverse"), usage=0x42)
    assert as_sent.init((CARD, ISSUER)).mac1 == reverse.init((ISSUER, CARD)).mac1
    assert as_sent.init((CARD, CARD)).mac1 == reverse.init((CARD, CARD)).mac1


def test_mac1_is_over_the_terminal_number_of_the_sam():
    answers = {SamRig.build(terminal=terminal).init((CARD,)).mac1 for terminal in (TERMINAL, bytes(6))}
    assert 2 == len(answers)


def test_a_card_does_not_know_the_commands_of_a_sam():
    rig = fresh()
    assert SW.INS_UNKNOWN == rig.raw(CREDIT).sw
    assert SW.INS_UNKNOWN == rig.raw(Command(0x80, 0x70, 0, 0, bytes(28), le=8)).sw


def test_pending_shows_no_key(sam):
    sam.init((CARD,))
    assert "session_key=<Key DES>" in repr(sam.card._kernel.session.pending)


# ------------------------------------------------------------------ the serial that a terminal brings


def own_serial(sam, serial, *, sw=SW.SUCCESS):
    values = {
        "random": RANDOM, "offline_serial": 5, "amount": 200, "type": 6, "key_version": 0, "algorithm": 0,
        "terminal_serial": serial, "factors": CARD, **moment(sam.when),
    }  # fmt: skip
    return sam.send(INIT_SAM_WITH_SERIAL, sw=sw, **values)


def test_the_answer_uses_the_serial_of_the_terminal(sam):
    """P2 = 01, Lc 20 with one factor: as 8070 with a SAM whose counter stands there."""
    answer = own_serial(sam, 0x1234)
    assert SamRig.build(counter=0x1234).init((CARD,)) == answer
    sam.credit(mac2(sam, answer))


def test_metro_form_has_lc_28_with_two_factors():
    command_ = INIT_SAM_WITH_SERIAL.command(
        random=RANDOM, offline_serial=5, amount=200, type=6, date=bytes(4), time=bytes(3), key_version=0,
        algorithm=0, terminal_serial=1, factors=CARD + ISSUER,
    )  # fmt: skip
    assert "8070000128" == (bytes(command_)[:5]).hex()
    sam = SamRig.build(usage=0x42)
    assert SW.SUCCESS == sam.raw(command_).sw


def test_no_serial_is_given_twice_whoever_chooses(sam):
    own_serial(sam, 7)
    own_serial(sam, 7, sw=SW.WRONG_DATA)
    own_serial(sam, 3, sw=SW.WRONG_DATA)
    assert 8 == sam.init((CARD,)).terminal_serial
    own_serial(sam, 8, sw=SW.WRONG_DATA)
    own_serial(sam, 9)
    assert 10 == sam.init((CARD,)).terminal_serial


@pytest.mark.parametrize("first", [0, 1, 1000])
def test_a_serial_below_the_first_is_refused(first):
    sam = SamRig.build(options("psam-3des", first_serial=first))
    if first:
        own_serial(sam, first - 1, sw=SW.WRONG_DATA)
    own_serial(sam, first)
    assert first + 1 == sam.init((CARD,)).terminal_serial


# ------------------------------------------------------------------ the code of a construction ministry card


def ministry():
    return SamRig.build(replace(load_profile("psam-3des"), dialect=load_dialect("cjt166")))


def test_mac1_over_the_code():
    sam = ministry()
    give_code(sam)
    answer = sam.init((CARD,))
    session = sam.dialect.session_key(
        "purchase", diversify(sam.suite.key(KEY), CARD), random=RANDOM, offline_serial=5,
        terminal_serial=answer.terminal_serial,
    )  # fmt: skip
    expected = sam.dialect.mac(
        "purchase",
        "mac1",
        session,
        amount=200,
        type=6,
        terminal=TERMINAL,
        safety_code=CODE,
        **moment(sam.when),
    )
    assert expected == answer.mac1
    sam.credit(mac2(sam, answer))


@pytest.mark.parametrize("way", ["never", "purchase", "select", "power", "refused-code"])
def test_the_code_is_due_before_each_purchase(way):
    """Without it 6985, and no serial is spent."""
    sam = ministry()
    if way != "never":
        give_code(sam)
    ways = {
        "purchase": lambda: sam.init((CARD,)),
        "select": sam.select,
        "power": sam.reset,
        "refused-code": lambda: give_code(sam, bytes(9), sw=SW.AUTHENTICATION_FAILED),
    }
    ways.get(way, lambda: None)()
    stored = sam.stored()
    sam.init((CARD,), sw=SW.CONDITIONS)
    assert stored == sam.stored()


def test_a_refused_purchase_keeps_the_code():
    sam = ministry()
    give_code(sam)
    sam.init((CARD,), key_version=9, sw=SW.KEY_INDEX)
    sam.init((CARD,))


def test_the_code_changes_nothing_in_another_dialect(sam):
    plain = sam.init((CARD,)).mac1
    give_code(sam)
    sam.init((CARD,))
    other = SamRig.build()
    give_code(other)
    assert plain == other.init((CARD,)).mac1


@pytest.mark.parametrize("size", [0, 8, 10])
def test_code_of_the_wrong_length(sam, size):
    assert SW.WRONG_LENGTH == sam.raw(Command(0x80, 0xCA, 0, 0, bytes(size))).sw

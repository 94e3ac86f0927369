"""Each check alone: a record set that trips exactly that one."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from cardos.clearing import CHECKS, Bearer, CardAccount, CardId, Reason, Rules
from cardos.clearing.checks import chosen_actions
from cardos.clearing.reasons import Action
from cardos.errors import ParameterError

DAY = date(2026, 3, 2)


def _with_money(city):
    card = city.cards[0]
    return card, [city.load(card, 600_00)]


def _type(city, card):
    return [city.signed(replace(city.buy(card, 100), type=0x09)), replace(city.buy(card, 100), type=0x07)]


def _too_old(city, card):
    return [_dated(city, card, DAY - timedelta(days=30)), _dated(city, card, DAY - timedelta(days=31))]


def _future(city, card):
    return [_dated(city, card, DAY), _dated(city, card, DAY + timedelta(days=1))]


def _dated(city, card, day):
    return city.buy(card, 100, when=datetime.combine(day, city.now.time()))


def _unknown_card(city, card):
    stranger = type(card)(CardId(card.id.issuer, b"stranger"), balance=1000)
    return [city.buy(card, 100), city.buy(stranger, 100)]


def _unknown_sam(city, card):
    return [city.buy(card, 100), city.buy(card, 100, sam=bytes(7) + b"\7")]


def _unknown_outlet(city, card):
    return [city.load(card, 100), city.signed(replace(city.load(card, 100), terminal=bytes(6)))]


def _sam_elsewhere(city, card):
    return [city.buy(card, 100), city.buy(card, 100, terminal=city.terminals[2])]


def _load_with_a_sam(city, card):
    sam = {"sam": city.sams[1], "terminal": city.terminals[1], "operator": 1, "terminal_serial": 1}
    return [city.load(card, 100), city.signed(replace(city.load(card, 100), **sam))]


def _other_operator(city, card):
    return [city.buy(card, 100), city.buy(card, 100, operator=1, terminal=city.terminals[1])], {1: 2}


def _duplicate(city, card):
    record = city.buy(card, 100)
    return [record, record]


def _conflict(city, card):
    record = city.buy(card, 100)
    return [record, replace(record, balance=record.balance + 1)]


def _no_key(city, card):
    return [city.buy(card, 100), city.buy(card, 100, key_version=9)]


def _tac(city, card):
    return [city.buy(card, 100), replace(city.buy(card, 100), tac=b"\1\2\3\4")]


def _not_debited(city, card):
    return [city.torn(card, 300, debited=False), city.buy(card, 100)][::-1]


def _listed(city, card):
    lost = city.cards[2]
    city.house.publish_list(date(2026, 2, 28), [lost.id])
    had = {"list_version": date(2026, 2, 28)}
    return [city.buy(card, 100, **had), city.buy(lost, 100, balance=1000, **had)]


def _late_list(city, card):
    lost = city.cards[2]
    city.house.publish_list(date(2026, 2, 28), [lost.id])
    city.house.publish_list(date(2026, 3, 2), [lost.id])
    return [city.buy(card, 100), city.buy(lost, 100, balance=1000)]


def _balance(city, card):
    return [city.buy(card, 100), city.buy(card, 200, balance=199)]


def _balance_above(city, card):
    return [city.load(card, 400_00), city.load(card, 1)]


def _amount_zero(city, card):
    return [city.buy(card, 1), city.buy(card, 0)]


def _amount_above(city, card):
    return [city.buy(card, 250_00), city.buy(card, 250_01)]


def _test_card(city, card):
    other = type(card)(CardId(card.id.issuer, b"test card"[:8]))
    city.house.register_card(CardAccount(other.id, opening=1000, test=True))
    other.balance = 1000
    return [city.buy(card, 100), city.buy(other, 100)]


def _test_sam(city, card):
    city.house.register_sam(bytes(7) + b"\5", city.terminals[1], 1, test=True)
    return [city.buy(card, 100), city.buy(card, 100, sam=bytes(7) + b"\5")]


ROWS = [
    pytest.param(Reason.TYPE, _type, id="type"),
    pytest.param(Reason.TOO_OLD, _too_old, id="too-old"),
    pytest.param(Reason.FUTURE, _future, id="future"),
    pytest.param(Reason.UNKNOWN_CARD, _unknown_card, id="unknown-card"),
    pytest.param(Reason.UNKNOWN_SAM, _unknown_sam, id="unknown-sam"),
    pytest.param(Reason.UNKNOWN_SAM, _unknown_outlet, id="unknown-outlet"),
    pytest.param(Reason.SAM_PAIR, _sam_elsewhere, id="sam-in-another-terminal"),
    pytest.param(Reason.SAM_PAIR, _load_with_a_sam, id="load-with-a-sam"),
    pytest.param(Reason.DUPLICATE, _duplicate, id="duplicate"),
    pytest.param(Reason.CONFLICT, _conflict, id="conflict"),
    pytest.param(Reason.NO_KEY, _no_key, id="no-key"),
    pytest.param(Reason.TAC, _tac, id="tac"),
    pytest.param(Reason.NOT_DEBITED, _not_debited, id="not-debited"),
    pytest.param(Reason.BLACKLIST, _listed, id="blacklist"),
    pytest.param(Reason.LATE_LIST, _late_list, id="late-list"),
    pytest.param(Reason.BALANCE, _balance, id="balance"),
    pytest.param(Reason.BALANCE, _balance_above, id="balance-above"),
    pytest.param(Reason.AMOUNT, _amount_zero, id="amount-zero"),
    pytest.param(Reason.AMOUNT, _amount_above, id="amount-above"),
    pytest.param(Reason.TEST, _test_card, id="test-card"),
    pytest.param(Reason.TEST, _test_sam, id="test-sam"),
]
RULES = Rules(max_purchase=250_00)


@pytest.mark.parametrize(("reason", "make"), ROWS)
def test_the_check_refuses_the_last_record_alone(make_city, reason, make):
    city = make_city(rules=RULES)
    card, first = _with_money(city)
    records = [*first, *make(city, card)]
    city.send(*records)
    result = city.house.run_day(DAY)
    assert [reason] == [note.reason for note in result.refused]
    [note] = result.refused
    assert records[-1].amount == note.amount
    assert len(records) - 1 == sum(line.accepted.count + line.loads.count for line in result.settlements)
    assert note == result.refused_for(reason)[0]


def test_every_check_has_a_row_or_a_test_of_its_own():
    elsewhere = {Reason.UNPARSABLE, Reason.TORN, Reason.TORN_EXPIRED, Reason.MISSED_LIST}
    assert {check.reason for check in CHECKS} == {row.values[0] for row in ROWS} | elsewhere
    assert len(CHECKS) == len({check.reason for check in CHECKS})


def test_an_unreadable_record_is_refused_with_its_bytes(city):
    card, first = _with_money(city)
    path = city.upload(city.buy(card, 100), city.buy(card, 100))
    raw = bytearray(path.read_bytes())
    raw[28 + 22] = 0xFF  # the date of the first record
    fixed = type("Raw", (), {"__bytes__": lambda _: bytes(raw[28:92])})()
    path.unlink()
    city.house.ingest(city.upload(fixed, operator=1))
    city.send(*first)
    [note] = city.house.run_day(DAY).refused
    assert (Reason.UNPARSABLE, 1, bytes(raw[28:92]), None, 1) == (
        note.reason, note.number, note.raw, note.amount, note.operator,
    )  # fmt: skip


def test_a_record_in_the_file_of_another_operator_is_refused(city):
    card, first = _with_money(city)
    city.send(*first)
    city.house.ingest(city.upload(city.buy(card, 100), operator=2))
    assert [Reason.SAM_PAIR] == [note.reason for note in city.house.run_day(DAY).refused]


def test_the_first_failing_check_gives_the_reason(city):
    stranger = replace(city.buy(city.cards[0], 0), card_serial=b"stranger", when=datetime(2025, 1, 1))
    city.send(stranger)
    assert [Reason.TOO_OLD] == [note.reason for note in city.house.run_day(DAY).refused]


@pytest.mark.parametrize(
    ("listed", "in_force", "terminal_had", "reason", "bearer"),
    [
        pytest.param("0227", "0227", "0227", Reason.BLACKLIST, Bearer.MERCHANT, id="terminal-had-it"),
        pytest.param("0302", "0302", "0227", Reason.MISSED_LIST, Bearer.ISSUER, id="too-new"),
        pytest.param("0301", "0301", "0227", Reason.MISSED_LIST, Bearer.ISSUER, id="last-day-of-grace"),
        pytest.param("0228", "0228", "0227", Reason.LATE_LIST, Bearer.MERCHANT, id="day-after-grace"),
        pytest.param("0228", "0303", "0227", None, None, id="not-in-force-yet"),
    ],
)
def test_who_bears_the_loss_of_a_listed_card(make_city, listed, in_force, terminal_had, reason, bearer):
    city = make_city()

    def day(text):
        return date(2026, int(text[:2]), int(text[2:]))

    card = city.cards[0]
    city.house.publish_list(day(listed), [card.id], valid_from=day(in_force))
    city.send(city.buy(card, 100, balance=1000, list_version=day(terminal_had)))
    result = city.house.run_day(DAY)
    notes = [*result.refused, *result.marked]
    assert ([reason] if reason else []) == [note.reason for note in notes]
    assert ([bearer] if bearer else []) == [note.bearer for note in notes]
    assert (reason in {None, Reason.MISSED_LIST}) == (result.settlements[0].accepted.count == 1)


def test_a_card_taken_off_the_list_is_welcome_again(city):
    card, first = _with_money(city)
    city.house.publish_list(date(2026, 2, 27), [card.id])
    city.house.publish_list(date(2026, 2, 28), [])
    city.send(*first, city.buy(card, 100))
    assert () == city.house.run_day(DAY).refused


def test_a_check_may_only_mark(make_city):
    city = make_city(rules=Rules(max_purchase=100, only_mark=frozenset({Reason.AMOUNT})))
    card, first = _with_money(city)
    city.send(*first, city.buy(card, 101))
    result = city.house.run_day(DAY)
    assert ((), [Reason.AMOUNT]) == (result.refused, [note.reason for note in result.marked])
    assert 101 == result.settlements[0].accepted.amount
    assert result == city.house.run_day(DAY)


@pytest.mark.parametrize("check", [pytest.param(check, id=check.reason) for check in CHECKS])
def test_only_optional_checks_may_mark(check):
    rules = Rules(only_mark=frozenset({check.reason}))
    if check.optional:
        assert Action.MARK is chosen_actions(rules)[check.reason]
    else:
        with pytest.raises(ParameterError, match="only_mark must be of too-old, "):
            chosen_actions(rules)


@pytest.mark.parametrize(
    "field", ["max_age_days", "torn_wait_days", "list_grace_days", "max_purchase", "max_load"]
)
def test_rules_have_ranges(field):
    with pytest.raises(ParameterError, match=rf"{field} must be 0\.\.4294967295, got -1"):
        Rules(**{field: -1})


@pytest.mark.parametrize("type_", [0x09, 0x93])
def test_a_ride_that_begins_and_a_sale_of_nothing_take_nothing(make_city, type_):
    city = make_city()
    card = city.cards[0]
    city.send(city.load(card, 5000), city.buy(card, 0, type=type_))
    result = city.house.run_day(DAY)
    assert (1, 0) == (result.settlements[0].accepted.count, len(result.refused))

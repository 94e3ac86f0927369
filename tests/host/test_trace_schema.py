"""Traces against the published schema, ours and one that another program recorded."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, ValidationError

from cardos.demo import City
from cardos.host import Purse, PurseSession, Tracer, parse_trace

SCHEMA = Path(__file__).parents[2] / "vectors" / "schema" / "cardtrace-1.schema.json"
VALIDATOR = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))

# Published recording of a real card: one load.
RECORDED = """\
{"format":"cardtrace/1","card":{"profile":"demo-purse","kind":"device"},"by":"example 1.0"}
{"n":1,"ev":"apdu","c":"805000020B010000200000112233445510","r":"0000000000000100C903814D03976C229000"}
{"n":2,"ev":"let","set":{"SK":"11FDF264E8AEEFA3","MAC2":"8AFA5718"}}
{"n":3,"ev":"apdu","c":"805200000B201612161058008AFA571804","r":"FA00066D9000"}
{"n":4,"ev":"verdict","note":"load agrees with the reference"}
"""


def validate(text):
    for line in text.splitlines():
        VALIDATOR.validate(json.loads(line))


def test_schema_is_a_schema():
    Draft202012Validator.check_schema(VALIDATOR.schema)


def test_a_recorded_trace():
    validate(RECORDED)
    assert 4 == len(parse_trace(RECORDED.encode()).events)


def test_our_traces():
    stream = io.StringIO()
    with City(seed=1) as city:
        card = city.issue("city-sm4")
        clock = iter(range(100))
        tracer = Tracer(
            card.transport,
            stream,
            card="city-sm4",
            atr=card.transport.atr,
            clock=lambda: next(clock),
            now=city.clock,
            redact=False,
            writes=lambda: card.card.memory.writes,
            suite="purse",
            case="PUR-01",
            seed=1,
        )
        session = PurseSession(tracer, card.desk.profile)
        session.verify(card.desk.pin)
        session.get_balance(Purse.EP)
        tracer.reset()
        tracer.let(SK=bytes(8))
        tracer.note("half way")
        tracer.check("balance")
        tracer.power_cut()
        tracer.remove()
        tracer.verdict("PASS")
    validate(stream.getvalue())
    trace = parse_trace(stream.getvalue().encode())
    kinds = ["apdu", "apdu", "apdu", "reset", "let", "note", "check", "powerCut", "remove", "verdict"]
    assert kinds == [event.kind for event in trace.events]


@pytest.mark.parametrize(
    "line",
    [
        {"format": "cardtrace/2", "card": {"profile": "x", "kind": "device"}, "by": "x"},
        {"format": "cardtrace/1", "card": {"profile": "x", "kind": "dream"}, "by": "x"},
        {"n": 0, "ev": "reset"},
        {"n": 1, "ev": "apdu"},
        {"n": 1, "ev": "apdu", "c": "805"},
        {"n": 1, "ev": "dance"},
    ],
)
def test_what_the_schema_refuses(line):
    with pytest.raises(ValidationError):
        VALIDATOR.validate(line)

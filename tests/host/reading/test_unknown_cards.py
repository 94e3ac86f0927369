"""Cards that no reader knows, and cards that mean harm: something is shown, nothing crashes or goes on for ever."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from cardos.card import Card
from cardos.errors import TransportError
from cardos.host import SimulatedTransport, Transport
from cardos.host.reading import MOST_COMMANDS, MOST_RECORDS, RefusedCommand, read_card, reading_document
from cardos.host.reading.probe import Probe
from cardos.profile import load_profile
from tests.host.reading.rig import Application, PaperCard, ridden, ride, trip_record
from tests.test_city_layouts import CARDS

SCHEMA = Path(__file__).parents[3] / "vectors" / "schema" / "cardreading-1.schema.json"
VALIDATOR = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
PPSE, BANK = "325041592E5359532E4444463031", "A0000003330101"


def problems(reading) -> list[str]:
    """What a document has that the schema does not."""
    document = json.loads(json.dumps(reading_document(reading)))
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(document)]


class Answering(Transport):
    """A card that answers by a function of the command."""

    atr = bytes.fromhex("3B00")

    def __init__(self, answer) -> None:
        self.answer, self.commands = answer, 0

    def transmit(self, command: bytes, /) -> bytes:
        self.commands += 1
        return self.answer(command)

    def reset(self, *, cold: bool = True) -> bytes:
        del cold
        return self.atr

    def close(self) -> None:
        pass


# ------------------------------------------------------------------ unknown


def test_an_unknown_card_is_shown_in_hex():
    """A bank card: its directory, its FCI, the records of its application, and what of the MF can be read."""
    bank = Application(
        "6F098407A0000003330101", records={0x01: ["7003570101"], 0x02: ["7002 5A00".replace(" ", "")]}
    )
    mf = Application("6F00", files={0x05: "0102030405"})
    ppse = f"6F20840E{PPSE}A50EBF0C0B61094F07{BANK}"
    reading = read_card(SimulatedTransport(PaperCard({"3F00": mf, PPSE: Application(ppse), BANK: bank})))
    assert ((), None) == (reading.applications, reading.main)
    assert ((bytes.fromhex(BANK),), bytes.fromhex("3B00")) == (reading.names, reading.atr)
    assert [ppse, "6F00", bank.fci] == [fci.hex().upper() for fci in reading.fcis]
    shown = [
        (file.application.hex().upper(), file.sfi, file.data.hex(), len(file.records))
        for file in reading.files
    ]
    assert [("", 5, "0102030405", 0), (BANK, 1, "", 1), (BANK, 2, "", 1)] == shown
    assert [] == problems(reading)


def test_a_file_that_is_not_there_is_asked_for_once():
    """READ RECORD follows where READ BINARY is refused for another reason only."""
    sent = []

    def answer(command: bytes) -> bytes:
        sent.append(command[1])
        return bytes.fromhex("9000" if command[5:7] == b"\x3f\x00" else "6A82")

    read_card(Answering(answer))
    assert (0, True) == (sent.count(0xB2), 30 <= sent.count(0xB0))


@pytest.mark.parametrize("size", [4, 5, 16, 17])
def test_names_in_a_directory_have_five_to_sixteen_bytes(size):
    entry = bytes([0x61, size + 2, 0x4F, size]) + bytes(size)
    reading = read_card(SimulatedTransport(PaperCard({PPSE: Application(entry.hex())})))
    assert ((bytes(size),) if size in range(5, 17) else ()) == reading.names


def test_what_of_an_unknown_card_needs_a_key_is_named():
    reading = read_card(Answering(lambda command: bytes.fromhex("6982" if command[1] == 0xB0 else "9000")))
    assert {f"READ BINARY {sfi:02X}" for sfi in range(1, 31)} == {each.command for each in reading.refusals}
    assert all(each.needs_secret for each in reading.refusals)


def test_a_blank_card_says_nothing():
    reading = read_card(SimulatedTransport(Card.blank(load_profile("city-3des"))))
    assert ((), (), "") == (reading.applications, reading.files, reading.stopped)
    assert [] == problems(reading)


@pytest.mark.parametrize("city", CARDS)
def test_documents_follow_their_schema(city):
    assert [] == problems(read_card(ridden(city)))


def test_a_document_with_everything_follows_its_schema():
    VALIDATOR.check_schema(VALIDATOR.schema)
    link = ridden("tunion")
    ride(link, "tunion", 9_36, (0x1E, 0, trip_record(date=bytes(4))))
    reading = read_card(link)
    assert [] == problems(reading)
    document = reading_document(reading)
    assert ("cardreading/1", -3_00) == (
        document["format"],
        document["applications"][0]["purses"][0]["balance"],
    )


def test_no_member_of_a_document_is_without_description():
    document = VALIDATOR.schema
    for definition in (document, *document["$defs"].values()):
        properties = definition.get("properties", {})
        assert set(properties) == set(definition.get("required", properties))


# ------------------------------------------------------------------ hostile


@pytest.mark.parametrize(
    ("answer", "limited"),
    [
        pytest.param("", False, id="nothing"),
        pytest.param("90", False, id="half-a-status"),
        pytest.param("9000", False, id="success-without-data"),
        pytest.param("FF" * 5 + "9000", True, id="success-with-anything"),
        pytest.param("00" * 255 + "9000", True, id="success-with-zeros"),
        pytest.param("AA" * 300 + "9000", False, id="oversized"),
        pytest.param("6101", False, id="more-without-end"),
        pytest.param("416101", True, id="a-byte-at-a-time-without-end"),
        pytest.param("6C00", False, id="wrong-length-for-ever"),
        pytest.param("6281", False, id="warning"),
        pytest.param("6F84", False, id="looks-like-an-fci"),
    ],
)
def test_a_card_with_one_answer_to_all(answer, limited):
    card = Answering(lambda _: bytes.fromhex(answer))
    reading = read_card(card)
    assert card.commands <= MOST_COMMANDS
    assert reading.commands == card.commands
    assert limited == bool(reading.stopped)
    assert [] == problems(reading)


def test_the_records_of_a_file_are_limited():
    probe = Probe(Answering(lambda _: bytes(256) + bytes.fromhex("9000")))
    assert MOST_RECORDS == len(probe.records(1)[0])


def test_a_directory_full_of_names_is_read_to_a_limit():
    entries = "".join(f"61074F05A0000000{number:02X}" for number in range(25))
    ppse = f"6F81E1{entries}"
    reading = read_card(SimulatedTransport(PaperCard({PPSE: Application(ppse)})))
    assert 8 == len(reading.names)


def test_a_transport_that_fails_is_not_taken_for_a_card():
    def fail(_: bytes) -> bytes:
        raise TransportError("cable")

    with pytest.raises(TransportError, match="cable"):
        read_card(Answering(fail))


ANSWERS = st.one_of(
    st.binary(max_size=40),
    st.binary(max_size=60).map(lambda data: data + b"\x90\x00"),
    st.binary(max_size=30).map(lambda data: bytes([0x6F, len(data)]) + data + b"\x90\x00"),
    st.sampled_from(
        [bytes.fromhex(sw) for sw in ("6A82", "6981", "6982", "6A83", "6C10", "6110", "6283", "9303")]
    ),
)


@pytest.mark.slow
@given(answers=st.lists(ANSWERS, min_size=1, max_size=60), data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_hostile_card(answers, data):
    """Answers out of order, of any length and content."""
    offset = data.draw(st.integers(0, len(answers) - 1))
    count = [offset]

    def answer(_: bytes) -> bytes:
        count[0] += 1
        return answers[count[0] % len(answers)]

    card = Answering(answer)
    reading = read_card(card)
    assert card.commands <= MOST_COMMANDS
    assert [] == problems(reading)


@pytest.mark.slow
@given(data=st.data(), city=st.sampled_from(sorted(CARDS)))
@settings(max_examples=40, deadline=None)
def test_a_genuine_card_with_damaged_answers(data, city):
    """Some answers of a real card are cut, grow, or have other bytes."""
    link = ridden(city)

    def answer(command: bytes) -> bytes:
        raw = link.transmit(command)
        kind = data.draw(st.sampled_from(["as it is", "as it is", "cut", "longer", "flipped"]))
        if kind == "cut":
            return raw[data.draw(st.integers(0, len(raw))) :]
        if kind == "flipped":
            place = data.draw(st.integers(0, len(raw) - 1))
            return raw[:place] + bytes([raw[place] ^ data.draw(st.integers(1, 255))]) + raw[place + 1 :]
        return raw[:-2] + b"\x00\xff" + raw[-2:] if kind == "longer" else raw

    reading = read_card(Answering(answer))
    assert reading.commands <= MOST_COMMANDS
    assert [] == problems(reading)


def test_no_answer_is_told_as_such():
    assert "no valid answer" == RefusedCommand(b"", "READ BINARY 15", 0).meaning

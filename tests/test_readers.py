"""Readers by name: what a path means, and what is said of one that means nothing."""

from __future__ import annotations

import pytest

from cardos.card import Card
from cardos.errors import (
    ImageError,
    MissingComponent,
    NoReader,
    ParameterError,
    ProfileError,
    ReplayMismatch,
    ServiceDown,
)
from cardos.host import Tracer
from cardos.readers import READER_VARIABLE, SCHEMES, open_transport
from cardos.simulation import make_test_card

SELECT_MF, WRONG_PIN = bytes.fromhex("00A40000023F00"), bytes.fromhex("0020000003123457")
SELECT = bytes.fromhex("00A4040009A00000000386980701")


@pytest.mark.parametrize("path", ["sim:city-3des", "sim:psam-sm4", "sim:tunion@sm4-b"])
def test_a_simulated_card_of_a_profile(path):
    with open_transport(path) as card:
        assert b"\x90\x00" == card.transmit(SELECT_MF)[-2:]


def test_a_simulated_card_of_a_profile_of_ones_own(tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text('[profile]\nextends = "city-3des"\nname = "mine"\ntitle = "Mine"\n')
    with open_transport(f"sim:{mine}") as card:
        assert b"\x90\x00" == card.transmit(SELECT_MF)[-2:]


def test_a_card_in_an_image_file_keeps_what_happened(tmp_path):
    path = tmp_path / "card.img"
    make_test_card("city-3des").save(path)
    for left in ("63c2", "63c1", "63c0"):
        with open_transport(f"sim:{path}") as card:
            card.transmit(SELECT)
            assert left == card.transmit(WRONG_PIN).hex()
    assert not Card.load(path).powered


def test_a_trace_in_order_and_in_any_order(tmp_path):
    path = tmp_path / "card.jsonl"
    with path.open("w") as stream, open_transport("sim:city-3des") as card:
        recorder = Tracer(card, stream, card="city-3des")
        first, second = recorder.transmit(SELECT_MF), recorder.transmit(SELECT)
    with open_transport(f"replay:{path}") as card:
        with pytest.raises(ReplayMismatch):
            card.transmit(SELECT)
        assert [first, second] == [card.transmit(SELECT_MF), card.transmit(SELECT)]
    with open_transport(f"replay-relaxed:{path}") as card:
        assert [second, first, second] == [card.transmit(each) for each in (SELECT, SELECT_MF, SELECT)]


def test_the_environment_names_the_usual_reader(monkeypatch):
    monkeypatch.setenv(READER_VARIABLE, "sim:city-3des")
    with open_transport() as usual, open_transport("sim:psam-3des") as other:
        assert usual.transmit(SELECT) != other.transmit(SELECT)


def test_no_reader_at_all_lists_the_ways(monkeypatch):
    monkeypatch.delenv(READER_VARIABLE, raising=False)
    with pytest.raises(NoReader) as caught:
        open_transport()
    assert tuple(f"{scheme}:…" for scheme in SCHEMES) == caught.value.readers


@pytest.mark.parametrize(
    ("path", "error", "said"),
    [
        ("city-3des", ParameterError, "reader must be one of sim:…, pcsc:…"),
        ("usb:1", ParameterError, "reader must be one of sim:…"),
        ("sim:", ParameterError, "got 'sim:'"),
        ("sim:nothing.img", ImageError, "nothing.img: cannot be read"),
        ("sim:nothing.toml", ProfileError, "nothing.toml: no such profile"),
        ("tcp:localhost", ParameterError, "reader must be tcp:HOST:PORT with a port of 1..65535"),
        ("tcp:localhost:0", ParameterError, "got 'tcp:localhost:0'"),
        ("vpcd:localhost:x", ParameterError, "reader must be vpcd:HOST:PORT"),
        ("vpcd::70000", ParameterError, "reader must be vpcd:HOST:PORT"),
        ("tcp:127.0.0.1:1", ServiceDown, "127.0.0.1"),
        ("unix:/nowhere/at/all", ServiceDown, "/nowhere/at/all"),
    ],
)
def test_a_path_that_means_nothing(path, error, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=said.replace(".", r"\.")):
        open_transport(path)


def test_pcsc_without_pyscard_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "smartcard", None)
    monkeypatch.setitem(__import__("sys").modules, "smartcard.scard", None)
    with pytest.raises(MissingComponent, match=r"cardos\[pcsc\]"):
        open_transport("pcsc:0")

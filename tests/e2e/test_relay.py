"""A relay, its clients and the file of its card, each a program of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from cardos.host.transports.relay import RelayTransport
from cardos.simulation import make_test_card

pytestmark = pytest.mark.slow

CARDOS = [sys.executable, "-c", "from cardos.cli import main; main()"]
LIMIT = 30.0  # seconds
SELECT_MF = bytes.fromhex("00A40000023F00")


@pytest.fixture
def image(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    path = tmp_path / "card.img"
    make_test_card("city-3des").save(path)
    return path


@contextmanager
def relay(image, listen, *options):
    """The program, and what it says first."""
    arguments = ["relay", f"sim:{image}", "--listen", listen, *options]
    with subprocess.Popen([*CARDOS, *arguments], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process, process.stdout.readline()
        finally:
            process.kill()


def run(*arguments):
    return subprocess.run(
        [*CARDOS, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=LIMIT
    )


def said(address):
    return f"serving at {address}; next: CARDOS_READER={address} cardos read\n"


def test_a_load_and_a_reading_through_it_are_in_the_image(image):
    with relay(image, "tcp:127.0.0.1:0") as (process, line):
        address = line.split()[2].rstrip(";")
        assert said(address) == line
        loaded = run("load", "50.00", "--reader", address, "--json")
        assert ("done", 5000) == tuple(json.loads(loaded.stdout)[name] for name in ("outcome", "balance"))
        assert "50.00 yuan" in run("read", "--reader", address).stdout
        process.terminate()
        assert 0 == process.wait(LIMIT)
    expected = "GET BALANCE purse=ep -> 00001388 9000"
    assert 0 == run("apdu", "--reader", f"sim:{image}", "SELECT fid=3F01", expected).returncode


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_goes_in_order_while_a_client_has_the_card(image, number):
    path = image.with_name("socket")
    with relay(image, f"unix:{path}") as (process, line), RelayTransport(f"unix:{path}") as card:
        assert b"\x90\x00" == card.transmit(SELECT_MF)[-2:]
        process.send_signal(number)
        assert 0 == process.wait(LIMIT)
    assert said(f"unix:{path}") == line
    assert [image] == list(image.parent.iterdir())


def test_a_relay_that_was_killed_is_followed_by_another(image):
    path = image.with_name("socket")
    for _ in range(2):
        with relay(image, f"unix:{path}") as (process, line), RelayTransport(f"unix:{path}") as card:
            assert b"\x90\x00" == card.transmit(SELECT_MF)[-2:]
            process.kill()
            process.wait(LIMIT)
        assert said(f"unix:{path}") == line
        assert path.exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]"])
def test_it_refuses_what_other_machines_reach_unless_asked(image, host):
    refused = run("relay", f"sim:{image}", "--listen", f"tcp:{host}:0")
    assert (2, "") == (refused.returncode, refused.stdout)
    assert refused.stderr.startswith("cardos: address must be loopback")


def test_and_does_it_when_asked(image):
    with relay(image, "tcp:0.0.0.0:0", "--any-address") as (_, line):
        port = line.split()[2].rstrip(";").rpartition(":")[2]
        with RelayTransport(f"tcp:127.0.0.1:{port}") as card:
            assert b"\x90\x00" == card.transmit(SELECT_MF)[-2:]


def test_an_image_that_is_none_is_said(tmp_path):
    path = tmp_path / "card.img"
    path.write_text("?")
    refused = run("relay", f"sim:{path}")
    assert (2, "") == (refused.returncode, refused.stdout)
    assert refused.stderr.startswith("cardos: ")

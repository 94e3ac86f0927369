"""``cardos card serve``: our card behind the real PC/SC daemon, read by programs that we did not write; orders and
signals; and that what the card acknowledged survives the death of the process.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from cardos.cli.serve import _ORDERS, _QUIT, _SIGNALS
from cardos.errors import CardRemoved, NoCard, StatusError
from cardos.fields import bcd
from cardos.host import (
    CardRegister,
    EmbeddedIssuer,
    Journal,
    KeyRing,
    Outlet,
    Purse,
    PurseSession,
    RegisteredCard,
    SimulatedTransport,
    Wrapper,
)
from cardos.host.transports.vpcd import VpcdTransport
from cardos.profile import load_profile
from cardos.simulation import TEST_SEED, SavedCard, make_test_card
from tests.e2e.stack import free_ports, running
from tests.e2e.test_installed import PROGRAM, run

pytestmark = pytest.mark.slow

LIMIT = 10.0
NOON = datetime(2026, 11, 24, 12)
PIN = bytes.fromhex("123456")
PROFILE = load_profile("city-3des")
APPLICATION = bytes.fromhex("A00000000386980701")
SELECT = f"00A40400{len(APPLICATION):02X}{APPLICATION.hex().upper()}"
VERIFY, GET_BALANCE = "0020000003123456", "805C000204"
CREDIT_FOR_LOAD = b"\x80\x52"


class Served:
    """The program, with its output line by line."""

    def __init__(self, process: subprocess.Popen[str]):
        self.process = process
        self.lines: list[str] = []
        self._more = threading.Condition()
        self._seen, self._ended = 0, False
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self._more:
                self.lines.append(line.rstrip("\n"))
                self._more.notify_all()
        with self._more:
            self._ended = True
            self._more.notify_all()

    def expect(self, wanted: str) -> str:
        """The next line that begins so; everything before it is skipped."""

        def found():
            return next(
                (n for n in range(self._seen, len(self.lines)) if self.lines[n].startswith(wanted)), None
            )

        with self._more:
            self._more.wait_for(lambda: self._ended or found() is not None, LIMIT)
            number = found()
            assert number is not None, f"{wanted!r} did not come: {self.lines}"
            self._seen = number + 1
            return self.lines[number]

    def say(self, order: str) -> None:
        self.process.stdin.write(f"{order}\n")
        self.process.stdin.flush()

    def end(self) -> int:
        """Status of the program, which must be about to end."""
        status = self.process.wait(LIMIT)
        self._reader.join(LIMIT)
        return status


@contextmanager
def serve(*arguments):
    command = [str(PROGRAM), "card", "serve", *map(str, arguments)]
    environment = {**os.environ, "COLUMNS": "200"}
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    ) as process:
        served = Served(process)
        try:
            served.expect("next: ")
            yield served
        finally:
            process.kill()
            served.end()


@pytest.fixture
def image(tmp_path):
    """A card with 20.26 yuan in its purse."""
    path = tmp_path / "card.img"
    make_test_card("city-3des").save(path)
    card = SavedCard(path)
    with outlet(tmp_path / "shop") as shop:
        shop.load(SimulatedTransport(card), 20_26, pin=PIN)
    card.close()
    return path


@contextmanager
def outlet(folder):
    """A load outlet and the issuer of the test card; opening them again goes on."""
    new = not folder.exists()
    folder.mkdir(exist_ok=True)
    keys = KeyRing.for_tests(TEST_SEED, PROFILE)
    with CardRegister(folder / "register") as register, Journal(folder / "journal", operator=9) as journal:
        if new:
            register.register(
                RegisteredCard(bcd("0" * 15 + "1"), bcd("0" * 15 + "1"), PROFILE.name, NOON.date())
            )
        issuer = EmbeddedIssuer(PROFILE, keys, register, clock=lambda: NOON)
        yield Outlet(issuer, journal, PROFILE, terminal=bytes(6), list_version=NOON.date())


def balance_in(image) -> int:
    """What the file says."""
    with SimulatedTransport(SavedCard(image).card) as transport:
        session = PurseSession(transport, PROFILE)
        session.verify(PIN)
        return session.get_balance(Purse.EP)


# ------------------------------------------------------------------ witnesses


def answers(output: str) -> list[str]:
    """Answers in the output of scriptor, in hex."""
    parts = re.findall(r"^< ([0-9A-F \n]+?) :", output, re.MULTILINE)
    return ["".join(part.split()) for part in parts]


def test_programs_that_we_did_not_write_read_the_balance(stack, image):
    with serve(image, "--at", f"127.0.0.1:{stack.port}", "--psam", "psam-3des") as served:
        stack.wait(stack.readers[0])
        stack.wait(stack.readers[1])
        served.expect("psam: inserted")

        scan = stack.run("pcsc_scan", "-n", "-c")
        assert 2 == len(re.findall(r"^\s*ATR: 3B ED 00 00 01", scan.stdout, re.MULTILINE)), scan.stdout

        listed = stack.run("opensc-tool", "-l").stdout
        assert [name in listed for name in stack.readers] == [True, True]
        sent = [part for apdu in (SELECT, VERIFY, GET_BALANCE) for part in ("--send-apdu", apdu)]
        read = stack.run("opensc-tool", "-c", "default", "-r", stack.readers[0], *sent)
        assert ["90", "90", "90"] == re.findall(r"SW1=0x(..)", read.stdout), read.stdout + read.stderr
        assert "00 00 07 EA" in read.stdout  # 2026 fen

        script = f"{SELECT}\n{VERIFY}\n{GET_BALANCE}\nreset\n{SELECT}\n805C000104\n"
        spoken = stack.run("scriptor", "-r", stack.readers[0], text=script)
        got = answers(spoken.stdout)
        assert "000007EA9000" == got[2], spoken.stdout + spoken.stderr
        assert "6982" == got[-1]  # the deposit's balance wants the PIN, which the reset took

        sam = answers(stack.run("scriptor", "-r", stack.readers[1], text="00B0960006\n").stdout)
        assert ["0000000000019000"] == sam


def test_probes_for_other_cards_are_refused(stack):
    """Without a driver named OpenSC tries the commands of every card that it knows."""
    with serve("city-3des", "--at", f"127.0.0.1:{stack.port}", "--verbose") as served:
        stack.wait(stack.readers[0])
        done = stack.run("opensc-tool", "-r", stack.readers[0], "-n")
        assert "Unsupported card" in done.stdout + done.stderr
        probes = [line for line in served.lines if re.search(r": [0-9A-F]{4} ", line)]
        assert 20 < len(probes)
        assert not [line for line in probes if re.search(": 6F00 ", line)]


def test_insertion_removal_and_cut_reach_pcscd(stack):
    with serve("city-3des", "--at", f"127.0.0.1:{stack.port}") as served:
        stack.wait(stack.readers[0])
        served.process.send_signal(signal.SIGUSR1)
        served.expect("card: removed")
        stack.wait(stack.readers[0], present=False)
        served.process.send_signal(signal.SIGUSR1)
        served.expect("card: inserted")
        stack.wait(stack.readers[0])
        served.say("cut 1")
        served.expect("card: power will be cut at write 1")
        lost = stack.run(
            "opensc-tool", "-c", "default", "-r", stack.readers[0], "-s", SELECT, "-s", "0020000003999999"
        )
        assert ("90", "00") in re.findall(r"SW1=0x(..), SW2=0x(..)", lost.stdout)
        assert "ransmit failed" in lost.stdout + lost.stderr
        served.expect("card: power cut")
        served.expect("card: inserted")


def test_the_card_finds_a_daemon_that_was_killed(stack):
    with serve("city-3des", "--at", f"127.0.0.1:{stack.port}") as served:
        stack.wait(stack.readers[0])
        stack.kill()
        served.expect("card: driver gone")
        served.expect("card: waiting for the driver")
        stack.start()
        served.expect("card: inserted")
        stack.wait(stack.readers[0])  # the service looks at its readers a moment later
        read = stack.run("opensc-tool", "-c", "default", "-r", stack.readers[0], "-s", "00A40000023F00")
        assert "SW1=0x90, SW2=0x00" in read.stdout


def test_a_lone_byte_does_not_hang_the_reader_for_ever(stack):
    """On the wire it is a control byte without an answer, for which the driver waits; we give it up."""
    card = make_test_card("city-3des")
    with stack.insert(card, patience=1.0):
        stack.wait(stack.readers[0])
        spoken = stack.run("scriptor", "-r", stack.readers[0], text="00A40000023F00\n00\n")
        assert "0 bytes sent" in spoken.stdout + spoken.stderr or spoken.returncode
        stack.wait(stack.readers[0])
        read = stack.run("opensc-tool", "-c", "default", "-r", stack.readers[0], "-s", "00A40000023F00")
        assert "SW1=0x90, SW2=0x00" in read.stdout


def test_a_driver_that_connects(tmp_path):
    """The safe form on a machine with a network; the card listens, so it must be there first."""
    with ExitStack() as opened:
        stack = opened.enter_context(running(tmp_path, listening=False))
        place = f"127.0.0.1:{stack.port}"
        served = opened.enter_context(serve("city-3des", "--psam", "psam-3des", "--listen", "--at", place))
        stack.start()
        served.expect("card: inserted")
        stack.wait(stack.readers[0])
        read = stack.run("opensc-tool", "-c", "default", "-r", stack.readers[0], "-s", "00A40000023F00")
        assert "SW1=0x90, SW2=0x00" in read.stdout
        stack.stop()
        served.expect("card: driver gone")


# ------------------------------------------------------------------ orders and signals, without a daemon


@contextmanager
def reachable(card, *arguments):
    """A served card and a transport to it."""
    port = free_ports(2)
    with (
        serve(card, "--listen", "--at", f"127.0.0.1:{port}", *arguments) as served,
        VpcdTransport("127.0.0.1", port, timeout=LIMIT) as transport,
    ):
        yield served, transport


def test_orders():
    with reachable("city-3des", "--psam", "psam-3des") as (served, transport):
        session = PurseSession(transport, PROFILE)
        served.say("status")
        assert "in the slot, driver connected, power on" in served.expect("card: in the slot")
        served.say("status psam")
        assert "in the slot, driver not there, power off" in served.expect("psam: in the slot")
        session.verify(PIN)
        assert 0 == session.get_balance(Purse.ED)
        served.say("reset")
        served.say("help")
        served.expect("  each with card or psam behind it (default card); quit")
        with pytest.raises(StatusError):
            session.get_balance(Purse.ED)  # it forgot the PIN, and the application
        served.say("remove")
        served.expect("card: removed")
        with pytest.raises(NoCard):
            transport.reset()
        served.say("insert")
        served.say("insert")
        served.say("what is this")
        served.expect(
            "cardos: order must be one of insert, remove, toggle, reset, cut, status, help, quit, got"
        )
        served.say("cut psam many")
        served.expect("cardos: number of cut must be 1..9999, got 'many'")
        transport.reset()
        served.say("quit")
        assert 0 == served.end()


def test_the_guide_has_every_order_and_signal():
    guide = (Path(__file__).parents[2] / "docs/pcsc.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)(?: \d)?` \| (.*?) \|", guide, re.MULTILINE)
    assert {*_ORDERS, "help", _QUIT} == {order for order, _ in rows}
    named = {name: order for order, names in rows for name in re.findall(r"SIG\w+", names)}
    assert dict(_SIGNALS) == named


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_ends_it_and_the_image_is_whole(image, name):
    with reachable(image) as (served, transport):
        session = PurseSession(transport, PROFILE)
        with pytest.raises(StatusError, match="63C2"):
            session.verify(bytes.fromhex("999999"))
        served.process.send_signal(getattr(signal, name))
        assert 0 == served.end()
    assert [image.name] == [each.name for each in image.parent.iterdir() if each.is_file()]
    assert 20_26 == balance_in(image)


def test_sigusr2_cuts_the_power():
    with reachable("city-3des") as (served, transport):
        session = PurseSession(transport, PROFILE)
        session.verify(PIN)
        served.process.send_signal(signal.SIGUSR2)
        served.expect("card: power cut")
        with pytest.raises(CardRemoved):
            session.get_balance(Purse.ED)
        transport.reset()  # it is there again by itself, and forgot the PIN
        with pytest.raises(StatusError, match="6982"):
            PurseSession(transport, PROFILE).get_balance(Purse.ED)


def test_the_end_of_its_input_changes_nothing():
    with reachable("city-3des") as (served, transport):
        served.process.stdin.close()
        assert b"\x90\x00" == transport.transmit(bytes.fromhex("00A40000023F00"))[-2:]
        transport.reset()


@pytest.mark.parametrize("write", [1, 2, 3])
def test_a_cut_load_is_old_or_new(image, tmp_path, write):
    with outlet(tmp_path / "shop") as shop, reachable(image) as (served, transport):
        served.say(f"cut {write}")
        served.expect("card: power will be cut")
        with pytest.raises(CardRemoved):
            shop.load(transport, 1_00, pin=PIN)
        served.expect("card: power cut")
        assert balance_in(image) in {20_26, 21_26}
        transport.reset()
        shop.load(transport, 1_00, pin=PIN)
        assert 21_26 == balance_in(image)


# ------------------------------------------------------------------ kill -9


class KillAfter(Wrapper):
    """Kills the process when the answer to a command has come."""

    def __init__(self, inner, process, *, after: bytes):
        super().__init__(inner)
        self._process, self._after = process, after

    def transmit(self, command, /):
        answer = super().transmit(command)
        if command.startswith(self._after):
            self._process.kill()
        return answer


def test_money_that_was_credited_survives_kill_9(image, tmp_path):
    with outlet(tmp_path / "shop") as shop, reachable(image) as (served, transport):
        shop.load(KillAfter(transport, served.process, after=CREDIT_FOR_LOAD), 5_00, pin=PIN)
        assert -signal.SIGKILL == served.end()
    assert 25_26 == balance_in(image)
    with reachable(image) as (_, transport):
        session = PurseSession(transport, PROFILE)
        session.verify(PIN)
        assert 25_26 == session.get_balance(Purse.EP)


@pytest.mark.parametrize("delay", [0.01, 0.04, 0.09])
def test_kill_9_at_any_moment_loses_nothing_acknowledged(image, tmp_path, delay):
    with outlet(tmp_path / "shop") as shop, reachable(image) as (served, transport):
        timer = threading.Timer(delay, served.process.kill)
        timer.start()
        loaded = 0
        with pytest.raises(CardRemoved):  # noqa: PT012 (how many came before it is the point)
            for _ in range(10_000):
                shop.load(transport, 1, pin=PIN)
                loaded += 1
        timer.join()
    assert balance_in(image) - 20_26 in {loaded, loaded + 1}


# ------------------------------------------------------------------ bad input


def test_a_damaged_image_is_refused_untouched(image):
    raw = image.read_bytes()[:-1] + b"?"
    image.write_bytes(raw)
    done = run("card", "serve", image, cwd=image.parent)
    assert (2, "") == (done.returncode, done.stdout)
    assert f"cardos: {image}: SHA-256 must match the content; the file is damaged\n" == done.stderr
    assert raw == image.read_bytes()


def test_an_image_that_another_program_changed_ends_it(image):
    with reachable(image) as (served, transport):
        session = PurseSession(transport, PROFILE)
        other = SavedCard(image)
        with SimulatedTransport(other) as theirs, pytest.raises(StatusError, match="63C2"):
            PurseSession(theirs, PROFILE).verify(bytes.fromhex("999999"))
        with pytest.raises(CardRemoved):
            session.verify(bytes.fromhex("999999"))
        assert 2 == served.end()
        served.expect(f"cardos: {image}: must be the file that was written last, got another")


@pytest.mark.parametrize("at", ["localhost", "127.0.0.1:0", "127.0.0.1:65535", ":35963", "127.0.0.1:x"])
def test_a_place_that_is_none(tmp_path, at):
    done = run("card", "serve", "city-3des", "--at", at, cwd=tmp_path)
    assert (2, "") == (done.returncode, done.stdout)
    assert f"cardos: at must be HOST:PORT with a port of 1..65534, got '{at}'\n" == done.stderr

"""``cardos load`` and ``cardos purchase``: money moves once, whatever happens, and the receipt says so."""

from __future__ import annotations

import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from cardos.apdu import Command, find_spec
from cardos.cli import app, pay
from cardos.errors import NoReader, ParameterError, StoreError
from cardos.fields import read_yuan, yuan
from cardos.host import CardRegister, CardState, EntryState, Fault, Interference, Journal, Purse, PurseSession
from cardos.host.transports import corrupt_answer
from cardos.profile import load_profile
from cardos.readers import open_transport

SCHEMA = json.loads((Path(__file__).parent.parent / "vectors/schema/cardpay-1.schema.json").read_text())
CARD_SERIAL = "0000000000000042"


class Clock:
    """A clock that goes a second at each look."""

    def __init__(self):
        self.now = datetime(2026, 11, 24, 12)

    def __call__(self):
        self.now += timedelta(seconds=1)
        return self.now


class Shop:
    """A card, a PSAM and the books of a shop in a folder; what is torn is torn at a command by name."""

    def __init__(self, folder, images, monkeypatch):
        self.folder, self.monkeypatch = folder, monkeypatch
        self.card, self.sam = folder / "card.img", folder / "psam.img"
        self.journal, self.state = folder / "till.journal", folder / "state" / "cardos"
        monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
        monkeypatch.setattr(pay, "_clock", Clock())
        monkeypatch.setenv("CARDOS_READER", f"sim:{self.card}")
        for image in (self.card, self.sam):
            shutil.copy(images / image.name, image)

    def run(self, *arguments):
        return CliRunner().invoke(app, [str(each) for each in arguments])

    def load(self, amount, *more):
        return self.run("load", amount, *more)

    def purchase(self, amount, *more):
        return self.run("purchase", amount, "--psam", f"sim:{self.sam}", "--journal", self.journal, *more)

    def receipt(self, result):
        found = json.loads(result.stdout)
        Draft202012Validator(SCHEMA).validate(found)
        return found

    def balance(self, purse=Purse.EP):
        with open_transport(f"sim:{self.card}") as link:
            session = PurseSession(link, load_profile("city-3des"))
            session.verify(bytes.fromhex("123456"))
            return session.get_balance(purse)

    def torn(self, name, *, before, reader=None):
        """From now on the card (or what is behind ``reader``) is pulled at the command with this name, once."""
        torn = []

        def opened(path):
            link = open_transport(path)
            if path != reader or torn:
                return link
            torn.append(path)
            return Fault(link, at=lambda raw: find_spec(Command.decode(raw)).name == name, before=before)

        self.monkeypatch.setattr(pay, "open_transport", opened)

    def states(self, path=None):
        with Journal(path or self.journal, operator=1) as journal:
            return [entry.state for entry in journal.entries()]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A new card and a new PSAM, made once."""
    folder = tmp_path_factory.mktemp("images")
    for arguments in (["city-3des", "card.img", "--serial", "42"], ["psam-3des", "psam.img"]):
        made = CliRunner().invoke(
            app, ["card", "new", arguments[0], str(folder / arguments[1]), *arguments[2:]]
        )
        assert 0 == made.exit_code, made.output
    return folder


@pytest.fixture
def shop(tmp_path, images, monkeypatch):
    return Shop(tmp_path, images, monkeypatch)


# ------------------------------------------------------------------ money moves


def test_a_load_and_a_purchase(shop):
    loaded = shop.load("50.00")
    assert (0, "") == (loaded.exit_code, loaded.stderr)
    assert loaded.stdout.startswith(
        f"loaded 50.00 yuan: card {CARD_SERIAL} EP, balance 50.00 yuan, serial 1, TAC "
    )
    paid = shop.purchase("1.5")
    assert (0, "") == (paid.exit_code, paid.stderr)
    assert paid.stdout.startswith(
        f"paid 1.50 yuan: card {CARD_SERIAL} EP, balance 48.50 yuan, serial 1, TAC "
    )
    assert 1 == len(paid.stdout.splitlines())
    assert 48_50 == shop.balance()


def test_receipts_for_programs(shop):
    loaded = shop.receipt(shop.load("50", "--json"))
    assert ("cardpay/1", "load", "done", "ep", 5000, 5000) == tuple(
        loaded[name] for name in ("format", "transaction", "outcome", "purse", "amount", "balance")
    )
    assert CARD_SERIAL == loaded["card"]
    assert 8 == len(loaded["tac"])
    paid = shop.receipt(shop.purchase("0.01", "--json"))
    assert ("purchase", "done", 1, 4999, True) == tuple(
        paid[name] for name in ("transaction", "outcome", "amount", "balance", "verified")
    )
    assert datetime.fromisoformat(paid["when"]) >= datetime.fromisoformat(loaded["when"])


def test_the_deposit_wants_its_pin(shop):
    for result in (shop.load("1", "--ed"), shop.purchase("1", "--ed")):
        assert isinstance(result.exception, ParameterError)
        assert "pin must be given for ed." in str(result.exception)
    assert "loaded 20.00 yuan" in shop.load("20", "--ed", "--pin", "123456").stdout
    shop.monkeypatch.setenv("CARDOS_PIN", "123456")
    assert "balance 19.00 yuan" in shop.purchase("1", "--ed").stdout
    assert (19_00, 0) == (shop.balance(Purse.ED), shop.balance(Purse.EP))


def test_both_purses_of_a_card_that_was_in_use_are_adopted(shop):
    shop.load("10", "--ed", "--pin", "123456")
    shop.load("5")
    other = shop.folder / "other.register"
    assert "balance 15.00 yuan" in shop.load("10", "--register", other, "--pin", "123456").stdout
    assert "balance 11.00 yuan" in shop.load("1", "--ed", "--register", other, "--pin", "123456").stdout
    with CardRegister(other) as register:
        assert [CARD_SERIAL] == [card.card_serial.hex() for card in register.cards()]
        assert (2, 2) == tuple(
            register.purse(bytes.fromhex(CARD_SERIAL), kind).online_serial for kind in (1, 2)
        )


# ------------------------------------------------------------------ refusals


def test_a_poor_card_is_refused(shop):
    result = shop.purchase("1")
    assert 1 == result.exit_code
    assert result.stdout.startswith(f"refused: card {CARD_SERIAL} EP: balance is not sufficient")
    assert "refused" == shop.receipt(shop.purchase("1", "--json"))["outcome"]


def test_a_wrong_pin_is_refused_and_not_shown(shop):
    result = shop.load("1", "--ed", "--pin", "987654")
    assert 1 == result.exit_code
    assert "2 tries left" in result.stdout
    assert "987654" not in result.stdout


def test_keys_of_somebody_else_do_not_load(shop):
    result = shop.load("1", "--seed", "another")
    assert 1 == result.exit_code
    assert "MAC1 of load" in result.stdout
    with CardRegister(shop.state / "city-3des.register") as register:
        assert () == register.cards()  # nobody is entered on his own word


def test_a_lost_card_is_refused(shop):
    shop.load("1")
    with CardRegister(shop.state / "city-3des.register") as register:
        register.set_state(bytes.fromhex(CARD_SERIAL), CardState.LOST)
    result = shop.load("1")
    assert (1, True) == (result.exit_code, "lost" in result.stdout)


def test_a_card_that_was_made_anew_is_told_what_to_do(shop, images):
    shop.load("1")
    shutil.copy(images / "card.img", shop.card)
    result = shop.load("1")
    assert 1 == result.exit_code
    assert result.stdout.rstrip().endswith("without this register: see --register")


@pytest.mark.parametrize(
    "text", ["0", "0.00", "1.005", "-1", "1,5", "1e2", "½", "", ".5", "42949672.96", "9" * 30]
)
def test_amounts_that_are_none(shop, text):
    for result in (shop.load("--", text), shop.purchase("1", "--", text)):
        assert 0 != result.exit_code
    with pytest.raises(ParameterError, match=r"amount must be 0.01..42949672.95 yuan with two decimals, got"):
        read_yuan(text)


@given(st.integers(1, 0xFFFF_FFFF))
def test_amounts_are_exact(fen):
    assert fen == read_yuan(yuan(fen).replace(",", ""))
    assert fen == read_yuan(f"{fen // 100}.{fen % 100:02d}")


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        pytest.param(["--reader", "sim:no.img"], Exception, "no.img", id="no-card"),
        pytest.param(["--profile", "tunion"], ParameterError, "card must be of profile tunion", id="profile"),
        pytest.param(
            ["--terminal", "12345678901234"], ParameterError, "terminal must be 1..12", id="terminal"
        ),
        pytest.param(["--pin", "12"], ParameterError, "got 2 characters", id="pin"),
        pytest.param(["--journal", "no/such/folder"], ParameterError, "in a folder that exists", id="folder"),
    ],
)
def test_what_cannot_run(shop, arguments, error, said):
    result = shop.load("1", *arguments)
    assert isinstance(result.exception, error)
    assert said in str(result.exception)


def test_a_psam_that_is_none(shop):
    shop.sam = shop.card
    error = shop.purchase("1").exception
    assert isinstance(error, ParameterError)
    assert "psam must be of profile psam-3des" in str(error)


def test_books_of_another_kind_are_left_alone(shop):
    shop.load("1")
    register = shop.state / "city-3des.register"
    before = register.read_bytes()
    assert isinstance(shop.load("1", "--journal", register).exception, StoreError)
    assert before == register.read_bytes()


def test_books_that_are_a_folder(shop):
    assert isinstance(shop.load("1", "--journal", shop.folder).exception, StoreError)


def test_no_reader(shop):
    shop.monkeypatch.delenv("CARDOS_READER")
    assert isinstance(shop.load("1").exception, NoReader)


# ------------------------------------------------------------------ cards that are torn


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_a_torn_purchase_is_settled_by_the_next_tap(shop, before):
    shop.load("50")
    shop.torn("DEBIT FOR PURCHASE", before=before)
    torn = shop.purchase("1.5")
    assert 3 == torn.exit_code
    assert f"present the card again with the same command, and {shop.journal} settles it" in torn.stdout
    assert [EntryState.OPEN] == shop.states()
    again = shop.purchase("1.5")
    assert 0 == again.exit_code
    assert 48_50 == shop.balance()
    expected = [EntryState.VOID, EntryState.COMPLETE] if before else [EntryState.COMPLETE]
    assert expected == shop.states()
    assert before == ("the torn purchase of 1.50 yuan" in again.stdout)
    assert before != again.stdout.startswith(
        "paid 1.50 yuan before, when the card was torn away: nothing moved now"
    )


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_a_torn_load_is_settled_by_the_next_tap(shop, before):
    shop.torn("CREDIT FOR LOAD", before=before)
    torn = shop.receipt(shop.load("50", "--json"))
    assert ("torn", None) == (torn["outcome"], torn["balance"])
    again = shop.receipt(shop.load("50", "--json"))
    assert ("done" if before else "recovered", 5000) == (again["outcome"], again["balance"])
    assert 50_00 == shop.balance()
    assert (["void"] if before else []) == [each["state"] for each in again["earlier"]]


def test_another_amount_is_another_purchase(shop):
    shop.load("50")
    shop.torn("DEBIT FOR PURCHASE", before=False)
    shop.purchase("1.5")
    again = shop.purchase("2")
    assert again.stdout.startswith("paid 2.00 yuan: ")
    assert "the torn purchase of 1.50 yuan at " in again.stdout
    assert "went through" in again.stdout
    assert 46_50 == shop.balance()


@pytest.mark.parametrize("name", ["INITIALIZE FOR PURCHASE", "SELECT"])
def test_a_card_that_left_early_has_lost_nothing(shop, name):
    shop.load("50")
    shop.torn(name, before=False)
    result = shop.purchase("1.5")
    assert 0 != result.exit_code
    if result.stdout:
        assert "interrupted, nothing moved" in result.stdout
    assert [] == shop.states()
    assert 50_00 == shop.balance()


def test_a_psam_that_fails_after_the_debit_leaves_a_paid_purchase(shop):
    shop.load("50")
    shop.torn("CREDIT SAM FOR PURCHASE", before=True, reader=f"sim:{shop.sam}")
    receipt = shop.receipt(shop.purchase("1.5", "--json"))
    assert ("done", False, 4850) == (receipt["outcome"], receipt["verified"], receipt["balance"])
    assert [EntryState.COMPLETE] == shop.states()


def test_a_card_that_is_not_genuine_is_suspect(shop):
    shop.load("50")

    def opened(path):
        link = open_transport(path)
        at = lambda raw: find_spec(Command.decode(raw)).name == "DEBIT FOR PURCHASE"  # noqa: E731  # short
        return link if path else Interference(link, at=at, effect=corrupt_answer(4))

    shop.monkeypatch.setattr(pay, "open_transport", opened)
    result = shop.purchase("1.5")
    assert 1 == result.exit_code
    assert result.stdout.startswith("suspect, hand out nothing: ")
    assert [EntryState.SUSPECT] == shop.states()

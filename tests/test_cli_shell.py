"""``cardos shell``: what it does with a line, completes, remembers and hides."""

from __future__ import annotations

import io
import stat
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from cardos.apdu import COMMANDS
from cardos.cli import app
from cardos.cli.conversation import WORDS, Conversation, without_secrets
from cardos.cli.folders import state_folder
from cardos.cli.lookup import command_help, commands_of, suggestions
from cardos.cli.shell import _session, shell
from cardos.errors import MissingComponent, ParameterError
from cardos.host import Fault, Interference, SimulatedTransport
from cardos.host.traces import read_trace
from cardos.profile import load_profile, profile_names
from cardos.simulation import make_test_card

READER = ["--reader", "sim:city-3des"]


def piped(*lines, more=()):
    return CliRunner().invoke(app, ["shell", *READER, *more], input="".join(f"{line}\n" for line in lines))


class Talk:
    """A conversation whose words can be read."""

    def __init__(self, wrap=lambda link: link, **more):
        self.out = io.StringIO()
        self.link = wrap(SimulatedTransport(make_test_card("city-3des")))
        self.talk = Conversation(self.link, Console(file=self.out, width=200), reader="sim:city-3des", **more)

    def say(self, *lines):
        """What it answers to the last line."""
        for line in lines:
            self.out.seek(0)
            self.out.truncate()
            assert self.talk.handle(line)
        return self.out.getvalue()


@pytest.fixture
def talk():
    found = Talk()
    with found.talk:
        yield found


def texts(text, profile=None):
    return [each.text for each in suggestions(text, WORDS, profile)]


# ------------------------------------------------------------------ from a pipe


def test_a_transcript():
    result = piped(
        "# the public file, then the balance",
        "select fid=3f01 -> 6F..9000",
        "",
        "READ BINARY sfi=15 le=8 -> $ISSUER:8 9000",
        "info",
        "reset warm",
        "exit",
        "00A40000",
    )
    assert (0, "") == (result.exit_code, result.stderr)
    lines = [line for line in result.stdout.splitlines() if not line.startswith(("     ", "ATR"))]
    said = [" ".join(line.split()) for line in lines]
    assert [
        "1 SELECT, by identifier 9000 success",
        "2 READ BINARY, file 15, offset 0 9000 success",
        "reader sim:city-3des",
        "profile none",
        "captured $ISSUER 8 bytes",
        "3 reset",
    ] == said


@pytest.mark.parametrize(
    ("lines", "status", "said"),
    [
        pytest.param(["00A40000(3F01) -> 9000"], 0, "success", id="as-expected"),
        pytest.param(
            ["00A40000(3F01) -> 6A82", "reset"], 1, "! line:1: status must be 6A82", id="difference"
        ),
        pytest.param(["", "SELEKT"], 2, "! line:2:1: command must be hex", id="wrong"),
        pytest.param(["SELEKT", "00A40000 -> 6FXX"], 2, "perhaps SELECT", id="worst"),
    ],
)
def test_the_status_of_a_pipe(lines, status, said):
    result = piped(*lines)
    assert status == result.exit_code
    assert said in result.stdout


def test_a_pipe_may_hold_anything():
    result = CliRunner().invoke(app, ["shell", *READER], input=b"\xff\xfe\n\x00\nreset\n")
    assert 2 == result.exit_code
    assert "ATR" in result.stdout


def test_a_reader_that_is_none():
    assert "reader must be one of" in str(CliRunner().invoke(app, ["shell", "-r", "x"]).exception)


def test_the_reader_of_the_environment():
    result = CliRunner().invoke(app, ["shell"], input="info\n", env={"CARDOS_READER": "sim:city-3des"})
    assert "reader    sim:city-3des" in result.stdout


# ------------------------------------------------------------------ words


def test_help_lists_words_and_commands(talk):
    said = talk.say("help")
    assert all(word.partition(" ")[0] in said for word in WORDS)
    assert all(spec.name in said for spec in COMMANDS)


@pytest.mark.parametrize("spec", COMMANDS, ids=lambda spec: spec.name)
def test_help_of_a_command_is_what_is_declared(spec):
    console = Console(file=io.StringIO(), width=200)
    console.print(command_help(spec))
    said = console.file.getvalue()
    assert spec.name in said
    assert spec.clause in said
    assert spec.protection.value in said
    assert all(f"{sw:04X}" in said for sw in spec.statuses)


def test_help_says_what_it_does_not_know(talk):
    assert "help must be of a declared command" in talk.say("help SELEKT")
    assert "VERIFY" in talk.say("help verify")


def test_a_profile_names_what_is_in_files(talk):
    assert "expiry" not in talk.say("SELECT fid=3F01", "READ BINARY sfi=15")
    said = talk.say("profile city-3des", "SELECT fid=3F01", "READ BINARY sfi=15")
    assert "expiry" in said
    assert "2034-12-31" in said
    assert "profile   city-3des: " in talk.say("info")
    assert "profile   none" in talk.say("profile none", "info")
    assert "no such profile" in talk.say("profile nowhere")
    assert "profile must be" in talk.say("profile")


def test_a_trace_is_recorded_without_secrets(talk, tmp_path):
    file = tmp_path / "a day.trace"
    talk.say(f"trace '{file}'", "VERIFY pin=123456", "GET CHALLENGE le=4", "trace off", "reset")
    events = read_trace(file).events
    assert ["0020000003XXXXXX", "0084000004"] == [event.command for event in events]
    assert "trace must be one file, or off, got nothing" in talk.say("trace")
    assert "quotation without end" in talk.say('trace "x')
    assert "a new file, got File exists" in talk.say(f"trace '{file}'")


def test_another_trace_ends_the_first(talk, tmp_path):
    for name in ("one", "two"):
        talk.say(f"trace {tmp_path / name}", "GET CHALLENGE le=4")
    assert [1, 1] == [len(read_trace(tmp_path / name).events) for name in ("one", "two")]


def test_captures_stay(talk):
    talk.say("GET CHALLENGE le=4 -> $R:4 9000")
    assert ["R"] == list(talk.talk.variables)
    assert "captured  $R 4 bytes" in talk.say("info")
    assert "unknown command" in talk.say("00FF0000($R)")


def test_a_card_that_was_removed_comes_back():
    talk = Talk(lambda link: Fault(link, at=lambda raw: raw[1] == 0xA4, before=True))
    assert "put the card back and type reset" in talk.say("SELECT fid=3F01")
    assert "ATR" in talk.say("reset")
    assert "success" in talk.say("SELECT fid=3F01")
    assert 2 == talk.talk.status


def test_a_disk_that_is_full_does_not_end_it():
    def full(_card, _command):
        raise OSError(28, "No space left on device")

    talk = Talk(lambda link: Interference(link, at=lambda raw: raw[1] == 0xA4, effect=full))
    assert "No space left" in talk.say("SELECT fid=3F01")
    assert "ATR" in talk.say("reset")


@pytest.mark.parametrize("secrets", [False, True])
def test_secrets_in_answers_to_what_was_typed(secrets):
    said = Talk(secrets=secrets).say("VERIFY pin=123456")
    assert secrets == ("123456" in said)
    assert secrets != ("XXXXXX" in said)


@given(st.text(max_size=60))
def test_no_line_ends_a_conversation_but_exit(line):
    talk = Talk.__new__(Talk)
    talk.out = io.StringIO()
    talk.talk = Conversation(_LINK, Console(file=talk.out), reader="sim:")
    word = line.strip().partition(" ")[0]
    if word != "trace":
        assert (word not in {"exit", "quit"}) == talk.talk.handle(line)


_LINK = SimulatedTransport(make_test_card("city-3des"))


# ------------------------------------------------------------------ completion


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("get bal", ["GET BALANCE"], id="name"),
        pytest.param("INIT SAM FOR", ["INIT SAM FOR PURCHASE", "INIT SAM FOR GREY LOCK"], id="names"),
        pytest.param("res", ["reset", "reset warm"], id="word"),
        pytest.param("GET BALANCE", ["GET BALANCE"], id="whole-name"),
        pytest.param("GET BALANCE ", ["purse=", "p1=", "p2=", "le="], id="fields"),
        pytest.param("GET BALANCE p", ["purse=", "p1=", "p2="], id="field"),
        pytest.param("GET BALANCE purse=", ["ed", "ep"], id="values"),
        pytest.param("GET BALANCE purse=ep ", ["p1=", "p2=", "le="], id="fields-that-are-left"),
        pytest.param("GET BALANCE p2=0", ["01", "02"], id="value"),
        pytest.param("GET BALANCE x=", [], id="no-field"),
        pytest.param("CREATE FILE header.s", ["header.size=", "header.shape="], id="parts"),
        pytest.param("help get b", ["GET BALANCE"], id="help"),
        pytest.param("profile city-s", ["city-sm4"], id="profile"),
        pytest.param("GET BALANCE -> ", [], id="expectation"),
        pytest.param("00A4", [], id="hex"),
    ],
)
def test_what_can_be_typed_next(text, expected):
    assert expected == texts(text)


def test_everything_can_be_completed():
    assert {spec.name for spec in COMMANDS} | set(WORDS) == set(texts(""))
    assert list(profile_names()) == texts("profile ")


def test_a_profile_narrows_the_commands():
    names = texts("", load_profile("psam-3des"))
    assert "INIT SAM FOR PURCHASE" in names
    assert "GET BALANCE" not in names
    assert set(commands_of(load_profile("city-3des"))) < set(commands_of(None))


@given(st.text(max_size=40))
def test_suggestions_replace_what_is_there(text):
    for each in suggestions(text, WORDS):
        assert each.replaces <= len(text)


# ------------------------------------------------------------------ history


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        pytest.param("GET BALANCE purse=ep -> 9000", "GET BALANCE purse=ep -> 9000", id="no-secret"),
        pytest.param("help VERIFY", "help VERIFY", id="word"),
        pytest.param("exit", "exit", id="exit"),
        pytest.param("reset warm", "reset warm", id="reset"),
        pytest.param("# a comment", "# a comment", id="comment"),
        pytest.param("0020000003123456", "0020000003XXXXXX", id="hex"),
        pytest.param("00200000(123456) -> 63CX|9000", "0020000003XXXXXX -> 63CX | 9000", id="counted"),
        pytest.param("verify p2=01 pin=123456", "VERIFY p2=01 pin=XX", id="name"),
        pytest.param("WRITE KEY p1=01 type=57 use=0 change=0 first=0 second=0 value=00112233445566778899AABBCCDDEEFF",
                     "WRITE KEY p1=01 type=XX use=XX change=XX first=XX second=XX value=XX", id="key"),
        pytest.param("0020000003$PIN", "0020000003XXXXXX", id="captured"),
        pytest.param("VERYFY pin=123456", None, id="no-command"),
        pytest.param("0020000003 12345", None, id="odd"),
        pytest.param("80FF0000 123456", "80FF0000XXXXXX", id="malformed"),
    ],
)  # fmt: skip
def test_what_is_kept_of_a_line(line, kept):
    assert kept == without_secrets(line, {"PIN": b"\x12\x34\x56"})


# ------------------------------------------------------------------ at a keyboard


class Keyboard(io.StringIO):
    """Standard input that says it is a terminal."""

    def isatty(self):
        return True


def typed(monkeypatch, tmp_path, keys):
    from prompt_toolkit.application import create_app_session
    from prompt_toolkit.input import create_pipe_input
    from prompt_toolkit.output import DummyOutput

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "stdin", Keyboard())
    with create_pipe_input() as keyboard, create_app_session(input=keyboard, output=DummyOutput()):
        keyboard.send_text(keys)
        shell(reader="sim:city-3des")
    return tmp_path / "cardos" / "shell.history"


def test_somebody_types(monkeypatch, tmp_path, capsys):
    history = typed(
        monkeypatch, tmp_path, "VERIFY pin=123456\rbroken\x03GET BALANCE purse=ep\rVERYFY pin=987654\r\x04"
    )
    said = capsys.readouterr().out
    assert "VERIFY, PIN 00" in said
    assert "GET BALANCE" in said
    kept = history.read_text(encoding="utf-8")
    assert "VERIFY pin=XX" in kept
    assert "GET BALANCE purse=ep" in kept
    assert not {"123456", "987654"} & set(kept.replace("=", " ").split())
    assert 0o600 == stat.S_IMODE(history.stat().st_mode)


def test_history_and_completion_of_the_next_time(monkeypatch, tmp_path, talk):
    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document

    history = typed(monkeypatch, tmp_path, "GET CHALLENGE le=4\rexit\r")
    session = _session(talk.talk, history)
    assert ["exit", "GET CHALLENGE le=4"] == list(session.history.load_history_strings())
    [found] = session.completer.get_completions(Document("GET BAL"), CompleteEvent())
    assert ("GET BALANCE", -7) == (found.text, found.start_position)
    found = list(session.completer.get_completions(Document("GET BALANCE purse"), CompleteEvent()))
    assert [("purse=", "electronic deposit or purse")] == [
        (each.text, each.display_meta_text) for each in found
    ]


def test_the_extra_that_is_missing_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "prompt_toolkit", None)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "stdin", Keyboard())
    with pytest.raises(MissingComponent, match=r"pip install 'cardos\[shell\]'"):
        shell(reader="sim:city-3des")


# ------------------------------------------------------------------ folders


def test_where_state_is_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert tmp_path / ".local/state/cardos" == state_folder()
    assert 0o700 == stat.S_IMODE(state_folder().stat().st_mode)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "cardos" in state_folder().name.lower()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert tmp_path / "state/cardos" == state_folder()


def test_a_state_folder_that_cannot_be_made(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with pytest.raises(ParameterError, match="state folder must be writable"):
        state_folder()

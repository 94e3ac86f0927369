"""``cardos apdu``: what it prints, what it compares, and its status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from cardos.apdu.sam_commands import EXPORT_KEY
from cardos.cli import app
from cardos.cli.exchange import Explainer, print_step, step_document
from cardos.errors import NoReader, ParameterError, ScriptError
from cardos.host import SimulatedTransport
from cardos.host.scripting import ScriptRunner, StepResult, parse_script
from cardos.simulation import make_test_card

SCHEMA = json.loads((Path(__file__).parent.parent / "vectors/schema/cardapdu-1.schema.json").read_text())
READER = ["--reader", "sim:city-3des"]


def run(*arguments, **more):
    return CliRunner().invoke(app, ["apdu", *map(str, arguments)], **more)


def document(*arguments, **more):
    result = run(*arguments, "--json", **more)
    found = json.loads(result.stdout)
    Draft202012Validator(SCHEMA).validate(found)
    return result, found["steps"]


def test_a_transcript():
    result = run(
        *READER, "SELECT fid=3F01 -> 6F..9000", "GET BALANCE purse=ep -> 00000000 9000", "reset warm"
    )
    assert (0, "") == (result.exit_code, result.stderr)
    assert [
        "1 SELECT, by identifier 9000 success",
        "> 00A40000023F0100",
        "data 3F01",
        "2 GET BALANCE, purse (EP) 9000 success",
        "> 805C000204",
        "< 000000009000",
        "balance 0 fen",
        "3 reset",
        "< 3BED0000018065084904865300000000000099 ATR",
    ] == [" ".join(line.split()) for line in result.stdout.splitlines() if "6F32" not in line]


def test_the_first_difference_stops_it():
    result = run(*READER, "00A40000023F01 -> 9000", "805C000204 -> 00000001 9000", "805C000204")
    assert 1 == result.exit_code
    assert "     ! argument:2: byte at offset 3 must be 01, got 00" == result.stdout.splitlines()[-1]
    assert 1 == result.stdout.count("GET BALANCE")


def test_it_goes_on_when_asked():
    result = run(*READER, "-k", "805C000204 -> 9000", "805C000204 -> 6A81|6985")
    assert 1 == result.exit_code
    assert 2 == result.stdout.count("GET BALANCE")


def test_an_answer_without_expectation_is_no_difference():
    assert 0 == run(*READER, "80FF000000").exit_code


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        pytest.param(
            [*READER, "00A"], ScriptError, "argument:1:1: bytes must be pairs of hex digits", id="line"
        ),
        pytest.param(
            [*READER, "00", "SELEKT"], ScriptError, "argument:2:1: command must be hex", id="second-line"
        ),
        pytest.param(
            READER, ParameterError, "command must be given as an argument or with --file", id="nothing"
        ),
        pytest.param(
            [*READER, "-f", "no.apdu"], ParameterError, "no.apdu: script must be readable", id="no-file"
        ),
        pytest.param(["-r", "sim", "00"], ParameterError, "reader must be one of sim:…", id="reader"),
        pytest.param(["00A40000"], NoReader, "reader must be one of", id="no-reader"),
    ],
)
def test_what_cannot_run(arguments, error, said, monkeypatch):
    monkeypatch.delenv("CARDOS_READER", raising=False)
    result = run(*arguments)
    assert error is type(result.exception)
    assert str(result.exception).startswith(said)


def test_the_reader_of_the_environment():
    assert 0 == run("00A40000023F01 -> 9000", env={"CARDOS_READER": "sim:city-3des"}).exit_code


def test_a_file_and_then_arguments(tmp_path):
    script = tmp_path / "day.apdu"
    script.write_text("\ufeff# comment\n00A40000(3F01) -> $FCI:.. 9000\n", encoding="utf-8")
    result = run(*READER, "--file", script, "00A40000(3F01) -> $FCI 9000")
    assert (0, 2) == (result.exit_code, result.stdout.count("SELECT"))
    script.write_text("00A40000(3F01)\n805C000204 -> 6A82\n")
    assert f"! {script}:2: status must be 6A82, got 9000 (success)" in run(*READER, "-f", script).stdout


def test_the_input_is_a_file():
    assert "reset" in run(*READER, "-f", "-", input="reset\n00A40000023F01 -> 9000\n").stdout
    result = run(*READER, "-f", "-", input=b"\xff\xfe")
    assert "script must be text in UTF-8" in str(result.exception)


def test_json_is_as_its_schema_says():
    result, steps = document(*READER, "--profile", "city-3des", "reset -> 3B..", "00A40000(3F01)", "READ BINARY sfi=15",
                             "GET BALANCE purse=ep -> 6A82", "805C000204")  # fmt: skip
    assert (1, 4) == (result.exit_code, len(steps))
    assert "3034-12-31" not in result.stdout
    assert "2034-12-31" == steps[2]["answerFields"]["expiry"]
    last = steps[3]
    assert ("argument", 4, "GET BALANCE", "9000") == (last["source"], last["line"], last["name"], last["sw"])
    assert {"balance": 0} == last["answerFields"]
    assert ("6A82", "status must be 6A82, got 9000 (success)") == (last["expected"], last["difference"])


def test_json_is_whole_when_the_card_goes_away(tmp_path):
    trace = tmp_path / "short.trace"
    trace.write_text(
        '{"format":"cardtrace/1","card":{"profile":"any","kind":"device"},"by":"test"}\n'
        '{"n":1,"ev":"apdu","c":"805C000204","r":"000000009000"}\n'
    )
    result, steps = document("-r", f"replay:{trace}", "805C000204", "805C000204")
    assert (1, 1) == (result.exit_code, len(steps))
    assert result.exception


@pytest.mark.parametrize("line", ["0020000003123456", "VERIFY pin=123456"])
def test_secrets_are_hidden_unless_asked_for(line):
    assert "123456" not in run(*READER, line).stdout
    assert "123456" in run(*READER, "--secrets", line).stdout
    assert "123456" not in document(*READER, line)[0].stdout
    assert "123456" in document(*READER, "--secrets", line)[0].stdout


def test_a_hidden_answer_is_not_shown_by_its_difference():
    key = "00112233445566778899AABBCCDDEEFF"
    [step] = parse_script(f"EXPORT KEY p1={min(EXPORT_KEY.p1):02X} p2=00 -> 9000").steps
    result = StepResult(
        step, step.command.build({}), bytes.fromhex(f"{key}9000"), f"answer must be 9000, got {key}9000"
    )
    shown = step_document(result, Explainer().explain(result))
    assert ("EXPORT KEY", "XX" * 16 + "9000") == (shown["name"], shown["answer"])
    assert key not in json.dumps(shown)
    assert key in json.dumps(step_document(result, Explainer(secrets=True).explain(result)))


def test_raw_leaves_more_data_to_the_caller(tmp_path):
    image = tmp_path / "card.img"
    CliRunner().invoke(app, ["card", "new", "city-3des", str(image), "--protocol", "T=0"])
    reader = ["-r", f"sim:{image}"]
    assert 0 == run(*reader, "--raw", "00A40000023F01 -> 61XX", "00C0000010 -> 6F..").exit_code
    assert 0 == run(*reader, "00A40000023F01 -> 6F..9000").exit_code


def test_steps_are_explained_one_after_the_other():
    from io import StringIO

    from rich.console import Console

    out = StringIO()
    runner, explainer = ScriptRunner(SimulatedTransport(make_test_card("city-3des"))), Explainer()
    for result in runner.run_all(parse_script("GET CHALLENGE le=4\n0000").steps):
        print_step(Console(file=out, width=20), result, explainer.explain(result))
    assert "challenge" in out.getvalue()
    assert "unknown command" in out.getvalue()

"""Traces with the tools that look at them: a whole load recorded, redacted, replayed, exported, opened by tshark,
drawn; and the commands of ``cardos trace``.
"""

from __future__ import annotations

import io
import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from datetime import datetime
from itertools import product
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from rich.cells import cell_len
from rich.console import Console

from cardos import cli
from cardos.apdu import COMMANDS, Command, Protection
from cardos.card import Card
from cardos.cli.events import print_event
from cardos.demo import City
from cardos.errors import ReplayMismatch
from cardos.host import (
    PurseSession,
    SimulatedTransport,
    Tracer,
    parse_trace,
    personalise,
    read_card,
    read_trace,
)
from cardos.host.traces import (
    EventKind,
    Trace,
    TraceEvent,
    compare_traces,
    decode_trace,
    profile_of,
    redact_trace,
    to_pcap,
    trace_text,
)
from cardos.host.transports.replay import ReplayTransport
from cardos.readers import open_transport
from tests.host.conftest import PIN as FIRST_PIN
from tests.host.conftest import card_data, counted, profiles, ring
from tests.test_cli import keyring

SCHEMAS = Path(__file__).parents[2] / "vectors" / "schema"
TSHARK = shutil.which("tshark")
needs_tshark = pytest.mark.skipif(TSHARK is None, reason="needs tshark: apt-get install tshark")
SEED, PIN = 5, "123456"
FAMILY = "city-sm4"  # its load needs the PIN


def tshark(capture, *arguments):
    done = subprocess.run(
        [TSHARK, "-n", "-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-r", capture, *arguments],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return done.stdout.splitlines()


def load(through):
    """A whole load of 50 yuan, by outlet and issuer; ``through`` makes the transport that is used of the card's."""
    with City(seed=SEED) as city:
        card = city.issue(FAMILY)
        return city.outlets[0].load(card, 5000, through=through(card, city))


@pytest.fixture(scope="module")
def recorded():
    """The trace of a load with every secret in it."""
    stream = io.StringIO()

    def traced(card, city):
        return Tracer(
            card.transport, stream, card=FAMILY, redact=False, clock=time.monotonic, now=city.clock,
            writes=lambda: card.card.memory.writes,
        )  # fmt: skip

    result = load(traced)
    assert 5000 == result.balance_after
    return stream.getvalue()


@pytest.fixture
def trace_file(recorded, tmp_path):
    path = tmp_path / "load.jsonl"
    path.write_text(recorded, encoding="utf-8")
    return path


# ------------------------------------------------------------------ the whole way of a load


def test_a_load_recorded_redacted_and_replayed_strictly(recorded):
    whole = parse_trace(recorded.encode())
    assert PIN in recorded
    masked = redact_trace(whole)
    assert PIN not in trace_text(masked)
    again = ReplayTransport(masked)
    result = load(lambda _card, _city: again)
    assert (5000, 0) == (result.balance_after, again.left)
    assert [] == list(compare_traces(whole, masked))


def test_a_card_is_read_out_again_from_its_redacted_trace():
    stream = io.StringIO()
    with open_transport("sim:city-3des") as card:
        once = read_card(Tracer(card, stream, card="city-3des"))
    again = ReplayTransport(parse_trace(stream.getvalue().encode()))
    assert str(once) == str(
        read_card(again)
    )  # the test card has no holder, which is what a masked one is read as
    assert 0 == again.left


@needs_tshark
@pytest.mark.slow
def test_wireshark_opens_the_load(recorded, tmp_path):
    trace = redact_trace(parse_trace(recorded.encode()))
    capture = tmp_path / "load.pcap"
    capture.write_bytes(to_pcap(trace))
    assert [] == tshark(capture, "-Y", "_ws.malformed || ip.checksum.status == 0 || udp.checksum.status == 0")
    fields = ["-T", "fields", "-e", "udp.dstport", "-e", "gsm_sim.apdu.ins", "-e", "gsm_sim.apdu.sw"]
    rows = [line.split("\t") for line in tshark(capture, *fields)]
    commands = [event.command for event in trace.events if event.kind is EventKind.APDU]
    assert 1 + len(commands) == len(rows)  # the ATR comes first
    assert {"4729"} == {row[0] for row in rows}
    expected = [(int(command[2:4], 16), 0x9000) for command in commands]
    assert expected == [(int(row[1], 16), int(row[2], 16)) for row in rows[1:]]
    moments = [float(line) for line in tshark(capture, "-T", "fields", "-e", "frame.time_epoch")]
    assert moments == sorted(moments)
    assert pytest.approx(trace.events[-1].time - trace.events[0].time, abs=1e-5) == moments[-1] - moments[1]


def every_exchange():
    """Every declared command, plain and protected, with every length and with answers of all kinds."""
    for spec in COMMANDS:
        forms = (0, 4) if spec.protection in (Protection.OPTIONAL, Protection.ALWAYS) else (0,)
        sizes = {spec.lc[0], spec.lc[1], min(spec.lc[1], 2)} if spec.name != "SELECT" else {0, 2}
        for form, size, le in product(forms, sizes, {0, spec.le}):
            command = Command(spec.cla | form, spec.ins, min(spec.p1), min(spec.p2), bytes(range(size)), le)
            for sw, data in product(("9000", "6982", "6C10", "63C2", "6110"), (0, 4, 60)):
                yield bytes(command), bytes(data).hex() + sw
            yield bytes(command), None


@needs_tshark
@pytest.mark.slow
def test_wireshark_finds_no_command_malformed(tmp_path):
    pairs = [*every_exchange(), (b"", ""), (b"\x00", "67"), (b"\x00\xa4\x04\x00\x05", "6700")]
    events = [TraceEvent(n, EventKind.APDU, c.hex().upper(), r) for n, (c, r) in enumerate(pairs, 1)]
    more = [
        TraceEvent(len(events) + 1, EventKind.REMOVE), TraceEvent(len(events) + 2, EventKind.RESET, response="3B00"),
        TraceEvent(len(events) + 3, EventKind.NOTE, note="the end"),
    ]  # fmt: skip
    capture = tmp_path / "all.pcap"
    trace = Trace("x", "device", (*events, *more), atr=bytes.fromhex("3BED00"), made=datetime(2026, 3, 1))
    capture.write_bytes(to_pcap(trace))
    assert [] == tshark(capture, "-Y", "_ws.malformed")
    logs = tshark(capture, "-Y", "gsmtap_log", "-T", "fields", "-e", "gsmtap_log.string")
    assert ["remove", "ATR 3B00", "note: the end"] == logs[-3:]


# ------------------------------------------------------------------ commands


def run(monkeypatch, capsys, *arguments):
    """Status, output and error of the program, through its entry point."""
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys, "argv", ["cardos", "trace", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    return ended.value.code, out, err


def validate(name, text):
    document = json.loads(text)
    schema = json.loads((SCHEMAS / f"{name}-1.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(document)
    assert f"{name}/1" == document["format"]
    return document


def test_record_and_look_into_it(monkeypatch, capsys, tmp_path):
    out = tmp_path / "new.jsonl"
    lines = [
        "00A40400(A00000000386980701) -> 9000",
        "VERIFY pin=123456 -> 9000",
        "reset",
        "GET BALANCE purse=ep -> 6985",
    ]
    arguments = [
        "record",
        out,
        *lines,
        "--reader",
        "sim:city-3des",
        "--profile",
        "city-3des",
        "--note",
        "try it",
    ]
    code, said, _ = run(monkeypatch, capsys, *arguments)
    assert (1, f"{out}: 4 steps, 1 not as expected; look into it: cardos trace show {out}\n") == (code, said)
    trace = read_trace(out)
    kinds = [EventKind.NOTE, EventKind.APDU, EventKind.APDU, EventKind.RESET, EventKind.APDU]
    assert kinds == [event.kind for event in trace.events]
    assert ("city-3des", "simulated", "try it") == (trace.profile, trace.kind, trace.events[0].note)
    assert trace.events[2].is_redacted
    code, said, _ = run(monkeypatch, capsys, "show", out)
    assert 0 == code
    for text in (
        "note try it",
        "VERIFY, PIN 00  9000 success",
        "pin  XXXXXX",
        "reset",
        "expiry               2034-12-31",
    ):
        assert text in said


def test_record_with_secrets(monkeypatch, capsys, tmp_path):
    out = tmp_path / "new.jsonl"
    assert (
        0
        == run(
            monkeypatch, capsys, "record", out, "0020000003123456", "--reader", "sim:city-3des", "--secrets"
        )[0]
    )
    assert "0020000003123456" == read_trace(out).events[0].command
    assert "123456" not in run(monkeypatch, capsys, "show", out)[1]
    assert "0020000003123456" in run(monkeypatch, capsys, "show", out, "--secrets")[1]


def test_show_checks_macs(monkeypatch, capsys, trace_file):
    code, out, _ = run(monkeypatch, capsys, "show", trace_file, "--seed", SEED, "--clause")
    assert (0, 3, 0) == (code, out.count("✓ right"), out.count("✗ wrong"))
    assert "[JR/T 0025.2 5.2, 5.5.2]" in out
    assert 3 == run(monkeypatch, capsys, "show", trace_file)[1].count("not checked")
    code, out, _ = run(monkeypatch, capsys, "show", trace_file, "--seed", "other")
    assert (1, 3) == (code, len(re.findall("✗ wrong, must be [0-9A-F]{8}", out)))


def test_show_says_what_a_wrong_mac_must_be(monkeypatch, capsys, trace_file, tmp_path):
    trace = read_trace(trace_file)
    tac = trace.events[-1].response[:8]
    other = tmp_path / "other.jsonl"
    other.write_text(trace_file.read_text().replace(f'"r":"{tac}', '"r":"00000000'), encoding="utf-8")
    code, out, _ = run(monkeypatch, capsys, "show", other, "--seed", SEED)
    assert (1, 2, 1) == (code, out.count("✓ right"), out.count(f"00000000  ✗ wrong, must be {tac}"))


def test_no_line_is_wider_than_a_narrow_terminal(trace_file):
    trace = read_trace(trace_file)
    remark = TraceEvent(9, EventKind.NOTE, note="a remark of many words " * 9 + "充值" * 60)
    out = io.StringIO()
    console = Console(file=out, width=40, force_terminal=True, color_system=None)
    for event in [*decode_trace(trace, profile_of(trace)), *decode_trace(replace(trace, events=(remark,)))]:
        print_event(console, event, clause=True)
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    assert 40 >= max(map(cell_len, lines))
    assert trace.events[0].response in "".join(line.strip(" <") for line in lines)


def test_a_trace_does_not_steer_the_terminal(monkeypatch, capsys, tmp_path):
    steering = "\x1b[2J\x1b]0;title\x07\x9b31m\r"
    events = (
        TraceEvent(1, EventKind.NOTE, note=steering), TraceEvent(2, EventKind.LET, values={steering: steering}),
        TraceEvent(3, EventKind.APDU, "805C000204", "9000", note=steering),
    )  # fmt: skip
    path = tmp_path / "steering.jsonl"
    path.write_text(trace_text(Trace(steering, "device", events, by=steering)), encoding="utf-8")
    for more in ([], ["--secrets"]):
        code, out, _ = run(monkeypatch, capsys, "show", path, *more)
        assert (0, True) == (code, all(each.isprintable() for each in out.replace("\n", "")))


def test_show_as_json(monkeypatch, capsys, trace_file):
    code, out, _ = run(monkeypatch, capsys, "show", trace_file, "--seed", SEED, "--json")
    document = validate("cardtraceview", out)
    assert (0, FAMILY) == (code, document["profile"])
    begun = next(event for event in document["events"] if event["name"] == "INITIALIZE FOR LOAD")
    amount = {"name": "amount", "value": 5000, "raw": "00001388", "mac": None, "expected": None}
    assert amount in begun["body"]
    assert ("mac1", "right") in [(each["name"], each["mac"]) for each in begun["answer"]]
    assert PIN not in out


def test_show_with_a_key_ring_of_the_issuer(monkeypatch, capsys, trace_file, tmp_path):
    code, _, err = run(monkeypatch, capsys, "show", trace_file, "--keys", keyring(tmp_path / "keys.toml"))
    assert (2, True) == (code, "suite must be 'sm4-a' for city-sm4" in err)


def test_show_of_a_card_that_the_trace_does_not_name(monkeypatch, capsys, recorded, tmp_path):
    lines = [line.replace(FAMILY, "moon") for line in recorded.splitlines() if '"c":"00A4' not in line]
    rows = [json.loads(line) for line in lines]
    path = tmp_path / "moon.jsonl"
    texts = [json.dumps({**row, **({"n": n} if n else {})}) for n, row in enumerate(rows)]
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    code, _, err = run(monkeypatch, capsys, "show", path, "--seed", SEED)
    assert (
        2,
        "cardos: keys must be given for a trace whose profile is known; see --profile, got an unknown one\n",
    ) == (
        code,
        err,
    )
    given = ["--profile", FAMILY, "--seed", SEED]
    assert "not checked" in run(monkeypatch, capsys, "show", path, *given)[1]
    with City(seed=SEED) as city:
        data = city.issue(FAMILY).data
    more = ["--serial", data.application_serial.hex(), "--issuer", data.issuer.hex()]
    assert 3 == run(monkeypatch, capsys, "show", path, *given, *more)[1].count("✓ right")


def test_redact(monkeypatch, capsys, trace_file, tmp_path):
    out = tmp_path / "open.jsonl"
    assert 0 == run(monkeypatch, capsys, "redact", trace_file, out)[0]
    assert redact_trace(read_trace(trace_file)) == read_trace(out)
    code, _, err = run(monkeypatch, capsys, "redact", trace_file, out)
    assert (2, f"cardos: {out}: file must be a new one, got one that exists; it was left as it is\n") == (
        code,
        err,
    )


def test_diff(monkeypatch, capsys, trace_file, tmp_path):
    assert (0, "", "") == run(monkeypatch, capsys, "diff", trace_file, trace_file)
    other = tmp_path / "other.jsonl"
    other.write_text(trace_file.read_text().replace('"c":"80500002', '"c":"80500001'), encoding="utf-8")
    code, out, _ = run(monkeypatch, capsys, "diff", trace_file, other)
    assert 1 == code
    assert [
        "3/- INITIALIZE FOR LOAD, purse (EP)  gone",
        "-/3 INITIALIZE FOR LOAD, deposit (ED)  added",
    ] == (out.splitlines())
    code, out, _ = run(monkeypatch, capsys, "diff", trace_file, other, "--json")
    assert (1, [3, None]) == (
        code,
        [each["before"] for each in validate("cardtracediff", out)["differences"]],
    )


def test_diff_leaves_out_what_it_is_told(monkeypatch, capsys, trace_file, tmp_path):
    other = tmp_path / "other.jsonl"
    trace = read_trace(trace_file)
    begun = next(event for event in trace.events if event.command.startswith("8050"))
    changed = begun.response[:-4][:-8] + "00000000" + "9000"
    other.write_text(trace_file.read_text().replace(begun.response, changed), encoding="utf-8")
    code, out, _ = run(monkeypatch, capsys, "diff", trace_file, other)
    block = rf"3/3 INITIALIZE FOR LOAD, purse \(EP\)\n +mac1  {begun.response[-12:-4]} → 00000000\n"
    assert (1, True) == (code, re.fullmatch(block, out) is not None)
    assert (0, "", "") == run(monkeypatch, capsys, "diff", trace_file, other, "--ignore", "mac1")
    assert (0, "", "") == run(monkeypatch, capsys, "diff", trace_file, other, "--random")
    code, _, err = run(monkeypatch, capsys, "diff", trace_file, other, "--ignore", "moon")
    assert (2, True) == (code, err.startswith("cardos: ignore must be the name of a field"))


def test_replay(monkeypatch, capsys, trace_file, tmp_path):
    reader = ["--reader", f"replay:{trace_file}"]
    assert (0, "commands sent: 4; every answer as recorded\n", "") == run(
        monkeypatch, capsys, "replay", trace_file, *reader
    )
    code, out, _ = run(monkeypatch, capsys, "replay", trace_file, "--reader", f"sim:{FAMILY}")
    assert (1, True) == (code, out.startswith("commands sent: 1; 1/1 SELECT, by name: issuer "))
    masked = tmp_path / "masked.jsonl"
    run(monkeypatch, capsys, "redact", trace_file, masked)
    code, _, err = run(monkeypatch, capsys, "replay", masked, *reader)
    assert (2, "cardos: trace must be without masked commands, got one in event 2\n") == (code, err)
    expected = "commands sent: 3, left out because masked: 1; every answer as recorded\n"
    shorter = tmp_path / "shorter.jsonl"
    left = [event for event in read_trace(masked).events if not event.is_redacted]
    events = tuple(replace(event, number=n) for n, event in enumerate(left, 1))
    shorter.write_text(trace_text(replace(read_trace(masked), events=events)), encoding="utf-8")
    reader = ["--reader", f"replay:{shorter}"]
    assert (0, expected, "") == run(monkeypatch, capsys, "replay", masked, "--skip-masked", *reader)


def test_a_relaxed_replay_is_a_reader(trace_file):
    begin = next(event for event in read_trace(trace_file).events if event.command.startswith("8050"))
    with open_transport(f"replay-relaxed:{trace_file}") as card:
        assert begin.response == card.transmit(bytes.fromhex(begin.command)).hex().upper()
    with (
        open_transport(f"replay:{trace_file}") as card,
        pytest.raises(ReplayMismatch, match="event 1 of the trace"),
    ):
        card.transmit(bytes.fromhex(begin.command))


@needs_tshark
def test_export(monkeypatch, capsys, trace_file, tmp_path):
    capture, dump = tmp_path / "a.pcap", tmp_path / "a.txt"
    assert (0, 0) == tuple(run(monkeypatch, capsys, "export", trace_file, out)[0] for out in (capture, dump))
    assert 5 == len(tshark(capture))
    lines = dump.read_text().splitlines()
    assert (9, True) == (len(lines), lines[0].startswith("# ATR: 3B"))
    assert PIN not in dump.read_text()
    code, _, err = run(monkeypatch, capsys, "export", trace_file, tmp_path / "a.doc")
    assert (2, "cardos: out must be a file that ends in .pcap, .txt, got 'a.doc'\n") == (code, err)


@pytest.mark.parametrize(
    ("ending", "start"), [(".svg", "<svg "), (".html", "<!DOCTYPE html>"), (".mmd", "sequenceDiagram")]
)
def test_diagram(monkeypatch, capsys, trace_file, tmp_path, ending, start):
    out = tmp_path / f"a{ending}"
    assert 0 == run(monkeypatch, capsys, "diagram", trace_file, trace_file, "--out", out, "--seed", SEED)[0]
    text = out.read_text(encoding="utf-8")
    assert text.startswith(start)
    assert ("✓" in text, PIN in text) == (True, False)


def confidential(path):
    """Makes a card, reads it and changes its PIN, traced in the open; gives what is secret in that."""
    profile, _ = profiles("3des")
    name, number, new_pin = b"ZHANG SAN", b"110101199003071234", bytes.fromhex("907856341290")
    data = replace(card_data(), holder_name=name.ljust(20), holder_id=number.ljust(32))
    masters = ring("3des")
    keys = masters.for_card(profile, issuer=data.issuer, application_serial=data.application_serial)
    with path.open("w", encoding="utf-8") as stream:
        card = SimulatedTransport(Card.blank(profile, random=counted(1)))
        link = Tracer(card, stream, card=profile.name, redact=False)
        personalise(link, profile, data, masters)
        session = PurseSession(link, profile)
        session.verify(FIRST_PIN)
        session.change_pin(FIRST_PIN, new_pin)
        session.reload_pin(FIRST_PIN, key=keys["pin-reload"])
        session.read_binary(0x16)
        session.select_file(0x0016)
        link.transmit(bytes.fromhex("00B0000037"))
        link.let(pin=new_pin)
    revealed = [key.reveal() for known in (masters, keys) for key in known.keys.values()]
    return [name, number, FIRST_PIN, new_pin, *revealed]


def test_no_secret_leaves_an_open_trace(monkeypatch, capsys, tmp_path):
    path = tmp_path / "open.jsonl"
    secrets = confidential(path)
    raw = path.read_text(encoding="utf-8")
    assert 5 == sum(secret.hex().upper() in raw for secret in secrets)  # all but the keys that go enciphered
    said = [run(monkeypatch, capsys, "show", path, *more)[1] for more in ([], ["--json"])]
    said.append(run(monkeypatch, capsys, "diff", path, path)[1])
    for ending in (".pcap", ".txt"):
        run(monkeypatch, capsys, "export", path, tmp_path / f"a{ending}")
    for ending in (".svg", ".html", ".mmd"):
        run(monkeypatch, capsys, "diagram", path, "--out", tmp_path / f"a{ending}")
    run(monkeypatch, capsys, "redact", path, tmp_path / "a.jsonl")
    written = [each.read_bytes() for each in sorted(tmp_path.glob("a.*"))]
    assert 6 == len(written)
    for output in (*written, *(text.encode() for text in said)):
        for secret in secrets:
            assert secret not in output
            assert secret.hex().encode() not in output.lower()


HEAD = '{"format":"cardtrace/1","card":{"profile":"x","kind":"device"},"by":"x"}\n'
EVERY_COMMAND = [
    ["show"], ["redact", "x.jsonl"], ["diff", "{0}"], ["replay", "--reader", "sim:city-3des"], ["export", "x.txt"],
    ["diagram", "--out", "x.svg"],
]  # fmt: skip


@pytest.mark.parametrize("command", EVERY_COMMAND, ids=[command[0] for command in EVERY_COMMAND])
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(b"hello\n", "line 1 at offset 0: line must be a JSON object", id="no-json"),
        pytest.param(bytes(range(256)) * 40, "line 1 at offset 0: line must be a JSON object", id="bytes"),
        pytest.param(HEAD[:-9].encode(), " at offset 0: must begin with a cardtrace/1 header", id="cut"),
        pytest.param(b"{" * (2 << 20), "line 1 at offset 0: line must be at most 1048576 bytes", id="long"),
        pytest.param(HEAD.replace("/1", "/2").encode(), "format must be cardtrace/1, got 'cardtrace/2'", id="version"),
        pytest.param(f'{HEAD}{{"n":1,"ev":"apdu","c":7}}\n'.encode(), "line 2 at offset 73: c must be", id="type"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_trace(monkeypatch, capsys, tmp_path, command, content, problem):
    monkeypatch.chdir(tmp_path)
    bad = tmp_path / "bad.jsonl"
    bad.write_bytes(content)
    name, *rest = command
    code, out, err = run(monkeypatch, capsys, name, bad, *(each.format(bad) for each in rest))
    assert (2, "", 1, True) == (code, out, err.count("\n"), err.startswith("cardos: bad.jsonl"))
    assert problem in err
    assert [bad] == list(tmp_path.iterdir())


def test_a_folder_that_is_not_there(monkeypatch, capsys, trace_file, tmp_path):
    out = tmp_path / "none" / "a.txt"
    code, _, err = run(monkeypatch, capsys, "export", trace_file, out)
    assert (2, f"cardos: {out}: file must be a new one, got No such file or directory\n") == (code, err)


GUIDE = Path(__file__).parents[2] / "docs" / "traces.md"


def test_the_commands_of_the_guide_run(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    [block] = re.findall(r"^```sh\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    for line in block.splitlines():
        _, *arguments = shlex.split(line, comments=True)
        monkeypatch.setattr(sys, "argv", ["cardos", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        status = 2 if "# status 2" in line else 0
        assert status == (ended.value.code or 0), (line, capsys.readouterr())
    assert {"card.html", "card.jsonl", "card.pcap", "card.txt", "open.jsonl"} == {
        p.name for p in tmp_path.iterdir()
    }


def test_the_example_of_the_guide_is_a_trace():
    [example] = re.findall(
        r"^```json\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    schema = Draft202012Validator(
        json.loads((SCHEMAS / "cardtrace-1.schema.json").read_text(encoding="utf-8"))
    )
    for line in example.splitlines():
        schema.validate(json.loads(line))
    assert example == trace_text(parse_trace(example.encode()))


def test_the_guide_names_every_member_and_event():
    text = GUIDE.read_text(encoding="utf-8")
    schema = json.loads((SCHEMAS / "cardtrace-1.schema.json").read_text(encoding="utf-8"))["$defs"]
    named = set(re.findall(r"`(\w+)`", text))
    assert {*schema["header"]["properties"], *schema["event"]["properties"], *EventKind} <= named

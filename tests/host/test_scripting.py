"""The mini-language: what it reads, what it sends, what it expects, and where it says that something is wrong."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cardos.apdu import COMMANDS, Catalogue, Command, Protection
from cardos.apdu.elements import data_elements
from cardos.apdu.purse_commands import GET_BALANCE
from cardos.errors import ScriptError, TransportError
from cardos.fields import Kind
from cardos.host import SimulatedTransport, Transport
from cardos.host.scripting import (
    NamedCommand,
    Reset,
    Script,
    ScriptRunner,
    Send,
    command_of,
    keys_of,
    parse_script,
)
from cardos.host.scripting.lines import Cursor, Line
from cardos.host.scripting.patterns import read_expectation
from cardos.simulation import make_test_card


class Answers(Transport):
    """A card that gives these answers, one after the other, and remembers what it was sent."""

    def __init__(self, *answers: str) -> None:
        self.left = [bytes.fromhex(answer) for answer in answers]
        self.sent: list[str] = []
        self.atr = bytes.fromhex("3B00")

    def transmit(self, command: bytes, /) -> bytes:
        self.sent.append(command.hex().upper())
        return self.left.pop(0)

    def reset(self, *, cold: bool = True) -> bytes:
        self.sent.append("cold" if cold else "warm")
        return self.atr

    def close(self) -> None:
        pass


def sent(text, *answers, raw=False):
    """What a script sends."""
    transport = Answers(*answers or ["9000"] * 20)
    list(ScriptRunner(transport, raw=raw).run_all(parse_script(text).steps))
    return transport.sent


def difference(expected, answer, **variables):
    expectation = read_expectation(Cursor(Line(expected)))
    return expectation.compare(bytes.fromhex(answer), variables).difference


# ------------------------------------------------------------------ what is sent


@pytest.mark.parametrize(
    ("line", "command"),
    [
        pytest.param("00A40000023F00", "00A40000023F00", id="hex"),
        pytest.param(" 00 a4 00 00 02 3f 00 ", "00A40000023F00", id="spaces-and-case"),
        pytest.param("00A40000(3F00)", "00A40000023F00", id="counted"),
        pytest.param('00A40400("1PAY.SYS.DDF01") 00', "00A404000E315041592E5359532E444446303100", id="text"),
        pytest.param("00D60000(70(01(02)))", "00D6000005700301" + "0102", id="counted-in-counted"),
        pytest.param("()", "00", id="nothing-counted"),
        pytest.param("00", "00", id="too-short-for-a-command"),
        pytest.param("00A4000005 3F00", "00A40000053F00", id="wrong-length-on-purpose"),
        pytest.param("GET BALANCE purse=ep", "805C000204", id="name"),
        pytest.param("get  balance  p2=02", "805C000204", id="name-in-any-case"),
        pytest.param("GET BALANCE purse=ep le=256", "805C000200", id="le"),
        pytest.param("GET BALANCE purse=ed le=0", "805C0001", id="no-le"),
        pytest.param("GET BALANCE p1=03 p2=01", "805C030104", id="parameters"),
        pytest.param("SELECT", "00A4000000", id="select-mf"),
        pytest.param("SELECT fid=3F01", "00A40000023F0100", id="select-file"),
        pytest.param('SELECT name="1PAY"', "00A40400043150415900", id="select-name"),
        pytest.param("SELECT p2=02 name=A000", "00A4040202A00000", id="parameter-over-shorthand"),
        pytest.param("READ BINARY", "00B0000000", id="current-file"),
        pytest.param("READ BINARY sfi=15", "00B0950000", id="sfi"),
        pytest.param("READ BINARY sfi=15 offset=8 le=4", "00B0950804", id="sfi-and-offset"),
        pytest.param("READ BINARY offset=0x0123", "00B0012300", id="long-offset"),
        pytest.param("READ RECORD sfi=18 record=1 le=23", "00B201C417", id="record"),
        pytest.param("APPEND RECORD sfi=18 data=AABB", "00E200C002AABB", id="append"),
        pytest.param("VERIFY pin=123456", "0020000003123456", id="pin"),
        pytest.param(
            "INITIALIZE FOR LOAD purse=ep key_index=1 amount=0x64 terminal=001122334455",
            "805000020B010000006400112233445510",
            id="fields",
        ),
        pytest.param(
            "CREDIT FOR LOAD date=2016-12-16 time=13:46:00 mac2=01020304",
            "805200000B201612161346000102030404",
            id="moment",
        ),
        pytest.param("APPLICATION BLOCK p2=00 mac=01020304", "841E00000401020304", id="protected"),
        pytest.param("UPDATE BINARY sfi=16 data=AA mac=01020304", "04D6960005AA01020304", id="data-and-mac"),
        pytest.param(
            "CREATE FILE p1=3F p2=00 type=0x38 header.size=0xFFFF header.create=0xF0 header.erase=0xF0 "
            "header.application=1 header.tail=FFFFFFFFFFFFFFFF",
            "80E03F000E38FFFFF0F001FFFFFFFFFFFFFFFF",
            id="parts-of-a-field",
        ),
        pytest.param("00A4 # 0000", "00A4", id="comment"),
        pytest.param('00("#") # comment', "000123", id="hash-in-text"),
        pytest.param("00A4 \\\n 0000 \\\n", "00A40000", id="continued"),
    ],
)
def test_a_line_is_one_command(line, command):
    assert [command] == sent(line)


def test_a_script_of_scriptor_runs():
    text = "# balance\nreset\n00 A4 00 00 02 3F 01\n\n805C000204\nexit\n00000000\n"
    assert ["cold", "00A40000023F01", "805C000204"] == sent(text)


def test_resets():
    assert ["cold", "cold", "warm"] == sent("reset\nRESET cold -> 3B..\nreset warm -> 3B00")
    [step] = parse_script("reset warm").steps
    assert (Reset, False) == (type(step), step.cold)


def test_an_atr_is_compared_as_a_whole():
    runner = ScriptRunner(Answers())
    [good, bad] = runner.run_all(parse_script("reset -> 3B00\nreset -> 9000").steps)
    assert ("", True) == (good.difference, "offset 0" in bad.difference)


@pytest.mark.parametrize("size", [0, 255, 256, 300])
def test_counted_bytes_take_the_extended_form_where_they_must(size):
    head = bytes([size]) if size < 256 else b"\x00" + size.to_bytes(2, "big")
    assert [(head + bytes(size)).hex().upper()] == sent(f"({'00' * size})")


def test_what_is_resolved_and_what_is_raw():
    text = "00B0000000"
    assert [text, "00C0000002"] == sent(text, "6102", "AABB9000")
    assert [text, "00B0000005"] == sent(text, "6C05", "9000")
    assert [text] == sent(text, "6102", raw=True)


# ------------------------------------------------------------------ captures


def test_bytes_of_an_answer_are_used_later():
    text = "0084000004 -> $RND:4 9000\n0082000008 $RND 00000000\nVERIFY pin=$RND\n80FA($RND($RND))"
    commands = sent(text, "0A0B0C0D9000", "9000", "9000", "9000")
    assert [
        "0082000008" + "0A0B0C0D" + "00000000",
        "00200000040A0B0C0D",
        "80FA090A0B0C0D040A0B0C0D",
    ] == commands[1:]


@pytest.mark.parametrize(
    ("pattern", "answer", "captured"),
    [
        pytest.param("$A:2 $B:1 9000", "0102039000", {"A": "0102", "B": "03"}, id="two"),
        pytest.param("$A:.. 9000", "0102039000", {"A": "010203"}, id="all"),
        pytest.param("$A:.. 9000", "9000", {"A": ""}, id="nothing"),
        pytest.param("XX $A:1 .. $SW:2", "0102039000", {"A": "02", "SW": "9000"}, id="round-a-gap"),
        pytest.param("6A82 | $A:1 9000", "079000", {"A": "07"}, id="of-the-alternative-that-fits"),
        pytest.param("$A:1 6A82", "079000", {}, id="nothing-when-it-differs"),
    ],
)
def test_what_is_captured(pattern, answer, captured):
    runner = ScriptRunner(Answers(answer))
    list(runner.run_all(parse_script(f"00000000 -> {pattern}").steps))
    assert captured == {name: value.hex() for name, value in runner.variables.items()}


def test_numbers_and_moments_can_be_captured():
    text = "00000000 -> $N:4 $D:4 $T:3 9000\n"
    text += "INITIALIZE FOR LOAD purse=ep key_index=1 amount=$N terminal=001122334455\n"
    text += "CREDIT FOR LOAD date=$D time=$T mac2=$N"
    commands = sent(text, "00000064" + "20161216" + "134600" + "9000", "9000", "9000")
    assert ["805000020B010000006400112233445510", "805200000B201612161346000000006404"] == commands[1:]


def test_a_capture_must_fit_where_it_is_used():
    runner = ScriptRunner(Answers("0102039000"))
    script = parse_script("00000000 -> $X:3 9000\nCREDIT SAM FOR PURCHASE mac2=$X")
    runner.run(script.steps[0])
    with pytest.raises(ScriptError, match="script:2:30: mac2 must be 4 bytes, got 3 bytes"):
        runner.run(script.steps[1])


def test_a_name_of_another_alternative_has_no_bytes():
    script = parse_script("00000000 -> $X:1 9000 | 6A82\n00$X")
    runner = ScriptRunner(Answers("6A82"))
    runner.run(script.steps[0])
    with pytest.raises(ScriptError, match="script:2:3"):
        runner.run(script.steps[1])


def test_steps_know_what_they_are():
    script = parse_script("GET BALANCE purse=ep -> $B:4 9000\nreset warm\nexit\nGET CHALLENGE le=4")
    [named, reset] = script.steps
    assert Script((named, reset), frozenset({"B"})) == script
    assert isinstance(named.command, NamedCommand)
    assert GET_BALANCE is named.command.spec
    assert (reset.place.line, False) == (2, reset.cold)


def test_names_of_before_are_known():
    assert {"A", "B"} == parse_script("00 -> $B:1 ..", known=["A"]).names
    with pytest.raises(ScriptError, match=r"name must be \$A, got \$C"):
        parse_script("00$C", known=["A"])


# ------------------------------------------------------------------ expectations


@pytest.mark.parametrize(
    ("pattern", "answer", "said"),
    [
        pytest.param("9000", "9000", "", id="status"),
        pytest.param("9000", "01029000", "", id="status-with-any-data"),
        pytest.param("9000", "6A82", "status must be 9000, got 6A82 (file not found)", id="other-status"),
        pytest.param("61XX", "6110", "", id="mask"),
        pytest.param("63CX", "63C2", "", id="half-a-byte"),
        pytest.param(
            "63cx", "6300", "status must be 63CX, got 6300 (authentication failed)", id="mask-differs"
        ),
        pytest.param("9000|6A82", "6A82", "", id="alternative"),
        pytest.param(
            "9000 | 61XX",
            "6A82",
            "status must be 9000 or 61XX, got 6A82 (file not found)",
            id="no-alternative",
        ),
        pytest.param("6F..9000", "6F01029000", "", id="data"),
        pytest.param("6F..9000", "6F9000", "", id="empty-gap"),
        pytest.param(
            "6F..9000", "9000", "answer must be at least 3 bytes with its status, got 2: 9000", id="too-short"
        ),
        pytest.param("6F..9000", "6E009000", "byte at offset 0 must be 6F, got 6E", id="data-differ"),
        pytest.param("0102 XX 9000", "01029F9000", "", id="any-byte"),
        pytest.param("0102 9000", "01039000", "byte at offset 1 must be 02, got 03", id="byte-differs"),
        pytest.param(
            "0102 9000", "01026A82", "status must be 9000, got 6A82 (file not found)", id="status-first"
        ),
        pytest.param(
            "0102 9000",
            "0102039000",
            "answer must be 4 bytes with its status, got 5: 0102039000",
            id="too-long",
        ),
        pytest.param('"" 9000', "9000", "", id="no-data"),
        pytest.param(
            '"" 9000', "019000", "answer must be 2 bytes with its status, got 3: 019000", id="no-data-differs"
        ),
        pytest.param('"AB" .. 9000', "414243449000", "", id="text"),
        pytest.param("..", "", "", id="anything"),
        pytest.param("9000", "", "answer must be 2 bytes with its status, got 0: none", id="no-answer"),
        pytest.param("$X 9000", "01029000", "", id="captured-before"),
        pytest.param("$X 9000", "01039000", "byte at offset 1 must be 02, got 03", id="captured-differs"),
        pytest.param(
            "019000|029000",
            "039000",
            "answer must be 019000 or 029000, got 039000",
            id="data-of-alternatives",
        ),
    ],
)
def test_expectations(pattern, answer, said):
    assert said == difference(pattern, answer, X=b"\x01\x02")


def test_every_half_byte_of_a_mask_counts():
    for value, mask in product(range(0x10), ["9XXX", "X9XX", "XX9X", "XXX9"]):
        answer = mask.replace("X", "0").replace("9", f"{value:X}")
        assert (value == 9) == (difference(mask, answer) == "")


@given(st.binary(max_size=40), st.integers(0, 40), st.integers(0, 40))
def test_an_answer_fits_itself_with_a_gap(data, first, last):
    answer = data + b"\x90\x00"
    head, tail = answer[: min(first, len(data))], answer[max(last, min(first, len(data))) :]
    assert "" == difference(f"{head.hex()} .. {tail.hex()}", answer.hex())


@given(
    st.lists(st.binary(max_size=40), min_size=1, max_size=4),
    st.sampled_from(["9000", "6F..9000", "$A:4 9000", ".."]),
)
def test_a_hostile_card_gives_differences_and_no_crash(answers, pattern):
    card = Answers(*[answer.hex() for answer in answers], *["9000"] * 3)
    runner = ScriptRunner(card)
    [step] = parse_script(f"00B0000000 -> {pattern}").steps
    try:
        result = runner.run(step)
    except TransportError:  # GET RESPONSE that gives nothing
        return
    assert result.difference or result.answer[-2:] in (
        b"\x90\x00",
        result.answer[-2:] if pattern == ".." else b"",
    )


# ------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        pytest.param("00A", (1, 1), "bytes must be pairs of hex digits, got 3 digits", id="odd"),
        pytest.param("00A4 0", (1, 6), "bytes must be pairs of hex digits, got 1 digits", id="odd-part"),
        pytest.param("00A4 ZZ", (1, 6), "bytes must be hex, \"text\", $NAME or ( … ), got 'Z'", id="no-hex"),
        pytest.param("00A40000(3F", (1, 12), "be closed, got the end", id="open"),
        pytest.param("00A4)", (1, 5), "got ')'", id="closed-only"),
        pytest.param('00"abc', (1, 3), "got '\"'", id="open-text"),
        pytest.param('00"é"', (1, 3), "text must be ASCII", id="not-ascii"),
        pytest.param(
            f"00({'00' * 65536})", (1, 3), "counted bytes must be 0..65535, got 65536", id="too-many-counted"
        ),
        pytest.param("SELECT fid=3F01)", (1, 16), "fid must be hex, got ')'", id="value"),
        pytest.param("(" * 9 + "00" + ")" * 9, (1, 9), "at most 8 deep", id="deep"),
        pytest.param("\n\n  SELEKT fid=3F00", (3, 3), "got 'SELEKT'; perhaps SELECT", id="name"),
        pytest.param("GET BALANCE p3=00", (1, 13), "must be purse=, p1=, p2=, le=, got p3=", id="field"),
        pytest.param("GET BALANCE 02", (1, 13), "got '0'", id="no-field"),
        pytest.param("CARD BLOCK x=1", (1, 12), "must be mac=, got x=", id="few-fields"),
        pytest.param("GET BALANCE p2=07", (1, 16), "p2 must be one of 01, 02, got 07", id="parameter"),
        pytest.param(
            "GET BALANCE p2=0102", (1, 16), "p2 must be two hex digits, got '0102'", id="long-parameter"
        ),
        pytest.param("GET BALANCE", (1, 1), "p2 of GET BALANCE must be one of 01, 02", id="no-parameter"),
        pytest.param("GET BALANCE purse=xx", (1, 19), "purse must be one of ed, ep, got 'xx'", id="choice"),
        pytest.param("GET BALANCE purse=ep purse=ed", (1, 28), "purse must be given once", id="twice"),
        pytest.param("GET BALANCE purse=", (1, 19), "purse must have a value, got none", id="no-value"),
        pytest.param("GET BALANCE purse=ep le=70000", (1, 1), "le must be 0..65536, got 70000", id="le"),
        pytest.param("READ BINARY sfi=1F", (1, 1), "sfi must be 00..1E, got 1F", id="sfi"),
        pytest.param("VERIFY pin=12", (1, 1), "data of VERIFY must be 2..8 bytes, got 1", id="length"),
        pytest.param(
            "SET MESSAGE safety_code=00", (1, 25), "safety_code must be 9 bytes, got 1 bytes", id="width"
        ),
        pytest.param(
            "GET TRANSACTION PROVE p2=06 serial=70000",
            (1, 36),
            "serial must be 0..65535, got 70000",
            id="range",
        ),
        pytest.param(
            "GET TRANSACTION PROVE p2=06 serial=x", (1, 36), "serial must be a whole number", id="number"
        ),
        pytest.param(
            "GET TRANSACTION PROVE p2=06", (1, 1), "serial must be given for GET TRANSACTION PROVE", id="none"
        ),
        pytest.param(
            "CREDIT FOR LOAD date=2026-02-30 time=1:0:0 mac2=00000000",
            (1, 22),
            "date must be a date",
            id="day",
        ),
        pytest.param("00A40000 ->", (1, 12), "expectation must be hex", id="no-expectation"),
        pytest.param(
            "00A40000 -> 90", (1, 13), "must have the two bytes of a status word, got '90'", id="one-byte"
        ),
        pytest.param(
            "00A40000 -> 900", (1, 13), "expected bytes must be pairs of digits", id="odd-expectation"
        ),
        pytest.param("00A40000 -> 9000 |", (1, 19), "got the end", id="no-alternative"),
        pytest.param("00A40000 -> .. 90 ..", (1, 13), "one part of any length at most", id="two-gaps"),
        pytest.param("00A40000 -> $A:.. ..", (1, 13), "one part of any length at most", id="gap-and-rest"),
        pytest.param("00A40000 -> 9000 -> 9000", (1, 18), "got '-'", id="two-arrows"),
        pytest.param(
            "00$X", (1, 3), "name must be captured before, as in -> $X:8 9000, got $X", id="unknown-name"
        ),
        pytest.param("00 -> $X 9000", (1, 7), "got $X", id="unknown-name-expected"),
        pytest.param("00 -> $Y:1 9000\n00 \\\n  $X", (3, 3), "name must be $Y, got $X", id="continued"),
        pytest.param("reset hot", (1, 7), "reset must stand alone, got 'h'", id="reset"),
        pytest.param("-> 9000", (1, 1), "got the end", id="nothing"),
    ],
)
def test_errors_say_where_and_what(text, place, said):
    with pytest.raises(ScriptError) as caught:
        parse_script(text, source="day.apdu")
    assert place == (caught.value.line, caught.value.column)
    assert said in caught.value.problem
    assert f"day.apdu:{place[0]}:{place[1]}: {caught.value.problem}" == str(caught.value)


@pytest.mark.parametrize(
    "line",
    ["VERIFFY pin=987654", "VERIFY pin=98765Z", "0020000003 98765Z", "VERIFY pin=98 7654", "pin 987654"],
)
def test_no_error_shows_a_secret(line):
    with pytest.raises(ScriptError) as caught:
        parse_script(line)
    assert not {"987654", "98765", "7654"} & set(caught.value.problem.replace("'", " ").split())


def test_lines_are_numbered_from_where_they_stand():
    [step] = parse_script("\n00", first_line=7).steps
    assert (8, 1) == (step.place.line, step.place.column)


WORDS = st.sampled_from(
    ["00A4", "(", ")", '"', "$X", "->", "..", "|", "XX", "9000", "$X:2", "$Y:..", "reset", "exit", "GET BALANCE",
     "purse=", "ep", "p2=02", "SELECT", "fid=", "#", "\\", "\n", " ", "=", "header.size=", "CREATE FILE", "é", "\x00"]
)  # fmt: skip


@given(st.one_of(st.text(max_size=80), st.lists(WORDS, max_size=20).map("".join)))
@example('00"')
@example("\\")
@example("00 -> $A")
def test_the_parser_takes_any_text_or_says_where(text):
    try:
        script = parse_script(text)
    except ScriptError as error:
        lines = text.split("\n")
        assert 1 <= error.line <= len(lines)
        assert 1 <= error.column <= len(lines[error.line - 1]) + 2
    else:
        assert all(isinstance(step, Send | Reset) for step in script.steps)


@given(st.binary(min_size=4, max_size=300))
def test_hex_is_sent_as_it_is(command):
    assert [command.hex().upper()] == sent(command.hex(" "))


# ------------------------------------------------------------------ names


KINDS = {Kind.UINT: "1", Kind.DATE: "2026-11-24", Kind.TIME: "12:00:00"}


def written(spec):
    """A line with every field of a command."""
    parameters = [name for name in ("p1", "p2") if len(getattr(spec, name)) > 1]
    yield from (f"{name}={min(getattr(spec, name) - {0x00}):02X}" for name in parameters)
    elements = data_elements(spec.body)
    rest = max(spec.lc[0] - sum(each.width or 0 for each in elements), 0)
    for each in elements:
        yield f"{each.path}={KINDS.get(each.kind) or '00' * (rest if each.width is None else each.width) or '()'}"
    if spec.protection is Protection.ALWAYS:
        yield "mac=01020304"


@pytest.mark.parametrize("spec", COMMANDS, ids=lambda spec: spec.name)
def test_every_declared_command_can_be_written_by_name(spec):
    [step] = parse_script(" ".join([spec.name, *written(spec)])).steps
    command = Command.decode(step.command.build({}))
    assert spec in fitting(command)


def fitting(command):
    """Commands of cards and SAMs share some codings."""
    return Catalogue(COMMANDS).fitting(command.cla, command.ins, command.p1, command.p2)


def test_keys_are_what_can_be_written():
    keys = keys_of(GET_BALANCE)
    assert ["purse", "p1", "p2", "le"] == list(keys)
    assert ("ed", "ep") == keys["purse"].choices
    assert all(
        key.note for spec in COMMANDS for key in keys_of(spec).values() if key.name in ("le", "mac", "p1")
    )


def test_a_name_is_found_at_the_begin_of_a_text():
    assert ("INIT SAM FOR PURCHASE", " amount=1") == (
        command_of("init sam for purchase amount=1")[0].name,
        " amount=1",
    )
    assert (None, "GET") == command_of("GET")
    assert (None, "GET BALANCES") == command_of("GET BALANCES")


# ------------------------------------------------------------------ on a card


def test_a_conversation_with_a_card():
    text = """\
        SELECT name="1PAY.SYS.DDF01" -> 6F 15 84 .. 9000
        SELECT fid=3F01              -> 6F..9000
        GET BALANCE purse=ep         -> 00000000 9000
        READ BINARY sfi=15           -> $PUBLIC:30 9000
        00B0950000                   -> $PUBLIC 9000
        VERIFY pin=000000            -> 63CX
        reset warm                   -> 3B..
        GET BALANCE purse=ep         -> 6A81|6985  # no application is selected
    """
    runner = ScriptRunner(SimulatedTransport(make_test_card("city-3des")))
    results = list(runner.run_all(parse_script(text).steps))
    assert [""] * 8 == [result.difference for result in results]
    assert 30 == len(runner.variables["PUBLIC"])


def test_no_answer_is_an_error_of_the_transport():
    link = SimulatedTransport(make_test_card("city-3des"))
    link.close()
    with pytest.raises(TransportError):
        list(ScriptRunner(link).run_all(parse_script("00A40000").steps))

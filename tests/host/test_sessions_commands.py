"""Every declared command has one method named after it in full, which sends it and gives its answer typed."""

from __future__ import annotations

from collections import Counter
from dataclasses import is_dataclass

import pytest

from cardos.apdu import COMMANDS, SW, Command, find_spec
from cardos.errors import DecodeError, StatusError, TransportError
from cardos.host import CardSession, LockState

from .session_calls import CALLS, Call, scripted

EACH_CALL = pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name.lower().replace(" ", "-"))
#: Those whose answer has a fixed length, which a card may get wrong.
FIXED = [call for call in CALLS if is_dataclass(call.result) or isinstance(call.result, bytes | int)]
FREE = {"READ BINARY", "READ RECORD", "GET RESPONSE", "DES CRYPT", "INTERNAL AUTHENTICATE", "EXPORT KEY"}


def method_of(command: str) -> str:
    return command.lower().replace(" ", "_")


def sessions(root: type[CardSession] = CardSession) -> set[type[CardSession]]:
    return {root}.union(*(sessions(below) for below in root.__subclasses__()))


def test_each_command_has_one_method_named_in_full():
    """A command that is declared tomorrow fails here until a session has its method."""
    methods = Counter(
        name for session in sessions() for name, value in vars(session).items() if callable(value)
    )
    wanted = {method_of(spec.name) for spec in COMMANDS}
    assert dict.fromkeys(sorted(wanted), 1) == {name: methods[name] for name in sorted(wanted)}


def test_each_command_has_a_call_in_these_tests():
    assert sorted(spec.name for spec in COMMANDS) == sorted(call.name for call in CALLS)
    assert [] == [call.name for call in CALLS if method_of(call.name) not in call.call.__code__.co_names]


def answer_with(call: Call, answer: str) -> object:
    """The call when the command itself is answered so."""
    *before, (command, _) = call.exchanges
    session = scripted(call.kind, (*before, (command, answer)))
    result = call.call(session)
    session.transport.close()
    return result


@EACH_CALL
def test_the_method_sends_its_command_and_gives_the_answer(call):
    command, answer = call.exchanges[-1]
    assert call.name == find_spec(Command.decode(bytes.fromhex(command))).name
    result = answer_with(call, answer)
    assert (call.result, type(call.result)) == (result, type(result))


@EACH_CALL
def test_a_refusal_names_the_command(call):
    for sw in (SW.CONDITIONS, 0x63C2, 0x6FA7, 0x6281):
        with pytest.raises(StatusError, match=f"{call.name} answered {sw:04X}") as caught:
            answer_with(call, f"AABB{sw:04X}")
        assert (sw, b"\xaa\xbb") == (caught.value.sw, caught.value.data)


@EACH_CALL
@pytest.mark.parametrize("answer", ["", "90"])
def test_no_status_word_is_no_answer(call, answer):
    with pytest.raises(TransportError, match=f"at least 2 bytes, got {len(answer) // 2}"):
        answer_with(call, answer)


@pytest.mark.parametrize(
    "call", [call for call in FIXED if call.name not in FREE], ids=lambda call: call.name
)
@pytest.mark.parametrize("change", ["short", "long", "empty"])
def test_an_answer_of_another_length_is_malformed(call, change):
    whole = call.exchanges[-1][1].replace(" ", "")
    data = {"short": whole[2:-4], "long": whole[:-4] + "00", "empty": ""}[change]
    with pytest.raises(DecodeError):
        answer_with(call, data + "9000")


@pytest.mark.parametrize(
    "call", [call for call in CALLS if is_dataclass(call.result)], ids=lambda call: call.name
)
def test_results_are_frozen(call):
    name = next(iter(type(call.result).__dataclass_fields__))
    with pytest.raises(AttributeError):
        setattr(call.result, name, 1)
    assert not hasattr(call.result, "__dict__")


def test_results_say_what_they_answer():
    """Two commands with answers of one form have two types: what one began, the other does not complete."""
    results = {call.name: call.result for call in CALLS}
    load, unload = results["INITIALIZE FOR LOAD"], results["INITIALIZE FOR UNLOAD"]
    assert load != unload
    assert repr(unload).startswith("UnloadInitialised(balance=100, online_serial=3,")
    assert LockState.LOCKED == results["GET LOCK PROOF"].lock_state

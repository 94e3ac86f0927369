"""T=0: GET RESPONSE and Le; T=1 and T=CL; answers to reset."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardos.files.filesystem import BlockState
from cardos.files.link import answer_to_reset
from tests.files.desk import AID, K16, SELECT_ADF, Desk, application

FCI = 52  # bytes
MF_FCI = "6F15840E315041592E5359532E4444463031A503880101"


@pytest.fixture
def desk() -> Desk:
    made = application(protocol="T=0")
    assert f"61{FCI:02X}" == made.sw(SELECT_ADF)
    return made


def words(desk: Desk, *commands: str) -> list[str]:
    return [desk.sw(command) for command in commands]


def test_data_of_a_command_that_sent_some_wait(desk):
    answer = desk.raw(f"00C00000{FCI:02X}")
    assert (0x9000, FCI) == (answer.sw, len(answer.data))
    assert AID in answer.data
    assert "6985" == desk.sw(f"00C00000{FCI:02X}")


def test_another_le_is_corrected_and_nothing_is_lost(desk):
    assert [f"6C{FCI:02X}"] * 2 == words(desk, "00C00000FF", "00C0000000")
    assert "9000" == desk.sw(f"00C00000{FCI:02X}")


def test_data_can_be_fetched_in_parts(desk):
    first, second = desk.raw("00C0000010"), desk.raw(f"00C00000{FCI - 16:02X}")
    assert (0x6100 | FCI - 16, 16) == (first.sw, len(first.data))
    assert (0x9000, FCI - 16) == (second.sw, len(second.data))
    whole = application().raw(SELECT_ADF).data
    assert whole == first.data + second.data


@pytest.mark.parametrize("between", ["00B0840001", "0084000004", "00FF000000", "00A40000020004", "00"])
def test_waiting_data_are_lost_by_another_command(desk, between):
    desk.raw(between)
    assert "6985" == desk.sw("00C0000010")


def test_waiting_data_are_lost_by_reset(desk):
    desk.reset()
    assert "6985" == desk.sw("00C0000010")


#: Every status word of GET RESPONSE when data wait, but for 6985, which comes when they were fetched.
COMMAND = "GET RESPONSE"
ROWS = [(0x9000, f"00C00000{FCI:02X}"), (0x6700, "00C000000100"), (0x6A86, "00C0010010"), (0x6985, "")]


@pytest.mark.parametrize(("sw", "command"), ROWS)
def test_status_of_get_response(desk, sw, command):
    if not command:
        command = f"00C00000{FCI:02X}"
        desk.ok(command)
    assert f"{sw:04X}" == desk.sw(command)


def test_a_wrong_p1_loses_nothing(desk):
    assert ["6A86", "9000"] == words(desk, "00C0010010", f"00C00000{FCI:02X}")


def test_the_status_of_the_command_comes_with_its_data():
    """As in a trace of a transport card: 61xx, then the FCI with 6A81."""
    desk = application(protocol="T=0")
    desk.sw(SELECT_ADF)
    desk.fs.set_block_state(desk.session.directory, BlockState.TEMPORARY)
    desk.fs.commit()
    assert f"61{FCI:02X}" == desk.sw(SELECT_ADF)
    answer = desk.raw(f"00C00000{FCI:02X}")
    assert (0x6A81, FCI) == (answer.sw, len(answer.data))


def test_case_2_returns_its_data_directly(desk):
    desk.ok("00D6840002AABB")
    assert "AABB" == desk.ok("00B0840002")
    assert 4 == len(desk.raw("0084000004").data)
    assert "00000000" == desk.ok("805C000204")


def test_case_2_corrects_le(desk):
    desk.ok("00DC013408" + "11" * 8, "00D6840010" + "22" * 16)
    assert ["6C08", "6C08", "6C04", "6C04", "6C10"] == words(
        desk, "00B2013400", "00B2013407", "805C000200", "805C000203", "00B0840000"
    )
    assert "11" * 8 == desk.ok("00B2013408")


def test_a_command_of_four_bytes_has_p3_00(desk):
    assert "6C04" == desk.sw("805C0002")
    assert f"6C{len(MF_FCI) // 2:02X}" == desk.sw("00A40000")


def test_le_behind_data_is_dropped(desk):
    assert f"61{FCI:02X}" == desk.sw(SELECT_ADF + "00")
    assert "6700" == desk.sw(SELECT_ADF + "0000")


def test_protected_commands(desk):
    desk.ok(desk.protected("04D6950003AABBCC"))
    channel = desk.channel(K16)
    header = bytes.fromhex("04B0880004")
    desk.fs.write(desk.fs.find(desk.session.directory, 8), 0, bytes(8))
    assert "610C" == desk.sw(header + channel._mac(header))
    assert bytes(8) == channel.unprotect_answer(desk.raw("00C000000C").data)


def test_get_response_does_not_use_up_a_challenge(desk):
    """It cannot: what waits was left by a command, which did."""
    desk.challenge()
    assert "6985" == desk.sw("00C0000010")
    assert "9000" == desk.authenticate()


@given(st.lists(st.integers(1, 60), max_size=6))
def test_fetching_in_any_steps_gives_the_whole(steps):
    desk = application(protocol="T=0")
    whole = application().raw(SELECT_ADF)
    desk.sw(SELECT_ADF)
    got, left = b"", FCI
    for step in [*steps, FCI]:
        if left == 0:
            break
        answer = desk.raw(f"00C00000{min(step, left):02X}")
        got += answer.data
        left = FCI - len(got)
        assert (answer.sw == 0x9000) if left == 0 else (answer.sw == 0x6100 | left)
    assert whole.data == got


@pytest.mark.parametrize("protocol", ["T=1", "T=CL"])
def test_other_protocols_answer_at_once(protocol):
    desk = application(protocol=protocol)
    assert FCI == len(desk.raw(SELECT_ADF).data)
    assert "6D00" == desk.sw("00C0000010")


# -- answers to reset


def test_answers():
    hexes = {
        protocol: application(protocol=protocol).card.power_on().hex() for protocol in ("T=0", "T=1", "T=CL")
    }
    cos = application().card.profile.cos
    assert (cos.atr.lower(), cos.ats.lower()) == (hexes["T=0"], hexes["T=CL"])
    assert hexes["T=1"] != hexes["T=0"]


@pytest.mark.parametrize(
    ("atr", "answer"),
    [
        pytest.param("3B00", "3B800181", id="shortest"),
        pytest.param("3B6C00021302863818", "3BEC0002011302863818" + "4B", id="two-interface-bytes"),
        pytest.param("3B9F95803F", "3B9F95803F", id="protocol-is-named"),
    ],
)
def test_t1_is_offered(atr, answer):
    made = answer_to_reset(bytes.fromhex(atr)).hex().upper()
    assert answer[:-2] == made[:-2]
    if atr != answer:
        check = 0
        for byte in bytes.fromhex(made)[1:]:
            check ^= byte
        assert 0 == check

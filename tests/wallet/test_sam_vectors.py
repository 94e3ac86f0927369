"""Values that were not computed here: a published key loading, the field's application lock, and the constructed
vectors of the PSAM, which were made with the published formulas and sample keys.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from cardos.apdu import SW, Command
from cardos.apdu.grey_commands import INIT_SAM_FOR_GREY_LOCK
from cardos.apdu.os_commands import GET_CHALLENGE
from cardos.apdu.sam_commands import DELIVERY_KEY, DES_CRYPT, CryptMode
from cardos.crypto import Key, diversify, encrypt_ecb
from cardos.profile import load_dialect
from tests.wallet.rig import KEY, SamRig
from tests.wallet.sam_rig import add_keys, certify, crypt, deliver, grey_credit, load_command

ROOT = KEY
ISSUER = bytes.fromhex("1000000000000001")
CARD = bytes.fromhex("0102030405060708")
TERMINAL = bytes.fromhex("010203040506")
RANDOM = bytes.fromhex("A1B2C3D4")
WHEN = datetime(2025, 1, 2, 3, 4, 5)
SERIAL = 0x64
LOAD_ROOT = bytes.fromhex("0F1E2D3C4B5A69788796A5B4C3D2E1F0")
PBOC = load_dialect("pboc2", "3des")


def psam():
    sam = SamRig.build(usage=0x42, versions={1: ROOT}, counter=SERIAL, terminal=TERMINAL)
    sam.when = WHEN
    return sam


# ------------------------------------------------------------------ CSDN, key loading of a PSAM (2016-12-20)


def test_csdn_2016_diversification():
    derived = diversify(Key(KEY), bytes.fromhex("1122334455667788"))
    assert "496bd7a3513644533100b54e71196528" == derived.reveal().hex()


def test_csdn_2016_write_sam_key():
    """Control key and loaded key 0011..FF, usage 22, card random 5D72B3FD: the published command is taken."""
    sam = SamRig.build(versions={})
    sam.select(sam.profile.directories[0].aid)
    sam.authenticate()
    sam.select()
    sam.random.next("5D72B3FD")
    assert "5d72b3fd" == sam.raw(replace(GET_CHALLENGE.command(), le=4)).data.hex()
    sent = "84D400001CDCC0BB5793ABFCA2CA8C1624822F6E01A86A0B5CBED191DD8A9D4ADB"
    assert SW.SUCCESS == sam.raw(bytes.fromhex(sent)).sw
    record = sam.fs.key(sam.application, 0x22, 0x00, mask=0xFF)
    assert (0x22, 0x00, 0x00, KEY) == (record.type, record.first, record.second, record.value)


# ------------------------------------------------------------------ field: application lock of a validator


def test_field_application_lock():
    """Maintenance master C0C1.., issuer then card: MAC BBFEC0F2 for 841E000104 after the random 11223344."""
    master = bytes.fromhex("C0C1C2C3C4C5C6C7C8C9CACBCCCDCECF")
    sam = add_keys(SamRig.build(), (0x45, 1, master))
    assert "fc2dd140b27d9bc8f9bb0b904a27bcfa" == diversify(Key(master), ISSUER, CARD).reveal().hex()
    deliver(sam, 0x45, 1, (CARD, ISSUER))
    command = bytes.fromhex("841E000104 800000")
    mac = crypt(sam, CryptMode.MAC_WHOLE, bytes.fromhex("11223344") + bytes(4) + command)
    assert "bbfec0f2" == mac.hex()
    channel_mac = sam.suite.command_mac(
        diversify(Key(master), ISSUER, CARD), bytes.fromhex("11223344"), bytes.fromhex("841E000104")
    )
    assert channel_mac == mac


@pytest.mark.parametrize("header", ["801A4501", "801A4502", "801A2801", "801A4401", "801A2401"])
def test_field_delivery_key_coding(header):
    """Delivery commands as T-Union and metro terminals send them: two levels 10 bytes of data, one level 08."""
    levels = int(header[4:6], 16) >> 5
    command = Command(*bytes.fromhex(header), bytes(8 * levels))
    assert DELIVERY_KEY.accepts_length(command)
    assert command.p1 in DELIVERY_KEY.p1
    sam = SamRig.build()
    usage, version = command.p1, command.p2
    expected = SW.CONDITIONS if usage & 0x1F == 0x04 else SW.SUCCESS  # what 04 is for nobody says
    assert SW.KEY_INDEX == sam.raw(command).sw
    add_keys(sam, (usage, version, KEY))
    assert expected == sam.raw(command).sw


def test_field_des_crypt_coding():
    assert set(CryptMode) == DES_CRYPT.p1 == {0x00, 0x02, 0x05, 0x07, 0x03, 0x01}
    assert (8, 0x30) == DES_CRYPT.lc


# ------------------------------------------------------------------ constructed vectors, sample keys


@pytest.mark.parametrize(
    ("factors", "expected"),
    [
        ((ISSUER,), "B51AFD496ECB69F343171C54BDD86E17"),
        ((ISSUER, CARD), "B337259E71EF5BA42020A161DF0DBA92"),
        ((CARD, ISSUER), "D1DC34AE25DCE0C3A0CF1D339322B589"),
        ((CARD,), "00E2B15307A7A33050BBBCA82E87FF07"),
    ],
    ids=["issuer", "issuer-card", "card-issuer", "card"],
)
def test_constructed_diversification(factors, expected):
    assert expected.lower() == diversify(Key(ROOT), *factors).reveal().hex()


def test_constructed_purchase():
    """8070 with two factors: answer 00000064 84D59D3B, and MAC2 D8F12C29 is taken."""
    sam = psam()
    data = "A1B2C3D40005000000C806202501020304050100" + CARD.hex() + ISSUER.hex()
    answer = sam.raw(bytes.fromhex("8070000024" + data + "08"))
    assert (SW.SUCCESS, "0000006484d59d3b") == (answer.sw, answer.data.hex())
    sam.credit(bytes.fromhex("D8F12C29"))


def test_constructed_session_key():
    session = PBOC.session_key(
        "purchase",
        diversify(Key(ROOT), ISSUER, CARD),
        random=RANDOM,
        offline_serial=5,
        terminal_serial=SERIAL,
    )
    assert "d38c3ae3d332fbe0" == session.reveal().hex()


def test_constructed_purchase_tac():
    master = Key(bytes.fromhex("FFEEDDCCBBAA99887766554433221100"))
    card = diversify(master, CARD)
    assert "af444357d17800f8ff1d4eacf8585ccf" == card.reveal().hex()
    assert "50590dfb29205c37" == card.folded().reveal().hex()
    tac = PBOC.tac(
        "purchase", card, amount=200, type=6, terminal=TERMINAL, terminal_serial=SERIAL, date=WHEN.date(),
        time=WHEN.time(),
    )  # fmt: skip
    assert "fff49711" == tac.hex()


def test_constructed_load():
    """MAC1 2D8B92C8 against MAC2 6932120A; the load SAM counts from its own first serial."""
    sam = SamRig.build("isam-3des", usage=0x29, versions={0: LOAD_ROOT}, terminal=TERMINAL)
    set_limit(sam, 0x1388)
    sam.when = WHEN
    assert "4f70239875abfbb519669025353b6a2c" == diversify(Key(LOAD_ROOT), CARD).reveal().hex()
    command = load_command(
        sam, factors=(CARD,), mac1=bytes.fromhex("2D8B92C8"), random=RANDOM, online_serial=3, balance=0xBB8,
        amount=0x1388, type=2,
    )  # fmt: skip
    answer = sam.raw(command)
    assert (SW.SUCCESS, "000000006932120a") == (answer.sw, answer.data.hex())


def set_limit(sam, limit):
    node = sam.fs.find(sam.application, 0x001A)
    sam.fs.write(node, 0, limit.to_bytes(4, "big"))
    sam.fs.commit()


def test_constructed_load_tac():
    master = Key(bytes.fromhex("FFEEDDCCBBAA99887766554433221100"))
    tac = PBOC.tac(
        "load", diversify(master, CARD), balance=0x1F40, online_serial=3, amount=0x1388, type=2,
        terminal=TERMINAL, date=WHEN.date(), time=WHEN.time(),
    )  # fmt: skip
    assert "09048f2f" == tac.hex()


def test_constructed_grey_lock():
    """E040 type 91, terminal random 55667788: SESPK BF200B7C2221FAD1, MAC1 D6C950E8."""
    sam = psam()
    sam.random.next("55667788")
    data = "A1B2C3D40005000000C891202501020304050100" + CARD.hex() + ISSUER.hex()
    answer = sam.raw(bytes.fromhex("E040000024" + data + "0C"))
    assert (SW.SUCCESS, "00000064" + "55667788" + "d6c950e8") == (answer.sw, answer.data.hex())
    begun = INIT_SAM_FOR_GREY_LOCK.parse_answer(answer.data)
    session = PBOC.session_key(
        "grey_lock", diversify(Key(ROOT), ISSUER, CARD), random=RANDOM, offline_serial=5,
        terminal_serial=begun.terminal_serial, terminal_random=begun.terminal_random,
    )  # fmt: skip
    assert "bf200b7c2221fad1" == session.reveal().hex()
    certify(sam, PBOC.mac("grey_lock", "mac2", session, balance=200, offline_serial=5))
    add_keys(sam, (0x15, 0, KEY))
    credited = grey_credit(sam, card_serial=CARD, offline_serial=6, amount=150)
    assert PBOC.mac("grey_debit", "gmac", session, amount=150) == credited.gmac


def test_internal_authentication_by_delivery():
    """A gate checks a card: 801A, then 80FA00 over its challenge, is what the card answers."""
    sam = add_keys(SamRig.build(), (0x2F, 0, KEY))
    deliver(sam, 0x2F, 0, (CARD,))
    challenge = bytes(range(8))
    assert encrypt_ecb(diversify(Key(KEY), CARD), challenge) == crypt(sam, CryptMode.ENCRYPT_LAST, challenge)

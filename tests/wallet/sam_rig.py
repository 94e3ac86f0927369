"""What the tests of the secure modules share: SAMs with many keys, and the numbers of the constructed vectors."""

from __future__ import annotations

from dataclasses import replace

from cardos.apdu import SW, Command, SecureChannel
from cardos.apdu.grey_commands import (
    CERTIFY_GREY_LOCK,
    CREDIT_SAM_FOR_GREY_DEBIT,
    GET_GMAC,
    INIT_SAM_FOR_GREY_LOCK,
)
from cardos.apdu.os_commands import APPLICATION_UNBLOCK, GET_CHALLENGE
from cardos.apdu.sam_commands import AUTHENTICATION_MESSAGE, DELIVERY_KEY, DES_CRYPT, LOAD_BY_SAM
from cardos.crypto import diversify
from tests.wallet.rig import KEY, Rig, SamRig, moment

CARD, ISSUER, REGION = (bytes([n]) * 8 for n in (0x11, 0x22, 0x33))
RANDOM = bytes.fromhex("A1B2C3D4")
CODE = bytes.fromhex("010203040506070809")


def add_keys(sam: SamRig, *keys: tuple[int, int, bytes]) -> SamRig:
    """Load keys (usage, version, value) with the rights that the control key of the MF gives."""
    sam.select(sam.profile.directories[0].aid)
    sam.authenticate()
    sam.select()
    for usage, version, value in keys:
        sam.write_key(usage, version, value)
    sam.reset()
    return sam


def deliver(sam: SamRig, usage: int, version: int = 0, factors=(), *, sw: int = SW.SUCCESS) -> None:
    sam.send(DELIVERY_KEY, usage, version, sw=sw, factors=b"".join(factors))


def crypt(sam: SamRig, mode: int, data: bytes, *, sw: int = SW.SUCCESS) -> bytes:
    answer = sam.send(DES_CRYPT, mode, sw=sw, data=data)
    return b"" if answer is None else answer.data


def give_code(sam: SamRig, code: bytes = CODE, *, sw: int = SW.SUCCESS) -> None:
    sam.send(AUTHENTICATION_MESSAGE, sw=sw, safety_code=code)


def unblock(rig: Rig, *, key: bytes = KEY) -> Command:
    """APPLICATION UNBLOCK under the maintenance key of the application, after a challenge."""
    challenge = rig.raw(replace(GET_CHALLENGE.command(), le=4)).data
    return SecureChannel(rig.suite, rig.suite.key(key), challenge).protect(APPLICATION_UNBLOCK.command())


# ------------------------------------------------------------------ grey lock


def grey_init_command(sam: SamRig, factors=(CARD,), **fields):
    values = {
        "random": RANDOM, "offline_serial": 5, "balance": 1000, "type": 0x91, "key_version": 0, "algorithm": 0,
        **moment(sam.when), **fields,
    }  # fmt: skip
    return INIT_SAM_FOR_GREY_LOCK.command(factors=b"".join(factors), **values)


def grey_init(sam: SamRig, factors=(CARD,), *, sw: int = SW.SUCCESS, **fields):
    answer = sam.raw(grey_init_command(sam, factors, **fields))
    assert f"{sw:04X}" == f"{answer.sw:04X}"
    return INIT_SAM_FOR_GREY_LOCK.parse_answer(answer.data) if answer.sw == SW.SUCCESS else None


def grey_session(sam: SamRig, begun, factors=(CARD,), *, key: bytes = KEY, offline_serial: int = 5):
    """GSESPK as the card makes it."""
    return sam.dialect.session_key(
        "grey_lock", diversify(sam.suite.key(key), *reversed(factors)), random=RANDOM,
        offline_serial=offline_serial, terminal_serial=begun.terminal_serial,
        terminal_random=begun.terminal_random,
    )  # fmt: skip


def grey_mac2(sam: SamRig, begun, factors=(CARD,), *, balance: int = 1000, offline_serial: int = 5) -> bytes:
    session = grey_session(sam, begun, factors, offline_serial=offline_serial)
    return sam.dialect.mac("grey_lock", "mac2", session, balance=balance, offline_serial=offline_serial)


def certify(sam: SamRig, mac2: bytes, *, sw: int = SW.SUCCESS) -> None:
    sam.send(CERTIFY_GREY_LOCK, sw=sw, mac2=mac2)


def grey_lock(sam: SamRig, factors=(CARD,), *, offline_serial: int = 5):
    """A certified lock of a card; gives the answer of INIT SAM FOR GREY LOCK."""
    begun = grey_init(sam, factors, offline_serial=offline_serial)
    certify(sam, grey_mac2(sam, begun, factors, offline_serial=offline_serial))
    return begun


def grey_credit(sam: SamRig, *, sw: int = SW.SUCCESS, **fields):
    values = {"type": 0x93, "card_serial": CARD, "offline_serial": 6, "amount": 700, **fields}
    return sam.send(CREDIT_SAM_FOR_GREY_DEBIT, sw=sw, **values)


def gmac_again(sam: SamRig, serial: int, *, sw: int = SW.SUCCESS):
    return sam.send(GET_GMAC, sw=sw, terminal_serial=serial)


# ------------------------------------------------------------------ load


def load_command(sam: SamRig, *, key: bytes = KEY, factors=(CARD,), mac1: bytes | None = None, **fields):
    """LOAD BY SAM for a card whose MAC1 is right unless one is given."""
    values = {
        "random": RANDOM, "online_serial": 3, "balance": 3000, "amount": 5000, "type": 0x02, "key_version": 0,
        "algorithm": 0, **moment(sam.when), **fields,
    }  # fmt: skip
    if mac1 is None:
        mac1 = sam.dialect.mac(
            "load", "mac1", load_session(sam, values, factors, key), balance=values["balance"],
            amount=values["amount"], type=values["type"], terminal=sam.terminal,
        )  # fmt: skip
    return LOAD_BY_SAM.command(factors=b"".join(factors), mac1=mac1, **values)


def load_session(sam: SamRig, values, factors=(CARD,), key: bytes = KEY):
    card_key = diversify(sam.suite.key(key), *reversed(factors))
    return sam.dialect.session_key(
        "load", card_key, random=values["random"], online_serial=values["online_serial"]
    )

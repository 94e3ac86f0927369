"""Every status word of every command of the purchase SAM, each provoked, and its state table on the SAM itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cardos.apdu import SW
from cardos.apdu.grey_commands import (
    CERTIFY_GREY_LOCK,
    CREDIT_SAM_FOR_GREY_DEBIT,
    GET_GMAC,
    INIT_SAM_FOR_GREY_LOCK,
)
from cardos.apdu.os_commands import APPLICATION_UNBLOCK, GET_CHALLENGE
from cardos.apdu.sam_commands import (
    AUTHENTICATION_MESSAGE,
    CREDIT_SAM_FOR_PURCHASE,
    DELIVERY_KEY,
    DES_CRYPT,
    INIT_SAM_FOR_PURCHASE,
    INIT_SAM_WITH_SERIAL,
    WRITE_SAM_KEY,
)
from cardos.apdu.secure import SecureChannel
from cardos.card import KINDS
from cardos.crypto import diversify
from cardos.files.filesystem import BlockState
from cardos.profile import load_profile
from cardos.wallet import sam as purchase
from cardos.wallet import sam_crypt, sam_grey
from cardos.wallet.states import SAM_STATES, State
from tests.wallet.rig import KEY, Random, SamRig, blank, moment, options, personalise
from tests.wallet.sam_rig import (
    CARD,
    CODE,
    RANDOM,
    add_keys,
    certify,
    deliver,
    grey_init,
    grey_init_command,
    grey_lock,
    grey_mac2,
)

PURCHASE = INIT_SAM_FOR_PURCHASE
SERIAL = INIT_SAM_WITH_SERIAL
CREDIT = CREDIT_SAM_FOR_PURCHASE
LOCK, CERTIFY = INIT_SAM_FOR_GREY_LOCK, CERTIFY_GREY_LOCK
DEBIT, GMAC = CREDIT_SAM_FOR_GREY_DEBIT, GET_GMAC
MESSAGE = AUTHENTICATION_MESSAGE
COMMANDS = (PURCHASE, SERIAL, CREDIT, LOCK, CERTIFY, DEBIT, GMAC, MESSAGE, DELIVERY_KEY, DES_CRYPT)


def init_command(spec=PURCHASE, **fields):
    values = {
        "random": RANDOM, "offline_serial": 5, "amount": 200, "type": 6, "key_version": 0, "algorithm": 0,
        "factors": CARD, "terminal_serial": 77, **moment(SamRig.when), **fields,
    }  # fmt: skip
    return spec.command(**values)


def debit_command(**fields):
    values = {"type": 0x93, "card_serial": CARD, "offline_serial": 6, "amount": 700, **fields}
    return DEBIT.command(**values)


def write_command(sam, *, usage=0x26, challenge=True, forge=False):
    """WRITE SAM KEY under the control key of the application."""
    given = sam.raw(replace(GET_CHALLENGE.command(), le=4)).data if challenge else bytes(4)
    plain_ = WRITE_SAM_KEY.command(usage=usage, version=0, algorithm=0, value=KEY)
    sent = SecureChannel(sam.suite, sam.suite.key(KEY), given).protect(plain_, enciphered=True)
    return replace(sent, data=sent.data[:-4] + bytes(4)) if forge else sent


#: A command of each kind that the SAM takes when it is ready for it.
PLAIN = {
    PURCHASE.name: lambda _sam: init_command(),
    SERIAL.name: lambda _sam: init_command(SERIAL),
    CREDIT.name: lambda _sam: CREDIT.command(mac2=bytes(4)),
    LOCK.name: grey_init_command,
    CERTIFY.name: lambda _sam: CERTIFY.command(mac2=bytes(4)),
    DEBIT.name: lambda _sam: debit_command(),
    GMAC.name: lambda _sam: GMAC.command(terminal_serial=0),
    MESSAGE.name: lambda _sam: MESSAGE.command(safety_code=CODE),
    DELIVERY_KEY.name: lambda _sam: DELIVERY_KEY.command(0x25, 0x00, factors=CARD),
    DES_CRYPT.name: lambda _sam: DES_CRYPT.command(0x00, data=bytes(8)),
    WRITE_SAM_KEY.name: lambda sam: write_command(sam, challenge=False),
}


def ready(sam, spec):
    """What must have happened before the plain command does something."""
    before = {
        CREDIT.name: lambda: sam.init((CARD,)),
        CERTIFY.name: lambda: grey_init(sam),
        DEBIT.name: lambda: grey_lock(sam),
        GMAC.name: lambda: grey_lock(sam),
        DES_CRYPT.name: lambda: deliver(sam, 0x25, 0, (CARD,)),
    }
    before.get(spec.name, lambda: None)()


def plain(spec, **changes):
    """The plain command, its header changed."""

    def provoke(sam):
        ready(sam, spec)
        return sam.raw(replace(PLAIN[spec.name](sam), **changes))

    return provoke


def given(build):
    """A command that is not the plain one, on a SAM that is ready for nothing."""
    return lambda sam: sam.raw(build())


def worn(spec):
    def provoke(sam):
        ready(sam, spec)
        sam.card.memory.worn = True
        return sam.raw(PLAIN[spec.name](sam))

    return provoke


def exhausted(spec):
    """MAC2 wrong as often as the profile allows, then the command."""

    def provoke(sam):
        for _ in range(sam.profile.sam.mac2_tries):
            sam.init((CARD,))
            sam.credit(bytes(4), sw=SW.MAC_INVALID)
        return sam.raw(PLAIN[spec.name](sam))

    return provoke


def blocked(spec, state=BlockState.TEMPORARY):
    def provoke(sam):
        sam.fs.set_block_state(sam.application, state)
        sam.fs.commit()
        return sam.raw(PLAIN[spec.name](sam))

    return provoke


def blocked_as_in_the_standard(spec):
    """A product that answers 6985 in a blocked application."""
    return lambda _sam: blocked(spec)(build(profile=options("psam-3des", blocked_command=0x6985)))


def at_the_end(spec):
    return lambda sam: build(counter=0xFFFFFFFF).raw(PLAIN[spec.name](sam))


def in_the_mf(spec):
    """The MF, with a purchase key but no files of the application."""

    def provoke(sam):
        sam.select(sam.profile.directories[0].aid)
        sam.authenticate()
        sam.write_key(0x22, 0, KEY)
        return sam.raw(PLAIN[spec.name](sam))

    return provoke


def without_tac_key(_sam):
    sam = SamRig.build()
    grey_lock(sam)
    return sam.raw(debit_command())


def another_amount(sam):
    grey_lock(sam)
    assert SW.SUCCESS == sam.raw(debit_command()).sw
    return sam.raw(debit_command(amount=701))


def another_type(sam):
    grey_lock(sam)
    return sam.raw(debit_command(type=0x94))


def a_purchase_key(sam):
    return sam.raw(DELIVERY_KEY.command(0x22, 0x00, factors=CARD))


def may_write(sam):
    """The rights that writing to the key file needs."""
    sam.select(sam.profile.directories[0].aid)
    sam.authenticate()
    sam.select()
    return sam


def write(**how):
    return lambda sam: sam.raw(write_command(may_write(sam), **how))


def write_with_worn_memory(sam):
    command = write_command(may_write(sam))
    sam.card.memory.worn = True
    return sam.raw(command)


def write_without_tries(sam):
    may_write(sam)
    for _ in range(3):
        assert SW.MAC_INVALID == sam.raw(write_command(sam, forge=True)).sw
    return sam.raw(write_command(sam))


def write_until_full(sam):
    may_write(sam)
    for version in range(1, 20):
        answer = sam.raw(write_command(sam, usage=version))
        if answer.sw != SW.SUCCESS:
            break
    return answer


def without(what):
    """A SAM whose application has no key file, or whose MF and application have no control key."""

    def provoke(_sam):
        profile = load_profile("psam-3des")
        lacking = {
            "file": lambda d: replace(d, files=tuple(f for f in d.files if f.type != "key"), keys=()),
            "key": lambda d: replace(d, keys=()),
        }[what]
        rig = blank(replace(profile, directories=tuple(lacking(d) for d in profile.directories)), Random())
        personalise(rig, {})
        return rig.raw(write_command(rig))

    return provoke


ROWS = [
    *((spec, SW.NOT_SUPPORTED, "blocked", blocked(spec)) for spec in (*COMMANDS, WRITE_SAM_KEY)),
    *((spec, SW.APPLICATION_LOCKED, "blocked", blocked(spec, BlockState.PERMANENT))
      for spec in (*COMMANDS, WRITE_SAM_KEY)),
    *((spec, SW.CONDITIONS, "blocked-6985", blocked_as_in_the_standard(spec)) for spec in (MESSAGE, WRITE_SAM_KEY)),
    *((spec, SW.WRONG_P1P2, "p2", plain(spec, p2=0x7F)) for spec in COMMANDS if spec is not DELIVERY_KEY),
    (WRITE_SAM_KEY, SW.WRONG_P1P2, "p2", lambda sam: sam.raw(replace(write_command(sam), p2=0xFF))),
    (WRITE_SAM_KEY, SW.MEMORY_FAILURE, "worn", write_with_worn_memory),
    (WRITE_SAM_KEY, SW.SECURITY_STATUS, "right", lambda sam: sam.raw(write_command(sam))),
    (WRITE_SAM_KEY, SW.METHOD_BLOCKED, "tries", write_without_tries),
    (WRITE_SAM_KEY, SW.NO_CHALLENGE, "challenge", write(challenge=False)),
    (WRITE_SAM_KEY, SW.WRONG_DATA, "doubled", write(usage=0x22)),
    (WRITE_SAM_KEY, SW.MAC_INVALID, "mac", write(forge=True)),
    (WRITE_SAM_KEY, SW.NO_SPACE, "full", write_until_full),
    (WRITE_SAM_KEY, SW.FILE_NOT_FOUND, "no-key-file", without("file")),
    (WRITE_SAM_KEY, SW.KEY_NOT_FOUND, "no-control-key", without("key")),
    *((spec, SW.MEMORY_FAILURE, "worn", worn(spec)) for spec in (PURCHASE, SERIAL, CREDIT, LOCK, CERTIFY, DEBIT)),
    *((spec, SW.METHOD_BLOCKED, "exhausted", exhausted(spec))
      for spec in (PURCHASE, SERIAL, CREDIT, LOCK, CERTIFY, DEBIT, GMAC)),
    *((spec, SW.CONDITIONS, "no-application", in_the_mf(spec)) for spec in (PURCHASE, SERIAL, LOCK, DEBIT, GMAC)),
    *((spec, SW.CONDITIONS, "idle", given(lambda spec=spec: spec.command(mac2=bytes(4))))
      for spec in (CREDIT, CERTIFY)),
    *((spec, SW.MAC_INVALID, "mac2", plain(spec)) for spec in (CREDIT, CERTIFY)),
    *((spec, SW.COUNTER_MAXIMUM, "counter", at_the_end(spec)) for spec in (PURCHASE, LOCK)),
    (SERIAL, SW.COUNTER_MAXIMUM, "serial", given(lambda: init_command(SERIAL, terminal_serial=0xFFFFFFFF))),
    *((spec, SW.KEY_INDEX, "version", given(lambda spec=spec: init_command(spec, key_version=1)))
      for spec in (PURCHASE, SERIAL)),
    *((spec, SW.WRONG_DATA, "load-type", given(lambda spec=spec: init_command(spec, type=2)))
      for spec in (PURCHASE, SERIAL)),
    (SERIAL, SW.WRONG_DATA, "passed-serial", lambda sam: [sam.raw(init_command(SERIAL)) for _ in range(2)][1]),
    (LOCK, SW.KEY_INDEX, "version", lambda sam: sam.raw(grey_init_command(sam, key_version=1))),
    (LOCK, SW.WRONG_DATA, "purchase-type", lambda sam: sam.raw(grey_init_command(sam, type=6))),
    (DEBIT, SW.CONDITIONS, "no-tac-key", without_tac_key),
    (DEBIT, SW.CONDITIONS, "another-amount", another_amount),
    (DEBIT, SW.WRONG_DATA, "another-type", another_type),
    (DEBIT, SW.PROOF_UNAVAILABLE, "no-lock", given(debit_command)),
    (GMAC, SW.PROOF_UNAVAILABLE, "no-debit", plain(GMAC)),
    (MESSAGE, SW.AUTHENTICATION_FAILED, "zeros", given(lambda: MESSAGE.command(safety_code=bytes(9)))),
    (MESSAGE, SW.AUTHENTICATION_FAILED, "ones", given(lambda: MESSAGE.command(safety_code=b"\xff" * 9))),
    (DELIVERY_KEY, SW.CONDITIONS, "purchase-key", a_purchase_key),
    (DELIVERY_KEY, SW.KEY_INDEX, "version", given(lambda: DELIVERY_KEY.command(0x25, 0x07, factors=CARD))),
    (DELIVERY_KEY, SW.WRONG_P1P2, "eight-levels",
     lambda sam: sam.raw(replace(DELIVERY_KEY.command(0x25, 0x00, factors=CARD), p1=0x9E))),
    (DES_CRYPT, SW.CONDITIONS, "no-key", given(lambda: DES_CRYPT.command(0x00, data=bytes(8)))),
]  # fmt: skip


def build(**more):
    return add_keys(SamRig.build(**more), (0x15, 0, KEY), (0x25, 0, KEY))


@pytest.fixture
def sam():
    return build()


@pytest.mark.parametrize(
    ("spec", "sw", "provoke"),
    [
        pytest.param(spec, sw, provoke, id=f"{spec.name}-{sw:04X}-{reason}".replace(" ", "_"))
        for spec, sw, reason, provoke in ROWS
    ],
)
def test_status(sam, spec, sw, provoke):
    answer = provoke(sam)
    assert (f"{sw:04X}", b"") == (f"{answer.sw:04X}", answer.data)
    assert sw in spec.statuses
    if spec.name in SAM_STATES.rows:
        assert State.IDLE is sam.state()


def test_every_declared_status_has_a_row():
    declared = {(spec.name, sw) for spec in (*COMMANDS, WRITE_SAM_KEY) for sw in spec.statuses}
    assert declared == {(spec.name, sw) for spec, sw, _, _ in ROWS}


def test_every_command_of_the_psam_is_here():
    handlers = {**purchase.HANDLERS, **sam_crypt.HANDLERS, **sam_grey.HANDLERS}
    assert {spec.name for spec in COMMANDS} == set(handlers) - {APPLICATION_UNBLOCK.name}
    assert set(handlers) <= set(KINDS["psam"])
    assert set(SAM_STATES.rows) <= set(handlers)


# ------------------------------------------------------------------ the state table on a SAM


WAYS_IN = {
    State.IDLE: lambda _sam: None,
    State.PURCHASE: lambda sam: sam.init((CARD,)),
    State.PRE_GREY: grey_init,
}


@pytest.mark.parametrize("state", SAM_STATES.columns, ids=lambda state: state.value)
@pytest.mark.parametrize("name", SAM_STATES.rows)
def test_state_table_on_the_sam(sam, name, state):
    grey_lock(sam)
    assert SW.SUCCESS == sam.raw(debit_command()).sw
    begun = WAYS_IN[state](sam)
    assert state is sam.state()
    sent = PLAIN[name](sam)
    if name == CERTIFY.name and state is State.PRE_GREY:
        sent = CERTIFY.command(mac2=grey_mac2(sam, begun))
    if name == CREDIT.name and state is State.PURCHASE:
        sent = CREDIT.command(mac2=purchase_mac2(sam, begun))
    expected = SAM_STATES.after(name, state)
    assert (SW.CONDITIONS if expected is None else SW.SUCCESS) == sam.raw(sent).sw
    assert (expected or State.IDLE) is sam.state()


def purchase_mac2(sam, begun):
    session = sam.dialect.session_key(
        "purchase", diversify(sam.suite.key(KEY), CARD), random=RANDOM, offline_serial=5,
        terminal_serial=begun.terminal_serial,
    )  # fmt: skip
    return sam.dialect.mac("purchase", "mac2", session, amount=200)


@pytest.mark.parametrize("way", [State.PURCHASE, State.PRE_GREY], ids=lambda state: state.value)
def test_partners_do_not_mix(sam, way):
    """A pending purchase is no lock to certify, and the other way round."""
    WAYS_IN[way](sam)
    other = {State.PURCHASE: certify, State.PRE_GREY: SamRig.credit}[way]
    other(sam, bytes(4), sw=SW.CONDITIONS)
    assert State.IDLE is sam.state()

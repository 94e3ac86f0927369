"""A card that is grey-locked, debited and unlocked; the test is PSAM and issuer, holding the card's own keys."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from cardos.apdu import SW, Command
from cardos.apdu.grey_commands import (
    CLEAR_LOCK_PROOF,
    DEBIT_FOR_UNLOCK,
    GET_LOCK_PROOF,
    GREY_LOCK,
    GREY_UNLOCK,
    INITIALIZE_FOR_GREY_LOCK,
    INITIALIZE_FOR_GREY_UNLOCK,
)
from cardos.apdu.purse_commands import EP
from cardos.card import Card
from cardos.profile import Profile, load_dialect, load_profile
from cardos.wallet.grey_file import GreyRecord, read_record
from tests.wallet.rig import KEY, PurseRig, Random, moment

TERMINAL_RANDOM = bytes.fromhex("55667788")
OTHER_TERMINAL = bytes.fromhex("665544332211")


@dataclass
class GreyRig(PurseRig):
    """A card with money in its electronic purse."""

    code: int = 0x01

    # -- lock

    def init_lock(self, *, sw: int = SW.SUCCESS, code: int | None = None, index: int = 1):
        return self.send(
            INITIALIZE_FOR_GREY_LOCK, 0x08, self.code if code is None else code, sw=sw, key_index=index,
            terminal=self.terminal,
        )  # fmt: skip

    def lock_session(self, begun, serial: int = 0):
        return self.dialect.session_key(
            "grey_lock", self.key(self.purchase_key), random=begun.random, offline_serial=begun.offline_serial,
            terminal_serial=serial, terminal_random=TERMINAL_RANDOM,
        )  # fmt: skip

    def lock_type(self, step: int = 0) -> int:
        return 0x90 + self.code + step

    def lock_command(self, begun, serial: int = 0) -> Command:
        mac1 = self.dialect.mac(
            "grey_lock", "mac1", self.lock_session(begun, serial), type=self.lock_type(), terminal=self.terminal,
            **moment(self.when),
        )  # fmt: skip
        return GREY_LOCK.command(
            terminal_serial=serial, terminal_random=TERMINAL_RANDOM, mac1=mac1, **moment(self.when)
        )

    def lock(self, serial: int = 0):
        """A whole lock; GTAC and MAC2 are checked.  Gives the answer of INITIALIZE and the session key."""
        begun = self.init_lock()
        answer = self.raw(self.lock_command(begun, serial))
        assert f"{SW.SUCCESS:04X}" == f"{answer.sw:04X}"
        session = self.lock_session(begun, serial)
        parsed = GREY_LOCK.parse_answer(answer.data)
        self.dialect.verify_mac(
            "grey_lock",
            "mac2",
            session,
            parsed.mac2,
            balance=begun.balance,
            offline_serial=begun.offline_serial,
        )
        self.dialect.verify_tac(
            "grey_lock", self.key(self.tac_key), parsed.gtac, item="gtac", type=self.lock_type(),
            terminal=self.terminal, terminal_serial=serial, **moment(self.when),
        )  # fmt: skip
        return begun, session

    # -- debit

    def debit(self, session, amount: int, offline_serial: int, **fields) -> Command:
        """DEBIT FOR UNLOCK from another terminal."""
        code = {"safety_code": fields.pop("safety_code")} if "safety_code" in fields else {}
        gmac = fields.pop("gmac", None) or self.dialect.mac(
            "grey_debit", "gmac", session, amount=amount, **code
        )
        values = {"terminal": OTHER_TERMINAL, "terminal_serial": 77, **moment(self.when), **fields}
        p2 = values.pop("p2", self.code)
        return DEBIT_FOR_UNLOCK.command(
            0x08, p2, amount=amount, offline_serial=offline_serial, gmac=gmac, **values
        )

    def check_debit_tac(self, tac: bytes, amount: int) -> None:
        self.dialect.verify_tac(
            "grey_debit", self.key(self.tac_key), tac, amount=amount, type=self.lock_type(2),
            terminal=OTHER_TERMINAL, terminal_serial=77, **moment(self.when),
        )  # fmt: skip

    # -- online unlock

    def init_unlock(self, *, sw: int = SW.SUCCESS, code: int | None = None, index: int = 1):
        return self.send(
            INITIALIZE_FOR_GREY_UNLOCK, 0x09, self.code if code is None else code, sw=sw, key_index=index,
            terminal=self.terminal,
        )  # fmt: skip

    def unlock_session(self, begun):
        return self.dialect.session_key(
            "grey_unlock", self.key(KEY), random=begun.random, online_serial=begun.online_serial
        )

    def unlock_fields(self, amount: int):
        return {
            "amount": amount, "type": self.lock_type(4), "terminal": self.terminal, **moment(self.when),
        }  # fmt: skip

    def unlock_command(self, begun, amount: int) -> Command:
        mac2 = self.dialect.mac(
            "grey_unlock", "mac2", self.unlock_session(begun), **self.unlock_fields(amount)
        )
        return GREY_UNLOCK.command(amount=amount, mac2=mac2, **moment(self.when))

    # -- proof

    def proof(self, *, sw: int = SW.SUCCESS):
        return self.send(GET_LOCK_PROOF, 0x00, 0x00, sw=sw)

    def clear_proof(self, *, sw: int = SW.SUCCESS) -> None:
        self.send(CLEAR_LOCK_PROOF, 0x01, 0x00, sw=sw)

    # -- what lies in its memory

    def record(self, purse: int = EP) -> GreyRecord:
        class _Call:
            fs = self.fs

        return read_record(_Call, self._purse(purse))


def grey_profile(suite: str = "3des", dialect: str = "pboc2", **options: object) -> Profile:
    profile = load_profile("city-3des").with_options(pin_required=(), **options)
    return replace(profile, dialect=load_dialect(dialect, suite))


@cache
def _personalised(profile_key: tuple[object, ...]) -> bytes:
    suite, dialect, options = profile_key
    rig = GreyRig.build(grey_profile(suite, dialect, **dict(options)))
    rig.load(10_000)
    return rig.card.memory.snapshot()


def grey_card(suite: str = "3des", dialect: str = "pboc2", *, code: int = 0x01, **options: object) -> GreyRig:
    """A card with 100 yuan in its electronic purse, in its application; personalising it once is enough."""
    profile = grey_profile(suite, dialect, **options)
    random = Random()
    card = Card.blank(profile, random=random)
    card.memory.restore(_personalised((suite, dialect, tuple(sorted(options.items())))))
    rig = GreyRig(card, profile, random, code=code)
    rig.power_up()
    return rig

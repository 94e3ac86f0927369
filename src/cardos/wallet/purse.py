"""The electronic deposit and purse on the card: what reads them, and all their commands by name (JR/T 0025.2 5.2, 5.5,
5.6; JR/T 0025.9 7.4); the grey lock has a module of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from ..apdu.purse_commands import GET_BALANCE, GET_TRANSACTION_PROVE
from ..apdu.status import SW
from ..files.call import Call, Handler, Refusal
from ..files.protection import current_directory
from ..files.reception import WRONG_LE
from . import load, overdraft, purchase
from .purse_file import PURSES, Proof, PurseState
from .states import PURSE_STATES
from .transaction import account_of, authorise, purse_node

__all__ = ["HANDLERS"]

#: What GET BALANCE answers, by P1: everything that can be spent, the overdraft limit, what of it is in use, and the
#: holder's own money.
_FORMS: Mapping[int, Callable[[PurseState], int]] = MappingProxyType(
    {
        0x00: lambda state: state.balance,
        0x01: lambda state: state.limit,
        0x02: lambda state: max(0, state.limit - state.balance),
        0x03: lambda state: max(0, state.balance - state.limit),
    }
)

#: Types of loads, whose proof holds no MAC.
_LOADS = frozenset(purse.types["load"] for purse in PURSES.values())


def get_balance(call: Call) -> bytes:
    """GET BALANCE (JR/T 0025.2 5.2.6): an amount in fen; ``6A86`` for a form that the card does not know, ``6982``
    without the PIN that the purse needs.
    """
    if call.command.p1 >= call.profile.purse.balance_forms:
        raise Refusal(SW.WRONG_P1P2)
    account = account_of(call, PURSES[call.command.p2])
    authorise(call, account, "balance", SW.SECURITY_STATUS)
    return call.spec.build_answer(balance=_FORMS[call.command.p1](account.state))


def get_transaction_prove(call: Call) -> bytes:
    """GET TRANSACTION PROVE (JR/T 0025.2 5.6): MAC2 or MAC3 (zeros for a load) and TAC of the last transaction of
    the application, asked for by type and by the serial after the step; ``9406`` for any other, ``6Cxx`` for an Le
    below its length.
    """
    if not any(purse_node(call, purse) for purse in PURSES.values()):
        raise Refusal(SW.NOT_SUPPORTED)
    proof = Proof.from_bytes(call.fs.proof(current_directory(call)))
    if (proof.type, proof.serial) != (call.command.p2, call.body.serial):
        raise Refusal(SW.PROOF_UNAVAILABLE)
    alone = proof.type in _LOADS and call.profile.purse.short_load_proof
    answer = proof.tac if alone else call.spec.build_answer(mac=proof.mac, tac=proof.tac)
    if 0 < call.command.le < len(answer):
        raise Refusal(WRONG_LE | len(answer))
    return answer


_COMMANDS: Mapping[str, Handler] = {
    **load.HANDLERS,
    **purchase.HANDLERS,
    **overdraft.HANDLERS,
    GET_BALANCE.name: get_balance,
    GET_TRANSACTION_PROVE.name: get_transaction_prove,
}

#: Handlers of the purse by the name of their command, each under the rules of :data:`PURSE_STATES`.
HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {name: PURSE_STATES.guard(name, handler) for name, handler in _COMMANDS.items()}
)

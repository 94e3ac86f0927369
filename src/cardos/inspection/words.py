"""Rights, protection and key types in words, each derived from what the card itself obeys."""

from __future__ import annotations

from functools import lru_cache

from ..apdu.sam_commands import KIND_BITS, LEVEL_SHIFT, SamKeyKind
from ..files.access import allowed
from ..files.call import Session
from ..files.header import Node
from ..files.keys import KEY_TYPE_BITS
from ..options import CosOptions
from ..profile import KeyType, Profile
from .views import Right

__all__ = ["ALWAYS", "NEVER", "describe_right", "key_purpose", "key_type", "protection"]

#: The meaning of a right that is met in every state, and in none.
ALWAYS, NEVER = "always", "never"

_STATES = range(16)
#: A card's two security registers in every combination: state of the directory, state of the MF.
_SESSIONS = {(own, mf): Session(state=own, state_mf=mf) for own in _STATES for mf in _STATES}

#: Key types that a secure module has beside its own, for itself.
_OF_EVERY_CARD = (
    KeyType.MAINTENANCE, KeyType.PIN_UNBLOCK, KeyType.PIN_RELOAD, KeyType.AUTHENTICATION, KeyType.PIN,
)  # fmt: skip


@lru_cache(maxsize=1024)
def describe_right(byte: int, cos: CosOptions) -> Right:
    """The right with its meaning on a card with these options: found by asking the card's own rule for every state.

    >>> str(describe_right(0xFA, CosOptions())), str(describe_right(0x02, CosOptions()))
    ('FA state A..F', '02 MF 2..F')
    """
    met = {states for states, session in _SESSIONS.items() if allowed(byte, session, cos)}
    own, mf = sorted({states[0] for states in met}), sorted({states[1] for states in met})
    if len(met) in (0, len(_SESSIONS)):
        return Right(byte, ALWAYS if met else NEVER)
    parts = [("state", own), ("MF", mf)]
    return Right(
        byte, " and ".join(f"{name} {_span(part)}" for name, part in parts if len(part) < len(_STATES))
    )


def _span(states: list[int]) -> str:
    return f"{states[0]:X}" if len(states) == 1 else f"{states[0]:X}..{states[-1]:X}"


def protection(node: Node) -> str:
    """What reading and writing of a file need beside its rights (FMCOS 7.13); empty when nothing."""
    found = []
    if node.write_protected:
        how = "enciphered, MAC" if node.enciphered else "MAC"
        found.append(f"write {how} under key 36/{node.write_key:02X}")
    if node.read_protected:
        how = "enciphered, MAC" if node.enciphered else "MAC"
        found.append(f"read {how} under key 36/{node.read_key:02X}")
    return "; ".join(found)


def key_type(type_byte: int, profile: Profile) -> KeyType | None:
    """The type of a key of the operating system, ``None`` for a secure module's own, which has a usage byte.

    The two name spaces overlap: in a secure module a usage byte of a known kind goes before a type that is of use
    on cards only.
    """
    type_ = type_byte & KEY_TYPE_BITS
    if type_ not in tuple(KeyType):
        return None
    own = profile.kind != "card" and type_byte & KIND_BITS in tuple(SamKeyKind)
    return None if own and type_ not in _OF_EVERY_CARD else KeyType(type_)


def key_purpose(type_byte: int, profile: Profile) -> str:
    """What a key is for; of a secure module's own key the kind and the levels of diversification.

    >>> from cardos.profile import load_profile
    >>> key_purpose(0x3E, load_profile("city-3des")), key_purpose(0x22, load_profile("psam-3des"))
    ('purchase', 'purchase, levels 1')
    """
    type_ = key_type(type_byte, profile)
    if type_ is not None:
        return type_.name.lower().replace("_", " ")
    kind = type_byte & KIND_BITS
    name = (
        SamKeyKind(kind).name.lower().replace("_", " ") if kind in tuple(SamKeyKind) else f"kind {kind:02X}"
    )
    return f"{name}, levels {type_byte >> LEVEL_SHIFT}"

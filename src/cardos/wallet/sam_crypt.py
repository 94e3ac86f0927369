"""DELIVERY KEY (801A) and DES CRYPT (80FA): a SAM encrypts and MACs under a key of a card that never leaves it.

A terminal blocks an application or checks a card's INTERNAL AUTHENTICATE with them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ..apdu import SW
from ..apdu.sam_commands import DELIVERY_KEY, DES_CRYPT, KIND_BITS, LEVEL_SHIFT, CryptMode
from ..crypto import Cipher, Key, encrypt_cbc, encrypt_ecb
from ..files.call import Call, Handler, Refusal
from .sam_keys import DELIVERED_USES, Use, derived, factors_of, usage_key

__all__ = ["HANDLERS", "Delivered"]

#: Where the delivered key lies in the volatile memory of the application, which reset and SELECT clear.
_DELIVERED: Final = "delivered key"


@dataclass(frozen=True, slots=True)
class Delivered:
    """The temporary key and what it may do; ``chain`` is the last block of a MAC in parts, ``None`` when none
    is under way.
    """

    key: Key
    uses: frozenset[Use]
    chain: bytes | None = None


def delivery_key(call: Call) -> bytes:
    """DELIVERY KEY: the temporary key, diversified for a card.

    Refused with ``6700`` when the factors are not as many as the levels of the usage byte, ``6985`` for a kind
    of key that is never delivered or a use right that is not met, ``9403`` without that key.  The key that
    was delivered before is gone in any case.
    """
    usage, version = call.command.p1, call.command.p2
    call.session.temporary.pop(_DELIVERED, None)
    factors = factors_of(call.body.factors)
    if len(factors) != usage >> LEVEL_SHIFT:
        raise Refusal(SW.WRONG_LENGTH)
    uses = DELIVERED_USES.get(usage & KIND_BITS)
    record = usage_key(call, usage, version)
    if uses is None:
        raise Refusal(SW.CONDITIONS)
    call.session.temporary[_DELIVERED] = Delivered(derived(call, record, factors), uses)
    return b""


# ------------------------------------------------------------------ DES CRYPT


@dataclass(frozen=True, slots=True)
class _Step:
    """One value of P1: which use of the key it is, the fewest blocks it takes, and what it does with them: the
    answer, and the chain that the next part goes on with.
    """

    use: Use
    blocks: int
    run: Callable[[Call, Delivered, bytes], tuple[bytes, bytes | None]]


def _encrypt(_call: Call, delivered: Delivered, data: bytes) -> tuple[bytes, bytes | None]:
    return encrypt_ecb(delivered.key, data), None


def _chained(key: Key, start: bytes, data: bytes) -> bytes:
    """The last block of CBC under the key that all blocks but the last of a MAC are under."""
    inner = key.left if key.cipher is Cipher.TDES else key
    return encrypt_cbc(inner, data, iv=start)[-key.block_size :] if data else start


def _finished(call: Call, key: Key, start: bytes, data: bytes) -> bytes:
    return call.profile.suite.command_mac(key, start, data, padding=1)  # the caller padded


def _first(_call: Call, delivered: Delivered, data: bytes) -> tuple[bytes, bytes | None]:
    size = delivered.key.block_size
    return b"", _chained(delivered.key, data[:size], data[size:])


def _begun(delivered: Delivered) -> bytes:
    if delivered.chain is None:
        raise Refusal(SW.CONDITIONS)
    return delivered.chain


def _middle(_call: Call, delivered: Delivered, data: bytes) -> tuple[bytes, bytes | None]:
    return b"", _chained(delivered.key, _begun(delivered), data)


def _last(call: Call, delivered: Delivered, data: bytes) -> tuple[bytes, bytes | None]:
    return _finished(call, delivered.key, _begun(delivered), data), None


def _whole(call: Call, delivered: Delivered, data: bytes) -> tuple[bytes, bytes | None]:
    size = delivered.key.block_size
    return _finished(call, delivered.key, data[:size], data[size:]), None


_STEPS: Mapping[int, _Step] = MappingProxyType(
    {
        CryptMode.ENCRYPT_LAST: _Step(Use.ENCRYPT, 1, _encrypt),
        CryptMode.ENCRYPT_MORE: _Step(Use.ENCRYPT, 1, _encrypt),
        CryptMode.MAC_WHOLE: _Step(Use.MAC, 2, _whole),
        CryptMode.MAC_FIRST: _Step(Use.MAC, 1, _first),
        CryptMode.MAC_MIDDLE: _Step(Use.MAC, 1, _middle),
        CryptMode.MAC_LAST: _Step(Use.MAC, 1, _last),
    }
)


def des_crypt(call: Call) -> bytes:
    """DES CRYPT: data encrypted block by block, or 4 bytes of MAC over data that the caller padded.

    The MAC is that of protected commands: algorithm 3 of ISO/IEC 9797-1 in a 3DES suite, CBC-MAC of the whole
    cipher in another.  Refused with ``6985`` without a delivered key, for a use that its kind does not have,
    and for a further part of a MAC that was not begun; ``6700`` unless data are enough whole blocks.  A MAC in
    parts ends with whatever comes between.
    """
    delivered = call.session.temporary.get(_DELIVERED)
    if not isinstance(delivered, Delivered):
        raise Refusal(SW.CONDITIONS)
    step, data, size = _STEPS[call.command.p1], call.body.data, delivered.key.block_size
    call.session.temporary[_DELIVERED] = Delivered(delivered.key, delivered.uses)
    if step.use not in delivered.uses:
        raise Refusal(SW.CONDITIONS)
    if len(data) % size or len(data) < step.blocks * size:
        raise Refusal(SW.WRONG_LENGTH)
    answer, chain = step.run(call, delivered, data)
    call.session.temporary[_DELIVERED] = Delivered(delivered.key, delivered.uses, chain)
    return call.spec.build_answer(data=answer)


#: Handlers by the name of their command.
HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {DELIVERY_KEY.name: delivery_key, DES_CRYPT.name: des_crypt}
)

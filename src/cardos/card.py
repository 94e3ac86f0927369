"""The card: power, reset, commands, and its image in a file."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType

from .errors import ImageError, ParameterError
from .files.call import Handler, Session
from .files.filesystem import FileSystem
from .files.handlers import MESSAGE_HANDLERS, OS_HANDLERS, SAM_KEY_HANDLERS
from .files.image import CardImage, read_image, write_image
from .files.kernel import Kernel
from .files.link import PROTOCOLS
from .files.memory import Memory, PowerCut
from .files.reception import Receiver
from .files.volume import memory_size
from .profile import Profile, load_profile
from .wallet import grey, key_card, load_sam, purse, sam, sam_crypt, sam_grey

__all__ = ["KINDS", "Card", "CardSnapshot", "Random"]

#: Gives that many random bytes.
Random = Callable[[int], bytes]

_SAM: Mapping[str, Handler] = {**OS_HANDLERS, **SAM_KEY_HANDLERS}

#: The commands of each kind of card that a profile can name.
KINDS: Mapping[str, Mapping[str, Handler]] = MappingProxyType(
    {
        "card": MappingProxyType({**OS_HANDLERS, **MESSAGE_HANDLERS, **purse.HANDLERS, **grey.HANDLERS}),
        "psam": MappingProxyType({**_SAM, **sam.HANDLERS, **sam_crypt.HANDLERS, **sam_grey.HANDLERS}),
        "isam": MappingProxyType({**_SAM, **load_sam.HANDLERS}),
        "keycard": MappingProxyType({**_SAM, **key_card.HANDLERS}),
    }
)


@dataclass(frozen=True, slots=True)
class CardSnapshot:
    """A card at one moment: its memory, and its volatile state when it had power."""

    memory: bytes
    session: Session | None


class Card:
    """A simulated card or SAM.

    It answers any command of any length with a status word.  :class:`~cardos.errors.CardRemoved` is raised
    when it has no power, or loses it in the middle of a command.

    >>> card = Card.blank(load_profile("city-3des"))
    >>> card.power_on().hex()[:4]
    '3bed'
    >>> card.transmit(bytes.fromhex("80E03F000D38FFFFF0F001FFFFFFFFFFFFFF")).hex()
    '9000'
    >>> card.transmit(bytes.fromhex("00A4000000")).hex()
    '6f15840e315041592e5359532e4444463031a5038801019000'
    """

    def __init__(
        self, profile: Profile, memory: Memory, *, random: Random = secrets.token_bytes, protocol: str = "T=1"
    ) -> None:
        if protocol not in PROTOCOLS:
            raise ParameterError("protocol", f"one of {', '.join(PROTOCOLS)}", repr(protocol))
        if profile.kind not in KINDS:
            raise ParameterError("kind of the profile", f"one of {', '.join(KINDS)}", repr(profile.kind))
        self.profile = profile
        self.protocol = protocol
        self.memory = memory
        self._random = random
        self._kernel: Kernel | None = None

    @classmethod
    def blank(cls, profile: Profile, *, random: Random = secrets.token_bytes, protocol: str = "T=1") -> Card:
        """A card as its maker delivers it: nothing on it, not even an MF.

        ``random`` gives the random numbers of the card, ``protocol`` is ``T=0``, ``T=1`` or ``T=CL``.
        """
        return cls(profile, Memory(memory_size(profile)), random=random, protocol=protocol)

    # -- image files

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        profile: Profile | None = None,
        random: Random = secrets.token_bytes,
    ) -> Card:
        """The card of an image file, without power.

        ``profile`` must be given for one that is not shipped.  Raises
        :class:`~cardos.errors.ImageError` when the file is damaged, newer, or not of the profile;
        :class:`~cardos.errors.ProfileError` when its profile is unknown.
        """
        image = read_image(Path(path))
        profile = load_profile(image.profile) if profile is None else profile
        wanted = (profile.name, memory_size(profile))
        if (image.profile, len(image.memory)) != wanted or image.protocol not in PROTOCOLS:
            raise ImageError(
                f"must be of profile {profile.name}, {wanted[1]} bytes and protocol {', '.join(PROTOCOLS)}, "
                f"got {image.profile}, {len(image.memory)} bytes and {image.protocol}",
                where=str(path),
            )
        memory = Memory(len(image.memory))
        memory.restore(image.memory)
        return cls(profile, memory, random=random, protocol=image.protocol)

    def save(self, path: str | os.PathLike[str], *, durable: bool = True) -> None:
        """Write the card's memory to an image file; what is volatile is not in it.

        The file holds the keys of the card in clear.  A crash leaves the old file or the new one; without ``durable``
        a crash of the process does, one of the machine may leave neither.
        """
        image = CardImage(self.profile.name, self.protocol, self.memory.snapshot())
        write_image(Path(path), image, durable=durable)

    # -- power

    @property
    def powered(self) -> bool:
        """Whether the card has power."""
        return self._kernel is not None

    def power_on(self) -> bytes:
        """Give the card power, or reset it: it recovers what a power cut left, and gives its ATR (ATS with
        T=CL).
        """
        self._kernel = None
        kernel = self._start(Session())
        kernel.reset()
        self._kernel = kernel
        return PROTOCOLS[self.protocol].answer(self.profile.cos)

    def _start(self, session: Session) -> Kernel:
        fs = FileSystem(self.memory, self.profile)
        return Kernel(self.profile, fs, session, _receiver(self.profile.kind), self._random)

    def reset(self) -> bytes:
        """Reset a card that has power; gives what :meth:`power_on` gives."""
        self._powered_kernel()
        return self.power_on()

    def power_off(self) -> None:
        """Take the power away between two commands."""
        self._kernel = None
        self.memory.power_off()

    def _powered_kernel(self) -> Kernel:
        if self._kernel is None:
            raise PowerCut("the card has no power; call power_on()")
        return self._kernel

    # -- commands

    def transmit(self, command: bytes) -> bytes:
        """The response to a command of any length: data and status word.

        Raises :class:`~cardos.files.memory.PowerCut`, a :class:`~cardos.errors.CardRemoved`, without power or
        at an injected cut; the card is then off.
        """
        kernel = self._powered_kernel()
        try:
            return PROTOCOLS[self.protocol].transmit(kernel, bytes(command))
        except PowerCut:
            self._kernel = None
            raise

    # -- snapshots

    def snapshot(self) -> CardSnapshot:
        """The card as it is now, volatile state included; costs one copy of its memory."""
        session = None if self._kernel is None else _copy(self._kernel.session)
        return CardSnapshot(self.memory.snapshot(), session)

    def restore(self, snapshot: CardSnapshot) -> None:
        """Put the card back to a snapshot of it: what follows is what would have followed then.

        Only the random source goes on.
        """
        self.power_off()
        self.memory.restore(snapshot.memory)
        if snapshot.session is not None:
            self._kernel = self._start(_copy(snapshot.session))


@cache
def _receiver(kind: str) -> Receiver:
    """The receiver that all cards of a kind share."""
    return Receiver(KINDS[kind])


def _copy(session: Session) -> Session:
    return replace(session, temporary=dict(session.temporary))

"""Readers by name: one text says how a card is reached, here and on the command line."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

from .errors import NoReader, ParameterError
from .host import SimulatedTransport, Transport
from .simulation import SavedCard, open_card

__all__ = ["READER_VARIABLE", "SCHEMES", "open_transport"]

#: The environment variable with the path that is meant when none is given.
READER_VARIABLE = "CARDOS_READER"


class _SavedTransport(SimulatedTransport):
    """A card in an image file; closing makes the file durable."""

    def __init__(self, card: SavedCard) -> None:
        super().__init__(card)
        self._saved = card

    def close(self) -> None:
        """Give the card up."""
        super().close()
        self._saved.close()


def _simulated(place: str) -> Transport:
    card = open_card(place)
    return _SavedTransport(card) if isinstance(card, SavedCard) else SimulatedTransport(card)


def _pcsc(place: str) -> Transport:
    from .host.transports.pcsc import PcscTransport

    return PcscTransport(int(place) if place.isdecimal() else place)


def _vpcd(place: str) -> Transport:
    from .host.transports.vpcd import VpcdTransport

    host, port = _host_and_port("vpcd", place)
    return VpcdTransport(host, port)


def _relay(scheme: str, place: str) -> Transport:
    from .host.transports.relay import RelayTransport

    if scheme == "tcp":
        _host_and_port(scheme, place)
    return RelayTransport(f"{scheme}:{place}")


def _replay(place: str, *, strict: bool) -> Transport:
    from .host.traces import read_trace
    from .host.transports.replay import ReplayTransport

    return ReplayTransport(read_trace(Path(place)), strict=strict)


def _host_and_port(scheme: str, place: str) -> tuple[str, int]:
    host, _, port = place.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 0x10000:
        raise ParameterError(
            "reader", f"{scheme}:HOST:PORT with a port of 1..65535", repr(f"{scheme}:{place}")
        )
    return host.strip("[]"), int(port)


#: What opens a reader, by the first word of its path.
SCHEMES: Mapping[str, Callable[[str], Transport]] = MappingProxyType(
    {
        "sim": _simulated,
        "pcsc": _pcsc,
        "vpcd": _vpcd,
        "tcp": partial(_relay, "tcp"),
        "unix": partial(_relay, "unix"),
        "replay": partial(_replay, strict=True),
        "replay-relaxed": partial(_replay, strict=False),
    }
)


def open_transport(path: str | None = None) -> Transport:
    """The reader with this path, by default that in the environment variable ``CARDOS_READER``.

    ==================== =======================================================================================
    ``sim:PROFILE``      a new simulated card of a profile, with TEST KEYS, gone when it is closed
    ``sim:IMAGE``        the simulated card of an image file, which follows what happens to it
    ``pcsc:NAME``        a reader of the PC/SC service: part of its name, or its number (needs pyscard)
    ``vpcd:HOST:PORT``   a card that waits there for the driver of vsmartcard
    ``tcp:HOST:PORT``    a card that a relay serves
    ``unix:FILE``        the same over a local socket
    ``replay:FILE``      a trace, which answers what it recorded, in the recorded order
    ``replay-relaxed:…`` the same in any order, whatever MACs and random numbers are
    ==================== =======================================================================================

    Raises :class:`~cardos.errors.ParameterError` for a text of another form, and what the transport raises.

    >>> with open_transport("sim:city-3des") as card:
    ...     card.transmit(bytes.fromhex("00A4000002 3F00"))[-2:].hex()
    '9000'
    """
    given = os.environ.get(READER_VARIABLE, "") if path is None else path
    if not given:
        raise NoReader("", [f"{scheme}:…" for scheme in SCHEMES])
    scheme, colon, place = given.partition(":")
    if not colon or scheme not in SCHEMES or not place:
        raise ParameterError("reader", f"one of {', '.join(f'{each}:…' for each in SCHEMES)}", repr(given))
    return SCHEMES[scheme](place)

"""``cardos card serve``: simulated cards in a reader of the real PC/SC service."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import SimpleQueue
from types import MappingProxyType
from typing import Annotated

import typer

from ..apdu import Command, describe_sw, find_spec
from ..card import Card
from ..errors import CardRemoved, DecodeError, ParameterError
from ..host.serving import VpcdSlot
from ..host.transports.vpcd import DEFAULT_PORT
from ..simulation import SavedCard, open_card

__all__ = ["serve"]

_LONGEST_LINE = 200
_CUTS = range(1, 10_000)


def serve(
    card: Annotated[
        str, typer.Argument(help="Image file; or a profile: a new card with TEST KEYS, in memory only.")
    ],
    *,
    vpcd: Annotated[
        bool, typer.Option("--vpcd", help="Into the virtual reader of vsmartcard (no other is known).")
    ] = True,
    at: Annotated[
        str,
        typer.Option(metavar="HOST:PORT", help="Where the driver listens; the next port is its second slot."),
    ] = f"127.0.0.1:{DEFAULT_PORT}",
    listen: Annotated[
        bool,
        typer.Option(
            "--listen", help="Listen there instead, for a driver that connects: start it after this."
        ),
    ] = False,
    psam: Annotated[
        str | None, typer.Option(help="A SAM for the second slot: image file or profile.")
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Print each command by name, with its status.")
    ] = False,
) -> None:
    """Serve a card, and a SAM, to the PC/SC service, so that any program can use them.

    An image follows its card: what the card acknowledged is in the file before the answer leaves.  While it runs, lines
    of input and signals move the cards; "help" lists them.
    """
    del vpcd
    host, port = _address(at)
    places = [("card", card)] if psam is None else [("card", card), ("psam", psam)]
    seats = {
        name: _Seat.take(name, place, host, port + index, listen=listen, verbose=verbose)
        for index, (name, place) in enumerate(places)
    }
    _Desk(seats).run()


def _address(at: str) -> tuple[str, int]:
    host, _, port = at.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 0xFFFF:
        raise ParameterError("at", "HOST:PORT with a port of 1..65534", repr(at))
    return host.strip("[]"), int(port)


def _say(name: str, text: str) -> None:
    typer.echo(f"{name}: {text}")


# ------------------------------------------------------------------ a card in a slot


class _Chip:
    """A card as it is served: its power can be cut at a write, and its commands can be printed."""

    def __init__(self, name: str, card: Card | SavedCard, *, verbose: bool) -> None:
        self.name, self.card, self.verbose = name, card, verbose
        self.cut_at = 0

    def power_on(self) -> bytes:
        return self.card.power_on()

    def power_off(self) -> None:
        self.card.power_off()

    def transmit(self, command: bytes, /) -> bytes:
        if self.cut_at:
            self.card.memory.cut_after(self.cut_at - 1)
        try:
            answer = self.card.transmit(command)
        except CardRemoved:
            self._show(command, f"no answer, power cut at write {self.cut_at}")
            self.cut_at = 0
            raise
        self._show(command, f"{answer[-2:].hex().upper()} {describe_sw(int.from_bytes(answer[-2:], 'big'))}")
        return answer

    def _show(self, command: bytes, end: str) -> None:
        """A line without any data: some are secret."""
        if not self.verbose:
            return
        try:
            spec = find_spec(Command.decode(command, strict=False))
        except DecodeError:
            spec = None
        _say(self.name, f"{spec.name if spec else command[:4].hex(' ').upper()}: {end}")

    def close(self) -> None:
        if isinstance(self.card, SavedCard):
            self.card.close()


@dataclass(frozen=True, slots=True)
class _Seat:
    """A slot, and the card in it."""

    name: str
    chip: _Chip
    slot: VpcdSlot

    @classmethod
    def take(cls, name: str, place: str, host: str, port: int, *, listen: bool, verbose: bool) -> _Seat:
        card = open_card(place)
        chip = _Chip(name, card, verbose=verbose)
        slot = VpcdSlot(chip, host, port, listen=listen, events=lambda event: _say(name, event.value))
        where = "in memory only, with TEST KEYS" if isinstance(card, Card) else "saved at every change"
        side = "listening" if listen else "driver"
        _say(name, f"{place}, {card.profile.name} ({card.protocol}), {where}; {side} at {host}:{slot.port}")
        return cls(name, chip, slot)

    # -- what can be ordered; the number is that of `cut`

    def insert(self, _: int | None) -> None:
        self.slot.insert()

    def remove(self, _: int | None) -> None:
        self.slot.remove()

    def toggle(self, _: int | None) -> None:
        (self.slot.remove if self.slot.inserted else self.slot.insert)()

    def reset(self, _: int | None) -> None:
        self.slot.reset()

    def cut(self, write: int | None) -> None:
        if write is None:
            self.slot.cut()
            return
        self.chip.cut_at = write
        _say(self.name, f"power will be cut at write {write} of the first command that makes so many")

    def status(self, _: int | None) -> None:
        slot, memory = self.slot, self.chip.card.memory
        where = "in the slot" if slot.inserted else "outside"
        driver = "connected" if slot.connected else "not there"
        power = "on" if slot.powered else "off"
        _say(self.name, f"{where}, driver {driver}, power {power}, {memory.writes} writes")


#: The orders, with what they do.
_ORDERS: Mapping[str, tuple[Callable[[_Seat, int | None], None], str]] = MappingProxyType(
    {
        "insert": (_Seat.insert, "put the card into its slot"),
        "remove": (_Seat.remove, "take it out"),
        "toggle": (_Seat.toggle, "insert or remove (SIGUSR1)"),
        "reset": (_Seat.reset, "the card resets itself, and the reader does not notice"),
        "cut": (_Seat.cut, "cut its power now (SIGUSR2), or with a number at that write of a command"),
        "status": (_Seat.status, "say how it is"),
    }
)
_QUIT = "quit"
_SIGNALS: Mapping[str, str] = MappingProxyType(
    {"SIGUSR1": "toggle", "SIGUSR2": "cut", "SIGTERM": _QUIT, "SIGINT": _QUIT}
)


# ------------------------------------------------------------------ the orders


class _Desk:
    """Takes orders from standard input and from signals."""

    def __init__(self, seats: Mapping[str, _Seat]) -> None:
        self._seats = seats
        # Of signals: a handler may do nothing but put one here.
        self._orders: SimpleQueue[str] = SimpleQueue()

    def run(self) -> None:
        """Serve until somebody says quit; then every image is saved."""
        typer.echo("next: pcsc_scan -n; here: help")
        with self._signals(), ThreadPoolExecutor(len(self._seats)) as pool:
            served = [pool.submit(seat.slot.run) for seat in self._seats.values()]
            for each in served:
                each.add_done_callback(lambda _: self._orders.put(_QUIT))
            threading.Thread(target=self._read, daemon=True).start()
            while (order := self._orders.get()) != _QUIT:
                self._obey(order)
            for seat in self._seats.values():
                seat.slot.stop()
        for seat in self._seats.values():
            seat.chip.close()
        for each in served:
            each.result()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Signals become orders; a terminal that is not ours must not stop us when we look for input."""
        before = {}
        for name, order in _SIGNALS.items():
            if (number := getattr(signal, name, None)) is not None:
                before[number] = signal.signal(number, lambda *_, order=order: self._orders.put(order))
        if hasattr(signal, "SIGTTIN"):
            before[signal.SIGTTIN] = signal.signal(signal.SIGTTIN, signal.SIG_IGN)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _read(self) -> None:
        """Obey the lines of standard input; its end changes nothing.  Unbuffered, so that leaving need not wait."""
        with suppress(OSError), open(0, "rb", buffering=0, closefd=False) as lines:
            while line := lines.readline(_LONGEST_LINE):
                if (order := line.decode(errors="replace").strip()) == _QUIT:
                    self._orders.put(_QUIT)
                elif order:
                    self._obey(order)

    def _obey(self, order: str) -> None:
        try:
            self._carry_out(order.split())
        except ParameterError as error:
            typer.echo(f"cardos: {error}", err=True)

    def _carry_out(self, words: list[str]) -> None:
        if words == ["help"]:
            for name, (_, meaning) in _ORDERS.items():
                typer.echo(f"  {name:8} {meaning}")
            typer.echo(f"  each with {' or '.join(self._seats)} behind it (default card); {_QUIT}")
            return
        name, *rest = words
        if name not in _ORDERS:
            raise ParameterError("order", f"one of {', '.join((*_ORDERS, 'help', _QUIT))}", repr(name))
        seat = self._seats[rest.pop(0)] if rest and rest[0] in self._seats else self._seats["card"]
        act, _ = _ORDERS[name]
        act(seat, _number(name, rest))


def _number(order: str, words: list[str]) -> int | None:
    """The number behind an order."""
    if not words:
        return None
    if len(words) > 1 or not words[0].isdecimal() or int(words[0]) not in _CUTS:
        raise ParameterError(f"number of {order}", f"{_CUTS[0]}..{_CUTS[-1]}", repr(" ".join(words)))
    return int(words[0])

"""``cardos relay``: a card of this machine, served over a socket."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from ..readers import READER_VARIABLE, open_transport

if TYPE_CHECKING:
    from ..host.transports.relay_server import RelayServer

__all__ = ["relay"]


def relay(
    reader: Annotated[
        str | None,
        typer.Argument(help=f"Reader path, such as pcsc:0 or sim:city-3des; else ${READER_VARIABLE}."),
    ] = None,
    *,
    listen: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="tcp:HOST:PORT (port 0: a free one) or unix:PATH (yours alone)."
        ),
    ] = "tcp:127.0.0.1:0",
    any_address: Annotated[
        bool,
        typer.Option(
            "--any-address",
            help="Allow an address that other machines reach. Nothing is encrypted, and nobody is asked who he is.",
        ),
    ] = False,
) -> None:
    """Serve a card to one client at a time, here or on another machine, until it is interrupted.

    The card is reset before and after each client. A client opens it by the address that is printed.
    """
    from ..host.transports.relay_server import RelayServer  # brings asyncio

    with open_transport(reader) as card:
        server = RelayServer(card, listen, any_address=any_address)
        with _until_interrupted(server):
            typer.echo(f"serving at {server.address}; next: {READER_VARIABLE}={server.address} cardos read")
            server.serve_forever()


@contextmanager
def _until_interrupted(server: RelayServer) -> Iterator[None]:
    """Signals end the relay in order: the client's command is answered, the card given up, the socket file removed."""
    before = {
        number: signal.signal(number, lambda *_: server.stop()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        server.close()
        for number, handler in before.items():
            signal.signal(number, handler)

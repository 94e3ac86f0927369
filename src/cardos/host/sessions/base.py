"""The session at the bottom: declared commands out, answers in, refusals raised."""

from __future__ import annotations

from dataclasses import replace

from ...apdu import SW, Command, Response, describe_sw, find_spec
from ...apdu.os_commands import ALL_THERE_IS, GET_RESPONSE
from ...errors import StatusError, TransportError
from ..transports import GetResponse, Transport

__all__ = ["CardSession"]


class CardSession:
    """A conversation over ``transport``, which stays the caller's: 61xx and 6Cxx are resolved, refusals raised."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self._resolved = GetResponse(transport)

    def exchange(self, command: Command) -> Response:
        """The answer to ``command``, whatever its status word.

        Raises :class:`~cardos.errors.TransportError` when no answer, or not even a status word, came.
        """
        raw = self._resolved.transmit(bytes(command))
        if len(raw) < 2:
            raise TransportError(f"answer must be at least 2 bytes, got {len(raw)}")
        return Response.decode(raw)

    def send(self, command: Command) -> Response:
        """The answer to ``command`` when its status is 9000, otherwise :class:`~cardos.errors.StatusError`."""
        response = self.exchange(command)
        if response.sw != SW.SUCCESS:
            spec = find_spec(command)
            name = spec.name if spec else command.header.hex().upper()
            raise StatusError(name, response.sw, response.data, text=describe_sw(response.sw))
        return response

    def get_response(self, length: int = ALL_THERE_IS) -> bytes:
        """GET RESPONSE (JR/T 0025.1 6.2.8): what a card of protocol T=0 has waiting.

        The other methods fetch it themselves, so nothing waits after them: ``6985``.
        """
        return self.send(replace(GET_RESPONSE.command(), le=length)).data

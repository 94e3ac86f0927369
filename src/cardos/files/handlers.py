"""The commands of the operating system, by name: those of every card, and those that only a SAM has."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from . import (
    authentication,
    binary,
    blocking,
    creation,
    erasure,
    key_loading,
    message,
    pin,
    record_commands,
    selection,
)
from .call import Handler

__all__ = ["MESSAGE_HANDLERS", "OS_HANDLERS", "SAM_KEY_HANDLERS"]

OS_HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {
        **selection.HANDLERS,
        **binary.HANDLERS,
        **record_commands.HANDLERS,
        **authentication.HANDLERS,
        **pin.HANDLERS,
        **blocking.HANDLERS,
        **creation.HANDLERS,
        **erasure.HANDLERS,
        **key_loading.HANDLERS,
    }
)
#: The safety authentication code, which a card has and a SAM is told.
MESSAGE_HANDLERS: Mapping[str, Handler] = message.HANDLERS
SAM_KEY_HANDLERS: Mapping[str, Handler] = key_loading.SAM_HANDLERS

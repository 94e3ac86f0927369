"""The commands of the operating system, by name: those of every card, and those that only a SAM has."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from . import authentication, binary, creation, key_loading, record_commands, selection
from .call import Handler

__all__ = ["OS_HANDLERS", "SAM_KEY_HANDLERS"]

OS_HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {
        **selection.HANDLERS,
        **binary.HANDLERS,
        **record_commands.HANDLERS,
        **authentication.HANDLERS,
        **creation.HANDLERS,
        **key_loading.HANDLERS,
    }
)
SAM_KEY_HANDLERS: Mapping[str, Handler] = key_loading.SAM_HANDLERS

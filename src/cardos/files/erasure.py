"""ERASE DF: everything in the current directory is deleted (FMCOS 7, 4.3)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ..apdu.os_commands import ERASE_DF
from .access import require_file
from .call import Call, Handler
from .protection import current_directory

__all__ = ["HANDLERS"]


def erase_df(call: Call) -> bytes:
    """ERASE DF: ``6982`` without the erase right of the directory.

    The directory itself stays, with its size, rights and name, and may be filled freely; the security registers
    stay as they are.  The proof of its last transaction goes with the purses; what lies in the area of the MF
    belongs to the chip and stays.
    """
    directory, session = current_directory(call), call.session
    require_file(directory.erase, call)
    session.directory = emptied = call.fs.erase(directory)
    if emptied.parent is not None:
        call.fs.set_proof(emptied, b"")
    session.file, session.record, session.free = None, 0, True
    session.leave_application()
    return b""


#: Handlers by the name of their command.
HANDLERS: Mapping[str, Handler] = MappingProxyType({ERASE_DF.name: erase_df})

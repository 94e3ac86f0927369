"""Simulated EEPROM: bytes that survive power loss, written one raw write at a time, any of which can be cut.

A raw write is what the power can interrupt: the bytes before the cut are new, those after it old, and the
byte under the cut may be neither.  Everything above this module has to live with that.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import CardRemoved, ParameterError

__all__ = ["Memory", "PowerCut", "WriteFailure"]


class PowerCut(CardRemoved):
    """The card has no power: it was cut in the middle of a write, or not yet switched on.

    ``length`` is the length in bytes of the write that was cut, 0 when none was.
    """

    def __init__(self, problem: str, *, length: int = 0) -> None:
        super().__init__(problem)
        self.length = length


class WriteFailure(Exception):
    """The memory refused a write (worn out, or the change is larger than its journal); nothing of the
    change happened.
    """


@dataclass(slots=True)
class _Cut:
    """An injected power cut: whole writes still to come, then the bytes that the last one gets."""

    writes: int
    torn: int
    garbage: bool


class Memory:
    r"""Non-volatile memory of ``size`` bytes, all zero when new.

    ``writes`` counts the raw writes since the object was made.  ``worn`` makes every write fail with
    :class:`WriteFailure`, as a chip at the end of its life does.

    >>> memory = Memory(4)
    >>> memory.cut_after(1, torn=2)
    >>> memory.power_up()
    >>> memory.write(0, b"\x01\x01\x01\x01")
    >>> memory.write(0, b"\x02\x02\x02\x02")
    Traceback (most recent call last):
    ...
    cardos.files.memory.PowerCut: the power was cut in a write of 4 bytes
    >>> memory.power_up()
    >>> memory.read(0, 4).hex()
    '02020101'
    """

    __slots__ = ("_bytes", "_cut", "_powered", "worn", "writes")

    def __init__(self, size: int) -> None:
        self._bytes = bytearray(size)
        self._powered = False
        self._cut: _Cut | None = None
        self.worn = False
        self.writes = 0

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self._bytes)

    @property
    def powered(self) -> bool:
        """Whether the memory can be read and written."""
        return self._powered

    def power_up(self) -> None:
        """Give power.  An injected cut that waits for its write stays."""
        self._powered = True

    def power_off(self) -> None:
        """Take the power away between two writes; an injected cut that did not happen is forgotten."""
        self._powered = False
        self._cut = None

    def cut_after(self, writes: int, *, torn: int = 0, garbage: bool = False) -> None:
        """Inject a power cut: after ``writes`` whole raw writes the next one gets only its first ``torn``
        bytes (all of them when it is shorter).  With ``garbage`` the byte under the cut gets a wrong value.
        """
        if writes < 0 or torn < 0:
            raise ParameterError("writes and torn", "0 or more", f"{writes} and {torn}")
        self._cut = _Cut(writes, torn, garbage)

    def read(self, address: int, length: int) -> bytes:
        """``length`` bytes from ``address``; :class:`PowerCut` without power."""
        if not self._powered:
            self._need_power()
        return bytes(self._bytes[address : address + length])

    def write(self, address: int, data: bytes) -> None:
        """One raw write.  Raises :class:`PowerCut` without power or at an injected cut, :class:`WriteFailure`
        when worn.
        """
        if not self._powered:
            self._need_power()
        end = address + len(data)
        if not 0 <= address <= end <= len(self._bytes):
            raise ParameterError("write", f"within 0..{len(self._bytes)}", f"{address}..{end}")
        if self.worn:
            raise WriteFailure("the memory is worn out")
        if self._cut is None:
            self._bytes[address:end] = data
        else:
            data = self._cut_short(self._cut, address, data)
            self._bytes[address : address + len(data)] = data
            if not self._powered:
                raise PowerCut(f"the power was cut in a write of {end - address} bytes", length=end - address)
        self.writes += 1

    def _need_power(self) -> None:
        if not self._powered:
            raise PowerCut("the card has no power; call power_on()")

    def _cut_short(self, cut: _Cut, address: int, data: bytes) -> bytes:
        """What of ``data`` arrives; without power afterwards when this is the write to cut."""
        if cut.writes:
            cut.writes -= 1
            return data
        self.power_off()
        whole = data[: cut.torn]
        if not cut.garbage or len(whole) == len(data):
            return whole
        old, new = self._bytes[address + len(whole)], data[len(whole)]
        return whole + bytes([new ^ 0xFF if new ^ 0xFF != old else new ^ 0xA5])

    def snapshot(self) -> bytes:
        """The content, to be given to :meth:`restore`; works without power."""
        return bytes(self._bytes)

    def restore(self, content: bytes) -> None:
        """Put back a :meth:`snapshot`, which has the memory's length; power and cuts are not touched."""
        if len(content) != len(self._bytes):
            raise ParameterError("content", f"{len(self._bytes)} bytes", f"{len(content)} bytes")
        self._bytes[:] = content

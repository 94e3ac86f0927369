"""A recorded card: answers exactly the commands that it knows, in order."""

from __future__ import annotations

from cardos.host import Transport


class Scripted(Transport):
    """Replays (command, answer) pairs in hex; anything else is a failed test.  ``None`` as command takes any."""

    def __init__(self, *exchanges: tuple[str | None, str]) -> None:
        self._left = list(exchanges)
        self.sent: list[str] = []

    def transmit(self, command: bytes, /) -> bytes:
        sent = command.hex().upper()
        self.sent.append(sent)
        assert self._left, f"{sent} after the end of the recording"
        expected, answer = self._left.pop(0)
        assert expected is None or expected.replace(" ", "").upper() == sent
        return bytes.fromhex(answer)

    def reset(self, *, cold: bool = True) -> bytes:
        del cold
        return bytes.fromhex("3B00")

    def close(self) -> None:
        assert not self._left, f"{len(self._left)} exchanges of the recording were not used"

"""The exceptions of cardos: one small tree, so that a caller can catch exactly what it can mend.

``CardosError`` is the root.  Below it, by the question a caller asks:

* the value I passed was wrong: :class:`ParameterError`
* the bytes I was given do not parse: :class:`DecodeError`; the commands that I typed: :class:`ScriptError`
* a MAC, TAC or cryptogram is not genuine: :class:`MacMismatch`
* a data file of mine is wrong: :class:`ProfileError`, :class:`ImageError`, :class:`UploadError`, :class:`StoreError`
* the centre's books are wrong: :class:`BooksError`
* the card answered, with a refusal: :class:`StatusError`
* the card did not answer: :class:`TransportError`; by the cause :class:`CardRemoved`, :class:`NoCard`,
  :class:`NoReader`, :class:`ReaderBusy`, :class:`SharingViolation`, :class:`ServiceDown`, :class:`TransportTimeout`;
  a recorded card that is asked for something else: :class:`ReplayMismatch`
* a component of the installation is missing: :class:`MissingComponent`

Messages have one form, ``<parameter> must be <range>, got <value>``, and never contain a secret.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "BooksError",
    "CardRemoved",
    "CardosError",
    "DecodeError",
    "ImageError",
    "MacMismatch",
    "MissingComponent",
    "NoCard",
    "NoReader",
    "ParameterError",
    "ProfileError",
    "ReaderBusy",
    "ReplayMismatch",
    "ScriptError",
    "ServiceDown",
    "SharingViolation",
    "StatusError",
    "StoreError",
    "TransportError",
    "TransportTimeout",
    "UploadError",
]


class CardosError(Exception):
    """Root of everything that cardos raises on purpose."""


class ParameterError(CardosError, ValueError):
    """An argument is outside its documented range.

    >>> raise ParameterError("amount", "1..4294967295 fen", 0)
    Traceback (most recent call last):
    ...
    cardos.errors.ParameterError: amount must be 1..4294967295 fen, got 0
    """

    def __init__(self, parameter: str, allowed: str, got: object) -> None:
        super().__init__(f"{parameter} must be {allowed}, got {got}")
        self.parameter = parameter
        self.allowed = allowed


class DecodeError(CardosError, ValueError):
    """Bytes from outside do not have the form they must have.

    ``offset`` counts from the start of the original input; ``path`` names the element, such as
    ``fcp/A5/9F0C``.

    >>> raise DecodeError("length runs past the end", offset=3, path="6F/84")
    Traceback (most recent call last):
    ...
    cardos.errors.DecodeError: 6F/84 at offset 3: length runs past the end
    """

    def __init__(self, problem: str, *, offset: int = 0, path: str = "input") -> None:
        super().__init__(f"{path} at offset {offset}: {problem}")
        self.problem = problem
        self.offset = offset
        self.path = path


class ScriptError(CardosError, ValueError):
    """A line of commands that somebody typed or wrote into a file is wrong.

    ``line`` and ``column`` count from 1; ``source`` names the file, or where the text came from.

    >>> raise ScriptError("command must be whole bytes in hex, got '00A'", source="day.apdu", line=3, column=1)
    Traceback (most recent call last):
    ...
    cardos.errors.ScriptError: day.apdu:3:1: command must be whole bytes in hex, got '00A'
    """

    def __init__(self, problem: str, *, source: str, line: int, column: int) -> None:
        super().__init__(f"{source}:{line}:{column}: {problem}")
        self.problem, self.source, self.line, self.column = problem, source, line, column


class MacMismatch(CardosError):
    """A MAC, TAC or cryptogram differs from the one computed; the message says which, never the values.

    >>> raise MacMismatch("MAC2 of purchase")
    Traceback (most recent call last):
    ...
    cardos.errors.MacMismatch: MAC2 of purchase does not verify
    """

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} does not verify")
        self.what = what


class ProfileError(CardosError):
    """A profile (TOML data) is missing, malformed or contradicts itself.

    ``where`` is the file, followed by table and field as far as they are known.
    """

    def __init__(self, problem: str, *, where: str) -> None:
        super().__init__(f"{where}: {problem}")
        self.where = where


class ImageError(CardosError):
    """A card image is damaged, truncated or of a version that this release does not know; it was left
    untouched.
    """

    def __init__(self, problem: str, *, where: str) -> None:
        super().__init__(f"{where}: {problem}")
        self.where = where


class UploadError(CardosError):
    """An upload file as a whole cannot be accepted: header, length, count, checksum or version is wrong."""

    def __init__(self, problem: str, *, where: str) -> None:
        super().__init__(f"{where}: {problem}")
        self.where = where


class StoreError(CardosError):
    """A database file cannot be used: another process has it, it is of another version, or it is no such file.

    >>> raise StoreError("must be free, got a lock of another process", where="centre.duckdb")
    Traceback (most recent call last):
    ...
    cardos.errors.StoreError: centre.duckdb: must be free, got a lock of another process
    """

    def __init__(self, problem: str, *, where: str) -> None:
        super().__init__(f"{where}: {problem}")
        self.where = where


class BooksError(CardosError):
    """The books of the centre do not balance or disagree with the records: nothing was posted.

    >>> raise BooksError("sum of all accounts", 0, 5)
    Traceback (most recent call last):
    ...
    cardos.errors.BooksError: sum of all accounts must be 0 fen, got 5 fen
    """

    def __init__(self, what: str, expected: int, got: int) -> None:
        super().__init__(f"{what} must be {expected} fen, got {got} fen")
        self.expected = expected
        self.got = got


class StatusError(CardosError):
    """The card refused a command.  You get it only when an answer arrived; no answer is
    :class:`TransportError`.

    ``sw`` is the status word, ``data`` what the card returned with it (some cards send data with an error).

    >>> raise StatusError("CREDIT FOR LOAD", 0x9302, text="MAC invalid")
    Traceback (most recent call last):
    ...
    cardos.errors.StatusError: CREDIT FOR LOAD answered 9302 (MAC invalid)
    """

    def __init__(self, command: str, sw: int, data: bytes = b"", *, text: str) -> None:
        super().__init__(f"{command} answered {sw:04X} ({text})")
        self.command = command
        self.sw = sw
        self.data = data


class TransportError(CardosError):
    """No answer came: whether the card executed the command is unknown."""


class CardRemoved(TransportError):
    """The card lost power or left the field; a new connection (and a proof, if money moved) is needed."""


class NoCard(TransportError):
    """The reader is there, but no card that answers lies in it."""


class NoReader(TransportError):
    """No reader is meant by the name ``wanted``; ``readers`` are those that exist.

    >>> raise NoReader("Acme", ["Virtual PCD 00 00"])
    Traceback (most recent call last):
    ...
    cardos.errors.NoReader: reader must be one of 'Virtual PCD 00 00', got 'Acme'
    """

    def __init__(self, wanted: str, readers: Sequence[str]) -> None:
        known = ", ".join(repr(name) for name in readers)
        super().__init__(f"reader must be {f'one of {known}' if known else 'there, none is'}, got {wanted!r}")
        self.wanted = wanted
        self.readers = tuple(readers)


class ReaderBusy(TransportError):
    """Somebody else has the card or the reader for the moment."""


class SharingViolation(ReaderBusy):
    """Another program is connected to the card in a way that excludes ours, or ours theirs."""


class ServiceDown(TransportError):
    """The service that holds the readers does not run, or went away."""


class TransportTimeout(TransportError, TimeoutError):
    """No answer came in time."""


class ReplayMismatch(TransportError):
    """A recorded card is asked for something else than was recorded.

    ``number`` is the event of the trace, ``expected`` what it recorded and ``got`` what came, secrets masked.

    >>> raise ReplayMismatch(7, "805C000204", "805C000104")
    Traceback (most recent call last):
    ...
    cardos.errors.ReplayMismatch: event 7 of the trace must be 805C000204, got 805C000104
    """

    def __init__(self, number: int, expected: str, got: str) -> None:
        super().__init__(f"event {number} of the trace must be {expected}, got {got}")
        self.number = number
        self.expected = expected
        self.got = got


class MissingComponent(CardosError, ImportError):
    """An optional part of the installation is absent; the message names the extra that brings it."""

    def __init__(self, component: str, extra: str) -> None:
        super().__init__(f"{component} is not installed; run: pip install 'cardos[{extra}]'")
        self.component = component
        self.extra = extra

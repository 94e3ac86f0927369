"""Columns: keys, MACs, TACs and verdicts of a million rows in one call.  Needs NumPy.

The dialect's layout says which columns a call takes; a column is given by the name of its field, as in the scalar
calls of :class:`~cardos.crypto.Dialect`:

* an ``(N, width)`` uint8 array, strided as you like: it is read where it lies;
* for a number also an integer array ``(N,)``, for a date or a time also ``datetime64``;
* an Arrow array of such things, without nulls (:mod:`cardos.crypto.arrow` takes nulls and gives Arrow arrays);
* or one value, which then serves every row.

One native call computes a column, with the GIL released; ``threads`` (1 or more) share a long one among them.  With the
pure backend the same functions loop in Python.
Every misuse raises :class:`~cardos.errors.ParameterError` that names the argument.

>>> import numpy as np
>>> master = Key(bytes.fromhex("00112233445566778899AABBCCDDEEFF"))
>>> serials = np.array([[0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88], [0] * 8], np.uint8)
>>> cards = derive_column(master, serials)
>>> cards
<KeyColumn TDES, 2 rows>
>>> cards.reveal()[0].tobytes().hex()
'496bd7a3513644533100b54e71196528'
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

from ..errors import MissingComponent, ParameterError

try:
    import numpy as np
    import numpy.typing as npt
except ImportError:
    raise MissingComponent("numpy", "clearing") from None

from ._backend import engine
from ._rows import KeyRows, Level, MacRows, PureRows, RowEngine
from ._source import Bytes2D, Column, Source, byte_source, common_rows, constant, message
from ._threads import in_slices
from .dialect import Dialect
from .diversify import FACTOR_SIZE
from .key import Cipher, Key
from .suite import SessionRule, Suite

__all__ = [
    "Column",
    "KeyColumn",
    "derive_column",
    "mac_column",
    "session_key_column",
    "tac_column",
    "verify_tac_column",
]

_MAC_SIZE = 4


def _row_engine() -> RowEngine:
    if engine.name == "pure":
        return PureRows()
    from ._rows_native import NativeRows

    return NativeRows()


_rows = _row_engine()


class KeyColumn:
    """A key for every row, all of one cipher: ``values`` is ``(N, key size)`` uint8, or one :class:`Key` for every row.

    Like a :class:`Key` it does not show its content and cannot be pickled; :meth:`reveal` is the one way out.

    A column made by :func:`derive_column` or :func:`session_key_column` is a recipe: its keys are computed where they
    are used and stay nowhere in memory.  :meth:`evaluated` computes them once, for a column that is used several times.
    The arrays that were given are not copied: they must stay as they are for as long as the column is used.
    ``recipe`` is what the engines evaluate.
    """

    __slots__ = ("_rows", "recipe")

    recipe: KeyRows

    def __init__(self, values: Key | npt.ArrayLike, cipher: Cipher = Cipher.TDES) -> None:
        if isinstance(values, Key):
            self._set(KeyRows(constant("keys", values.reveal()), values.cipher))
        else:
            self._set(KeyRows(byte_source("keys", values, cipher.key_size), cipher))

    def _set(self, recipe: KeyRows) -> None:
        self.recipe = recipe
        self._rows = common_rows(recipe.sources)

    def derived(self, levels: Iterable[Level]) -> KeyColumn:
        """These keys with more levels of derivation below them."""
        column = KeyColumn.__new__(KeyColumn)
        recipe = self.recipe
        column._set(KeyRows(recipe.stored, recipe.cipher, (*recipe.levels, *levels)))  # noqa: SLF001 (own class)
        return column

    @property
    def cipher(self) -> Cipher:
        """The cipher that the keys belong to."""
        return self.recipe.ciphers[-1]

    def __len__(self) -> int:
        """Rows; a column that is one key for every row has 1."""
        return 1 if self._rows is None else self._rows

    def reveal(self, *, out: Bytes2D | None = None, threads: int = 1) -> Bytes2D:
        """The keys' bytes, ``(N, key size)`` uint8; into ``out`` when it is given."""
        result = _output(out, len(self), self.cipher.key_size, self.recipe.sources)

        def compute(rows: slice) -> None:
            part = result[rows]
            _rows.keys(self.recipe.of_rows(rows), len(part), part)

        in_slices(compute, len(result), threads)
        return result

    def evaluated(self, *, threads: int = 1) -> KeyColumn:
        """The same keys, computed now and stored."""
        if self._rows is None:
            return KeyColumn(Key(self.reveal().tobytes(), self.cipher))
        return KeyColumn(self.reveal(threads=threads), self.cipher)

    def __repr__(self) -> str:
        rows = "every row" if self._rows is None else f"{self._rows} rows"
        return f"<KeyColumn {self.cipher.name}, {rows}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a KeyColumn cannot be pickled; use reveal() where its bytes may be stored")


def derive_column(master: Key | KeyColumn, *factors: Column) -> KeyColumn:
    """Keys derived by one level per factor, the top of the hierarchy first, as :func:`cardos.crypto.diversify` does.

    A factor is 8 bytes for every row or an ``(N, 8)`` uint8 array; ``master`` is of TDES or SM4
    (JR/T 0025.2 annex B.2).
    """
    keys = _as_column("master", master)
    cipher = keys.cipher
    if cipher is Cipher.DES:
        raise ParameterError("master", "a TDES or SM4 key", "DES")
    names = ["factor"] if len(factors) == 1 else [f"factor {i}" for i in range(1, len(factors) + 1)]
    sources = [byte_source(name, f, FACTOR_SIZE) for name, f in zip(names, factors, strict=True)]
    return keys.derived(Level((source, source.complement()), cipher) for source in sources)


def session_key_column(
    dialect: Dialect, transaction: str, keys: Key | KeyColumn, /, **columns: Column
) -> KeyColumn:
    """Session keys of a transaction from the cards' keys and the columns of its session block.

    The column form of :meth:`Dialect.session_key <cardos.crypto.Dialect.session_key>` (JR/T 0025.2 annex B.3).
    """
    column = _of_suite("keys", keys, dialect.suite, des_too=True)
    blocks = (message(layout, columns) for layout in dialect.transaction(transaction).session)
    return column.derived(_session_level(dialect.suite, block) for block in blocks)


def mac_column(
    dialect: Dialect,
    transaction: str,
    item: str,
    session_keys: Key | KeyColumn,
    /,
    *,
    out: Bytes2D | None = None,
    threads: int = 1,
    **columns: Column,
) -> Bytes2D:
    """MAC1, MAC2, MAC3 or GMAC of every row, ``(N, 4)`` uint8, into ``out`` when it is given.

    The column form of :meth:`Dialect.mac <cardos.crypto.Dialect.mac>` (JR/T 0025.2 annex B.4).  ``out`` is a writable
    ``(N, 4)`` uint8 array, strided as you like, that shares no memory with the columns.
    """
    keys = _of_suite("session_keys", session_keys, dialect.suite, des_too=True)
    return _macs(keys.recipe, _mac_rows(dialect, transaction, item, columns, tac=False), out, threads)


def tac_column(
    dialect: Dialect,
    transaction: str,
    tac_keys: Key | KeyColumn,
    /,
    *,
    out: Bytes2D | None = None,
    item: str = "tac",
    threads: int = 1,
    **columns: Column,
) -> Bytes2D:
    """TAC (or ``item="gtac"``) of every row, ``(N, 4)`` uint8, under the cards' TAC keys DTK as they are stored.

    The column form of :meth:`Dialect.tac <cardos.crypto.Dialect.tac>` (JR/T 0025.2 5.5); ``out`` as for
    :func:`mac_column`.

    >>> from cardos.profile import load_dialect
    >>> dtk = Key(bytes.fromhex("00112233445566778899AABBCCDDEEFF"))
    >>> when = np.datetime64("2016-12-16T10:58:00")
    >>> tac = tac_column(load_dialect("pboc2", "3des"), "load", dtk, balance=np.array([0x2000, 0x2001]),
    ...                  online_serial=0, amount=0x2000, type=2, terminal=bytes.fromhex("001122334455"),
    ...                  date=when, time=when)
    >>> tac[0].tobytes().hex()
    'fa00066d'
    """
    keys = _of_suite("tac_keys", tac_keys, dialect.suite, des_too=False)
    return _macs(keys.recipe, _mac_rows(dialect, transaction, item, columns, tac=True), out, threads)


def verify_tac_column(
    dialect: Dialect,
    transaction: str,
    tac_keys: Key | KeyColumn,
    received: Column,
    /,
    *,
    item: str = "tac",
    threads: int = 1,
    **columns: Column,
) -> npt.NDArray[np.bool_]:
    """Whether ``received``, ``(N, 4)`` uint8, is the TAC of its row: a verdict ``(N,)``, compared in constant time.

    The TACs that were computed are not kept.  Other arguments as in :func:`tac_column`.
    """
    keys = _of_suite("tac_keys", tac_keys, dialect.suite, des_too=False).recipe
    mac = _mac_rows(dialect, transaction, item, columns, tac=True)
    given = byte_source("received", received, _MAC_SIZE)
    rows = common_rows((*keys.sources, *mac.message, given))
    verdicts = np.empty(1 if rows is None else rows, np.bool_)

    def compute(rows: slice) -> None:
        _rows.verify(keys.of_rows(rows), mac.of_rows(rows), given.of_rows(rows), verdicts[rows])

    in_slices(compute, len(verdicts), threads)
    return verdicts


def _as_column(name: str, keys: Key | KeyColumn) -> KeyColumn:
    if not isinstance(keys, Key | KeyColumn):
        raise ParameterError(name, "a Key or a KeyColumn", type(keys).__name__)
    return KeyColumn(keys) if isinstance(keys, Key) else keys


def _of_suite(name: str, keys: Key | KeyColumn, suite: Suite, *, des_too: bool) -> KeyColumn:
    """The keys as a column, which must be of the suite's cipher, or of DES where a 3DES suite has DES session keys."""
    column = _as_column(name, keys)
    allowed = [suite.cipher, Cipher.DES] if des_too and suite.cipher is Cipher.TDES else [suite.cipher]
    if column.cipher not in allowed:
        choices = " or ".join(cipher.name for cipher in allowed)
        raise ParameterError(name, f"{choices} keys for suite {suite.name}", column.cipher.name)
    return column


def _session_level(suite: Suite, block: tuple[Source, ...]) -> Level:
    if sum(source.width for source in block) != FACTOR_SIZE:
        raise ParameterError("session block", "8 bytes", f"{sum(source.width for source in block)} bytes")
    if suite.session is SessionRule.BLOCK:
        return Level(block, Cipher.DES)
    if suite.session is SessionRule.COMPLEMENT:
        return Level(block + tuple(source.complement() for source in block), suite.cipher)
    return Level((*block, constant("constant", bytes(8))), suite.cipher)


def _mac_rows(
    dialect: Dialect, transaction: str, item: str, columns: dict[str, Column], *, tac: bool
) -> MacRows:
    layout = dialect.transaction(transaction).item(item)
    return MacRows(dialect.suite, message(layout, columns), tac)


def _macs(keys: KeyRows, mac: MacRows, out: Bytes2D | None, threads: int) -> Bytes2D:
    sources = (*keys.sources, *mac.message)
    rows = common_rows(sources)
    count = 1 if rows is None else rows
    result = _output(out, count, _MAC_SIZE, sources)

    def compute(rows: slice) -> None:
        part = result[rows]
        _rows.macs(keys.of_rows(rows), mac.of_rows(rows), len(part), part)

    in_slices(compute, count, threads)
    return result


def _output(out: object, rows: int, width: int, sources: Iterable[Source]) -> Bytes2D:
    if out is None:
        return np.empty((rows, width), np.uint8)
    if not isinstance(out, np.ndarray) or out.dtype != np.uint8 or out.shape != (rows, width):
        got = f"shape {out.shape} of {out.dtype}" if isinstance(out, np.ndarray) else type(out).__name__
        raise ParameterError("out", f"an array ({rows}, {width}) of uint8", got)
    if not out.flags.writeable:
        raise ParameterError("out", "writable", "a read-only array")
    for source in sources:
        if np.shares_memory(out, source.data):
            raise ParameterError(
                "out", "an array that shares no memory with the columns", f"part of {source.name}"
            )
    return out

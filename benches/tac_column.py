"""Purchase TACs of a column: one call of ours against a loop over other packages, doing the same work.

Each row has its own 16-byte DTK: fold it, CBC-MAC of 22 bytes, 4 bytes out.  The peers get their messages assembled
and padded.
"""

from __future__ import annotations

import statistics
import time

import numpy as np
from Crypto.Cipher import DES
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from rich.console import Console
from rich.table import Table

import cardos.crypto
from cardos.crypto import Cipher as OurCipher
from cardos.crypto.column import KeyColumn, tac_column
from cardos.profile import load_dialect

ROUNDS, OUR_ROWS, PEER_ROWS = 7, 200_000, 10_000


def columns(rows):
    random = np.random.default_rng(1)

    def block(width):
        return random.integers(0, 256, (rows, width), np.uint8)

    names = {"amount": 4, "type": 1, "terminal": 6, "terminal_serial": 4, "date": 4, "time": 3}
    return block(16), {name: block(width) for name, width in names.items()}


def ours(keys, fields):
    return tac_column(
        load_dialect("pboc2"), "purchase", KeyColumn(keys, OurCipher.TDES), item="tac", **fields
    )


def messages(keys, fields):
    padding = np.tile(np.frombuffer(b"\x80\x00", np.uint8), (len(keys), 1))
    folded = keys[:, :8] ^ keys[:, 8:]
    raw = np.concatenate([*fields.values(), padding], axis=1)
    return [(k.tobytes(), m.tobytes()) for k, m in zip(folded, raw, strict=True)]


def pycryptodome(pairs):
    return [DES.new(key, DES.MODE_CBC, iv=bytes(8)).encrypt(message)[-8:-4] for key, message in pairs]


def cryptography(pairs):
    # Single DES as TripleDES with three equal keys: the package has no other.
    return [
        Cipher(TripleDES(key * 3), modes.CBC(bytes(8))).encryptor().update(message)[-8:-4]
        for key, message in pairs
    ]


def rows_per_second(function, rows, *arguments):
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        function(*arguments)
        times.append(time.perf_counter() - start)
    return rows / statistics.median(times)


def main():
    keys, fields = columns(OUR_ROWS)
    few = keys[:PEER_ROWS], {name: column[:PEER_ROWS] for name, column in fields.items()}
    pairs = messages(*few)
    expected = [bytes(row) for row in ours(*few)]
    assert expected == pycryptodome(pairs) == cryptography(pairs)
    speed = {f"cardos ({cardos.crypto.backend.name})": rows_per_second(ours, OUR_ROWS, keys, fields)}
    for peer in (pycryptodome, cryptography):
        speed[peer.__name__] = rows_per_second(peer, PEER_ROWS, pairs)
    table = Table("engine", "rows a second", "ours is", title=f"Purchase TAC, median of {ROUNDS}")
    first = next(iter(speed.values()))
    for name, rate in speed.items():
        table.add_row(name, f"{rate:,.0f}", f"{first / rate:.1f} x")
    Console().print(table)


if __name__ == "__main__":
    main()

"""SM4, and single calls from Python, beside their peers, at every level that runs here.

    python benches/crypto_single.py [--rounds N] [WORKLOAD ...]

As crypto.py: one process, in turns, medians, ratios; what is computed is compared first.  gmssl_pyx, the fastest SM4
for Python, is no dependency of the project: `pip install gmssl_pyx` beside it, or its lines are missing.

W4 rows    MAC of two blocks of SM4 under a key for each row
W4 master  the same, the keys derived from one master
W4 stream  one long CBC-MAC
W5 retail  one retail MAC of 32 bytes, another key each time
W5 3DES    one 3DES-ECB of 16 bytes, another key each time
W5 SM4     one SM4 CBC-MAC of 32 bytes, another key each time
           (W5: ours makes a Key of the bytes in each call; "at hand" has other Keys each time, made before, as a
           program has that keeps keys; "expanded" has one key object with its key schedule.)
W6 SM4-ECB, W6 SM4-CTR, W6 3DES-CBC    16 MiB into an existing buffer; the last one enciphers, a chain
"""

from __future__ import annotations

import argparse

import numpy as np
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from rich.console import Console
from rich.table import Table

from cardos.crypto import Cipher as OurCipher
from cardos.crypto import Key, backend, bulk, encrypt_ecb, mac_alg1, mac_alg3
from cardos.crypto.column import KeyColumn, derive_column, tac_column
from cardos.profile import load_dialect
from crypto import MASTER, WIDTHS, Contender, running_levels

try:
    import gmssl_pyx
except ImportError:
    gmssl_pyx = None

OUR_ROWS, PEER_ROWS, CALLS, OUR_BYTES, PEER_BYTES = 65_536, 2_048, 100, 16 << 20, 1 << 20
SUITE = load_dialect("pboc2", "sm4-a")
Z8, Z16 = bytes(8), bytes(16)

# The goals by workload and level, as multiples of the best peer; None where the figure is only shown.
GOALS = {
    "W4 rows": {"portable": 4, "avx2": 12, "avx512": 45},
    "W4 master": {"portable": 15, "avx2": 50, "avx512": 150},
    "W4 stream": {"avx2": 0.5, "avx512": 0.95},
    "W5 retail": {"portable": 5, "avx2": 8, "avx512": 8},
    "W5 3DES": {"portable": 2, "avx2": 3.5, "avx512": 3.5},
    "W5 SM4": {"avx2": 0.8, "avx512": 1.1},
    "W6 SM4-ECB": {"avx2": 5, "avx512": 20},
    "W6 SM4-CTR": {"avx2": 5, "avx512": 12},
    "W6 3DES-CBC": {"avx2": 0.75, "avx512": 0.75},
}
# The goal of this one was set against cryptography alone.
BEST = {"W4 master": "cryptography"}


def last_block(algorithm, data):
    size = algorithm.block_size // 8
    return Cipher(algorithm, modes.CBC(bytes(size))).encryptor().update(data)[-size:]


def gmssl_mac(key, data):
    """The last block but the one of padding that the package adds to whole blocks."""
    return gmssl_pyx.sm4_cbc_padding_encrypt(key, Z16, data)[-32:-16]


def levels(units, run):
    return [Contender(f"cardos {level}", units, run, level) for level in running_levels()]


# ---------------------------------------------------------------- rows of SM4


def row_data(rows):
    random = np.random.default_rng(4)
    fields = {name: random.integers(0, 256, (rows, width), np.uint8) for name, width in WIDTHS.items()}
    return random.integers(0, 256, (rows, 16), np.uint8), random.integers(0, 256, (rows, 8), np.uint8), fields


def row_workload(*, master):
    """TACs: 22 bytes and their padding are two blocks."""
    keys, serials, fields = row_data(OUR_ROWS)
    raw = np.concatenate(list(fields.values()), axis=1)[:PEER_ROWS]
    messages = [row.tobytes() + b"\x80" + bytes(9) for row in raw]
    few = [row.tobytes() for row in (serials if master else keys)[:PEER_ROWS]]

    def ours():
        column = (
            derive_column(Key(MASTER, OurCipher.SM4), serials) if master else KeyColumn(keys, OurCipher.SM4)
        )
        return tac_column(SUITE, "purchase", column, **fields)

    def key_of(ecb, value):
        return ecb(value + bytes(b ^ 0xFF for b in value)) if master else value

    def cryptography():
        ecb = Cipher(SM4(MASTER), modes.ECB()).encryptor().update
        return [last_block(SM4(key_of(ecb, k)), m)[:4] for k, m in zip(few, messages, strict=True)]

    def gmssl():
        def ecb(block):
            return gmssl_pyx.sm4_cbc_padding_encrypt(MASTER, Z16, block)[:16]

        return [gmssl_mac(key_of(ecb, k), m)[:4] for k, m in zip(few, messages, strict=True)]

    peers = [Contender("cryptography", PEER_ROWS, cryptography)]
    if gmssl_pyx:
        peers.append(Contender("gmssl_pyx", PEER_ROWS, gmssl))
    expected = [bytes(row) for row in ours()[:PEER_ROWS]]
    assert all(expected == peer.run() for peer in peers)
    return [*peers, *levels(OUR_ROWS, ours)]


def stream_workload():
    data, key = np.random.default_rng(5).bytes(PEER_BYTES), Key(MASTER, OurCipher.SM4)

    def ours():
        return mac_alg1(key, data, padding=1, length=16)

    peers = [Contender("cryptography", PEER_BYTES, lambda: last_block(SM4(MASTER), data))]
    if gmssl_pyx:
        peers.append(Contender("gmssl_pyx", PEER_BYTES, lambda: gmssl_mac(MASTER, data)))
    assert all(ours() == peer.run() for peer in peers)
    return [*peers, *levels(PEER_BYTES, ours)]


# ---------------------------------------------------------------- single calls


def loop(call, keys):
    """All results, and a function that makes them and keeps none."""

    def run():
        for key in keys:
            call(key)

    return [call(key) for key in keys], run


def call_workload(peers, ours, cipher):
    """Our calls make a key object of the same bytes each time; the peers take the bytes."""
    source = np.random.default_rng(6)
    values = [source.bytes(16) for _ in range(CALLS)]
    keys = [Key(value, cipher) for value in values]
    expected, run = loop(lambda value: ours(Key(value, cipher)), values)
    contenders = []
    for name, call in peers.items():
        found, peer_run = loop(call, values)
        assert expected == found
        contenders.append(Contender(name, CALLS, peer_run))
    expanded, at_hand = keys[0].expanded(), levels(CALLS, loop(ours, keys)[1])
    for contender in at_hand:
        contender.name += ", key objects at hand"
    return [
        *contenders,
        *levels(CALLS, run),
        *at_hand,
        Contender("cardos best, expanded", CALLS, loop(ours, [expanded] * CALLS)[1]),
    ]


def retail_workload():
    data = bytes(range(32))

    def cryptography(value):
        left = value[:8]
        inner = last_block(TripleDES(left * 3), data[:-8])
        block = bytes(a ^ b for a, b in zip(inner, data[-8:], strict=True))
        return Cipher(TripleDES(value + left), modes.ECB()).encryptor().update(block)

    return call_workload(
        {"cryptography": cryptography}, lambda key: mac_alg3(key, data, padding=1, length=8), OurCipher.TDES
    )


def ecb_workload():
    data = bytes(range(16))

    def cryptography(value):
        return Cipher(TripleDES(value + value[:8]), modes.ECB()).encryptor().update(data)

    return call_workload({"cryptography": cryptography}, lambda key: encrypt_ecb(key, data), OurCipher.TDES)


def sm4_workload():
    data = bytes(range(32))
    peers = {"cryptography": lambda value: last_block(SM4(value), data)}
    if gmssl_pyx:
        peers["gmssl_pyx"] = lambda value: gmssl_mac(value, data)
    return call_workload(peers, lambda key: mac_alg1(key, data, padding=1, length=16), OurCipher.SM4)


# ---------------------------------------------------------------- bulk


def bulk_workload(cipher, ours, peers):
    data = np.random.default_rng(7).integers(0, 256, OUR_BYTES, np.uint8)
    out, some, key = np.empty_like(data), data[:PEER_BYTES].tobytes(), Key(MASTER, cipher)
    ours(key, data, out)
    room, contenders = bytearray(PEER_BYTES + 15), []
    for name, call in peers.items():
        given = call(some, room)
        assert out[:PEER_BYTES].tobytes() == bytes(room[:PEER_BYTES] if given is None else given)
        contenders.append(Contender(name, PEER_BYTES, lambda call=call: call(some, room)))
    return [*contenders, *levels(OUR_BYTES, lambda: ours(key, data, out))]


def into(algorithm, mode):
    """A call of cryptography into the buffer it is given."""

    def call(data, room):
        Cipher(algorithm, mode).encryptor().update_into(data, room)

    return call


def ctr_workload():
    peers = {"cryptography": into(SM4(MASTER), modes.CTR(Z16))}
    if gmssl_pyx:
        peers["gmssl_pyx (new bytes)"] = lambda data, _: gmssl_pyx.sm4_ctr_encrypt(MASTER, Z16, data)
    return bulk_workload(OurCipher.SM4, lambda *given: bulk.ctr(*given, counter=Z16), peers)


WORKLOADS = {
    "W4 rows": lambda: row_workload(master=False),
    "W4 master": lambda: row_workload(master=True),
    "W4 stream": stream_workload,
    "W5 retail": retail_workload,
    "W5 3DES": ecb_workload,
    "W5 SM4": sm4_workload,
    "W6 SM4-ECB": lambda: bulk_workload(
        OurCipher.SM4, bulk.ecb, {"cryptography": into(SM4(MASTER), modes.ECB())}
    ),
    "W6 SM4-CTR": ctr_workload,
    "W6 3DES-CBC": lambda: bulk_workload(
        OurCipher.TDES, bulk.cbc, {"cryptography": into(TripleDES(MASTER + MASTER[:8]), modes.CBC(Z8))}
    ),
}
UNITS = {"W4 rows": ("k rows/s", 1e-3), "W4 master": ("k rows/s", 1e-3), "W5": ("us", 0)}


def show(console, workload, contenders):
    unit, scale = UNITS.get(workload, UNITS.get(workload[:2], ("MB/s", 1e-6)))
    peers = [contender for contender in contenders if not contender.name.startswith("cardos")]
    best = max(peer.rate for peer in peers if BEST.get(workload, peer.name) == peer.name)
    table = Table("", unit, "x best peer", "goal", title=workload)
    for contender in contenders:
        ratio, goal = contender.rate / best, GOALS[workload].get(contender.level)
        verdict = "" if goal is None else f"{goal} {'met' if ratio >= goal else 'NOT met'}"
        figure = f"{contender.rate * scale:,.0f}" if scale else f"{1e6 / contender.rate:.2f}"
        table.add_row(contender.name, figure, f"{ratio:.2f}", verdict)
    console.print(table)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workloads", nargs="*", default=list(WORKLOADS), help=", ".join(WORKLOADS))
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    console, used = Console(width=120), backend.level
    for workload in options.workloads:
        contenders = WORKLOADS[workload]()
        for _ in range(
            options.rounds * (20 if workload.startswith("W5") else 1)
        ):  # short turns, seldom disturbed
            for contender in contenders:
                contender.turn()
        show(console, workload, contenders)
        backend.use_level(used)
    if gmssl_pyx is None:
        console.print("gmssl_pyx is not installed")


if __name__ == "__main__":
    main()

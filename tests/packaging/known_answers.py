"""Published answers from an installed package, at every level that its core has on this machine.

A script without a test framework, for every machine on which a wheel is tried: ``python known_answers.py``.
It prints the backend once for each level, and fails with the first wrong answer.  With NumPy, columns are
compared with single calls too.
"""

from __future__ import annotations

from datetime import date, time
from importlib.util import find_spec

from cardos.crypto import Cipher, Key, backend, diversify, encrypt_ecb, key_check_value, mac_alg1, mac_alg3
from cardos.profile import load_dialect

DOUBLE = Key(bytes.fromhex("0123456789ABCDEFFEDCBA9876543210"))
SINGLE = Key(DOUBLE.reveal()[:8], Cipher.DES)
CARD_KEY = Key(bytes.fromhex("00112233445566778899AABBCCDDEEFF"))
NOW = b"Now is the time for all "
#: Load and purchase recorded on a card, as an engineer published them with test keys.
LOAD = {"balance": 0x2000, "amount": 0x2000, "type": 2, "date": date(2016, 12, 16), "time": time(10, 58)}
PURCHASE = {"amount": 1, "type": 6, "terminal_serial": 0, "date": date(2016, 12, 16), "time": time(13, 46)}
TERMINAL = bytes.fromhex("001122334455")
#: More than two steps of the widest level.
ROWS = 1200


def expect(what, expected, found):
    if expected != found.hex():
        raise SystemExit(f"{what} at level {backend.level or 'none'}: expected {expected}, got {found.hex()}")


def check_calls():
    expect("DES, FIPS 81", "3fa40e8a984d4815", encrypt_ecb(SINGLE, NOW[:8]))
    expect("check value of a TDES key", "08d7b4", key_check_value(DOUBLE))
    expect("MAC algorithm 1, ISO/IEC 9797-1 B.2", "10e1f0f1", mac_alg1(SINGLE, NOW))
    expect("MAC algorithm 3, ISO/IEC 9797-1 B.4", "e9086230", mac_alg3(DOUBLE, NOW))
    sm4 = Key(DOUBLE.reveal(), Cipher.SM4)
    expect("SM4, GB/T 32907 A.1", "681edf34d206965e86b3e94f536e4246", encrypt_ecb(sm4, sm4.reveal()))
    pboc = load_dialect("pboc2")
    load = pboc.tac("load", CARD_KEY, online_serial=0, terminal=TERMINAL, **LOAD)
    expect("TAC of a load", "fa00066d", load)
    expect("TAC of a purchase", "8af270dc", pboc.tac("purchase", CARD_KEY, terminal=TERMINAL, **PURCHASE))


def check_columns():
    """Row 0 is the published load; each row has its own serial, and in the second column its own key."""
    import numpy as np

    from cardos.crypto.column import derive_column, tac_column

    serials = np.arange(ROWS)
    factors = np.zeros((ROWS, 8), np.uint8)
    factors[:, 6:] = serials.astype(">u2").view(np.uint8).reshape(-1, 2)
    same = {"terminal": TERMINAL, **LOAD}
    for suite in ("3des", "sm4-a"):
        dialect = load_dialect("pboc2", suite)
        master = dialect.suite.key(CARD_KEY.reveal())
        shared = tac_column(dialect, "load", master, online_serial=serials, **same)
        own = tac_column(dialect, "load", derive_column(master, factors), online_serial=serials, **same)
        if suite == "3des":
            expect("TAC of a load, row 0", "fa00066d", shared[0].tobytes())
        for row in range(0, ROWS, 7):
            key = diversify(master, factors[row].tobytes())
            for found, its_key in ((shared, master), (own, key)):
                expected = dialect.tac("load", its_key, online_serial=row, **same)
                expect(f"TAC of a load, {suite}, row {row}", expected.hex(), found[row].tobytes())


def main():
    checks = [check_calls, check_columns] if find_spec("numpy") else [check_calls]
    for level in [level.name for level in backend.levels if level.runs] or [None]:
        if level:
            backend.use_level(level)
        for check in checks:
            check()
        print(backend)  # noqa: T201 (what it is for)


if __name__ == "__main__":
    main()

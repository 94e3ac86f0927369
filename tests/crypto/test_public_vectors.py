"""Published vectors: a folder of JSON files beside the checkout (``shared/vectors-public``) or CARDOS_PUBLIC_VECTORS.

Algorithms that cardos does not offer but that consist of its block ciphers (three-key TDES, padding 3, CMAC, EMAC,
CTR …) are put together here, so their values check the ciphers all the same.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import date, time
from pathlib import Path

import pytest

from cardos.crypto import (
    Cipher,
    Key,
    backend,
    decipher,
    decrypt_cbc,
    decrypt_ecb,
    diversify,
    encipher,
    encrypt_cbc,
    encrypt_ecb,
    key_check_value,
    mac_alg1,
    mac_alg3,
    pad,
    unpad,
)
from cardos.profile import load_dialect

FOLDER = Path(
    os.environ.get("CARDOS_PUBLIC_VECTORS") or Path(__file__).parents[3] / "shared" / "vectors-public"
)

if not FOLDER.is_dir():
    pytest.skip(
        f"no published vectors at {FOLDER}; CARDOS_PUBLIC_VECTORS may name their folder",
        allow_module_level=True,
    )

#: In Python a million blocks take half a minute; the native core does them.
MOST_ITERATIONS = 10_000 if backend.name == "pure" else 1_000_000

#: Hash functions are no part of cardos.crypto.
NOT_OURS = {"sm3"}

Encrypt = Callable[[bytes], bytes]
CHECKS: dict[str, Callable[[dict], None]] = {}


def checks(*families):
    def register(function):
        CHECKS.update(dict.fromkeys(families, function))
        return function

    return register


def cases():
    for path in sorted(FOLDER.glob("*.json")):
        table = json.loads(path.read_text(encoding="utf-8"))
        if table["family"] in NOT_OURS:
            continue
        for test in table["tests"]:
            if test.get("iterations", 1) > MOST_ITERATIONS:
                continue
            marks = [pytest.mark.slow] if test.get("iterations", 1) > 1 else []
            yield pytest.param(table["family"], test, id=test["id"], marks=marks)


def raw(test, *names):
    return [bytes.fromhex(test[name]) for name in names]


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


# ---------------------------------------------------------------- ciphers


def tdes(value, *, decrypt=False) -> Encrypt:
    """A block operation of DES, two-key or three-key TDES."""
    if len(value) != 24 or value[:8] == value[16:]:
        key = Key(value[:16])
        return lambda block: decrypt_ecb(key, block) if decrypt else encrypt_ecb(key, block)
    k1, k2, k3 = (Key(value[i : i + 8]) for i in (0, 8, 16))
    if decrypt:
        return lambda block: decrypt_ecb(k1, encrypt_ecb(k2, decrypt_ecb(k3, block)))
    return lambda block: encrypt_ecb(k3, decrypt_ecb(k2, encrypt_ecb(k1, block)))


def sm4(value) -> Encrypt:
    return lambda block: encrypt_ecb(Key(value, Cipher.SM4), block)


def cbc(encrypt, iv, data):
    out = []
    for i in range(0, len(data), len(iv)):
        iv = encrypt(xor(data[i : i + len(iv)], iv))
        out.append(iv)
    return b"".join(out)


@checks("des-tdes-ecb")
def check_des_ecb(test):
    key, plain, cipher = raw(test, "key", "pt", "ct")
    assert cipher == tdes(key)(plain)
    assert plain == tdes(key, decrypt=True)(cipher)


@checks("des-tdes-cbc")
def check_des_cbc(test):
    value, iv, plain, cipher = raw(test, "key", "iv", "pt", "ct")
    if len(value) == 24 and value[:8] != value[16:]:
        assert cipher == cbc(tdes(value), iv, plain)
        return
    key = Key(value[:16])
    assert cipher == encrypt_cbc(key, plain, iv=iv)
    assert plain == decrypt_cbc(key, cipher, iv=iv)


@checks("tdes-mct")
def check_monte_carlo(test):
    value, block, output = raw(test, "key", "input", "output")
    step = tdes(value, decrypt=test["direction"] == "decrypt")
    for _ in range(test["iterations"]):
        block = step(block)
    assert output == block


@checks("sm4-block")
def check_sm4_block(test):
    value, block, cipher = raw(test, "key", "pt", "ct")
    key, plain = Key(value, Cipher.SM4), block
    for _ in range(test["iterations"]):
        block = encrypt_ecb(key, block)
    assert cipher == block
    if test["iterations"] == 1:
        assert plain == decrypt_ecb(key, cipher)


def keystream_ctr(encrypt, iv, blocks):
    start = int.from_bytes(iv, "big")
    return b"".join(encrypt(((start + i) % 2**128).to_bytes(16, "big")) for i in range(blocks))


def keystream_ofb(encrypt, iv, blocks):
    return cbc(encrypt, iv, bytes(16 * blocks))


def cfb(encrypt, iv, plain):
    out = b""
    for i in range(0, len(plain), 16):
        chunk = plain[i : i + 16]
        iv = xor(chunk, encrypt(iv)[: len(chunk)])
        out += iv
    return out


def unpad_pkcs7(data):
    count = data[-1] if data else 0
    return data[:-count] if 1 <= count <= 16 and data.endswith(bytes([count]) * count) else None


@checks("sm4-modes")
def check_sm4_modes(test):
    value, iv, cipher = raw(test, "key", "iv", "ct")
    plain = bytes.fromhex(test["pt"]) if test["pt"] is not None else None
    key, blocks = Key(value, Cipher.SM4), -(-len(cipher) // 16)
    if test["mode"] == "CBC" and test["padding"] == "pkcs7":
        whole = len(cipher) % 16 == 0
        assert plain == (unpad_pkcs7(decrypt_cbc(key, cipher, iv=iv)) if whole else None)
    elif test["mode"] == "CBC":
        assert cipher == encrypt_cbc(key, plain, iv=iv)
        assert plain == decrypt_cbc(key, cipher, iv=iv)
    elif test["mode"] == "CFB":
        assert cipher == cfb(sm4(value), iv, plain)
    else:
        keystream = {"CTR": keystream_ctr, "OFB": keystream_ofb}[test["mode"]]
        assert cipher == xor(plain, keystream(sm4(value), iv, blocks)[: len(plain)])


# ---------------------------------------------------------------- padding and MACs


def pad3(data, size):
    """Padding method 3 of ISO/IEC 9797-1: the length in bits as a block in front, then zeros."""
    return (8 * len(data)).to_bytes(size, "big") + (pad(data, size, method=1) if data else b"")


def padded(data, method, size):
    rules = {
        "m1": lambda: pad(data, size, method=1),
        "m2": lambda: pad(data, size),
        "m3": lambda: pad3(data, size),
    }
    return data if method == "none" else rules[method]()


@checks("iso9797-padding")
def check_padding(test):
    data, result = raw(test, "data", "padded")
    assert result == padded(data, test["method"], test["block"])
    if test["method"] == "m2":
        assert data == unpad(result)


def check_des_mac(test, compute):
    value, iv, message, mac = raw(test, "key", "iv", "msg", "mac")
    if test["padding"] in ("m1", "m2"):
        method = int(test["padding"][1])
    else:  # made whole here, to which padding 1 adds nothing
        message, method = padded(message, test["padding"], 8), 1
    assert mac == compute(Key(value), message, iv=iv, padding=method, length=test["mac_len"])


@checks("des-mac-alg1")
def check_des_mac_alg1(test):
    check_des_mac(test, mac_alg1)


@checks("des-mac-alg3")
def check_des_mac_alg3(test):
    check_des_mac(test, mac_alg3)


@checks("command-mac")
def check_command_mac(test):
    check_des_mac(test, {1: mac_alg1, 3: mac_alg3}[int(test["alg"])])


def double(block):
    """Multiplication by x in the field of CMAC."""
    size = len(block)
    number = int.from_bytes(block, "big") << 1
    if number >> (8 * size):
        number ^= (1 << (8 * size)) | {8: 0x1B, 16: 0x87}[size]
    return number.to_bytes(size, "big")


def cmac(encrypt, message, size):
    subkey = double(encrypt(bytes(size)))
    if not message or len(message) % size:
        message, subkey = pad(message, size), double(subkey)
    last = xor(message[-size:], subkey)
    return cbc(encrypt, bytes(size), message[:-size] + last)[-size:]


@checks("tdes-cmac")
def check_tdes_cmac(test):
    value, message, mac = raw(test, "key", "msg", "mac")
    assert mac == cmac(tdes(value), message, 8)[: test["mac_len"]]


def emac(key, key2, message):
    return encrypt_ecb(key2, mac_alg1(key, message, padding=1, length=16))


def retail(key, key2, message):
    return encrypt_ecb(key, decrypt_ecb(key2, mac_alg1(key, message, padding=1, length=16)))


def mac_des(key, key2, message):
    """Algorithm 4: the first block is encrypted once more under K'' = K' with every other half byte inverted."""
    key3 = Key(xor(key2.reveal(), b"\xf0" * 16), Cipher.SM4)
    first = encrypt_ecb(key3, encrypt_ecb(key, message[:16]))
    chained = encrypt_cbc(key, message[16:], iv=first)
    return encrypt_ecb(key2, (first + chained)[-16:])


def lmac(key, message):
    """Algorithm 6: two keys derived from one by encrypting the numbers 1 and 2; the last block is under the second."""
    first, last = (Key(encrypt_ecb(key, i.to_bytes(16, "big")), Cipher.SM4) for i in (1, 2))
    chain = encrypt_cbc(first, message[:-16])[-16:] or bytes(16)
    return encrypt_ecb(last, xor(chain, message[-16:]))


def trcbc(key, message, length):
    """Algorithm 7: CBC-MAC without a padding block; a whole last block gives the left bytes, a padded one the right."""
    if message and len(message) % 16 == 0:
        return encrypt_cbc(key, message)[-16:][:length]
    return encrypt_cbc(key, pad(message, 16))[-length:]


@checks("sm4-mac")
def check_sm4_mac(test):
    value, message, mac = raw(test, "key", "msg", "mac")
    key, length = Key(value, Cipher.SM4), test["mac_len"]
    key2 = Key(bytes.fromhex(test["key2"]), Cipher.SM4) if "key2" in test else key
    if test["alg"] in (5, 7):
        full = cmac(sm4(value), message, 16) if test["alg"] == 5 else trcbc(key, message, length)
    elif test["alg"] == 1 and test["padding"] != "m3":
        full = mac_alg1(key, message, padding=int(test["padding"][1]), length=16)
    else:
        whole = padded(message, test["padding"], 16)
        algorithms = {
            1: lambda: mac_alg1(key, whole, padding=1, length=16),
            2: lambda: emac(key, key2, whole),
            3: lambda: retail(key, key2, whole),
            4: lambda: mac_des(key, key2, whole),
            6: lambda: lmac(key, whole),
        }
        full = algorithms[test["alg"]]()
    assert mac == full[:length]


# ---------------------------------------------------------------- cards


def odd_parity(value):
    return bytes(b & 0xFE | (b >> 1).bit_count() % 2 ^ 1 for b in value)


@checks("key-check-value")
def check_key_check_value(test):
    value, kcv = raw(test, "key", "kcv")
    assert kcv == key_check_value(Key(value), length=len(kcv))


@checks("key-diversification")
def check_diversification(test):
    master, factor = raw(test, "master_key", "factor")
    derived = diversify(Key(master), factor).reveal()
    if test["odd_parity"]:
        derived = odd_parity(derived)
    if "derived_key" in test:
        assert bytes.fromhex(test["derived_key"]) == derived
    if "derived_kcv" in test:
        kcv = bytes.fromhex(test["derived_kcv"])
        assert kcv == key_check_value(Key(derived), length=len(kcv))


@checks("data-encipherment")
def check_encipherment(test):
    value, plain, cipher = raw(test, "key", "pt_padded", "ct")
    key = Key(value)
    if test["mode"] == "CBC":
        assert cipher == encrypt_cbc(key, plain, iv=bytes.fromhex(test["iv"]))
        return
    data = plain[1 : 1 + plain[0]]
    assert cipher == encipher(key, data)
    assert data == decipher(key, cipher)


@checks("card-authentication")
def check_authentication(test):
    value, data, output = raw(test, "key", "input", "output")
    suite, key = load_dialect("pboc2").suite, Key(value)
    operations = {
        "external-authenticate": lambda: suite.cryptogram(key, bytes.fromhex(test["challenge"])),
        "internal-authenticate-encrypt": lambda: encrypt_ecb(key, data),
        "internal-authenticate-decrypt": lambda: decrypt_ecb(key, data),
        "internal-authenticate-mac": lambda: mac_alg1(key, data),
    }
    assert output == operations[test["command"]]()


@checks("pboc-purse")
def check_purse(test):
    pboc, kind = load_dialect("pboc2"), test["transaction"]
    key = Key(bytes.fromhex(test[f"{kind}_key"]))
    moment = test["datetime"]
    values = {
        "random": bytes.fromhex(test["challenge"]),
        "online_serial": int(test.get("online_counter", "0"), 16),
        "offline_serial": int(test.get("offline_counter", "0"), 16),
        "terminal_serial": int(test.get("terminal_sn", "0"), 16),
        "amount": int(test["amount"], 16),
        "type": int(test["type"], 16),
        "terminal": bytes.fromhex(test["terminal"]),
        "date": date(int(moment[:4]), int(moment[4:6]), int(moment[6:8])),
        "time": time(int(moment[8:10]), int(moment[10:12]), int(moment[12:])),
    }
    before = {"balance": int(test.get("old_balance", "0"), 16), **values}
    after = {"balance": int(test.get("new_balance", "0"), 16), **values}
    session = pboc.session_key(kind, key, **values)
    assert test["session_key"] == session.reveal().hex()
    assert test["mac1"] == pboc.mac(kind, "mac1", session, **before).hex()
    assert test["mac2"] == pboc.mac(kind, "mac2", session, **values).hex()
    if "tac" in test:
        assert test["tac"] == pboc.tac(kind, Key(bytes.fromhex(test["tac_key"])), **after).hex()


# ---------------------------------------------------------------- the run


def test_every_file_is_checked():
    families = {path.stem for path in FOLDER.glob("*.json")}
    assert families - NOT_OURS == families & CHECKS.keys()


@pytest.mark.parametrize(("family", "test"), list(cases()))
def test_published(family, test):
    CHECKS[family](test)

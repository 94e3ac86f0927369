"""NIST CAVP known answers for TDES (CAVS 11.1) and the examples of draft-ribose-cfrg-sm4, from cryptography-vectors."""

from __future__ import annotations

import re
from pathlib import Path

import cryptography_vectors
import pytest

from cardos.crypto import Cipher, Key, decrypt_cbc, decrypt_ecb, encrypt_cbc, encrypt_ecb

FOLDER = Path(cryptography_vectors.__file__).parent / "ciphers"


def groups(path):
    """The groups of ``NAME = value`` lines of a file; each starts with COUNT."""
    for text in re.split(r"(?=^COUNT)", path.read_text(), flags=re.MULTILINE)[1:]:
        pairs = (line.split(" = ") for line in text.splitlines() if " = " in line)
        yield {name: value.strip() for name, value in pairs}


def key_of(group):
    """The key of a group, or ``None`` for three different DES keys, which two-key TDES cannot hold."""
    if "KEY" in group:
        return Key(bytes.fromhex(group["KEY"]), Cipher.SM4)
    k1, k2, k3 = (bytes.fromhex(group[n] if n in group else group["KEYs"]) for n in ("KEY1", "KEY2", "KEY3"))
    if k1 != k3:
        return None
    return Key(k1) if k1 == k2 else Key(k1 + k2)


def files(folder, pattern):
    return [pytest.param(path, id=path.stem) for path in sorted((FOLDER / folder).glob(pattern))]


def usable(path):
    found = [(key, group) for group in groups(path) if (key := key_of(group))]
    assert found
    return found


@pytest.mark.parametrize("path", files("3DES/ECB", "TECB*[!3].rsp") + files("SM4", "*-ecb.txt"))
def test_ecb(path):
    for key, group in usable(path):
        plain, cipher = bytes.fromhex(group["PLAINTEXT"]), bytes.fromhex(group["CIPHERTEXT"])
        assert cipher == encrypt_ecb(key, plain)
        assert plain == decrypt_ecb(key, cipher)


@pytest.mark.parametrize("path", files("3DES/CBC", "TCBC[!I]*[!3].rsp") + files("SM4", "*-cbc.txt"))
def test_cbc(path):
    for key, group in usable(path):
        iv = bytes.fromhex(group["IV"])
        plain, cipher = bytes.fromhex(group["PLAINTEXT"]), bytes.fromhex(group["CIPHERTEXT"])
        assert cipher == encrypt_cbc(key, plain, iv=iv)
        assert plain == decrypt_cbc(key, cipher, iv=iv)


def test_ecb_three_key_messages_through_single_des():
    (path,) = (FOLDER / "3DES" / "ECB").glob("TECBMMT3.rsp")
    for group in groups(path):
        k1, k2, k3 = (Key(bytes.fromhex(group[f"KEY{i}"])) for i in (1, 2, 3))
        cipher = encrypt_ecb(k3, decrypt_ecb(k2, encrypt_ecb(k1, bytes.fromhex(group["PLAINTEXT"]))))
        assert group["CIPHERTEXT"] == cipher.hex()

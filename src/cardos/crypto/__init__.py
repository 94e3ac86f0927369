"""Card cryptography: DES, 3DES, SM4; padding, MAC, encipherment, diversification, session keys, TAC.

One value at a time here; columns of a million rows in :mod:`cardos.crypto.column` (needs NumPy) and, with nulls, in
:mod:`cardos.crypto.arrow` (needs pyarrow); megabytes under one key in :mod:`cardos.crypto.bulk`.
``cardos.crypto.backend`` tells which engine and which of its levels compute, and why.
"""

from __future__ import annotations

from ..layout import Element as Element
from ..layout import Layout as Layout
from ._backend import BackendInfo as BackendInfo
from ._backend import LevelInfo as LevelInfo
from ._backend import backend as backend
from .block import crypt_ctr as crypt_ctr
from .block import decipher as decipher
from .block import decrypt_cbc as decrypt_cbc
from .block import decrypt_ecb as decrypt_ecb
from .block import encipher as encipher
from .block import encrypt_cbc as encrypt_cbc
from .block import encrypt_ecb as encrypt_ecb
from .block import pad as pad
from .block import unpad as unpad
from .dialect import Dialect as Dialect
from .dialect import Transaction as Transaction
from .diversify import diversify as diversify
from .key import Cipher as Cipher
from .key import Key as Key
from .mac import key_check_value as key_check_value
from .mac import mac_alg1 as mac_alg1
from .mac import mac_alg3 as mac_alg3
from .mac import verify_mac as verify_mac
from .suite import SUITES as SUITES
from .suite import SessionRule as SessionRule
from .suite import Suite as Suite
from .suite import Truncation as Truncation

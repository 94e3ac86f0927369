"""Key rings: the master keys of an issuer by purpose, and the keys derived from them for one card."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ..crypto import Key, diversify
from ..errors import ParameterError
from ..profile import Profile

__all__ = ["KeyRing"]


@dataclass(frozen=True, slots=True, repr=False)
class KeyRing:
    """Keys by purpose: ``purchase``, ``load``, ``tac``, ``control``, ``maintenance`` … (the ``source`` of a
    profile's keys).

    Its ``repr`` shows purposes only, and says when the keys are test keys.
    """

    keys: Mapping[str, Key]
    test: bool = False

    def __getitem__(self, purpose: str) -> Key:
        """The key for ``purpose``; :class:`~cardos.errors.ParameterError` lists the purposes there are."""
        if purpose not in self.keys:
            raise ParameterError("purpose", f"one of {', '.join(sorted(self.keys))}", repr(purpose))
        return self.keys[purpose]

    def check(self, profile: Profile) -> None:
        """Raise :class:`~cardos.errors.ParameterError` unless every key is of the profile's cipher."""
        cipher = profile.suite.cipher
        for purpose, key in self.keys.items():
            if key.cipher is not cipher:
                raise ParameterError(
                    f"{purpose} key of {profile.name}", f"a {cipher.name} key", key.cipher.name
                )

    def for_card(self, profile: Profile, **fields: bytes) -> KeyRing:
        """The ring of one card: each key diversified by the profile's factors, the top first (JR/T 0025.2
        annex B.2).

        ``fields`` are the factors (``issuer``, ``card_serial``), 8 bytes each, or what the profile derives them from.

        >>> from cardos.profile import load_profile
        >>> root = KeyRing({"purchase": Key(bytes.fromhex("00112233445566778899AABBCCDDEEFF"))})
        >>> card = root.for_card(load_profile("city-3des"), card_serial=bytes.fromhex("0102030405060708"))
        >>> card["purchase"].reveal().hex()
        '00e2b15307a7a33050bbbca82e87ff07'
        """
        self.check(profile)
        factors = profile.factor_values(fields)
        derived = {purpose: diversify(key, *factors) for purpose, key in self.keys.items()}
        return KeyRing(MappingProxyType(derived), self.test)

    @classmethod
    def for_tests(cls, seed: str, *profiles: Profile) -> KeyRing:
        """TEST KEYS, the same for the same seed, for every purpose that the profiles name.

        Anybody can compute them: never for cards that are worth something.  All profiles must use one
        cipher suite, as a card and its PSAM do.

        >>> from cardos.profile import load_profile
        >>> KeyRing.for_tests("demo", load_profile("psam-3des"))
        <KeyRing of TEST KEYS: maintenance, purchase, sam-control, sam-maintenance, sam-tac>
        """
        suites = {profile.suite.name: profile.suite for profile in profiles}
        if len(suites) != 1:
            raise ParameterError("profiles", "of one cipher suite", ", ".join(sorted(suites)) or "none")
        [(name, suite)] = suites.items()
        purposes = {key.source for p in profiles for d in p.directories for key in d.keys if key.source}
        keys = {
            purpose: suite.key(
                hashlib.sha256(f"cardos test key/{name}/{seed}/{purpose}".encode()).digest()[:16]
            )
            for purpose in purposes
        }
        return cls(MappingProxyType(keys), test=True)

    def __repr__(self) -> str:
        kind = "TEST KEYS" if self.test else "keys"
        return f"<KeyRing of {kind}: {', '.join(sorted(self.keys))}>"

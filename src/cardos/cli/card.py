"""``cardos card``: make card images, look into them, compare them, serve them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import typer
from rich.console import Console

from ..card import Card
from ..errors import ImageError, ParameterError
from ..host import KeyRing
from ..inspection import compare, difference_document, inspect_card, inspect_image, inspection_document
from ..profile import KeyType, Profile, load_profile
from ..simulation import TEST_SEED, issue_card
from .keyfile import read_keyring
from .serve import serve
from .show import print_card, print_differences
from .values import digits, pin_bytes

__all__ = ["app"]

app = typer.Typer(help="Card images: make one, look into it, compare two, serve one.", no_args_is_help=True)

_SERIAL_DIGITS, _ISSUER_DIGITS, _TERMINAL_DIGITS = 20, 16, 12
_FIRST_DAY, _LAST_DAY = datetime(2025, 1, 1), datetime(2034, 12, 31)
_DAY = ["%Y-%m-%d"]

_Profile = Annotated[
    Path | None, typer.Option("--profile", help="The .toml file of a profile that is not shipped.")
]
_Json = Annotated[bool, typer.Option("--json", help="A JSON document instead, for programs.")]


@app.command()
def new(
    profile: Annotated[str, typer.Argument(help="A name of `cardos profiles`, or a .toml file.")],
    out: Annotated[Path, typer.Argument(help="Image file to write; it must not exist.")],
    *,
    blank: Annotated[bool, typer.Option("--blank", help="An empty chip: no files, no keys.")] = False,
    serial: Annotated[str, typer.Option(help="Application (or SAM) serial number, up to 20 digits.")] = "1",
    issuer: Annotated[str, typer.Option(help="Issuer identifier, up to 16 digits.")] = "1",
    terminal: Annotated[str, typer.Option(help="Terminal number of a SAM, up to 12 digits.")] = "1",
    start: Annotated[datetime, typer.Option(formats=_DAY, help="First day of validity.")] = _FIRST_DAY,
    expiry: Annotated[datetime, typer.Option(formats=_DAY, help="Last day of validity.")] = _LAST_DAY,
    pin: Annotated[str | None, typer.Option(help="PIN in place of the profile's, 4..16 digits.")] = None,
    keys: Annotated[
        Path | None, typer.Option(help="Key ring: a .toml file with master keys by purpose.")
    ] = None,
    seed: Annotated[
        str, typer.Option(help="Without --keys: TEST KEYS made from this text, which anybody can compute.")
    ] = TEST_SEED,
    protocol: Annotated[str, typer.Option(help="T=0, T=1 or T=CL.")] = "T=1",
) -> None:
    """Make a card image: a blank chip, or a card personalised by real commands as its profile says."""
    kind = load_profile(profile)
    if out.exists():
        raise ImageError("must be a new file; it was left as it is", where=str(out))
    card = Card.blank(kind, protocol=protocol)
    ring = KeyRing(MappingProxyType({}))
    if not blank:
        ring = read_keyring(keys, kind) if keys is not None else KeyRing.for_tests(seed, kind)
        days = _validity(start, expiry)
        card = issue_card(
            _with_pin(kind, pin), ring, serial=digits("serial", serial, _SERIAL_DIGITS),
            issuer=digits("issuer", issuer, _ISSUER_DIGITS), start=days[0], expiry=days[1],
            terminal=digits("terminal", terminal, _TERMINAL_DIGITS), protocol=protocol,
        )  # fmt: skip
    _save(card, out)
    source = "no keys" if blank else f"TEST KEYS from seed {seed!r}" if ring.test else f"keys of {keys}"
    free = inspect_card(card).free
    typer.echo(f"{out}: {kind.name}, {source}, {free} bytes free; look into it: cardos card inspect {out}")


@app.command()
def inspect(
    image: Annotated[Path, typer.Argument(help="Card image.")],
    *,
    profile: _Profile = None,
    as_json: _Json = False,
) -> None:
    """Show what is on a card: files, rights, keys without values, purses, logs. The image is only read."""
    view = inspect_image(image, profile=_profile(profile))
    if as_json:
        _print_json(inspection_document(view))
    else:
        print_card(Console(), str(image), view)


@app.command()
def diff(
    before: Annotated[Path, typer.Argument(help="Card image.")],
    after: Annotated[Path, typer.Argument(help="The image to compare with it.")],
    *,
    profile: _Profile = None,
    as_json: _Json = False,
) -> None:
    """Show how two card images differ. Status 0: they do not, 1: they do, 2: one cannot be read."""
    views = [inspect_image(path, profile=_profile(profile)) for path in (before, after)]
    differences = compare(*views)
    if as_json:
        _print_json(difference_document(str(before), str(after), differences))
    else:
        print_differences(Console(), differences)
    raise typer.Exit(1 if differences else 0)


app.command()(serve)


def _print_json(document: Mapping[str, object]) -> None:
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))


def _profile(path: Path | None) -> Profile | None:
    return None if path is None else load_profile(str(path))


def _save(card: Card, out: Path) -> None:
    card.power_off()
    try:
        card.save(out)
    except OSError as error:
        raise ImageError(f"cannot be written: {error.strerror}", where=str(out)) from None


# ------------------------------------------------------------------ what is written on a new card


def _validity(start: datetime, expiry: datetime) -> tuple[date, date]:
    if start > expiry:
        raise ParameterError("expiry", f"{start.date()} or later", expiry.date())
    return start.date(), expiry.date()


def _with_pin(profile: Profile, pin: str | None) -> Profile:
    """The profile with another PIN of its holder."""
    if pin is None:
        return profile
    pin_bytes(pin)
    if not any(key.type == KeyType.PIN for directory in profile.directories for key in directory.keys):
        raise ParameterError("pin", f"left out, because {profile.name} has none", "one")
    directories = tuple(
        replace(
            directory,
            keys=tuple(replace(k, value=pin) if k.type == KeyType.PIN else k for k in directory.keys),
        )
        for directory in profile.directories
    )
    return replace(profile, directories=directories)

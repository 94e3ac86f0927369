"""Writes docs/commands.md, the reference manual, from the declarations and nothing else.

usage: python tools/reference.py [--check]

With --check nothing is written: status 1 when the file is not what it would be.
"""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import Field, fields
from importlib import import_module, resources
from pathlib import Path

import construct

from cardos import wallet
from cardos.apdu import COMMANDS, CommandSpec, Protection, describe_sw
from cardos.apdu.sam_commands import SamKeyKind
from cardos.card import KINDS
from cardos.crypto import Dialect, Transaction
from cardos.inspection.words import describe_right
from cardos.layout import Element, Layout
from cardos.options import CosOptions, PurseOptions, SamOptions, allowed_values, show_value
from cardos.profile import (
    FileSpec,
    FileType,
    KeySpec,
    KeyType,
    Profile,
    load_dialect,
    load_profile,
    profile_names,
)
from cardos.profile.tables import dialect_table
from cardos.wallet import states
from cardos.wallet.states import StateTable, Step

TARGET = Path(__file__).parent.parent / "docs" / "commands.md"
RENEW = ".venv/bin/python tools/reference.py"

HEAD = f"""\
# Reference

Made from the declarations in `src/cardos` by `{RENEW}`; a test holds it to them. Coding and status words
are hexadecimal, lengths in tables of elements decimal bytes, amounts fen. `‖` joins bytes.

* [Commands](#commands)
* [State tables](#state-tables)
* [Options](#options)
* [File types and key types](#file-types-and-key-types)
* [Transactions](#transactions)
* [Profiles](#profiles)
"""

#: What any command may answer, said once.
EVERYWHERE = (0x9000, 0x6700, 0x6D00, 0x6E00)


def manual() -> str:
    """The whole manual."""
    parts = (HEAD, *commands(), *state_tables(), *options(), *types(), *transactions(), *profiles())
    return "\n".join(part.rstrip("\n") + "\n" for part in parts if part)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table, empty without rows."""
    lines = [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows]
    rule = f"|{'---|' * len(head)}"
    return "\n".join((f"| {' | '.join(head)} |", rule, *lines)) if lines else ""


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


# ------------------------------------------------------------------ commands


def commands() -> Iterator[str]:
    """Overview, and a section for each command."""
    everywhere = ", ".join(f"`{sw:04X}` {describe_sw(sw)}" for sw in EVERYWHERE)
    yield f"## Commands\n\nEvery command may answer {everywhere}; its table lists the other status words.\n"
    yield table(("command", "CLA INS", *KINDS), (_overview(spec) for spec in COMMANDS))
    for spec in COMMANDS:
        yield from command(spec)


def _overview(spec: CommandSpec) -> Sequence[str]:
    marks = ("yes" if kind in _kinds(spec) else "" for kind in KINDS)
    return (
        f"[{spec.name}](#{spec.name.lower().replace(' ', '-')})",
        f"{spec.cla:02X} {_instructions(spec)}",
        *marks,
    )


def _instructions(spec: CommandSpec) -> str:
    return ", ".join(f"{ins:02X}" for ins in (spec.ins, *sorted(spec.aliases)))


def _kinds(spec: CommandSpec) -> list[str]:
    """Kinds of card that have the command; GET RESPONSE belongs to T=0, which serves every card."""
    found = [kind for kind, handlers in KINDS.items() if spec.name in handlers]
    return found or list(KINDS)


def command(spec: CommandSpec) -> Iterator[str]:
    """One command: coding, layouts, status words, effect."""
    yield f"### {spec.name}\n\n{spec.clause}. On: {', '.join(_kinds(spec))}.\n"
    coding = (f"{spec.cla:02X}", _instructions(spec), parameter(spec.p1), parameter(spec.p2))
    lengths = (span(spec.lc), _le(spec.le), _PROTECTION[spec.protection])
    yield table(("CLA", "INS", "P1", "P2", "Lc", "Le", "protected form"), [(*coding, *lengths)])
    yield f"**Effect.** {spec.effect or '(not declared)'}\n"
    yield from _states(spec.name)
    for title, layout in (("data", spec.body), ("answer", spec.answer)):
        yield table((title, "bytes", "meaning"), elements(layout) if layout is not None else ())
    yield table(("status", "meaning"), ((f"`{sw:04X}`", _meaning(sw)) for sw in sorted(spec.statuses)))


_PROTECTION = {
    Protection.NEVER: "none",
    Protection.IGNORED: "none; CLA + 4 means the same",
    Protection.OPTIONAL: "CLA + 4: as the file or key demands",
    Protection.ALWAYS: "CLA + 4 always",
}


def _meaning(sw: int) -> str:
    return "wrong, x tries left (`63Cx`)" if sw == 0x63C0 else describe_sw(sw)


def parameter(allowed: frozenset[int]) -> str:
    """The values of P1 or P2.

    >>> parameter(frozenset({0, 4})), parameter(frozenset(range(256)) - {255}), parameter(frozenset(range(1, 10)))
    ('00, 04', 'any but FF', '01..09')
    """
    missing = sorted(frozenset(range(256)) - allowed)
    if len(missing) <= 8:
        return "any" + (f" but {', '.join(f'{value:02X}' for value in missing)}" if missing else "")
    values = sorted(allowed)
    if len(values) > 2 and values == list(range(values[0], values[-1] + 1)):
        return f"{values[0]:02X}..{values[-1]:02X}"
    return ", ".join(f"{value:02X}" for value in values)


def span(lc: tuple[int, int]) -> str:
    """Lc as it is coded.

    >>> span((0, 0)), span((11, 11)), span((1, 239))
    ('none', '0B', '01..EF')
    """
    least, most = lc
    if not most:
        return "none"
    return f"{least:02X}" if least == most else f"{least:02X}..{most:02X}"


def _le(le: int) -> str:
    return {0: "none", 256: "00, all there is"}.get(le, f"{le:02X}")


# ------------------------------------------------------------------ layouts


def elements(layout: object, indent: str = "") -> Iterator[tuple[str, str, str]]:
    """Name, width and meaning of each element of a construct layout."""
    for part in getattr(layout, "subcons", ()):
        yield from _element(part, indent)


def _element(part: object, indent: str) -> Iterator[tuple[str, str, str]]:
    name, note = getattr(part, "name", None) or "", _note(part)
    inner = part
    while hasattr(inner, "subcon") and not hasattr(inner, "field"):
        inner = inner.subcon
    if isinstance(inner, construct.Switch):
        for case, layout in inner.cases.items():
            yield f"{indent}{name}", "", f"when {_case(case)}"
            yield from elements(layout, f"{indent}&emsp;")
        if hasattr(inner.default, "subcons"):
            yield f"{indent}{name}", "", "otherwise"
            yield from elements(inner.default, f"{indent}&emsp;")
        return
    yield f"{indent}{name}", _width(inner), note
    yield from elements(inner, f"{indent}&emsp;")


def _note(part: object) -> str:
    """What a declaration says about an element, wherever construct keeps it."""
    while part is not None:
        if docs := getattr(part, "docs", ""):
            return str(docs).strip()
        part = getattr(part, "subcon", None)
    return ""


def _case(case: object) -> str:
    return f"{case.value:02X}, {case.name.lower()}" if isinstance(case, FileType) else str(case)


def _width(part: object) -> str:
    try:
        return str(part.sizeof())  # type: ignore[attr-defined]  # construct ships no types
    except construct.SizeofError:
        return "rest"


def layout_text(layout: Layout) -> str:
    """A layout in one line."""
    return " ‖ ".join(_layout_element(element) for element in layout.elements)


def _layout_element(element: Element) -> str:
    if element.field is None:
        return f"`{element.constant.hex().upper()}`"
    part = "" if element.width == element.field.width else f"[{element.start}:{element.stop}]"
    return f"{element.field.name}{part} {element.width}"


# ------------------------------------------------------------------ states


def _tables() -> list[StateTable]:
    """Every declared state table of the wallet, each once, those of the purse first."""
    found: dict[int, StateTable] = {}
    modules = [
        states.__name__,
        *(info.name for info in pkgutil.iter_modules(wallet.__path__, "cardos.wallet.")),
    ]
    for module in modules:
        for value in vars(import_module(module)).values():
            for each in value if isinstance(value, tuple) else (value,):
                if isinstance(each, StateTable):
                    found[id(each)] = each
    return list(found.values())


def _states(name: str) -> Iterator[str]:
    """In which states a command is taken, and where it leads."""
    for each in _tables():
        if name in each.rows and each not in (states.PART_2, states.PART_9):
            yield f"**States** ({each.title}). {_ways(each, name)}\n"


def _ways(enforced: StateTable, name: str) -> str:
    ways = [(state.value, enforced.after(name, state)) for state in enforced.columns]
    if all(after is not None and state == after.value for state, after in ways):
        return "Taken in every state, which it keeps."
    leads = {after for _, after in ways if after is not None}
    if len(leads) == 1 and len(ways) > 1 and all(after for _, after in ways):
        return f"Taken in every state; leads to {leads.pop().value}."
    taken = ", ".join(f"{state} → {after.value}" for state, after in ways if after is not None)
    refused = ", ".join(state for state, after in ways if after is None)
    return f"{taken or 'never taken'}. Refused in: {refused or 'none'}."


def state_tables() -> Iterator[str]:
    """The state tables as they are declared."""
    yield f"## State tables\n\n`{Step.REFUSED.value}` is a refusal, `{Step.SAME.value}` keeps the state.\n"
    for each in _tables():
        yield each.markdown()


# ------------------------------------------------------------------ options


_OPTION_TABLES = {"cos": CosOptions, "purse": PurseOptions, "sam": SamOptions}


def options() -> Iterator[str]:
    """The options of profiles, and who sets them."""
    yield "## Options\n\nSet in tables of a profile's TOML file, with `with_options()`, or as defaults of a dialect.\n"
    shipped = [load_profile(name) for name in profile_names()]
    for name, kind in _OPTION_TABLES.items():
        yield f"### [{name}]\n"
        rows = (_option(each, [(p.name, getattr(p, name)) for p in shipped]) for each in fields(kind))
        yield table(("option", "decides (choices)", "default", "set by"), rows)


def _option(option: Field[object], shipped: Sequence[tuple[str, object]]) -> Sequence[str]:
    allowed = " or ".join(_value(choice, option) for choice in option.metadata["choices"]) or allowed_values(
        option
    )
    about = option.metadata["about"] + (f" ({allowed})" if allowed else "")
    values = [(name, getattr(options_, option.name)) for name, options_ in shipped]
    return (f"`{option.name}`", about, _value(option.default, option), _set_by(values, option))


def _set_by(values: Sequence[tuple[str, object]], option: Field[object]) -> str:
    """The profiles that have another value than the default, by value."""
    by_value: dict[str, list[str]] = {}
    for name, value in values:
        if value != option.default:
            by_value.setdefault(_value(value, option), []).append(name)
    return "; ".join(f"{value}: {', '.join(names)}" for value, names in by_value.items())


def _value(value: object, option: Field[object]) -> str:
    """A value as TOML would hold it, status words and other codes in hex."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(_value(each, option) for each in value) or "none"
    if isinstance(value, str):
        return f"`{value}`"
    shown = show_value(option, value)
    return f"`{shown}`" if option.metadata["digits"] else shown


# ------------------------------------------------------------------ types, transactions, profiles


def types() -> Iterator[str]:
    """File types and key types."""
    yield "## File types and key types\n"
    yield table(("file type", "CREATE FILE (FMCOS 7.13)"), ((_words(t.name), f"`{t:02X}`") for t in FileType))
    yield table(("key type", "WRITE KEY (FMCOS 7.12)"), ((_words(t.name), f"`{t:02X}`") for t in KeyType))
    yield table(("key of a secure module", "kind"), ((_words(t.name), f"`{t:02X}`") for t in SamKeyKind))


def _words(name: str) -> str:
    return name.lower().replace("_", " ")


def dialect_names() -> list[str]:
    """The shipped dialects, a parent before those that extend it."""
    folder = resources.files("cardos") / "profiles" / "dialects"
    names = sorted(
        entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")
    )
    return sorted(names, key=lambda name: name != "pboc2")


def transactions() -> Iterator[str]:
    """The MAC and TAC inputs of each dialect; what a dialect shares with an earlier one is not repeated."""
    yield (
        "## Transactions\n\n"
        "`session` makes the session key from the key of the card; MAC1, MAC2, MAC3 and GMAC are made with the session "
        "key, TAC and GTAC with the TAC key.\n"
    )
    seen: list[tuple[Transaction, str]] = []
    for name in dialect_names():
        yield f"### Dialect {name}\n"
        yield from _defaults(name)
        yield from _transactions(load_dialect(name), seen)


def _defaults(name: str) -> Iterator[str]:
    """The options that a dialect gives to its profiles."""
    known = {option.name: option for kind in _OPTION_TABLES.values() for option in fields(kind)}
    given, _ = dialect_table(name)
    lines = [
        f"`{key}` {_value(tuple(value) if isinstance(value, list) else value, known[key])}"
        for title in _OPTION_TABLES
        for key, value in given[title].items()
    ]
    if lines:
        yield f"Options: {', '.join(lines)}.\n"


def _transactions(dialect: Dialect, seen: list[tuple[Transaction, str]]) -> Iterator[str]:
    """Those that no dialect in ``seen`` has alike, which are added to it, and the names of the others."""
    same: dict[str, list[str]] = {}
    for transaction in dialect.transactions.values():
        twin = next((name for other, name in seen if other == transaction), None)
        if twin is not None:
            same.setdefault(twin, []).append(transaction.name)
            continue
        seen.append((transaction, dialect.name))
        yield from _transaction(transaction)
    for twin, names in same.items():
        yield f"As in {twin}: {', '.join(names)}.\n"


def _transaction(transaction: Transaction) -> Iterator[str]:
    types_ = ", ".join(f"{type_:02X}" for type_ in transaction.types)
    serial = transaction.serial.replace("_", " ")
    yield f"**{transaction.name}** ({transaction.clause}): type {types_}, {transaction.key} key, steps the {serial}\n"
    session = [
        ("session" if n == 0 else "then", layout_text(each)) for n, each in enumerate(transaction.session)
    ]
    items = [(item.upper(), layout_text(each)) for item, each in transaction.items.items()]
    yield table(("", "input"), (*session, *items))


def profiles() -> Iterator[str]:
    """The shipped profiles: what each is, and its files and keys."""
    yield "## Profiles\n"
    shipped = [load_profile(name) for name in profile_names()]
    yield table(
        ("profile", "kind", "dialect", "suite", "keys derived by", "what it is"),
        (
            (p.name, p.kind, p.dialect.name, p.suite.name, ", ".join(p.factors) or "-", p.title)
            for p in shipped
        ),
    )
    for profile in shipped:
        yield f"### {profile.name}\n"
        for directory in profile.directories:
            rights = f"create {_right(directory.create, profile)}, erase {_right(directory.erase, profile)}"
            yield f"**{directory.fid:04X}** {_name(directory.aid)}, {rights}\n"
            yield table(
                ("file", "type", "size", "read", "write", "elements"),
                (_file(spec, profile) for spec in directory.files),
            )
            keys = ", ".join(_key(key) for key in directory.keys)
            yield f"Keys: {keys}\n" if keys else ""


def _name(name: bytes) -> str:
    text = name.decode("ascii", errors="replace")
    return f"`{text}`" if text.isascii() and text.isprintable() else f"`{name.hex().upper()}`"


def _right(byte: int, profile: Profile) -> str:
    return str(describe_right(byte, profile.cos))


def _file(spec: FileSpec, profile: Profile) -> Sequence[str]:
    size = f"{spec.records} x {spec.record_length}" if spec.records else str(spec.size or "")
    read = "" if spec.type == "key" else _right(spec.read, profile)
    write = "" if spec.type == "purse" else _right(spec.write, profile) + (", MAC" if spec.mac else "")
    about = ", ".join(f"`{text}`" for text in spec.content)
    return (f"{spec.fid:04X}", spec.type, size, read, write, about)


def _key(key: KeySpec) -> str:
    return f"{key.type:02X}/{key.id:02X} {key.source or 'literal'}"


def main(arguments: Sequence[str]) -> int:
    """Write the manual, or check it."""
    text = manual()
    if "--check" in arguments:
        current = TARGET.exists() and TARGET.read_text(encoding="utf-8") == text
        print(f"{TARGET} is {'current' if current else f'not current; renew it: {RENEW}'}")
        return not current
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(text, encoding="utf-8")
    print(f"wrote {TARGET}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

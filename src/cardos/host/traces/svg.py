"""Message sequences as pictures: SVG, and an HTML page that needs nothing beside itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import escape
from textwrap import wrap
from unicodedata import east_asian_width

from .macs import Mac
from .model import GONE, EventKind
from .sequence import Item, Message, MessageSequence

__all__ = ["to_html", "to_svg"]

# Sizes in pixels; text is monospaced, so its width is known.
_MARGIN, _COLUMN = 92, 500
_TOP, _HEAD_BOX, _KEY = 8, 30, 28
_HEAD = _TOP + _HEAD_BOX + _KEY + 12
_TITLE, _LINE, _GAP = 17, 14, 20
_SMALL, _BOLD, _NAME = 6.4, 7.0, 8.0  # width of a character: of a field, of a title, of a party
_INSET = 14
_MOST = int((_COLUMN - 2 * _INSET) / _SMALL)
_MOST_TITLE = int((_COLUMN - 2 * _INSET) / _BOLD)
_MOST_NAME, _MOST_LINES = 40, 6

_STYLE = """
.bg{fill:#fff}.life{stroke:#c3ccd6;stroke-dasharray:3 4}.box{fill:#eef2f7;stroke:#8696a7}
text{font:11.5px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#1c2733;white-space:pre}
.head{font-size:13px;font-weight:600;text-anchor:middle}.title{font-weight:600}.name,.side{fill:#55657a}
.side{font-size:10.5px}.left{text-anchor:end}.small{font-size:10.5px}
.arrow{stroke:#3a5a80;stroke-width:1.4}.tip{fill:#3a5a80}.ok{fill:#1a7f4b}.bad{fill:#b3261e}
.arrow.good{stroke:#1a7f4b;stroke-dasharray:5 3}.tip.good{fill:#1a7f4b}
.arrow.wrong{stroke:#b3261e;stroke-dasharray:5 3}.tip.wrong{fill:#b3261e}
.lost{stroke:#b3261e;stroke-width:2}.event{fill:#fff6e0;stroke:#d9a521}.gone{fill:#fdeceb;stroke:#b3261e}
.key{font-size:10.5px;fill:#55657a}.row:hover .hit{fill:#8696a7;fill-opacity:.1}.hit{fill:none;pointer-events:all}
@media(prefers-color-scheme:dark){.bg{fill:#12181f}text{fill:#dce4ec}.life{stroke:#3a4652}
.box{fill:#1f2a35;stroke:#5a6b7c}.name,.side,.key{fill:#9fb0c2}.arrow{stroke:#7fa6d6}.tip{fill:#7fa6d6}
.ok{fill:#4cc38a}.arrow.good{stroke:#4cc38a}.tip.good{fill:#4cc38a}.bad{fill:#ff8a80}.arrow.wrong{stroke:#ff8a80}
.tip.wrong{fill:#ff8a80}.lost{stroke:#ff8a80}.event{fill:#332b14;stroke:#d9a521}.gone{fill:#3a1a18;stroke:#ff8a80}}
"""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body{{margin:0;padding:1.5rem;font:15px/1.5 system-ui,sans-serif;background:#fff;color:#1c2733}}
h1{{font-size:1.25rem;margin:0 0 .25rem}}p{{margin:0 0 1rem;color:#55657a}}div{{overflow-x:auto}}
@media(prefers-color-scheme:dark){{body{{background:#12181f;color:#dce4ec}}p{{color:#9fb0c2}}}}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{summary}</p>
<div>
{svg}</div>
</body>
</html>
"""


@dataclass(slots=True)
class _Drawing:
    """Elements so far, and how far down they reach."""

    columns: tuple[int, ...]
    terminal: int
    margin: int
    y: float = _HEAD
    parts: list[str] = field(default_factory=list)

    @property
    def width(self) -> int:
        return max((*self.columns, self.terminal)) + self.margin

    def text(self, x: float, y: float, content: str, style: str = "") -> None:
        kind = f' class="{style}"' if style else ""
        self.parts.append(f'<text{kind} x="{x:g}" y="{y:g}">{content}</text>')


def to_svg(sequence: MessageSequence) -> str:
    """The sequence as an SVG document: the terminal's life line, one for each card, an arrow for each command and each
    answer with their fields, and what the signs mean.  With two or more cards the terminal stands between them.

    >>> to_svg(MessageSequence(("card any",), ())).startswith("<svg ")
    True
    """
    drawing = _columns(sequence.parties)
    _key(drawing)
    for message in sequence.messages:
        _draw(drawing, message)
    bottom = drawing.y + _TOP + _HEAD_BOX + 8
    heads = [(drawing.terminal, "terminal"), *zip(drawing.columns, sequence.parties, strict=True)]
    frame = [f'<rect class="bg" width="{drawing.width}" height="{bottom:g}"/>']
    for x, name in heads:
        frame += _life(x, name, bottom)
    size = f'width="{drawing.width}" height="{bottom:g}" viewBox="0 0 {drawing.width} {bottom:g}"'
    body = "\n".join([*frame, *drawing.parts])
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n<style>{_STYLE}</style>\n{body}\n</svg>\n'


def to_html(sequence: MessageSequence, *, title: str = "Card trace") -> str:
    """The picture in a page of its own, which loads nothing; where the mouse rests the message appears uncut, with the
    recorded bytes.
    """
    count = sum(message.kind is EventKind.APDU for message in sequence.messages)
    failed = sum(m.kind is EventKind.APDU and not m.succeeded for m in sequence.messages)
    macs = [
        item.mac for message in sequence.messages for item in (*message.items, *message.answers) if item.mac
    ]
    checked = [mac for mac in macs if mac is not Mac.UNCHECKED]
    words = [f"{count} commands, {failed} without success"]
    if checked:
        words.append(f"{len(checked)} MACs checked, {checked.count(Mac.WRONG)} wrong")
    elif macs:
        words.append(f"{len(macs)} MACs, not checked")
    return _PAGE.format(title=_xml(title), summary=_xml("; ".join(words) + "."), svg=to_svg(sequence))


def _columns(parties: tuple[str, ...]) -> _Drawing:
    """Where the life lines are: half of the cards to the left of the terminal, when there are several."""
    left = len(parties) // 2
    margin = max([_MARGIN, *(int(_half(name)) + 8 for name in parties)])
    places = [margin + _COLUMN * n for n in range(len(parties) + 1)]
    terminal = places.pop(left)
    return _Drawing(tuple(places), terminal, margin)


def _half(name: str) -> float:
    """Half the width of the box with a party's name."""
    return max(min(_cells(name), _MOST_NAME) * _NAME + 24, 110) / 2


def _life(x: int, name: str, bottom: float) -> Iterator[str]:
    """A life line, with its party at both ends."""
    half = _half(name)
    boxes = (_TOP, bottom - _TOP - _HEAD_BOX)
    yield f'<line class="life" x1="{x}" y1="{_HEAD - 10}" x2="{x}" y2="{boxes[1]:g}"/>'
    for y in boxes:
        yield f'<rect class="box" rx="5" x="{x - half:g}" y="{y:g}" width="{2 * half:g}" height="{_HEAD_BOX}"/>'
        yield f'<text class="head" x="{x}" y="{y + 20:g}">{_xml(_cut(name, _MOST_NAME))}</text>'


def _key(drawing: _Drawing) -> None:
    """What the signs mean."""
    x, y = _INSET, _TOP + _HEAD_BOX + _KEY - 6
    for style, words in (("", "command"), ("good", "answer 9000"), ("wrong", "other answer")):
        _line(drawing, x, x + 30, y - 4, style)
        drawing.text(x + 36, y, words, "key")
        x += int(len(words) * _SMALL) + 50
    drawing.parts.append(_cross(x + 4, y - 4))
    drawing.text(x + 14, y, "no answer", "key")
    x += 86
    for style, sign, words in (("ok", "✓", "MAC right"), ("bad", "✗", "wrong"), ("name", "XX", "masked")):
        drawing.text(x, y, f'<tspan class="{style}">{sign}</tspan> {words}', "key")
        x += int((len(sign) + len(words)) * _SMALL) + 20


# ------------------------------------------------------------------ one message


def _draw(drawing: _Drawing, message: Message) -> None:
    start, count = drawing.y, len(drawing.parts)
    party = drawing.columns[message.party]
    if message.kind is EventKind.APDU:
        _label(drawing, message, message.title, message.items, "title")
        _arrow(drawing, drawing.terminal, party, "")
        _label(drawing, message, message.status, message.answers, "ok" if message.succeeded else "bad")
        if message.answered:
            _arrow(drawing, party, drawing.terminal, "good" if message.succeeded else "wrong")
        else:
            _lost(drawing, party)
    else:
        _event(drawing, message)
    _side(drawing, message, start)
    hit = (
        f"<title>{_xml(_uncut(message))}</title>"
        f'<rect class="hit" x="0" y="{start:g}" width="{drawing.width}" height="{drawing.y - start:g}"/>'
    )
    drawing.parts[count:] = [f'<g class="row">{hit}', *drawing.parts[count:], "</g>"]
    drawing.y += _GAP / 2


def _uncut(message: Message) -> str:
    """Everything that a message says, one thing a line."""
    said = [f"{message.number} {message.title}", *map(str, message.items)]
    said += [message.status, *map(str, message.answers), message.hex]
    return "\n".join(each for each in said if each)


def _side(drawing: _Drawing, message: Message, y: float) -> None:
    """Number, and time where there is one, in the margin on the card's side."""
    lines = (*drawing.columns, drawing.terminal)
    on_right = drawing.columns[message.party] > drawing.terminal
    x, style = (max(lines) + _INSET, "side") if on_right else (min(lines) - _INSET, "side left")
    drawing.text(x, y + _TITLE - 4, str(message.number), style)
    if message.time is not None:
        drawing.text(x, y + _TITLE + _LINE - 4, f"{message.time:.3f} s", style)


def _left(drawing: _Drawing, message: Message) -> float:
    """Where text of a message begins: beside the terminal's line, on the card's side."""
    party = drawing.columns[message.party]
    return (drawing.terminal if party > drawing.terminal else drawing.terminal - _COLUMN) + _INSET


def _label(drawing: _Drawing, message: Message, title: str, items: tuple[Item, ...], style: str) -> None:
    x = _left(drawing, message)
    drawing.y += _TITLE - 4
    drawing.text(x, drawing.y, _xml(_cut(title)), f"title {style}" if style != "title" else style)
    for row in _rows(items):
        drawing.y += _LINE
        drawing.text(x, drawing.y, "  ".join(map(_span, row)), "small")
    drawing.y += 4


def _rows(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Items in lines that fit between two life lines."""
    row: list[Item] = []
    used = 0
    for item in items:
        needed = len(str(item)) + 2
        if row and used + needed > _MOST:
            yield row
            row, used = [], 0
        row.append(item)
        used += needed
    if row:
        yield row


def _span(item: Item) -> str:
    mark = ""
    if item.mark:
        style = "ok" if item.mac is Mac.RIGHT else "bad"
        mark = f'<tspan class="{style}"> {item.mark}</tspan>'
    room = _MOST - len(item.name) - 1
    return f'<tspan class="name">{_xml(item.name)}</tspan> {_xml(_cut(item.text, room))}{mark}'


def _cut(text: str, most: int = _MOST_TITLE) -> str:
    return text if _cells(text) <= most else f"{text[: _fitting(text, most) - 1]}…"


def _arrow(drawing: _Drawing, start: int, end: int, style: str) -> None:
    drawing.y += 4
    _line(drawing, start, end, drawing.y, style)
    drawing.y += 4


def _line(drawing: _Drawing, start: int, end: int, y: float, style: str) -> None:
    """An arrow."""
    way, kind = 1 if end > start else -1, f" {style}" if style else ""
    drawing.parts.append(
        f'<line class="arrow{kind}" x1="{start}" y1="{y:g}" x2="{end - 7 * way}" y2="{y:g}"/>'
        f'<path class="tip{kind}" d="M{end} {y:g}l{-9 * way}-4v8z"/>'
    )


def _lost(drawing: _Drawing, party: int) -> None:
    """A cross at the card: nothing came back."""
    drawing.y += 4
    drawing.parts.append(_cross(party, drawing.y))
    drawing.y += 4


def _cross(x: float, y: float) -> str:
    return f'<path class="lost" d="M{x - 5:g} {y - 5:g}l10 10m0-10l-10 10"/>'


def _event(drawing: _Drawing, message: Message) -> None:
    """A note between the life lines."""
    lines = wrap(
        message.title, _fitting(message.title, _MOST_TITLE - 2), max_lines=_MOST_LINES, placeholder=" …"
    )
    x, width = _left(drawing, message), max(map(_cells, lines)) * _BOLD + 24
    height, style = _LINE * len(lines) + 6, "gone" if message.kind in GONE else "event"
    drawing.y += 4
    drawing.parts.append(
        f'<rect class="{style}" rx="4" x="{x:g}" y="{drawing.y:g}" width="{width:g}" height="{height}"/>'
    )
    for number, line in enumerate(lines):
        drawing.text(x + 12, drawing.y + _LINE * (number + 1), _xml(line))
    drawing.y += _LINE * len(lines) + 9


def _fitting(text: str, cells: int) -> int:
    """How many characters of such a text surely fit into so many of the fixed width."""
    return cells if _cells(text) == len(text) else cells // 2


def _cells(text: str) -> int:
    """How many characters of the fixed width a text takes; those of East Asia are twice as wide."""
    return len(text) + sum(east_asian_width(each) in "WF" for each in text)


def _xml(text: str) -> str:
    """Text for an element, without what XML does not allow."""
    return escape("".join(c if c.isprintable() or c == "\n" else "�" for c in text), quote=True)

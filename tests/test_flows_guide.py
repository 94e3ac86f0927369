"""The examples of docs/flows.md run, in one session; every flow and every refusal is in it."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from cardos.host import Dispenser, EntryState, Gate, Outlet, Refusal, ServiceDesk

GUIDE = (Path(__file__).parent.parent / "docs/flows.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```pycon\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_guide_to_flows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    session = doctest.DocTestParser().get_doctest(
        "\n".join(BLOCK.findall(GUIDE)), {"__name__": "guide"}, "docs/flows.md", None, 0
    )
    report: list[str] = []
    result = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(session, out=report.append)
    assert 0 == result.failed, "".join(report)
    assert 60 < result.attempted


@pytest.mark.parametrize("name", sorted({*Refusal.__members__, *EntryState.__members__}))
def test_every_refusal_and_state_has_its_advice(name):
    assert f"`{name}`" in GUIDE


@pytest.mark.parametrize("place", [Dispenser, Gate, Outlet, ServiceDesk])
def test_every_flow_is_named(place):
    methods = [name for name in dir(place) if not name.startswith("_") and callable(getattr(place, name))]
    assert [] == [name for name in methods if not re.search(rf"\b{name}\b", GUIDE)]

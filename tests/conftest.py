"""What the whole suite shares: reproducible Hypothesis runs, no silent skip where everything must be there, and the
count of power cuts.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest
from hypothesis import settings

from cardos.apdu import COMMANDS, SW
from tests.powercut import VISITED

REQUIRE_ALL = os.environ.get("CARDOS_REQUIRE_ALL") == "1"

# No deadline: the machine may be busy.  Derandomised in CI, so that a run can be repeated.
settings.register_profile("cardos", deadline=None, derandomize="CI" in os.environ, print_blob=True)
settings.load_profile("cardos")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """With CARDOS_REQUIRE_ALL=1 a skipped test has failed: something that it needs is missing."""
    report = yield
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, but CARDOS_REQUIRE_ALL=1: {report.longrepr[2]}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """The same for a module that skips itself."""
    report = yield
    if REQUIRE_ALL and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid} was skipped, but CARDOS_REQUIRE_ALL=1: {report.longrepr[2]}"
    return report


# ------------------------------------------------------------------ power cuts

#: Cut points of this process and, in the process that reports, of all its workers.
CUTS: Counter[str] = Counter()
#: The commands that can write: those that may answer that the memory failed.
WRITING = {spec.name for spec in COMMANDS if SW.MEMORY_FAILURE in spec.statuses}


def pytest_addoption(parser):
    parser.addoption(
        "--all-cut", action="store_true", help="fail when a command that can write was never cut in the run"
    )


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """A worker of pytest-xdist ends: its counts."""
    CUTS.update(getattr(node, "workeroutput", {}).get("cuts", {}))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    """A worker gives its counts away; the process that reports holds them against the declared commands."""
    CUTS.update(VISITED)
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["cuts"] = dict(VISITED)
    elif session.config.getoption("--all-cut") and not session.exitstatus and WRITING - set(CUTS):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def report_cuts(terminalreporter):
    if not CUTS:
        return
    terminalreporter.section("power cuts")
    for name, points in sorted(CUTS.items()):
        terminalreporter.write_line(f"{points:>9,}  {name}")
    terminalreporter.write_line(f"{CUTS.total():>9,}  cut points, each followed by a power-up")
    if terminalreporter.config.getoption("--all-cut") and (never := WRITING - set(CUTS)):
        terminalreporter.write_line(f"never cut: {', '.join(sorted(never))}", red=True)


def pytest_terminal_summary(terminalreporter):
    """The power cuts, and tests that took over a second and do not say so."""
    report_cuts(terminalreporter)
    passed = terminalreporter.stats.get("passed", [])
    for report in passed:
        if report.when == "call" and report.duration > 1 and "slow" not in report.keywords:
            terminalreporter.write_line(
                f"{report.nodeid} took {report.duration:.1f} s; mark it slow", yellow=True
            )

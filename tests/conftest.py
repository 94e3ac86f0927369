"""What the whole suite shares: reproducible Hypothesis runs, and no silent skip where everything must be there."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

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


def pytest_terminal_summary(terminalreporter):
    """Tests that took over a second and do not say so."""
    passed = terminalreporter.stats.get("passed", [])
    for report in passed:
        if report.when == "call" and report.duration > 1 and "slow" not in report.keywords:
            terminalreporter.write_line(f"{report.nodeid} took {report.duration:.1f} s; mark it slow", yellow=True)

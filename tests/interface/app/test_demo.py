"""How long `atlantis demo` says that it takes."""

from __future__ import annotations

import re

from atlantis_dml.app.demo import DEMO_SECONDS, PROBE_SECONDS, count_cores, describe_duration, estimate_seconds


def test_the_demo_is_said_to_take_longer_where_the_probe_does() -> None:
    assert estimate_seconds(PROBE_SECONDS) == DEMO_SECONDS
    assert estimate_seconds(3 * PROBE_SECONDS) == 3 * DEMO_SECONDS


def test_the_line_names_minutes_and_the_cores_of_this_machine() -> None:
    found = re.fullmatch(r"it takes about (\d+) minutes? on (\d+) cores? as busy as now, .*", describe_duration())
    assert found
    assert int(found[1]) >= 1
    assert int(found[2]) == count_cores() >= 1

"""Groups of gaps that share facet value and cause."""

from __future__ import annotations

from atlantis_core.records import Cause, Cell, Gap, GapGroup
from atlantis_core.run.gap_groups import find_group, group_cells


def gap(class_name: str, value: str, cause: Cause = "scarce") -> Gap:
    return Gap(Cell(class_name, "light", value), 2, 10.0, 0.4, 0.2, 0.6, 20, 0.3, cause, (), 0.3)


def test_gaps_are_grouped_by_value_and_cause_and_drafted_cells_join_their_value() -> None:
    gaps = [gap("a", "night"), gap("a", "fog"), gap("b", "night"), gap("c", "night", "missed")]
    drafted = [Cell("a", "light", "night"), Cell("d", "light", "fog"), Cell("e", "light", "day")]
    night, fog, missed, rest = group_cells(gaps, drafted)
    assert night == GapGroup("light", "night", "scarce", (Cell("a", "light", "night"), Cell("b", "light", "night")))
    assert fog.cells == (Cell("a", "light", "fog"), Cell("d", "light", "fog"))
    assert [group.name for group in (night, missed, rest)] == [
        "light=night, scarce",
        "light=night, missed",
        "light=day, no gap",
    ]
    assert find_group((night, fog, missed), Cell("c", "light", "night")) == missed
    assert find_group((night, fog, missed), Cell("x", "light", "night")) is None


def test_cells_of_the_regime_unseen_name_no_class() -> None:
    (night,) = group_cells([gap("", "night")], [Cell("a", "light", "night")])
    assert night.cells == (Cell("", "light", "night"),)
    assert find_group((night,), Cell("b", "light", "night")) == night

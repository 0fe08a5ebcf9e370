"""The chart of a report."""

from __future__ import annotations

import pytest

from atlantis_dml.report.charts import HEIGHT, Point, lay_out_plot


def test_a_plot_holds_every_value_and_whisker_inside_its_frame() -> None:
    drawn = lay_out_plot(
        [Point("a", 0.5, "bar"), Point("b", 0.62, "kept", 0.4, 0.97)], level=0.5, incumbents=[0.5, 0.62]
    )
    assert drawn is not None
    first, second = drawn.marks
    assert drawn.level == first.y
    assert 0 < second.high < second.y < first.y < second.low < HEIGHT  # type: ignore[operator]
    assert drawn.path == f"{first.x},{first.y} {second.x},{second.y}"
    assert [text for _, text in drawn.ticks] == [".40", ".60", ".80", "1.00"]


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_plot_of_one_value_has_a_scale(value: float) -> None:
    drawn = lay_out_plot([Point("a", value, "bar")])
    assert drawn is not None
    assert len(drawn.ticks) >= 2
    assert lay_out_plot([]) is None

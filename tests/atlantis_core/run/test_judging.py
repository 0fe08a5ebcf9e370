"""Keeping a round or not, from its two comparisons."""

from __future__ import annotations

import pytest

from atlantis_core.records import Comparison
from atlantis_core.run.judging import _verdict


def comparison(gain: float, p_value: float) -> Comparison:
    return Comparison(0.5, 0.5 + gain, gain, gain - 0.02, gain + 0.02, p_value, 300, 2)


@pytest.mark.parametrize(
    ("overall", "targeted", "kept", "telling"),
    [
        (comparison(0.01, 0.2), comparison(0.10, 0.001), True, "proven"),
        (comparison(0.01, 0.2), comparison(0.10, 0.04), False, "not proven"),
        (comparison(-0.03, 0.9), comparison(0.10, 0.001), False, "-0.030 overall"),
        (comparison(0.0, 0.5), comparison(-0.1, 0.001), False, "not proven"),
    ],
)
def test_verdicts(overall: Comparison, targeted: Comparison, kept: bool, telling: str) -> None:
    decided, reason = _verdict(overall, targeted, 2, 2, "here")
    assert decided is kept
    assert telling in reason

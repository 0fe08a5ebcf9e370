"""What a run's gain is to be compared with: frozen, baseline, the best remedy without images, and the loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from atlantis_core.metrics.intervals import wilson_interval
from atlantis_core.run.pilot_choice import expect_gain
from atlantis_core.run.remedies import makes_images

if TYPE_CHECKING:
    from atlantis_core.records import BaselineComparison, Comparison, Measurement
    from atlantis_core.run.round import Round

NONE_TRIED = "none tried"


@dataclass(frozen=True, slots=True)
class ArmRow:
    """One line of the table; figures that are not known are None."""

    arm: str
    """`frozen`, `baseline`, `without_images` or `loop`."""
    what: str
    """What it is, in words."""
    recall_at_1: float | None = None
    low: float | None = None
    high: float | None = None
    """95 % interval over the queries (Wilson)."""
    gain: float | None = None
    gain_low: float | None = None
    gain_high: float | None = None
    """Over the baseline, paired over queries and seeds."""
    trainings: int = 0
    """Over how many trainings `recall_at_1` is the mean."""


def list_arms(
    rounds: Sequence[Round],
    frozen: Measurement | None,
    baseline: Measurement | None,
    comparison: BaselineComparison | None,
    seeds: int,
) -> list[dict[str, Any]]:
    """Return the four lines as JSON, always in this order."""
    kept = [found for found in rounds if found.is_kept]
    final = kept[-1].measurement if kept else baseline
    trained = len(comparison.baseline) if comparison else seeds
    over = comparison.overall if comparison and kept else None
    remedies = ", then ".join(found.protocol.remedy for found in kept if found.protocol)
    rows = [
        _measured("frozen", "backbone without training", frozen, 0),
        _measured("baseline", "real images only", baseline, trained),
        _without_images(rounds),
        _measured("loop", remedies or "the baseline: no round was kept", final, trained, over),
    ]
    return [asdict(row) for row in rows]


def _measured(
    arm: str, what: str, found: Measurement | None, trainings: int, over: Comparison | None = None
) -> ArmRow:
    recall = found.recall_at[1] if found else None
    if found is None or recall is None:
        return ArmRow(arm, what if arm == "frozen" else "not measured yet")
    return _row(arm, what, recall, found.queries, trainings, over)


def _row(arm: str, what: str, recall: float, queries: int, trainings: int, over: Comparison | None = None) -> ArmRow:
    interval = wilson_interval(recall * queries, queries)
    gain, low, high = (over.gain, over.low, over.high) if over else (None, None, None)
    return ArmRow(arm, what, recall, interval.low, interval.high, gain, low, high, trainings)


def _without_images(rounds: Sequence[Round]) -> ArmRow:
    """Return the most promising remedy that adds no image, of those that were judged or piloted on the baseline.

    What was judged replaces its pilot. Gains are shrunk by their uncertainty before they are compared, so that a
    lucky pilot does not go before a remedy that was judged.
    """
    found: dict[str, tuple[str, Comparison, int]] = {}
    for one in rounds:
        for pilot in one.pilots:
            if not pilot.offer.makes_images and pilot.overall is not None:
                entry = f"from its pilot in round {one.index}", pilot.overall, pilot.overall.seeds
                found.setdefault(pilot.offer.remedy, entry)
        if one.decision and one.protocol and not makes_images(one.protocol.remedy):
            over, outcome = one.decision.over_baseline, "kept" if one.is_kept else "rolled back"
            found[one.protocol.remedy] = f"judged in round {one.index} and {outcome}", over, over.seeds
        if one.is_kept:  # what comes after it is compared with another incumbent, perhaps with images
            break
    if not found:
        return ArmRow("without_images", NONE_TRIED)
    remedy = max(found, key=lambda name: expect_gain(found[name][1]))
    where, best, trainings = found[remedy]
    return _row("without_images", f"{remedy}, {where}", best.after, best.queries, trainings, best)

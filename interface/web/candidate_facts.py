"""What pages say of a made image, wherever it is shown."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from atlantis_core.run.verdicts import ScreenedCandidate


def describe_candidate(row: ScreenedCandidate) -> dict[str, Any]:
    """Return how an image was made, from what, and what was decided about it."""
    one, verdict = row.candidate, row.verdict
    return {
        "key": one.key,
        "round": row.round,
        "class": one.cell.class_name,
        "facet": one.cell.facet,
        "value": one.cell.value,
        "prompt": one.prompt,
        "generator": one.generator,
        "seed": str(one.seed),  # a browser's numbers have 53 bits
        "source": one.source_id,
        "standing": row.status,
        "by_hand": row.is_manual,
        "final": row.is_final,
        "verdict": asdict(verdict) if verdict else None,
    }

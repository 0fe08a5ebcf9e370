"""Contact sheets: sampled synthetic images beside their real source images, as thumbnails inside the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from atlantis_core.records import Candidate, Verdict
from atlantis_core.run.verdicts import list_measured
from atlantis_dml.report.thumbnails import embed_thumbnail

if TYPE_CHECKING:
    from atlantis_core.run.round import Round
    from atlantis_core.run.session import Session

SIDE_PX = 96
PER_SHEET = 12
_LONGEST_PROMPT = 140

Sample = dict[str, Any]
"""`cell`, `prompt`, `filter`, `reason`, `score`, `image` and `source` as data URLs or None, `from_prompt`."""


def build_sheets(session: Session, found: Round) -> dict[str, list[Sample]]:
    """Return samples of the images that a round was measured with, and of the rejected ones.

    Both are spaced evenly over the candidates in request order, so they are neither the best nor the first.
    """
    pairs = [(one.candidate, one.verdict) for one in list_measured(session, found) if one.verdict is not None]
    paths = {image.id: image.path for image in session.collection.images}
    return {
        "kept": [_describe_sample(*pair, paths) for pair in _sample_evenly([p for p in pairs if p[1].kept])],
        "rejected": [_describe_sample(*pair, paths) for pair in _sample_evenly([p for p in pairs if not p[1].kept])],
    }


def _sample_evenly(pairs: Sequence[tuple[Candidate, Verdict]]) -> list[tuple[Candidate, Verdict]]:
    step = max(1.0, len(pairs) / PER_SHEET)
    return [pairs[int(index * step)] for index in range(min(len(pairs), PER_SHEET))]


def _describe_sample(candidate: Candidate, verdict: Verdict, paths: Mapping[str, str]) -> Sample:
    cell, prompt, source = candidate.cell, candidate.prompt, paths.get(candidate.source_id)
    return {
        "cell": {"class": cell.class_name, "facet": cell.facet, "value": cell.value},
        "prompt": prompt if len(prompt) <= _LONGEST_PROMPT else prompt[: _LONGEST_PROMPT - 1] + "\u2026",
        "filter": verdict.filter,
        "reason": verdict.reason,
        "score": verdict.score,
        "image": embed_thumbnail(candidate.path, SIDE_PX),
        "source": embed_thumbnail(source, SIDE_PX) if source else None,
        "from_prompt": not candidate.source_id,
    }

"""Outlier Removal and Diversity Control: every candidate gets exactly one verdict.

The order: readable, not a leak, not blank (`image_checks`), no contradicting caption (`captions`), then outlier score
and copies (`judge_embeddings`). Candidates that are rejected early are never embedded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.base.errors import ToolError
from atlantis_core.base.ports import SetChoice
from atlantis_core.filtering.centres import ClassCentres
from atlantis_core.filtering.choosing import choose_images
from atlantis_core.filtering.diversity import NearestImage, find_nearest_before
from atlantis_core.filtering.domain import remove_domain_shift
from atlantis_core.filtering.image_checks import judge_image_file
from atlantis_core.records import Candidate, Verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlantis_core.base.ports import OutlierScorer
    from atlantis_core.filtering.captions import CaptionCheck
    from atlantis_core.filtering.leak_guard import LeakGuard

EmbedFunction = Callable[[Sequence[str]], "NDArray[np.float32]"]
"""Embeds images by their paths: M paths -> (M, D)."""

CUT_OUT, MEDIUM = "cut_out", "medium"
UNSCORED = {
    CUT_OUT: "cut out of a real image of its class, which has few others",
    MEDIUM: "a real image of its class in a medium that no other one shows, so none can be compared with it",
}
"""Filters that keep an image without an outlier score -> why: it would say no more than that."""

DUPLICATE_COSINE = 0.99
"""Above this cosine, two images of a class count as copies."""


@dataclass(frozen=True, slots=True)
class RealImages:
    """The real training images that candidates are judged against, N of them."""

    ids: Sequence[str]
    class_names: Sequence[str]
    embeddings: NDArray[np.float32]
    """(N, D), by the same model as the candidates'."""


def screen_candidates(
    candidates: Sequence[Candidate],
    embed: EmbedFunction,
    real: RealImages,
    scorer: OutlierScorer,
    guard: LeakGuard,
    source_paths: Mapping[str, str],
    *,
    captions: CaptionCheck | None = None,
    unscored: Mapping[str, str] = MappingProxyType({}),
    in_domain: bool = True,
    copy_cosine: float = DUPLICATE_COSINE,
) -> list[Verdict]:
    """Return one verdict per candidate, in order.

    Args:
        candidates: Candidates to judge.
        embed: Called once, with the paths of the candidates that pass the earlier checks.
        real: Real training images of at least the candidates' classes.
        scorer: Outlier scorer, fitted on `real` here.
        guard: Checks against the held-out images.
        source_paths: Path of each `source_id`, for the guard.
        captions: Check by captions, if a captioner recognises content.
        unscored: Keys of candidates that get no outlier score -> their filter; see `judge_embeddings`.
        in_domain: Remove the shift that all classes of a facet value share before scoring (`domain`).
        copy_cosine: Cosine above which two images are copies.

    Raises:
        ToolError: A candidate's class has no real images, or `source_paths` lacks its source.
    """
    verdicts = {}
    sources = [_source_path(candidate, source_paths) for candidate in candidates]
    guard.look_at([*sources, *(candidate.path for candidate in candidates)])
    for candidate, source in zip(candidates, sources, strict=True):
        if verdict := judge_image_file(candidate, guard, source):
            verdicts[candidate.key] = verdict
    remaining = [candidate for candidate in candidates if candidate.key not in verdicts]
    if captions is not None:
        verdicts |= captions.judge(remaining)
        remaining = [candidate for candidate in remaining if candidate.key not in verdicts]
    if remaining:
        embeddings = embed([candidate.path for candidate in remaining])
        judged = judge_embeddings(
            remaining, embeddings, real, scorer, unscored=unscored, in_domain=in_domain, copy_cosine=copy_cosine
        )
        verdicts.update({verdict.candidate_key: verdict for verdict in judged})
    return [verdicts[candidate.key] for candidate in candidates]


def judge_embeddings(
    candidates: Sequence[Candidate],
    embeddings: NDArray[np.float32],
    real: RealImages,
    scorer: OutlierScorer,
    *,
    unscored: Mapping[str, str] = MappingProxyType({}),
    in_domain: bool = True,
    copy_cosine: float = DUPLICATE_COSINE,
) -> list[Verdict]:
    """Judge M candidates by their embeddings (M, D) alone: outlier score first, then copies among those that pass.

    `unscored` has keys of candidates that show their class by construction and have no real image to be compared
    with, and the filter of `UNSCORED` that keeps them: of these only copies are rejected.

    Raises:
        ToolError: A candidate's class has no real images, or an embedding is not finite.
    """
    if not np.isfinite(embeddings).all():
        raise ToolError(
            "candidate embeddings contain NaN or infinity: the model diverged; embed with an earlier trial"
        )
    number = {name: index for index, name in enumerate(sorted(set(real.class_names)))}
    real_labels = np.array([number[name] for name in real.class_names], dtype=np.int64)
    for candidate in candidates:
        if candidate.cell.class_name not in number:
            raise ToolError(
                f"candidate {candidate.key!r} has class {candidate.cell.class_name!r}, which has no real training "
                "image; drop the candidate"
            )
    labels = np.array([number[candidate.cell.class_name] for candidate in candidates], dtype=np.int64)
    domains = [(candidate.cell.facet, candidate.cell.value) for candidate in candidates]
    shifted = embeddings
    if in_domain:
        shifted = remove_domain_shift(embeddings, labels, domains, ClassCentres.of(real.embeddings, real_labels))
    scored = np.array([candidate.key not in unscored for candidate in candidates])
    choice = _choose(scorer.fit(real.embeddings, real_labels), shifted, labels, scored)
    passed = np.flatnonzero(choice.kept).tolist()
    nearest = find_nearest_before(
        embeddings[passed],
        labels[passed],
        [candidates[row].key for row in passed],
        real.embeddings,
        real_labels,
        real.ids,
        [candidates[row].source_id for row in passed],
        copy_cosine,
    )
    found = dict(zip(passed, nearest, strict=True))
    return [
        _build_verdict(
            candidate.key, unscored.get(candidate.key, scorer.name), choice, row, found.get(row), copy_cosine
        )
        for row, candidate in enumerate(candidates)
    ]


def _choose(
    scorer: OutlierScorer,
    embeddings: NDArray[np.float32],
    labels: NDArray[np.int64],
    scored: NDArray[np.bool_],
) -> SetChoice:
    """Judge the rows that are `scored` (M,); the others are kept with a score of 0."""
    if scored.all():
        return choose_images(scorer, embeddings, labels)
    scores, kept = np.zeros(len(scored)), np.ones(len(scored), bool)
    if not scored.any():
        return SetChoice(scores, 0.0, kept, {}, "")
    rows = np.flatnonzero(scored)
    found = choose_images(scorer, embeddings[rows], labels[rows])
    scores[rows], kept[rows] = found.scores, found.kept
    return replace(
        found, scores=scores, kept=kept, reasons={int(rows[row]): why for row, why in found.reasons.items()}
    )


def _build_verdict(
    key: str, scorer: str, choice: SetChoice, row: int, nearest: NearestImage | None, copy_cosine: float
) -> Verdict:
    score, threshold = float(choice.scores[row]), choice.threshold
    if nearest is None:
        reason = choice.reasons.get(row, f"outlier: {scorer} {score:.3f} is above {threshold:g}")
        return Verdict(key, False, scorer, score, reason)
    if nearest.cosine > copy_cosine:
        other = "real image" if nearest.real else "candidate"
        reason = f"copy: cosine {nearest.cosine:.4f} to {other} {nearest.of} is above {copy_cosine:g}"
        return Verdict(key, False, "diversity", nearest.cosine, reason)
    if scorer in UNSCORED:
        return Verdict(key, True, scorer, score, UNSCORED[scorer])
    return Verdict(key, True, scorer, score, f"{scorer} {score:.3f} is at most {threshold:g}")


def _source_path(candidate: Candidate, source_paths: Mapping[str, str]) -> str:
    if not candidate.source_id:
        return ""
    if candidate.source_id not in source_paths:
        raise ToolError(
            f"candidate {candidate.key!r} is an edit of image {candidate.source_id!r}, whose path is unknown; "
            "the leak guard cannot check the source without it"
        )
    return source_paths[candidate.source_id]

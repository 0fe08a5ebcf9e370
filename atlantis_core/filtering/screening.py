"""Outlier Removal and Diversity Control: every candidate gets exactly one verdict.

The order: readable, not a leak, not blank (`image_checks`), no contradicting caption (`captions`), then outlier score
and copies (`judge_embeddings`). Candidates that are rejected early are never embedded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlantis_core.base.errors import ToolError
from atlantis_core.filtering.centres import ClassCentres
from atlantis_core.filtering.diversity import NearestImage, find_nearest_before
from atlantis_core.filtering.domain import remove_domain_shift
from atlantis_core.filtering.image_checks import judge_image_file
from atlantis_core.records import Candidate, Verdict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from atlantis_core.base.ports import OutlierScorer
    from atlantis_core.filtering.captions import CaptionCheck
    from atlantis_core.filtering.leak_guard import LeakGuard

EmbedFunction = Callable[[Sequence[str]], "NDArray[np.float32]"]
"""Embeds images by their paths: M paths -> (M, D)."""

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
    in_domain: bool = True,
    copy_cosine: float = DUPLICATE_COSINE,
) -> list[Verdict]:
    """Judge candidates.

    Args:
        candidates: Candidates to judge.
        embed: Called once, with the paths of the candidates that pass the earlier checks.
        real: Real training images of at least the candidates' classes.
        scorer: Outlier scorer, fitted on `real` here.
        guard: Checks against the held-out images.
        source_paths: Path of each `source_id`, for the guard.
        captions: Check by captions, if a captioner recognises content.
        in_domain: Remove the shift that all classes of a facet value share before scoring (`domain`).
        copy_cosine: Cosine above which two images are copies.

    Returns:
        One verdict per candidate, in order.

    Raises:
        ToolError: A candidate's class has no real images, or `source_paths` lacks its source.
    """
    verdicts = {}
    for candidate in candidates:
        if verdict := judge_image_file(candidate, guard, _source_path(candidate, source_paths)):
            verdicts[candidate.key] = verdict
    remaining = [candidate for candidate in candidates if candidate.key not in verdicts]
    if captions is not None:
        verdicts |= captions.judge(remaining)
        remaining = [candidate for candidate in remaining if candidate.key not in verdicts]
    if remaining:
        embeddings = embed([candidate.path for candidate in remaining])
        judged = judge_embeddings(remaining, embeddings, real, scorer, in_domain=in_domain, copy_cosine=copy_cosine)
        verdicts.update({verdict.candidate_key: verdict for verdict in judged})
    return [verdicts[candidate.key] for candidate in candidates]


def judge_embeddings(
    candidates: Sequence[Candidate],
    embeddings: NDArray[np.float32],
    real: RealImages,
    scorer: OutlierScorer,
    *,
    in_domain: bool = True,
    copy_cosine: float = DUPLICATE_COSINE,
) -> list[Verdict]:
    """Judge candidates by their embeddings alone: outlier score first, then copies among those that pass.

    Args:
        candidates: M candidates.
        embeddings: (M, D).
        real: As for `screen_candidates`.
        scorer: As for `screen_candidates`.
        in_domain: As for `screen_candidates`.
        copy_cosine: As for `screen_candidates`.

    Returns:
        One verdict per candidate, in order.

    Raises:
        ToolError: A candidate's class has no real images, or an embedding is not finite.
    """
    import numpy as np

    if not np.isfinite(embeddings).all():
        raise ToolError(
            "candidate embeddings contain NaN or infinity: the model diverged; embed with an earlier trial"
        )
    number = {name: index for index, name in enumerate(sorted(set(real.class_names)))}
    real_labels = np.array([number[name] for name in real.class_names], dtype=np.int64)
    labels = np.array([_class_number(number, candidate) for candidate in candidates], dtype=np.int64)
    domains = [(candidate.cell.facet, candidate.cell.value) for candidate in candidates]
    shifted = embeddings
    if in_domain:
        shifted = remove_domain_shift(embeddings, labels, domains, ClassCentres.of(real.embeddings, real_labels))
    scores = scorer.fit(real.embeddings, real_labels).score(shifted, labels)
    passed = np.flatnonzero(scores <= scorer.threshold).tolist()
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
        _build_verdict(candidate.key, float(scores[row]), scorer, found.get(row), copy_cosine)
        for row, candidate in enumerate(candidates)
    ]


def _build_verdict(
    key: str, score: float, scorer: OutlierScorer, nearest: NearestImage | None, copy_cosine: float
) -> Verdict:
    if nearest is None:
        reason = f"outlier: {scorer.name} {score:.3f} is above {scorer.threshold:g}"
        return Verdict(key, False, scorer.name, score, reason)
    if nearest.cosine > copy_cosine:
        other = "real image" if nearest.real else "candidate"
        reason = f"copy: cosine {nearest.cosine:.4f} to {other} {nearest.of} is above {copy_cosine:g}"
        return Verdict(key, False, "diversity", nearest.cosine, reason)
    return Verdict(key, True, scorer.name, score, f"{scorer.name} {score:.3f} is at most {scorer.threshold:g}")


def _class_number(number: Mapping[str, int], candidate: Candidate) -> int:
    name = candidate.cell.class_name
    if name not in number:
        raise ToolError(
            f"candidate {candidate.key!r} has class {name!r}, which has no real training image; drop the candidate"
        )
    return number[name]


def _source_path(candidate: Candidate, source_paths: Mapping[str, str]) -> str:
    if not candidate.source_id:
        return ""
    if candidate.source_id not in source_paths:
        raise ToolError(
            f"candidate {candidate.key!r} is an edit of image {candidate.source_id!r}, whose path is unknown; "
            "the leak guard cannot check the source without it"
        )
    return source_paths[candidate.source_id]

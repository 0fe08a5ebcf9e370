"""Filter synthetic images by embeddings from any model: arrays in, verdicts out (the released `outlier_remover`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.base.errors import SetupError, ToolError
from atlantis_core.base.ports import SCORERS, OutlierScorer
from atlantis_core.base.registry import make_part
from atlantis_core.data.label_checks import Spelling, describe_labels
from atlantis_core.data.lookalikes import look_alike_key, quote_label
from atlantis_core.data.number_columns import apply_rule, choose_number_rule
from atlantis_core.filtering.centre_ratio import CentreRatioScorer
from atlantis_core.filtering.centres import ClassCentres
from atlantis_core.filtering.choosing import choose_images, cut_scores
from atlantis_core.filtering.embedding_files import EmbeddedImages
from atlantis_core.filtering.margin import MarginScorer
from atlantis_core.filtering.representatives import choose_representatives

if TYPE_CHECKING:
    from numpy.typing import NDArray

AUTO = "auto"
"""Scorer name: `filter_embeddings` chooses the scorer and its threshold."""

_REAL_NEVER_BELOW = 0.995
"""`auto` rejects every image with a higher margin than this share of the real images."""

_UNLIKE_REAL = 2.0
"""If the lengths of real and synthetic embeddings differ by more than this factor, a warning is given."""

_ROUNDING = 1e-6
"""Relative difference below which embeddings are equal in single precision."""

_BEYOND_QUOTA = "quota: beyond {} images of its class; the kept ones represent it"


@dataclass(frozen=True, slots=True)
class FilterResult:
    """Which synthetic images are kept."""

    scorer: str
    threshold: float
    """Images with a higher score are rejected."""
    scores: NDArray[np.float64]
    """Of the synthetic images, (M,); higher is worse."""
    kept: NDArray[np.bool_]
    reasons: Mapping[int, str]
    """Why an image is rejected, by row, where its score alone does not say it."""
    nearest_own: NDArray[np.bool_]
    """Whether the nearest class centre is that of the image's own class, (M,)."""
    remarks: tuple[str, ...]


def filter_embeddings(
    real: EmbeddedImages,
    made: EmbeddedImages,
    scorer: str = AUTO,
    threshold: float | None = None,
    quota: int | None = None,
) -> FilterResult:
    """Keep the synthetic images that belong to their classes.

    With `auto` the released rule (`centre_ratio` at 1.5) decides how many are kept, and `margin` decides which. Every
    image whose own class is nearest is kept; of the others, those with a higher margin than 99.5 % of the real
    images are rejected. With a single class there is no margin, and the released rule decides alone. A `threshold`
    replaces the scorer's own. A scorer that judges sets, such as `risk`, learns its threshold from the real images
    and may keep nothing. With a `quota`, at most so many images of a class are kept, those that represent the others.

    Raises:
        SetupError: The scorer is unknown, one side has class names and the other numbers, or all real embeddings
            are equal.
        ToolError: A synthetic image's class has no real image, or the scorer needs more real images.
    """
    real, made = _spell_alike(real, made)
    made = _align_class_numbers(real, made)
    _check_spread(real)
    name = scorer if scorer != AUTO else "margin" if len(set(real.labels.tolist())) > 1 else "centre_ratio"
    judge: OutlierScorer = make_part(SCORERS, name, "scorer", OutlierScorer).fit(real.embeddings, real.labels)
    choice = choose_images(judge, made.embeddings, made.labels, threshold)
    if scorer == AUTO and threshold is None and isinstance(judge, MarginScorer):
        choice = cut_scores(choice.scores, _auto_threshold(real, made, choice.scores))
    kept, reasons = choice.kept, dict(choice.reasons)
    if quota is not None:
        kept = choose_representatives(made.embeddings.astype(np.float64), made.labels, choice.kept, quota)
        reasons |= dict.fromkeys(np.flatnonzero(choice.kept & ~kept).tolist(), _BEYOND_QUOTA.format(quota))
    nearest = ClassCentres.of(real.embeddings, real.labels)
    own = nearest.distances(made.embeddings).argmin(axis=1) == nearest.rows(made.labels)
    remarks = [*_describe_oddities(real, made), *([choice.remark] if choice.remark else [])]
    return FilterResult(name, choice.threshold, choice.scores, kept, reasons, own, tuple(remarks))


def _spell_alike(real: EmbeddedImages, made: EmbeddedImages) -> tuple[EmbeddedImages, EmbeddedImages]:
    """Give classes that are numbers one spelling on both sides: `1.0` beside `1.5` is the `1` of the other side."""
    rule = choose_number_rule([*real.names, *made.names])
    names = [tuple(apply_rule(rule, side.names)) for side in (real, made)]
    return replace(real, names=names[0]), replace(made, names=names[1])


def _align_class_numbers(real: EmbeddedImages, made: EmbeddedImages) -> EmbeddedImages:
    """Return the synthetic images with classes numbered like the real ones, if the classes have names."""
    if len(made.labels) and bool(real.names) != bool(made.names):
        raise SetupError("labels are class names on one side and numbers on the other; use the same in both")
    if unknown := [name for name in made.names if name not in real.names]:
        named = ", ".join(map(quote_label, unknown[:10]))
        alike = [name for name in real.names if look_alike_key(name) == look_alike_key(unknown[0])]
        hint = f" (there is {quote_label(alike[0])})" if alike else ""
        raise ToolError(
            f"no real image has class {named}{hint}; leave out these images, or add real ones of these classes"
        )
    if not made.names:
        return made
    number = np.array([real.names.index(name) for name in made.names], np.int64)
    return replace(made, labels=number[made.labels], names=real.names)


def _check_spread(real: EmbeddedImages) -> None:
    """Refuse real embeddings that are all equal up to rounding: no class can be nearer than another."""
    if len(real.embeddings) < 2:
        return
    low, high = real.embeddings.min(axis=0), real.embeddings.max(axis=0)
    if (high - low).max() <= _ROUNDING * abs(real.embeddings).max():
        raise SetupError(
            f"all {len(real.embeddings)} real embeddings are the same vector, so classes cannot be distinguished; "
            "embed with a model that has not collapsed"
        )


def _describe_oddities(real: EmbeddedImages, made: EmbeddedImages) -> Iterator[str]:
    """Yield warnings about images that were not embedded, or embedded differently."""
    medians, spellings = [], list[Spelling]()
    for side, given in (("real", real), ("synthetic", made)):
        lengths = np.linalg.norm(given.embeddings.astype(np.float64), axis=1)
        if (empty := np.flatnonzero(lengths == 0)).size:
            yield (
                f"{empty.size} {side} embeddings are all zeros, the first in row {empty[0]}: check that these images "
                "were embedded"
            )
        medians.append(float(np.median(lengths[lengths > 0])) if lengths.any() else 0.0)
    for given in (real, made):
        named = [given.names[row] for row in given.labels.tolist()] if given.names else []
        spellings += map(Spelling, given.written or named, named, [None] * len(named))
    yield from describe_labels(spellings)
    if all(medians) and not 1 / _UNLIKE_REAL < medians[0] / medians[1] < _UNLIKE_REAL:
        yield (
            f"the median length of real embeddings is {medians[0]:.4g}, of synthetic ones {medians[1]:.4g}: "
            "embed both with the same model, and normalise both or neither"
        )


def _auto_threshold(real: EmbeddedImages, made: EmbeddedImages, margins: NDArray[np.float64]) -> float:
    """Return the margin that keeps as many synthetic images as the released rule does."""
    rule = CentreRatioScorer().fit(real.embeddings, real.labels)
    count = int((rule.score(made.embeddings, made.labels) <= rule.threshold).sum())
    as_many = float(np.sort(margins)[count - 1]) if count else 0.0
    of_real = MarginScorer().fit(real.embeddings, real.labels).score(real.embeddings, real.labels)
    return max(1.0, min(as_many, float(np.quantile(of_real, _REAL_NEVER_BELOW))))

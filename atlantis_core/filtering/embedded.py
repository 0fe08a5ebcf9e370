"""Filtering embeddings that somebody else made: arrays in, indices out (the released `outlier_remover`)."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from atlantis_core.base.errors import SetupError, ToolError
from atlantis_core.base.ports import SCORERS, OutlierScorer
from atlantis_core.base.registry import make_part
from atlantis_core.base.text import to_printable
from atlantis_core.filtering.centre_ratio import CentreRatioScorer
from atlantis_core.filtering.centres import ClassCentres
from atlantis_core.filtering.margin import MarginScorer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

AUTO = "auto"
"""Name that lets `filter_embeddings` choose the scorer and its threshold."""

_REAL_NEVER_BELOW = 0.995
"""`auto` keeps nothing that lies farther into another class than this share of the real images does."""

_UNLIKE_REAL = 2.0
"""Real and made embeddings whose lengths differ by more than this factor were hardly made alike."""

_ROUNDING = 1e-6
"""Share of the largest number by which equal embeddings differ in single precision."""


@dataclass(frozen=True, slots=True)
class EmbeddedImages:
    """Images as one model sees them."""

    embeddings: NDArray[np.float32]
    """(N, D)."""
    labels: NDArray[np.int64]
    """(N,)."""
    names: tuple[str, ...] = ()
    """Of the classes 0, 1 ...; empty where labels were given as numbers."""


@dataclass(frozen=True, slots=True)
class FilterResult:
    """Which made images stay."""

    scorer: str
    threshold: float
    """Rejected are scores above it."""
    scores: NDArray[np.float64]
    """Of the made images, (M,); higher is worse."""
    kept: NDArray[np.bool_]
    """(M,)."""
    nearest_own: NDArray[np.bool_]
    """Whether the real class centre nearest to each is that of its own class, (M,)."""
    remarks: tuple[str, ...]
    """What looks wrong in the embeddings, a sentence each."""


def read_embedding_file(file: Path) -> EmbeddedImages:
    """Read an `.npz` file with `embeddings` (N, D) and `labels` (N,), whole numbers or class names.

    Raises:
        SetupError: It is missing, damaged, or holds something else.
    """
    import numpy as np

    name = to_printable(str(file))
    try:
        with file.open("rb") as stream:
            loaded = np.load(stream, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                raise SetupError(f"{name!r} is one array (.npy) where two are needed; write {_RESULT_KEYS}")
            with loaded as arrays:
                embeddings, labels = np.asarray(arrays["embeddings"]), np.asarray(arrays["labels"])
    except FileNotFoundError as error:
        raise SetupError(f"there is no file {name!r}; check the path") from error
    except KeyError as error:
        raise SetupError(f"{name!r} lacks an array: {error.args[0]}; write {_RESULT_KEYS}") from error
    except (OSError, ValueError, EOFError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise SetupError(f"{name!r} is no readable .npz file of numbers and texts; write {_RESULT_KEYS}") from error
    return _check_arrays(name, embeddings, labels)


def to_embedded_images(given: str | Path | tuple[ArrayLike, ArrayLike], which: str) -> EmbeddedImages:
    """Read what `read_embedding_file` reads, or check embeddings (N, D) and labels (N), numbers or names, in memory.

    Args:
        given: A file, or a pair of arrays.
        which: What a message calls the pair.

    Raises:
        SetupError: No pair and no such file; other shapes, types, or numbers that are not finite.
    """
    import numpy as np

    if isinstance(given, str | Path):
        return read_embedding_file(Path(given))
    try:
        embeddings, labels = given
    except (TypeError, ValueError) as error:
        raise SetupError(
            f"{which}: give embeddings (N, D) and labels (N) as a pair, or the path of an .npz file"
        ) from error
    try:
        return _check_arrays(which, np.asarray(embeddings), np.asarray(labels))
    except (ValueError, TypeError, RuntimeError) as error:  # rows of different lengths; tensors of a training
        raise SetupError(f"{which}: embeddings (N, D) and labels (N) are needed: {error}") from error


def filter_embeddings(
    real: EmbeddedImages, made: EmbeddedImages, scorer: str = AUTO, threshold: float | None = None
) -> FilterResult:
    """Keep the made images that belong to their classes.

    With `auto` the released rule (`centre_ratio` at 1.5) says how many are kept and `margin` says which: those that
    lie nearest to their own class compared with the others. None is lost that is nearest its own class, and none
    kept that lies farther into another class than 99.5 % of the real images do. With a single class there is no
    margin, and the released rule decides alone.

    Args:
        real: Real images, whatever the scorer learns from.
        made: Images to judge.
        scorer: A name in `SCORERS`, or `auto`.
        threshold: Instead of the scorer's own.

    Raises:
        SetupError: There is no such scorer, what was named is none, one side names its classes and the other
            numbers them, or the real embeddings are all the same.
        ToolError: Made images of a class without real ones, or too few real ones for the scorer.
    """
    made = _align_class_numbers(real, made)
    _check_spread(real)
    name = scorer if scorer != AUTO else "margin" if len(set(real.labels.tolist())) > 1 else "centre_ratio"
    judge: OutlierScorer = make_part(SCORERS, name, "scorer", OutlierScorer).fit(real.embeddings, real.labels)
    scores = judge.score(made.embeddings, made.labels)
    if threshold is None:
        cut = judge.threshold
        threshold = _auto_threshold(real, made, scores) if scorer == AUTO and isinstance(judge, MarginScorer) else cut
    nearest = ClassCentres.of(real.embeddings, real.labels)
    own = nearest.distances(made.embeddings).argmin(axis=1) == nearest.rows(made.labels)
    return FilterResult(name, threshold, scores, scores <= threshold, own, tuple(_describe_oddities(real, made)))


def _align_class_numbers(real: EmbeddedImages, made: EmbeddedImages) -> EmbeddedImages:
    """Return made images whose classes, where they have names, are numbered as those of the real images."""
    import numpy as np

    if len(made.labels) and bool(real.names) != bool(made.names):
        raise SetupError("one side has class names as labels and the other numbers; write the same in both")
    if unknown := [name for name in made.names if name not in real.names]:
        named = ", ".join(map(repr, unknown[:10]))
        raise ToolError(f"no real image has class {named}; leave these images out, or add real ones of these classes")
    if not made.names:
        return made
    number = np.array([real.names.index(name) for name in made.names], np.int64)
    return replace(made, labels=number[made.labels], names=real.names)


def _check_spread(real: EmbeddedImages) -> None:
    """Refuse real embeddings that are one vector but for rounding: nothing is nearer to one class than another."""
    if len(real.embeddings) < 2:
        return
    low, high = real.embeddings.min(axis=0), real.embeddings.max(axis=0)
    if (high - low).max() <= _ROUNDING * abs(real.embeddings).max():
        raise SetupError(
            f"all {len(real.embeddings)} real embeddings are the same vector, so no class can be told from another; "
            "embed with a model that has not collapsed"
        )


def _describe_oddities(real: EmbeddedImages, made: EmbeddedImages) -> Iterator[str]:
    """Yield what looks as if images had not been embedded, or not alike."""
    import numpy as np

    medians = []
    for side, given in (("real", real), ("made", made)):
        lengths = np.linalg.norm(given.embeddings.astype(np.float64), axis=1)
        if (empty := np.flatnonzero(lengths == 0)).size:
            yield f"{empty.size} {side} embeddings are all zeros, the first in row {empty[0]}: were they embedded?"
        medians.append(float(np.median(lengths[lengths > 0])) if lengths.any() else 0.0)
    if all(medians) and not 1 / _UNLIKE_REAL < medians[0] / medians[1] < _UNLIKE_REAL:
        yield (
            f"real embeddings have a length of {medians[0]:.4g} (median), made ones of {medians[1]:.4g}: embed both "
            "with the same model, and normalise both or neither"
        )


def _auto_threshold(real: EmbeddedImages, made: EmbeddedImages, margins: NDArray[np.float64]) -> float:
    """Return the margin at which as many made images are kept as by the released rule."""
    import numpy as np

    rule = CentreRatioScorer().fit(real.embeddings, real.labels)
    count = int((rule.score(made.embeddings, made.labels) <= rule.threshold).sum())
    as_many = float(np.sort(margins)[count - 1]) if count else 0.0
    of_real = MarginScorer().fit(real.embeddings, real.labels).score(real.embeddings, real.labels)
    return max(1.0, min(as_many, float(np.quantile(of_real, _REAL_NEVER_BELOW))))


def _check_arrays(name: str, embeddings: NDArray[np.generic], labels: NDArray[np.generic]) -> EmbeddedImages:
    import numpy as np

    if embeddings.ndim != 2 or labels.shape != embeddings.shape[:1] or not embeddings.shape[1]:
        raise SetupError(
            f"{name!r} holds embeddings {embeddings.shape} and labels {labels.shape}; needed are (N, D) and (N,)"
        )
    if labels.dtype.kind == "O" and all(isinstance(label, str) for label in labels):
        labels = labels.astype(str)  # a column of pandas
    if embeddings.dtype.kind not in "fiu" or labels.dtype.kind not in "iuU":
        kinds = f"embeddings of type {embeddings.dtype} and labels of type {labels.dtype}"
        raise SetupError(f"{name!r} holds {kinds}; needed are numbers, and whole numbers or texts")
    with np.errstate(over="ignore"):  # what is too large becomes infinity, which is refused below
        plain = embeddings.astype(np.float32)
    broken = np.flatnonzero(~np.isfinite(plain).all(axis=1))
    if broken.size:
        raise SetupError(
            f"{name!r} holds NaN, infinity or numbers too large in {broken.size} rows, the first {broken[0]}; "
            "leave these images out, or embed them with a model that has not diverged"
        )
    if labels.dtype.kind == "U":
        names, numbers = np.unique(labels, return_inverse=True)
        return EmbeddedImages(plain, numbers.astype(np.int64), tuple(names.tolist()))
    return EmbeddedImages(plain, labels.astype(np.int64))


_RESULT_KEYS = "it with numpy.savez(file, embeddings=..., labels=...)"

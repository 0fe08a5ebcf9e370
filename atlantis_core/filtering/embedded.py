"""Filtering embeddings that somebody else made: arrays in, indices out (the released `outlier_remover`)."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from atlantis_core.data.entries import shown
from atlantis_core.errors import SetupError
from atlantis_core.filtering.centre_ratio import CentreRatio
from atlantis_core.filtering.centres import Centres
from atlantis_core.filtering.margin import Margin
from atlantis_core.ports import SCORERS, OutlierScorer
from atlantis_core.registry import make

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

AUTO = "auto"
"""Name that lets `sort_out` choose the scorer and its threshold."""

_REAL_NEVER = 0.995
"""`auto` keeps nothing that lies farther into another class than this share of the real images does."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """Images as one model sees them."""

    embeddings: NDArray[np.float32]
    """(N, D)."""
    labels: NDArray[np.int64]
    """(N,)."""


@dataclass(frozen=True, slots=True)
class Sorted:
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


def read_embedded(file: Path) -> Embedded:
    """Read an `.npz` file with `embeddings` (N, D) and integer `labels` (N,).

    Raises:
        SetupError: It is missing, damaged, or holds something else.
    """
    import numpy as np

    name = shown(str(file))
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            embeddings, labels = np.asarray(arrays["embeddings"]), np.asarray(arrays["labels"])
    except FileNotFoundError as error:
        raise SetupError(f"there is no file {name!r}; check the path") from error
    except KeyError as error:
        raise SetupError(f"{name!r} lacks an array: {error.args[0]}; write it with {_WRITTEN}") from error
    except (OSError, ValueError, EOFError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise SetupError(f"{name!r} is no readable .npz file ({error}); write it with {_WRITTEN}") from error
    return _checked(name, embeddings, labels)


def as_embedded(embeddings: ArrayLike, labels: ArrayLike) -> Embedded:
    """Check embeddings (N, D) and integer labels (N) that are in memory.

    Raises:
        SetupError: Other shapes, types, or numbers that are not finite.
    """
    import numpy as np

    try:
        return _checked("what was given", np.asarray(embeddings), np.asarray(labels))
    except ValueError as error:  # rows of different lengths
        raise SetupError(f"embeddings (N, D) and labels (N) are needed: {error}") from error


def sort_out(real: Embedded, made: Embedded, scorer: str = AUTO, threshold: float | None = None) -> Sorted:
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
        SetupError: There is no such scorer, or what was named is none.
        ToolError: Made images of a class without real ones, or too few real ones for the scorer.
    """
    name = scorer if scorer != AUTO else "margin" if len(set(real.labels.tolist())) > 1 else "centre_ratio"
    judge: OutlierScorer = make(SCORERS, name, "scorer", OutlierScorer).fit(real.embeddings, real.labels)
    scores = judge.score(made.embeddings, made.labels)
    if threshold is None:
        cut = judge.threshold
        threshold = _auto_cut(real, made, scores) if scorer == AUTO and isinstance(judge, Margin) else cut
    nearest = Centres.of(real.embeddings, real.labels)
    own = nearest.distances(made.embeddings).argmin(axis=1) == nearest.rows(made.labels)
    return Sorted(name, threshold, scores, scores <= threshold, own)


def _auto_cut(real: Embedded, made: Embedded, margins: NDArray[np.float64]) -> float:
    """Return the margin at which as many made images are kept as by the released rule."""
    import numpy as np

    rule = CentreRatio().fit(real.embeddings, real.labels)
    count = int((rule.score(made.embeddings, made.labels) <= rule.threshold).sum())
    as_many = float(np.sort(margins)[count - 1]) if count else 0.0
    of_real = Margin().fit(real.embeddings, real.labels).score(real.embeddings, real.labels)
    return max(1.0, min(as_many, float(np.quantile(of_real, _REAL_NEVER))))


def _checked(name: str, embeddings: NDArray[np.generic], labels: NDArray[np.generic]) -> Embedded:
    import numpy as np

    if embeddings.ndim != 2 or labels.shape != embeddings.shape[:1] or not embeddings.shape[1]:
        raise SetupError(
            f"{name!r} holds embeddings {embeddings.shape} and labels {labels.shape}; needed are (N, D) and (N,)"
        )
    if embeddings.dtype.kind not in "fiu" or labels.dtype.kind not in "iu":
        kinds = f"embeddings of type {embeddings.dtype} and labels of type {labels.dtype}"
        raise SetupError(f"{name!r} holds {kinds}; needed are numbers and whole numbers")
    plain = embeddings.astype(np.float32)
    broken = np.flatnonzero(~np.isfinite(plain).all(axis=1))
    if broken.size:
        raise SetupError(
            f"{name!r} holds NaN, infinity or numbers too large in {broken.size} rows, the first {broken[0]}; "
            "leave these images out, or embed them with a model that has not diverged"
        )
    return Embedded(plain, labels.astype(np.int64))


_WRITTEN = "numpy.savez(file, embeddings=..., labels=...)"

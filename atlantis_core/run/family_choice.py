"""Which edit makes photos look like those that show a facet value: measured, for values whose words say nothing.

`camera=B` names no edit. But where training photos show it, each edit can be tried on a few photos that do not, and
its outputs compared with those that do: by the energy distance (Szekely and Rizzo 2013) between the two sets, in a
model's embedding space and over the measurements of the captioner `attributes`. An edit is chosen only if it closes
some of the distance beyond chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.captioning.measures import measure_image
from atlantis_core.data.image_io import open_image
from atlantis_core.generation.draws import RandomDraws, derive_seed
from atlantis_core.generation.edits import BORROWING_EDITS, EDITS
from atlantis_core.generation.medium_words import DRAWN
from atlantis_core.generation.photometric import edit_image

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from PIL.Image import Image

    from atlantis_core.records import LabelledImage

    Embed = Callable[[Sequence[Image]], NDArray[np.float32]]
    """Embeds N images: (N, D)."""
    Distances = NDArray[np.float64]

FEWEST_PHOTOS = 6
"""Photos that show the value, and photos that do not: with fewer, two sets cannot be compared."""
_MOST_PHOTOS = 24
_FIRST_PHOTOS, _LIKELY = 8, 6
"""All edits are tried on a few photos, the most likely ones then on all."""
_SIDE_PX = 128
_MILD_STRENGTH = 0.6
"""What "slightly" means to the generator; tried besides full strength."""
_RESAMPLES = 400
_LEAST_DISTANCE = 0.05
"""Energy distance, as a share of the mean distance among the photos that show the value, under which sets look alike.

Shares of a smaller distance would be shares of chance.
"""
_ERROR = 0.05
"""Chance that any edit is chosen although none helps; divided by the number of edits."""


@dataclass(frozen=True, slots=True)
class FamilyFit:
    """How much nearer one edit takes photos to those that show the value; 1 is all the way, 0 as far as before."""

    edit: str
    strength: float
    closed: float
    """Share of the distance between the two sets of embeddings that the edit closes."""
    low: float
    """Lower end of its interval, by the bootstrap over both sets, corrected for the number of edits."""
    closed_measured: float
    """The same share over measured light, contrast, colour, cast, blur and clutter."""

    @property
    def score(self) -> float:
        """Mean of both shares; what edits are ranked by."""
        return (max(-1.0, self.closed) + max(-1.0, self.closed_measured)) / 2


@dataclass(frozen=True, slots=True)
class FamilyChoice:
    """The edits tried for a facet value, best first, and the one that is used."""

    value: str
    """Such as `camera=B`."""
    shown: int
    """Photos that show the value and were compared with."""
    fits: tuple[FamilyFit, ...]
    edit: str
    """Empty if no edit does better than none."""
    strength: float
    reason: str


def choose_family(
    value: str, showing: Sequence[LabelledImage], others: Sequence[LabelledImage], embed: Embed, seed: int = 0
) -> FamilyChoice:
    """Try every edit on a few photos of other values; return the edits ranked by how near they come.

    Args:
        value: Name of the facet value, for the reason.
        showing: Training photos that show the value. Where there are enough, half of them are only borrowed from, so
            that no edit is compared with the photo that lent it its colours.
        others: Training photos that show another value; those of the same classes are preferred.
        embed: Embeds decoded images.
        seed: Chooses the photos and the random numbers of the edits.
    """
    if min(len(showing), len(others)) < FEWEST_PHOTOS:
        fewer = "show it" if len(showing) <= len(others) else "show another value"
        reason = f"{min(len(showing), len(others))} training photos {fewer}, too few to compare edits with"
        return FamilyChoice(value, len(showing), (), "", 0.0, f"{value}: {reason}")
    order = sorted(showing, key=lambda image: derive_seed(seed, image.id))
    lend = min(_MOST_PHOTOS, len(order) // 2) if len(order) >= 2 * FEWEST_PHOTOS else 0
    targets = order[lend : lend + _MOST_PHOTOS]
    sources, lenders = _open_all(_match_classes(others, targets, seed)), _open_all(order[:lend])
    goal = _Goal(_open_all(targets), _Trial(sources, lenders, embed, seed))
    edits = sorted({*EDITS, *BORROWING_EDITS} - {"background"} - (set() if lend else BORROWING_EDITS.keys()))
    first = _Goal(_open_all(targets[:_FIRST_PHOTOS]), _Trial(sources[:_FIRST_PHOTOS], lenders, embed, seed))
    likely = sorted(edits, key=lambda edit: -first.measure_fit(edit, 1.0, 1).score)[:_LIKELY]
    fits = [goal.measure_fit(edit, 1.0, len(edits)) for edit in likely]
    best = max(fits, key=lambda fit: fit.score)
    if best.edit not in DRAWN:
        fits.append(goal.measure_fit(best.edit, _MILD_STRENGTH, len(edits)))
    ranked = tuple(sorted(fits, key=lambda fit: -fit.score))
    chosen = None if goal.looks_alike else next((fit for fit in ranked if fit.low > 0 and fit.score > 0), None)
    edit, strength = (chosen.edit, chosen.strength) if chosen else ("", 0.0)
    reason = _explain(len(targets), ranked, chosen, goal.looks_alike)
    return FamilyChoice(value, len(targets), ranked, edit, strength, f"{value}: {reason}")


def _match_classes(
    others: Sequence[LabelledImage], targets: Sequence[LabelledImage], seed: int
) -> list[LabelledImage]:
    """Choose photos of other values: one of each target's class while there is one, then any."""
    left = sorted(others, key=lambda image: derive_seed(seed, "other", image.id))
    chosen: list[LabelledImage] = []
    for target in targets:
        match = next((image for image in left if image.label == target.label), None)
        if match is not None:
            left.remove(match)
            chosen.append(match)
    return [*chosen, *left][: max(FEWEST_PHOTOS, len(targets))]


def _open_all(images: Sequence[LabelledImage]) -> list[Image]:
    from PIL.Image import Resampling

    opened = [open_image(image.path, 2 * _SIDE_PX) for image in images]
    sizes = [_SIDE_PX / min(image.size) for image in opened]
    return [
        image.resize((round(image.width * scale), round(image.height * scale)), Resampling.LANCZOS)
        if scale < 1
        else image
        for image, scale in zip(opened, sizes, strict=True)
    ]


class _Trial:
    """Photos of other values, and how an edit of them looks to the model and to the captioner."""

    def __init__(self, sources: Sequence[Image], lenders: Sequence[Image], embed: Embed, seed: int) -> None:
        self._sources, self._lenders, self._embed, self._seed = sources, lenders, embed, seed

    def describe(self, edit: str, strength: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return embeddings and measurements of the edited photos; `edit` empty leaves them as they are."""
        return self.describe_images([self._edit(row, edit, strength) for row in range(len(self._sources))])

    def describe_images(self, images: Sequence[Image]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the embeddings (N, D) and the measurements (N, 8) of images."""
        return np.asarray(self._embed(images), dtype=np.float64), np.array([_measure(image) for image in images])

    def _edit(self, row: int, edit: str, strength: float) -> Image:
        source = self._sources[row]
        if not edit:
            return source
        reference = self._lenders[row % len(self._lenders)] if edit in BORROWING_EDITS else source
        return edit_image(source, reference, edit, strength, RandomDraws(derive_seed(self._seed, edit, row)))


def _measure(image: Image) -> list[float]:
    """Return the measurements of one image as numbers that can be subtracted; the cast as its (a*, b*)."""
    found = measure_image(image)
    angle = np.radians(found.cast_degrees)
    cast = found.cast * np.cos(angle), found.cast * np.sin(angle)
    return [found.lightness, found.contrast, found.colourfulness, *cast, found.blur, found.clutter]


class _Goal:
    """Photos that show the value, and how far from them photos are without and with an edit."""

    def __init__(self, targets: Sequence[Image], trial: _Trial) -> None:
        self._trial = trial
        embeddings, measures = trial.describe_images(targets)
        plain_embeddings, plain_measures = trial.describe("", 0.0)
        self._scale = np.concatenate([measures, plain_measures]).std(0) + 1e-6
        self._embeddings, self._measures = embeddings, measures / self._scale
        draws = np.random.default_rng(0)
        counts = [len(plain_embeddings), len(embeddings)]
        self._weights = [draws.multinomial(n, np.full(n, 1 / n), size=_RESAMPLES) / n for n in counts]
        self._plain = self._list_distances(plain_embeddings, self._embeddings)
        self._plain_measured = self._list_distances(plain_measures / self._scale, self._measures)[0]
        self._least, self._least_measured = (
            _LEAST_DISTANCE * _list_pairs(one, one).mean() + 1e-9 for one in (self._embeddings, self._measures)
        )

    @property
    def looks_alike(self) -> bool:
        """Whether photos of other values already look like those that show the value."""
        return bool(self._plain[0] < self._least)

    def measure_fit(self, edit: str, strength: float, tried: int) -> FamilyFit:
        """Return how much of the distance an edit closes."""
        embeddings, measures = self._trial.describe(edit, strength)
        found = self._list_distances(embeddings, self._embeddings)
        measured = self._list_distances(measures / self._scale, self._measures)[0]
        closed = (self._plain - found) / np.maximum(self._plain, self._least)
        low = float(np.quantile(closed[1:], _ERROR / tried))
        closed_measured = (self._plain_measured - measured) / max(self._plain_measured, self._least_measured)
        return FamilyFit(edit, strength, round(float(closed[0]), 3), round(low, 3), round(float(closed_measured), 3))

    def _list_distances(self, points: Distances, targets: Distances) -> Distances:
        """Return the energy distance of two sets, then those of the resampled sets: (1 + resamples,)."""
        across, within, own = (
            _list_pairs(a, b) for a, b in ((points, targets), (points, points), (targets, targets))
        )
        first = [np.full((1, len(one)), 1 / len(one)) for one in (points, targets)]
        ours, theirs = (np.concatenate(pair) for pair in zip(first, self._weights, strict=True))
        between = np.einsum("ri,ij,rj->r", ours, across, theirs, optimize=True)
        return np.asarray(2 * between - _mean_within(within, ours) - _mean_within(own, theirs))


def _list_pairs(points: Distances, others: Distances) -> Distances:
    from scipy.spatial.distance import cdist

    return np.asarray(cdist(points, others))


def _mean_within(distances: Distances, weights: Distances) -> Distances:
    """Return the mean distance of two different members of a set, for each row of weights."""
    total = np.einsum("ri,ij,rj->r", weights, distances, weights, optimize=True)
    return np.asarray(total / np.maximum(1 - (weights**2).sum(1), 1e-9))


def _explain(shown: int, ranked: Sequence[FamilyFit], chosen: FamilyFit | None, alike: bool) -> str:
    photos = f"the {shown} training photos that show it"
    if alike:
        return f"{photos} look like those that do not, so no edit is chosen"
    if chosen is None:
        best = ranked[0]
        return (
            f"no edit takes photos nearer to {photos} than they are unedited (best: {best.edit} closes "
            f"{best.closed:.0%} of the distance, at least {best.low:.0%})"
        )
    following = [f"{fit.edit} {fit.closed:.0%}" for fit in ranked if fit.edit != chosen.edit][:2]
    mildly = f" at strength {chosen.strength:g}" if chosen.strength < 1 else ""
    return (
        f"{chosen.edit}{mildly} closes {chosen.closed:.0%} (at least {chosen.low:.0%}) of the distance to {photos}, "
        f"{chosen.closed_measured:.0%} by measured light, colour and sharpness; next: {', '.join(following)}"
    )

"""The servings worth a try on a task, most promising first, and what each needs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlantis_core.data.tasks import RetrievalTask

_UNBALANCED = 3.0
"""Largest class over the median one, or the median over the smallest, from which class sizes are corrected for."""


@dataclass(frozen=True, slots=True)
class ServingPilot:
    """A serving that is worth a try."""

    serving: str
    what: str
    """What it does, for a person."""
    needs: str
    """What it needs; empty if nothing."""


_HUBS = "entries that are near to everything are found less often"
_MEANS = "the mean of each class is searched in place of its photos"
_POOL, _PHOTOS = "a folder of unlabelled photos", "unlabelled photos, or training photos of other classes"


def list_servings_to_pilot(task: RetrievalTask, distance: str, *, has_pool: bool) -> tuple[ServingPilot, ...]:
    """Return four to seven servings that fit a task and a model, most promising first; none without the cosine.

    Cross-validation inside grocery81's training split gave the order (docs/results.md). `distance` is that of the
    model; `has_pool` says whether there are unlabelled photos.
    """
    if distance != "cosine":
        return ()
    photos = Counter(image.label for image in task.gallery)
    queries_inside = bool({image.id for image in task.queries} & {image.id for image in task.gallery})
    several = max(photos.values(), default=0) > 1
    found = [ServingPilot("csls", _HUBS, _PHOTOS)]
    if several:
        found.insert(0, ServingPilot("prototypes+csls", f"{_MEANS}; {_HUBS}", _PHOTOS))
        found.append(ServingPilot("prototypes", f"{_MEANS}, which helps classes of few photos", ""))
    if several and has_pool and not queries_inside:
        what = f"unlabelled photos are found under the class whose mean is nearest; {_MEANS}, and {_HUBS}"
        found.insert(0, ServingPilot("rectify+prototypes+csls", what, _POOL))
        mild = f"unlabelled photos are found under the class whose mean is nearest; {_MEANS}"
        found.append(ServingPilot("rectify+prototypes", mild, _POOL))
    if several and not has_pool and is_unbalanced(photos):
        what = f"{_MEANS}; {_HUBS}, and so are classes of many photos"
        found.insert(0, ServingPilot("prototypes+csls:own=True", what, "training photos"))
    if facet := find_shifted_facet(task):
        what = f"what all photos of one {facet} have in common is taken out; then {_MEANS} and {_HUBS}"
        parts = "prototypes+csls" if several else "csls"
        found.append(ServingPilot(f"centring:facet={facet}+{parts}", what, _PHOTOS))
    return tuple(found)


def is_unbalanced(photos: Mapping[str, int]) -> bool:
    """Return whether some classes have far more or far fewer photos than the median class."""
    sizes = sorted(photos.values())
    median = sizes[len(sizes) // 2]
    return sizes[-1] > _UNBALANCED * median or median > _UNBALANCED * sizes[0]


def find_shifted_facet(task: RetrievalTask) -> str:
    """Return a facet of which most queries show a value that no gallery photo does; empty if there is none.

    Facets whose name or values the option grammar cannot hold (`+`, `,`, `=`) are passed over.
    """
    values = Counter((name, value) for image in task.gallery for name, value in image.facets.items())
    known = {name for name, _ in values}
    for name in sorted(known):
        own = [image.facets[name] for image in task.queries if name in image.facets]
        unseen = sum((name, value) not in values for value in own)
        if unseen > len(task.queries) / 2 and not set(name) & set("+,=:"):
            return name
    return ""

"""Servings by name: `csls:k=10`, `prototypes`, `csls:k=30+prototypes`; parts joined by `+` in any order."""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import pairwise
from typing import TYPE_CHECKING

from atlantis_core.base.errors import SetupError
from atlantis_core.base.option_strings import parse_part
from atlantis_core.learning.serving.interface import Photos, ServedGallery, ServingPart, check_photos, photo_entries

if TYPE_CHECKING:
    from atlantis_core.learning.models.heads import Head

SERVINGS = {
    "centring": "atlantis_core.learning.serving.centring:Centring",
    "csls": "atlantis_core.learning.serving.hubness:Csls",
    "local_scaling": "atlantis_core.learning.serving.hubness:LocalScaling",
    "prototypes": "atlantis_core.learning.serving.prototypes:Prototypes",
    "query_expansion": "atlantis_core.learning.serving.query_expansion:QueryExpansion",
    "rectify": "atlantis_core.learning.serving.rectify:Rectify",
    "rerank": "atlantis_core.learning.serving.rerank:Rerank",
    "spread": "atlantis_core.learning.serving.spread:Spread",
}
"""Part of a serving -> `module:Class`."""


@dataclass(frozen=True, slots=True)
class Serving:
    """How embeddings are searched: the parts, in the order in which they are applied; none is the nearest photo."""

    parts: tuple[tuple[str, ServingPart], ...] = ()
    """Name and part."""

    def __str__(self) -> str:
        """Return the text that gives this serving, with the settings that differ from their defaults."""
        return "+".join(_describe_part(name, part) for name, part in self.parts)

    @property
    def needs_reference(self) -> bool:
        """Whether it is fitted on reference photos."""
        return any(part.needs_reference for _, part in self.parts)

    def check_space(self, space: Head) -> None:
        """Refuse an embedding space whose distance is not the cosine, with a `SetupError`."""
        if self.parts and space.distance != "cosine":
            raise SetupError(
                f"serving {str(self)!r} needs embeddings that are compared by cosine, this model's are "
                f"{space.distance}; leave the serving out"
            )

    def fit(self, gallery: Photos, reference: Photos) -> ServedGallery:
        """Return a gallery prepared for searching; reference photos are an unlabelled pool, or training photos.

        Raises:
            SetupError: It needs reference photos, and there are none.
            TrainingFailed: An embedding is not finite.
        """
        if self.needs_reference and not len(reference):
            raise SetupError(
                f"serving {str(self)!r} needs reference photos that are no queries, and there are none; "
                "name a folder of unlabelled photos (--pool FOLDER)"
            )
        check_photos(gallery, "gallery")
        check_photos(reference, "reference")
        served = ServedGallery(gallery, reference, photo_entries(gallery))
        for _, part in self.parts:
            served = part.fit(served)
        return served


def parse_serving(text: str) -> Serving:
    """Return the serving that a text names; an empty text is the nearest photo.

    Raises:
        SetupError: A part or an option is unknown, a value is invalid, or two parts do the same.
    """
    if not text.strip():
        return Serving()
    parts = []
    for one in text.split("+"):
        name = one.strip()
        part: ServingPart = parse_part(SERVINGS, name, "serving", ServingPart)
        known = name.partition(":")[0]
        parts.append((known if known in SERVINGS else name, part))
    parts.sort(key=lambda pair: pair[1].order)
    for (first, before), (second, after) in pairwise(parts):
        if before.order == after.order:
            raise SetupError(f"serving {text!r}: {first} and {second} do the same work; leave one out")
    return Serving(tuple(parts))


def _describe_part(name: str, part: ServingPart) -> str:
    if name not in SERVINGS:  # a class outside this repository takes no settings
        return name
    default = type(part)()
    changed = [
        f"{field.name}={getattr(part, field.name)}"
        for field in fields(part)  # type: ignore[arg-type]
        if getattr(part, field.name) != getattr(default, field.name)
    ]
    return f"{name}:{','.join(changed)}" if changed else name

"""What a person is asked about photos of a pool, and what they said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NONE_OF_THESE = "none of these"
"""The label of a photo that shows none of the known classes, and is of no use."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; it is kept with who gave it and when."""

    image_id: str
    """See `pool.pool_folder.PoolImage`."""
    label: str
    """A class, perhaps a new one; `NONE_OF_THESE`; empty if the person skipped the photo."""
    who: str = ""
    when: str = ""
    """Date and time as they were given, ISO 8601 if the product asked."""

    @property
    def names_class(self) -> bool:
        """Whether it says which class the photo shows."""
        return self.label not in {"", NONE_OF_THESE}


@dataclass(frozen=True, slots=True)
class PhotoQuestion:
    """A photo of a pool that a person is asked about, with what is shown beside it."""

    image_id: str
    likely: tuple[str, ...]
    """The likeliest classes, the likeliest first."""
    alike: tuple[str, ...]
    """Ids of the photos of the pool that the answer says most about, the nearest first."""
    examples: Mapping[str, tuple[str, ...]]
    """Likely class -> ids of the training photos of it that are nearest to the photo."""
    settles: float
    """Photos, in all, whose class is in doubt and would not be after the answer."""

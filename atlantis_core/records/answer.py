"""What a person said about a photo of a pool."""

from __future__ import annotations

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

"""A serving and the embeddings of its reference photos in a file, for an index or an exported model."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.base.atomic_file import write_atomically
from atlantis_core.base.errors import SetupError
from atlantis_core.learning.serving.interface import NO_CLASS, Photos
from atlantis_core.learning.serving.servings import parse_serving

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from atlantis_core.learning.serving.interface import ServedGallery

FILE_NAME = "serving.npz"


@dataclass(frozen=True, slots=True, eq=False)
class StoredServing:
    """A serving and what it is fitted on besides the gallery."""

    text: str
    """See `servings.parse_serving`."""
    vectors: NDArray[np.float32]
    """(R, D) embeddings of the reference photos, by the model that is searched with."""
    labels: tuple[str, ...]
    """(R,) their classes; empty for an unlabelled photo."""

    def save(self, folder: Path) -> None:
        """Write it to a folder, atomically; a `SetupError` if the folder cannot be written."""
        try:
            with write_atomically(folder / FILE_NAME) as part, part.open("wb") as file:
                np.savez(file, serving=self.text, vectors=self.vectors, labels=np.array(self.labels, np.str_))
        except OSError as error:
            raise SetupError(f"{str(folder)!r} cannot be written: {error.strerror}") from error

    @classmethod
    def load(cls, folder: Path) -> StoredServing | None:
        """Read it from a folder; None if there is none, a `SetupError` if it is damaged."""
        path = folder / FILE_NAME
        if not path.is_file():
            return None
        try:
            # Opened here, because numpy does not close a file that is not an archive.
            with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
                found = cls(str(data["serving"]), data["vectors"], tuple(data["labels"].tolist()))
        except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise SetupError(
                f"{str(path)!r} does not contain a serving ({error}); remove it and index again"
            ) from error
        if found.vectors.ndim != 2 or len(found.vectors) != len(found.labels):
            raise SetupError(f"{str(path)!r} has {len(found.labels)} labels for {found.vectors.shape} embeddings")
        return found

    def fit(
        self, vectors: NDArray[np.float32], labels: Sequence[str], facets: Sequence[Mapping[str, str]] = ()
    ) -> tuple[ServedGallery, list[str]]:
        """Return a gallery (G, D) of classes (G,) prepared for searching, and the class of each of its E entries.

        Raises:
            SetupError: It needs reference photos and has none, or the embeddings are another model's.
        """
        if len(self.vectors) and self.vectors.shape[1] != vectors.shape[1]:
            raise SetupError(
                f"the serving was fitted on embeddings of {self.vectors.shape[1]} numbers, the gallery's have "
                f"{vectors.shape[1]}: they are of another model"
            )
        names = sorted(set(labels))
        number = {name: index for index, name in enumerate(names)}
        gallery = Photos(vectors, np.array([number[label] for label in labels], np.int64), facets)
        others = np.array([number.get(label, NO_CLASS) for label in self.labels], np.int64)
        served = parse_serving(self.text).fit(gallery, Photos(self.vectors.reshape(-1, vectors.shape[1]), others))
        return served, [names[label] for label in served.entries.labels]

"""Photos that a run's servings are fitted on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_core.filtering.leak_guard import ValidationFingerprints
from atlantis_core.pool.pool_folder import PoolFolder, guard_pool
from atlantis_core.records import LabelledImage

if TYPE_CHECKING:
    from atlantis_core.data.reading import LoadedCollection


def find_reference(loaded: LoadedCollection, pool: str | None) -> tuple[LabelledImage, ...]:
    """Return the photos of a pool that nearly equal no validation or test photo, else the training photos.

    Photos of a pool have no label. Training photos are also taken where nothing of the pool is left.

    Raises:
        SetupError: The pool's folder is gone, or has no usable image.
    """
    train = loaded.collection.of_split("train")
    if pool is None:
        return train
    prints = [loaded.fingerprints[image.id] for image in loaded.collection.of_split("validation")]
    known = {image.id for image in train}
    found = guard_pool(PoolFolder(pool).images, [ValidationFingerprints(prints), loaded.sealed], known)
    return tuple(LabelledImage(image.id, image.path, "", "train") for image in found.images) or train

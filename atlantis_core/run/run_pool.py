"""The photos of a run's pool that it may use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_core.filtering.leak_guard import HeldOutImages, ValidationFingerprints
from atlantis_core.pool.pool_folder import GuardedPool, PoolFolder, guard_pool

if TYPE_CHECKING:
    from atlantis_core.data.reading import LoadedCollection


def guard_run_pool(loaded: LoadedCollection, folder: str | None) -> GuardedPool:
    """Return the usable photos of a pool: no copies of validation, test or training photos; none without a folder.

    Raises:
        SetupError: The folder is gone, or has no usable image.
    """
    if folder is None:
        return GuardedPool((), 0, 0, 0)
    prints = [loaded.fingerprints[image.id] for image in loaded.collection.of_split("validation")]
    known = {image.id for image in loaded.collection.of_split("train")}
    training = [loaded.fingerprints[one] for one in known if one in loaded.fingerprints]
    held_out: list[HeldOutImages] = [ValidationFingerprints(prints), loaded.sealed]
    return guard_pool(PoolFolder(folder).images, held_out, known, sorted(training))

"""Splits that were made here, written down: an image once held out stays held out, whatever happens to the others."""

from __future__ import annotations

from sqlalchemy import Engine, select

from atlantis_core.data.reading import LoadedCollection
from atlantis_core.records import Regime, Split
from atlantis_core.store.tables import splits
from atlantis_core.store.upsert import insert_once


class SplitStore:
    """Image id -> split, by regime. Splits that a collection brings along are not kept: they are its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def known(self, regime: Regime) -> dict[str, Split]:
        """Return what was made in this regime so far."""
        query = select(splits.c.image_id, splits.c.split).where(splits.c.regime == regime)
        with self._engine.connect() as connection:
            return {row.image_id: row.split for row in connection.execute(query)}

    def write(self, loaded: LoadedCollection, regime: Regime) -> None:
        """Write down the splits of a collection, where they were made here; what is written stays."""
        if loaded.collection.splits_given:
            return
        made: dict[str, Split] = {image.id: image.split for image in loaded.collection.images}
        made |= {row["image"]["id"]: "test" for row in loaded.sealed.rows_for_store()}
        with self._engine.begin() as connection:
            for image_id, split in made.items():
                insert_once(connection, splits, {"regime": regime, "image_id": image_id, "split": split})

    def sealed_elsewhere(self, loaded: LoadedCollection, regime: Regime) -> int:
        """Return how many images that train or validate here are sealed test images in the other regime."""
        other: Regime = "unseen" if regime == "seen" else "seen"
        known = self.known(other)
        return sum(known.get(image.id) == "test" for image in loaded.collection.images)

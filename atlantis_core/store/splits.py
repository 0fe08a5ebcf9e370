"""Splits that were made here, written down: an image once held out stays held out, whatever happens to the others."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Engine, Table, select

from atlantis_core.data.reading import LoadedCollection
from atlantis_core.data.split_assignment import KnownSplits, SplitOrigin
from atlantis_core.records import Regime, Split
from atlantis_core.store import tables
from atlantis_core.store.upsert import insert_or_ignore

_TABLES: Mapping[SplitOrigin, Table] = {"whole": tables.splits, "carved": tables.carved_splits}


class SplitStore:
    """Image id -> split, by regime and by how it was made; given splits are not kept: they are the collection's."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def known(self, regime: Regime) -> KnownSplits:
        """Return what was made in this regime so far.

        Workspaces that did not yet tell carved splits from whole ones count as whole.
        """
        return KnownSplits(**{made: self._rows(table, regime) for made, table in _TABLES.items()})

    def _rows(self, table: Table, regime: Regime) -> dict[str, Split]:
        query = select(table.c.image_id, table.c.split).where(table.c.regime == regime)
        with self._engine.connect() as connection:
            return {row.image_id: row.split for row in connection.execute(query)}

    def write(self, loaded: LoadedCollection, regime: Regime) -> None:
        """Write down the splits of a collection, where they were made here; what is written stays."""
        if loaded.made is None:
            return
        made: dict[str, Split] = {image.id: image.split for image in loaded.collection.images}
        if loaded.made == "whole":
            made |= {row["image"]["id"]: "test" for row in loaded.sealed.rows_for_store()}
        with self._engine.begin() as connection:
            for image_id, split in made.items():
                row = {"regime": regime, "image_id": image_id, "split": split}
                insert_or_ignore(connection, _TABLES[loaded.made], row)

    def sealed_elsewhere(self, loaded: LoadedCollection, regime: Regime) -> int:
        """Return how many images that train or validate here are sealed test images in the other regime."""
        other: Regime = "unseen" if regime == "seen" else "seen"
        known = self.known(other).whole
        return sum(known.get(image.id) == "test" for image in loaded.collection.images)

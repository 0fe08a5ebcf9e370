"""Splits that were made here: an image once held out stays held out when others come and go."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Engine, Table, select

from atlantis_core.data.reading import LoadedCollection
from atlantis_core.data.split_assignment import KnownSplits, SplitOrigin
from atlantis_core.records import Regime, Split
from atlantis_core.store import tables
from atlantis_core.store.sql import fetch_rows, insert_or_ignore

_TABLES: Mapping[SplitOrigin, Table] = {"whole": tables.splits, "carved": tables.carved_splits}


class SplitStore:
    """Image id -> split, by regime and origin; given splits are not stored, because the collection has them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def known(self, regime: Regime) -> KnownSplits:
        """Return the splits made in this regime so far.

        Splits of workspaces from before carved splits were stored separately count as whole.
        """
        known: dict[str, dict[str, Split]] = {}
        for made, table in _TABLES.items():
            rows = fetch_rows(self._engine, select(table).where(table.c.regime == regime))
            known[made] = {row.image_id: row.split for row in rows}
        return KnownSplits(**known)

    def write(self, loaded: LoadedCollection, regime: Regime) -> None:
        """Store the splits of a collection if they were made here; stored splits never change."""
        if loaded.made is None:
            return
        made: dict[str, Split] = {image.id: image.split for image in loaded.collection.images}
        if loaded.made == "whole":
            made |= {row["image"]["id"]: "test" for row in loaded.sealed.rows_for_store()}
        rows = ({"regime": regime, "image_id": image_id, "split": split} for image_id, split in made.items())
        insert_or_ignore(self._engine, _TABLES[loaded.made], rows)

    def sealed_elsewhere(self, loaded: LoadedCollection, regime: Regime) -> int:
        """Return how many training and validation images are sealed test images in the other regime."""
        other: Regime = "unseen" if regime == "seen" else "seen"
        known = self.known(other).whole
        return sum(known.get(image.id) == "test" for image in loaded.collection.images)

"""What was planted in a bundled world: the truth that a diagnosis and a repair can be checked against."""

from __future__ import annotations

import json
from pathlib import Path

from atlantis_core.base.errors import SetupError


def read_planted_gap(root: str | Path) -> tuple[tuple[str, str, str], ...]:
    """Return the cells (class, facet, value) of the gap planted in a collection; none in any other collection.

    Args:
        root: The collection's folder; a bundled world has a `world.json` in it.

    Raises:
        SetupError: `world.json` is there and cannot be read.
    """
    file = Path(root) / "world.json"
    if not file.is_file():
        return ()
    from atlantis_core.harbor.vocabulary import VesselClass
    from atlantis_core.harbor.worlds import FACET, CellGroup

    try:
        world = json.loads(file.read_text(encoding="utf-8"))
        groups = [CellGroup(**group) for group in world["planted"] if group["planted"] == "gap"]
        cells = [(cell["label"], cell["condition"]) for cell in world["cells"]]
        return tuple(
            (label, FACET, condition)
            for label, condition in cells
            if any(group.holds(VesselClass.from_label(label), condition) for group in groups)
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SetupError(f"{str(file)!r} is no description of a bundled world: {error!r}; remove it") from error

"""The ground truth of a bundled world: the planted gap that a diagnosis should find."""

from __future__ import annotations

import json
from pathlib import Path

from atlantis_core.base.errors import SetupError


def read_planted_gap(root: str | Path) -> tuple[tuple[str, str, str], ...]:
    """Return the cells (class, facet, value) of the planted gap; empty for a collection without one.

    Args:
        root: The collection's folder; a bundled world contains a `world.json`.

    Raises:
        SetupError: `world.json` exists and cannot be read.
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
            if any(group.contains(VesselClass.from_label(label), condition) for group in groups)
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SetupError(f"{str(file)!r} does not describe a bundled world ({error!r}); remove the file") from error

"""The loop with real images from a pool instead of made ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from atlantis_core.data.reading import LoadedCollection
from atlantis_core.harbor.renderer import render
from atlantis_core.harbor.scene import sample_scene
from atlantis_core.harbor.vocabulary import VesselClass
from atlantis_core.records import Budget
from atlantis_dml.graph.running import advance
from atlantis_dml.tools.context import RunContext

Begin = Callable[..., RunContext]
Journal = Callable[[RunContext], dict[int, dict[str, Any]]]


def test_a_round_takes_the_right_photos_from_a_pool_and_says_where_they_are_from(
    begin: Begin, journal: Journal, tiny_world: LoadedCollection, tmp_path: Path
) -> None:
    pool = tmp_path / "pool"
    pool.mkdir()
    for label in tiny_world.collection.classes:
        for number in range(6):
            scene = sample_scene(VesselClass.from_label(label), "night", 7_000_000 + number)
            Image.fromarray(render(scene)).save(pool / f"{label}-{number}.png")
    copied = Path(tiny_world.collection.of_split("train")[0].path)
    (pool / "known.png").write_bytes(copied.read_bytes())
    context = begin(generator=f"retrieve:{pool}", budget=Budget(images=12, rounds=1))
    assert advance(context).status == "done"
    assert journal(context)[1]["decision"]["reason"], "it was screened, trained with and judged"
    session = context.session
    asked = journal(context)[1]["candidates"]
    found = list(session.workspace.candidates.find(asked).values())
    assert 6 <= len(found) <= 12, "what does not fit is not taken to fill up"
    assert session.workspace.ledger.spent(session.run_id)["images"] == len(found)
    assert len({candidate.source_id for candidate in found}) == len(found)
    files = [str(candidate.settings["file"]) for candidate in found]
    assert "known.png" not in files, "what is trained on already is not fetched again"
    right = sum(file.startswith(candidate.cell.class_name) for file, candidate in zip(files, found, strict=True))
    assert right >= 0.8 * len(found), "two classes of eight were asked for: by chance one in eight would be right"

"""A run with one round of four images, written through the store: the first rejected, the others kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atlantis_core.data.near_duplicates import fingerprint_file
from atlantis_core.data.reading import LoadedCollection
from atlantis_core.data.sealed import SealedSplit
from atlantis_core.records import (
    Budget,
    Candidate,
    Cell,
    CellRequest,
    Collection,
    Goal,
    LabelledImage,
    Protocol,
    RunSpec,
    Split,
    Verdict,
)
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.session import Session
from atlantis_core.store.workspace import Workspace

SPLITS: tuple[Split, ...] = ("train", "validation")
CELL = Cell("tug", "light", "night")


def _picture(path: Path, number: int) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return str(path)


@pytest.fixture
def made_run(tmp_path: Path) -> tuple[Session, list[str]]:
    images = tuple(
        LabelledImage(f"{n:016x}", _picture(tmp_path / f"{n}.png", n), label, split, "both", {"light": "night"})
        for n, (label, split) in enumerate(
            (label, split) for label in ("tug", "ferry") for split in SPLITS for _ in range(3)
        )
    )
    collection = Collection("photos", str(tmp_path), images, ("light",), {}, (), True, 0)
    prints = {image.id: fingerprint_file(image.path) for image in images}
    workspace = Workspace(tmp_path / "workspace")
    collection_id = workspace.collections.add(LoadedCollection(collection, SealedSplit([], []), prints, ()))
    run = workspace.runs.create(RunSpec(collection_id, str(tmp_path), Goal("night"), Budget(images=8)))
    session = Session(workspace, run.id, run.spec)
    request = CellRequest(CELL, 4, ("a tug at night",))
    session.write(1, JournalKind.PROTOCOL, Protocol("p", 1, "edit", (request,), "tugs", "few", "margin", 1.0, 0.1))
    keys = [f"{number}" * 40 for number in range(4)]
    for number, key in enumerate(keys):
        path = _picture(workspace.objects / f"{key}.png", 100 + number)
        prompt = f"a tug at night {number}"
        workspace.candidates.add(
            Candidate(key, path, "0" * 64, CELL, prompt, images[0].id, "photometric/1", {}, number, "p", 1, 0.1)
        )
        verdict = Verdict(key, number > 0, "margin", 0.1 * number, f"margin {number}")
        workspace.candidates.judge(run.id, 1, [verdict])
    session.write(1, JournalKind.CANDIDATES, tuple(keys))
    return session, keys

"""Pictures that were made to be mistaken, as a collection: the evasion of the ATLANTIS paper, by FGSM or PGD."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from atlantis_core.data.facets import MADE, ORIGIN
from atlantis_core.errors import SetupError
from atlantis_core.importing.plans import Photo
from atlantis_core.importing.writing import Imported, write_collection
from atlantis_core.learning.attacks import Attack, attack_all
from atlantis_core.ports import Progress, no_progress
from atlantis_core.scenarios.making import plan_of, story_of
from atlantis_core.scenarios.scenario import Item, classes_of
from atlantis_core.scenarios.sources import Source, check_origins, outside, photo_of, read_source

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlantis_core.learning.retriever import Retriever

Attacked = Literal["validation", "train"]


def make_adversarial(
    retriever: Retriever,
    source: Source,
    folder: Path,
    attack: Attack,
    attacked: Attacked = "validation",
    progress: Progress = no_progress,
) -> tuple[Imported, dict[str, Any]]:
    """Write a collection with attacked pictures; the source stays as it is.

    Every attacked picture is pushed towards a picture of another class: classes are permuted by the seed without one
    keeping its place, as in the released code, and the target is drawn among the next class's pictures of the same
    split. Attacked validation pictures take the place of the clean ones; attacked training pictures are added, marked
    `synthetic` in the column `origin`. Test pictures are never attacked: they stay as sealed as they are.

    Args:
        retriever: Whose embeddings are attacked; pictures are written at its input side, as PNG.
        source: The collection and how it is read.
        folder: A new folder outside of it.
        attack: Method, strength and seed.
        attacked: Which split.
        progress: Told of pictures looked at, attacked and placed.

    Returns:
        What was written and its story, as `making.make_scenario`.

    Raises:
        SetupError: Fewer than two classes to attack, or the folder cannot be written.
    """
    outside(source.folder, folder)
    read = read_source(source, progress)
    chosen = [item for item in read.items if item.split == attacked]
    stay = [item for item in read.items if attacked == "train" or item.split != attacked]
    if attacked == "train":
        check_origins(read.items)
    towards = _towards(retriever, chosen, attack.seed, progress)
    how = {**attack.facts(), "attacked": attacked, "side_px": retriever.side_px}
    note = f"attacked pictures are squares of {retriever.side_px} px, the input of the attacked model"
    story = story_of("adversarial", how, attack.seed, source, read, [*stay, *chosen], [note])
    story |= {"model": retriever.backbone.architecture, "attacked": len(chosen)}
    photos = _photos(retriever, stay, chosen, towards, attack, attacked, progress)
    plan = plan_of(photos, len(stay) + len(chosen), story, read.root.name)
    return write_collection(plan, folder, progress), story


def _photos(
    retriever: Retriever,
    stay: Sequence[Item],
    chosen: Sequence[Item],
    towards: NDArray[np.float32],
    attack: Attack,
    attacked: Attacked,
    progress: Progress,
) -> Iterator[Photo]:
    """Yield the pictures that stay, then the attacked ones as they are made, so that a batch is held and no more."""
    yield from (photo_of(item) for item in stay)
    paths, ids = [item.photo.entry.path for item in chosen], [item.photo.id for item in chosen]
    changed = attack_all(retriever, paths, ids, towards, None, attack, progress)
    yield from (_photo(item, picture, attacked) for item, picture in zip(chosen, changed, strict=True))


def _towards(retriever: Retriever, items: Sequence[Item], seed: int, progress: Progress) -> NDArray[np.float32]:
    """Return for each picture the embedding of one of the class that the seed puts after its own."""
    labels = classes_of(items)
    if len(labels) < 2:
        raise SetupError(f"an attack needs pictures of 2 classes at least to attack, and there are {len(labels)}")
    generator = np.random.default_rng(seed)
    order = generator.permutation(labels).tolist()
    after = dict(zip(order, [*order[1:], order[0]], strict=True))
    rows = {label: [row for row, item in enumerate(items) if item.label == label] for label in labels}
    targets = [int(generator.choice(rows[after[item.label]])) for item in items]
    embeddings = retriever.embed([item.photo.entry.path for item in items], progress=progress)
    return embeddings[targets]


def _photo(item: Item, picture: NDArray[np.uint8], attacked: Attacked) -> Photo:
    """Return an attacked picture as it is written: PNG, since JPEG would undo a part of it."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    marked = {ORIGIN: MADE} if attacked == "train" else {}
    clean = photo_of(item, "attacked/", **marked)
    name = str(Path(clean.name).with_suffix("")) + f"-{item.photo.id[:6]}.png"
    return replace(clean, name=name, source=stream.getvalue())

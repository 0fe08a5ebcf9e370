"""Pictures that were made to be mistaken, as a collection: the evasion of the ATLANTIS paper, by FGSM or PGD."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.data.tasks import RetrievalTask
from atlantis_core.importing.collection_writer import ImportResult, resolve_source, write_collection
from atlantis_core.importing.import_plan import ImportedPhoto
from atlantis_core.learning.attacks import Attack, attack_all
from atlantis_core.learning.evaluation import embed_task
from atlantis_core.learning.inputs.preprocessing import around_input, decode_image
from atlantis_core.learning.robustness import Robustness, compare_attacked, find_nearest_rows
from atlantis_core.records import LabelledImage
from atlantis_core.scenarios.scenario import ScenarioItem, list_classes
from atlantis_core.scenarios.scenario_source import (
    TRAINED_ONLY_NOTE,
    ScenarioSource,
    check_origins,
    mark_synthetic,
    read_scenario_source,
    to_imported_photo,
)
from atlantis_core.scenarios.scenario_writer import build_import_plan, describe_scenario

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from atlantis_core.learning.models.heads import Head
    from atlantis_core.learning.retriever import Retriever

_BATCH = 32

AttackedRole = Literal["validation", "train"]
Aim = Literal["wrong", "drawn"]
"""`wrong`: towards the nearest picture of another class that is searched, and away from the nearest of its own, as
`robustness` has it. `drawn`: towards a picture of another class, as in the released code: classes are permuted by the
seed without one keeping its place, and the target is drawn among the next class's pictures of the same split."""


def write_adversarial(
    retriever: Retriever,
    source: ScenarioSource,
    folder: Path,
    attack: Attack,
    attacked: AttackedRole = "validation",
    aim: Aim = "wrong",
    progress: Progress = no_progress,
) -> tuple[ImportResult, dict[str, Any]]:
    """Write a collection with attacked pictures; the source stays as it is.

    Attacked validation pictures take the place of the clean ones; attacked training pictures are added, marked
    `synthetic` in the column `origin` and never searched. Test pictures are never attacked: they stay as sealed as
    they are. How many are really taken for another class is measured as they are made, among what their clean
    pictures are searched in.

    Args:
        retriever: Whose embeddings are attacked; pictures are written so that its input is exactly what was
            attacked: at its input side, with the margin that it crops away, as PNG.
        source: The collection and how it is read.
        folder: A new folder outside of it.
        attack: Method, strength and seed.
        attacked: Which split.
        aim: Where pictures are pushed.
        progress: Told of pictures looked at, attacked and placed.

    Returns:
        What was written and its story, as `making.make_scenario`, with `robust` as `atlantis evaluate` tells it.

    Raises:
        SetupError: Fewer than two classes to attack, or the folder cannot be written.
    """
    resolve_source(source.folder, folder)
    read = read_scenario_source(source, progress)
    chosen = [item for item in read.items if item.split == attacked]
    stay = [item for item in read.items if attacked == "train" or item.split != attacked]
    if attacked == "train":
        check_origins(read.items)
    if (count := len(list_classes(chosen))) < 2:
        raise SetupError(f"an attack needs pictures of 2 classes at least to attack, and there are {count}")
    searched = "train" if source.regime == "seen" else attacked
    gallery = [item for item in read.items if item.split == searched and item.photo.entry.role in ("gallery", "both")]
    task = RetrievalTask(_open_images(chosen), _open_images(gallery))
    clean = embed_task(retriever, task, progress=progress)
    towards, away = (
        _random_targets(task, clean[0], attack.seed)
        if aim == "drawn"
        else _nearest_negatives(retriever.space, task, clean)
    )
    how = {**attack.facts(), "attacked": attacked, "aim": aim, "side_px": retriever.side_px}
    what = "have in their middle" if retriever.backbone.crop else "are"
    notes = [f"attacked pictures {what} squares of {retriever.side_px} px, the input of the attacked model"]
    if attacked == "train":
        notes.append(TRAINED_ONLY_NOTE)
    story = describe_scenario("adversarial", how, attack.seed, source, read, [*stay, *chosen], notes)
    story |= {"model": retriever.backbone.architecture, "attacked": len(chosen)}

    def photos() -> Iterator[ImportedPhoto]:
        """Yield the pictures that stay, then the attacked ones as they are made, so that few are held at a time."""
        from PIL.Image import fromarray

        yield from (to_imported_photo(item) for item in stay)
        paths, ids = [image.path for image in task.queries], [image.id for image in task.queries]
        changed = zip(chosen, attack_all(retriever, paths, ids, towards, away, attack, progress), strict=True)
        embeddings = []
        while some := list(islice(changed, _BATCH)):
            pictures = [fromarray(picture) for _, picture in some]
            embeddings.append(retriever.embed_inputs(pictures))
            framed = [_framed(picture, item, retriever) for picture, (item, _) in zip(pictures, some, strict=True)]
            yield from map(_to_photo, [item for item, _ in some], framed, repeat(attacked))
        found = compare_attacked(retriever.space, task, clean, np.concatenate(embeddings), attack, aim)
        story["robust"] = found.facts()
        story["notes"].append(_describe_attack(found))

    plan = build_import_plan(photos(), len(stay) + len(chosen), story, read.root.name)
    return write_collection(plan, folder, progress), story


def _open_images(items: Sequence[ScenarioItem]) -> tuple[LabelledImage, ...]:
    return tuple(
        LabelledImage(item.photo.id, str(item.photo.entry.path), item.label, item.split or "train") for item in items
    )


def _random_targets(task: RetrievalTask, queries: NDArray[np.float32], seed: int) -> tuple[NDArray[np.float32], None]:
    """Return for each picture the embedding of one of the class that the seed puts after its own."""
    labels = sorted({image.label for image in task.queries})
    generator = np.random.default_rng(seed)
    order = generator.permutation(labels).tolist()
    after = dict(zip(order, [*order[1:], order[0]], strict=True))
    rows = {label: [row for row, image in enumerate(task.queries) if image.label == label] for label in labels}
    return queries[[int(generator.choice(rows[after[image.label]])) for image in task.queries]], None


def _nearest_negatives(
    space: Head, task: RetrievalTask, clean: tuple[NDArray[np.float32], NDArray[np.float32]]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return for each picture the nearest of another class and of its own, or itself where it has no other."""
    queries, gallery = clean
    wrong, right = find_nearest_rows(space, task, queries, gallery)
    if (wrong < 0).any():
        raise SetupError("all pictures that are searched are of one class; there is no other to be taken for")
    return gallery[wrong], np.where(right[:, None] < 0, queries, gallery[right])


def _describe_attack(found: Robustness) -> str:
    clean, robust = (measured.recall_at.get(1, 0.0) for measured in (found.clean, found.robust))
    how = f"{found.attack.method}, epsilon {found.attack.epsilon:g} of 255, aim {found.aim}"
    return (
        f"{how}: the attacked model takes {found.flipped:.1%} of the attacked pictures for another class that it "
        f"told rightly before: Recall@1 {clean:.3f} -> {robust:.3f}"
    )


def _framed(square: Image, item: ScenarioItem, retriever: Retriever) -> Image:
    """Return an attacked square with the margin of its clean picture that the model crops away."""
    return around_input(square, decode_image(item.photo.entry.path), retriever.backbone)


def _to_photo(item: ScenarioItem, picture: Image, attacked: AttackedRole) -> ImportedPhoto:
    """Return an attacked picture as it is written: PNG, since JPEG would undo a part of it."""
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    clean = to_imported_photo(item, "attacked/")
    name = str(Path(clean.name).with_suffix("")) + f"-{item.photo.id[:6]}.png"
    photo = replace(clean, name=name, source=stream.getvalue())
    return mark_synthetic(photo) if attacked == "train" else photo

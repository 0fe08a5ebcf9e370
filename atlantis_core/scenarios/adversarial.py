"""A collection with adversarial images: the evasion scenario of the ATLANTIS paper, by FGSM or PGD."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.base.text import format_figure
from atlantis_core.data.tasks import RetrievalTask
from atlantis_core.importing.collection_writer import ImportResult, resolve_source, write_collection
from atlantis_core.importing.import_plan import ImportedPhoto
from atlantis_core.learning.attacks import Attack, attack_all
from atlantis_core.learning.evaluation import embed_task
from atlantis_core.learning.inputs.preprocessing import around_input, decode_image
from atlantis_core.learning.robustness import Robustness, compare_attacked, find_nearest_rows
from atlantis_core.records import LabelledImage
from atlantis_core.scenarios.scenario_source import (
    TRAINED_ONLY_NOTE,
    ScenarioItem,
    ScenarioSource,
    check_origins,
    list_classes,
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

    Rows = NDArray[np.float32]

_BATCH = 32

AttackedRole = Literal["validation", "train"]
Aim = Literal["wrong", "drawn"]
"""`wrong`: towards the nearest gallery image of another class and away from the nearest positive, as in
`learning.robustness`. `drawn`: towards an image of another class, as in the released code: the seed permutes the
classes so that none keeps its place, and draws the target among the next class's images of the same split."""


def write_adversarial(
    retriever: Retriever,
    source: ScenarioSource,
    folder: Path,
    attack: Attack,
    attacked: AttackedRole = "validation",
    aim: Aim = "wrong",
    progress: Progress = no_progress,
) -> tuple[ImportResult, dict[str, Any]]:
    """Write a collection with attacked images; the source is not changed.

    Attacked validation images replace the clean ones. Attacked training images are added, marked `synthetic` in the
    column `origin`, and are in no gallery. Test images are never attacked: the split stays sealed. The share that
    the model takes for another class is measured meanwhile, against the gallery of the clean images.

    The folder is a new one outside of the source. Images are written as PNG, so that the model sees exactly what
    was attacked: at its input side, with the margin that it crops away.

    Returns:
        What was written and its description, as `scenario_writer.write_scenario`, with `robust` as
        `atlantis evaluate` reports it.

    Raises:
        SetupError: Fewer than two classes to attack, or the folder cannot be written.
    """
    resolve_source(source.folder, folder)
    read = read_scenario_source(source, progress)
    chosen = [item for item in read.items if item.split == attacked]
    unchanged = [item for item in read.items if attacked == "train" or item.split != attacked]
    if attacked == "train":
        check_origins(read.items)
    if (count := len(list_classes(chosen))) < 2:
        raise SetupError(f"an attack needs images of at least 2 classes, and {attacked} has {count}; use other data")
    gallery_split = "train" if source.regime == "seen" else attacked
    gallery = [
        item for item in read.items if item.split == gallery_split and item.photo.entry.role in ("gallery", "both")
    ]
    how = {**attack.facts(), "attacked": attacked, "aim": aim, "side_px": retriever.side_px}
    what = "have in their middle" if retriever.backbone.crop else "are"
    notes = [f"attacked images {what} squares of {retriever.side_px} px, the input of the attacked model"]
    if attacked == "train":
        notes.append(TRAINED_ONLY_NOTE)
    story = describe_scenario("adversarial", how, attack.seed, source, read, [*unchanged, *chosen], notes)
    story |= {"model": retriever.backbone.architecture, "attacked": len(chosen)}
    evasion = _Evasion(retriever, attack, attacked, aim, chosen, gallery)
    photos = evasion.photos(unchanged, story, progress)
    plan = build_import_plan(photos, len(unchanged) + len(chosen), story, read.root.name)
    return write_collection(plan, folder, progress), story


@dataclass(frozen=True, slots=True)
class _Evasion:
    retriever: Retriever
    attack: Attack
    attacked: AttackedRole
    aim: Aim
    chosen: Sequence[ScenarioItem]
    gallery: Sequence[ScenarioItem]

    def photos(
        self, unchanged: Sequence[ScenarioItem], story: dict[str, Any], progress: Progress
    ) -> Iterator[ImportedPhoto]:
        """Yield unchanged photos, then attacked ones batch by batch; at the end add their figures to the story."""
        from PIL.Image import fromarray

        task = RetrievalTask(_to_images(self.chosen), _to_images(self.gallery))
        clean = embed_task(self.retriever, task, progress=progress)
        towards, away = self._targets(task, clean)
        yield from (to_imported_photo(item) for item in unchanged)
        paths, ids = [image.path for image in task.queries], [image.id for image in task.queries]
        changed = attack_all(self.retriever, paths, ids, towards, away, self.attack, progress)
        pairs = zip(self.chosen, changed, strict=True)
        embeddings = []
        while batch := [(item, fromarray(pixels)) for item, pixels in islice(pairs, _BATCH)]:
            embeddings.append(self.retriever.embed_inputs([square for _, square in batch]))
            yield from (self._to_photo(item, square) for item, square in batch)
        found = compare_attacked(self.retriever.space, task, clean, np.concatenate(embeddings), self.attack, self.aim)
        story["robust"] = found.facts()
        story["notes"].append(_describe_attack(found))

    def _targets(self, task: RetrievalTask, clean: tuple[Rows, Rows]) -> tuple[Rows, Rows | None]:
        """Return for each query the embedding it is pushed towards, and the one it is pushed away from."""
        if self.aim == "drawn":
            return _random_targets(task, clean[0], self.attack.seed), None
        return _nearest_targets(self.retriever.space, task, *clean)

    def _to_photo(self, item: ScenarioItem, square: Image) -> ImportedPhoto:
        """Return an attacked image to write: PNG, since JPEG would undo part of the attack."""
        framed = around_input(square, decode_image(item.photo.entry.path), self.retriever.backbone)
        stream = io.BytesIO()
        framed.save(stream, "PNG")
        clean = to_imported_photo(item, "attacked/")
        name = str(Path(clean.name).with_suffix("")) + f"-{item.photo.id[:6]}.png"
        photo = replace(clean, name=name, source=stream.getvalue())
        return mark_synthetic(photo) if self.attacked == "train" else photo


def _to_images(items: Sequence[ScenarioItem]) -> tuple[LabelledImage, ...]:
    return tuple(
        LabelledImage(item.photo.id, str(item.photo.entry.path), item.label, item.split or "train") for item in items
    )


def _random_targets(task: RetrievalTask, queries: Rows, seed: int) -> Rows:
    """Return for each query the embedding of an image of the class that follows its own in a random order."""
    labels = sorted({image.label for image in task.queries})
    generator = np.random.default_rng(seed)
    order = generator.permutation(labels).tolist()
    following = dict(zip(order, [*order[1:], order[0]], strict=True))
    rows = {label: [row for row, image in enumerate(task.queries) if image.label == label] for label in labels}
    return queries[[int(generator.choice(rows[following[image.label]])) for image in task.queries]]


def _nearest_targets(space: Head, task: RetrievalTask, queries: Rows, gallery: Rows) -> tuple[Rows, Rows]:
    """Return for each query its nearest negative and nearest positive, or itself if it has no positive."""
    negative, positive = find_nearest_rows(space, task, queries, gallery)
    if (negative < 0).any():
        raise SetupError("all gallery images are of one class, so no image can be taken for another; use other data")
    return gallery[negative], np.where(positive[:, None] < 0, queries, gallery[positive])


def _describe_attack(found: Robustness) -> str:
    if found.flipped is None:
        return "no attacked image has a positive in the gallery, so the attack has no figures"
    clean, robust = (format_figure(measured.recall_at[1]) for measured in (found.clean, found.robust))
    how = f"{found.attack.method}, epsilon {found.attack.epsilon:g} of 255, aim {found.aim}"
    return (
        f"{how}: {found.flipped:.1%} of the attacked images lost their correct top-1 match: "
        f"Recall@1 {clean} -> {robust}"
    )

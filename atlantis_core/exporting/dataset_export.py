"""Export the kept images of a run as a dataset, atomically, into a new folder.

It gets `train/CLASS/*.png`, `train/metadata.csv` with a row per image, and a data card; no path of this machine. The
layout is Hugging Face's imagefolder with splits and torchvision's `ImageFolder`; `atlantis diagnose` reads it too.
"""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlantis_core.base.atomic_folder import temporary_folder
from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.data.facets import ORIGIN, SYNTHETIC
from atlantis_core.exporting.class_folders import name_class_folders
from atlantis_core.exporting.data_card import DatasetFacts, write_data_card
from atlantis_core.exporting.kept_images import (
    collect_facets,
    collect_limits,
    count_modes,
    find_licences,
    generating_model,
    generation_mode,
    list_kept_images,
)
from atlantis_core.exporting.model_export import CARD_NAME, check_destination
from atlantis_core.records.natural_order import natural_key
from atlantis_core.run.round import Round, read_rounds
from atlantis_core.run.summary import summarise
from atlantis_core.run.verdicts import ScreenedCandidate, list_screened

if TYPE_CHECKING:
    from atlantis_core.records import Verdict
    from atlantis_core.run.session import Session

RETRIEVED = "retrieved"
"""Value of the column `origin` for real photos from a pool."""

_FIRST_COLUMNS = ("file_name", "label")
_LAST_COLUMNS = (
    "prompt",
    "seed",
    "generator",
    "model",
    "arm",
    "source_id",
    "round",
    "round_kept",
    "filter",
    "score",
    "by_hand",
    ORIGIN,
)
_NAME_LETTERS = 16  # of the content hash


def export_dataset(
    session: Session, folder: Path, *, rolled_back: bool = False, progress: Progress = no_progress
) -> dict[str, Any]:
    """Write the kept images of a run, their metadata and a data card into a new folder.

    The folder must not exist, or be empty. With `rolled_back`, the kept images of rounds that were rolled back or not
    judged are exported too.

    Returns:
        JSON-able: `folder`, `run_id`, `images`, `bytes`, `classes`, `facets` (requested), `arms` (generation mode ->
        images), `weights` (model -> licence), `rounds` (`index`, `outcome`, `made`, `passed` and `rejected_by` the
        filters, `kept_by_hand` against which filter, `taken_out_by_hand`, `exported`).

    Raises:
        SetupError: The folder exists or cannot be written, there is nothing to export, or an image is missing.
    """
    folder = check_destination(folder)
    images = list_kept_images(session, rolled_back)
    facts = _collect_facts(session, images)
    with temporary_folder(folder, "exporting") as part:
        named = _name_files(images)
        size = 0
        for done, (image, name) in enumerate(zip(images, named, strict=True), start=1):
            target = part / "train" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(image.candidate.path, target)
            target.chmod(0o644)
            size += target.stat().st_size
            progress("images exported", done, len(images))
        _write_metadata(images, named, facts.facets, part / "train" / "metadata.csv")
        (part / CARD_NAME).write_text(write_data_card(facts), encoding="utf-8")
        part.rename(folder)
    return {
        "folder": str(folder),
        "run_id": session.run_id,
        "images": facts.images,
        "bytes": size,
        "classes": len(facts.classes),
        "facets": list(facts.facets),
        "arms": dict(facts.arms),
        "weights": dict(facts.weights),
        "rounds": [dict(row) for row in facts.rounds],
    }


def _collect_facts(session: Session, images: Sequence[ScreenedCandidate]) -> DatasetFacts:
    summary = summarise(session.workspace, session.run_id)
    screened = {found.index: _list_by_key(session, found) for found in read_rounds(session)}
    taken = Counter(image.round for image in images)
    counts = Counter(image.candidate.cell.class_name for image in images)
    return DatasetFacts(
        images=len(images),
        classes={name: counts[name] for name in sorted(counts, key=natural_key)},
        facets=collect_facets(images),
        arms=count_modes(images),
        generators=tuple(sorted({image.candidate.generator for image in images})),
        weights=find_licences(images),
        limits=collect_limits(_filter_verdict(one) for found in screened.values() for one in found),
        kept_by_hand=dict(Counter(_filter_verdict(image).filter for image in images if image.is_overridden)),
        rounds=[
            _describe_round(entry, screened[entry["index"]]) | {"exported": taken[entry["index"]]}
            for entry in summary["rounds"]
        ],
        changes={entry["index"]: entry for entry in summary["rounds"]},
        over_baseline=summary["over_baseline"],
        seeds=summary["seeds"],
        regime=summary["regime"],
        test=summary["test"],
    )


def _list_by_key(session: Session, found: Round) -> list[ScreenedCandidate]:
    """Return a round's screened candidates, sorted by key."""
    screened = (one for one in list_screened(session, found) if one.filter_verdict)
    return sorted(screened, key=lambda one: one.candidate.key)


def _filter_verdict(image: ScreenedCandidate) -> Verdict:
    assert image.filter_verdict is not None, "only screened candidates are counted and exported"
    return image.filter_verdict


def _describe_round(entry: Mapping[str, Any], screened: Sequence[ScreenedCandidate]) -> dict[str, Any]:
    """Count what the filters did with a round's images and, separately, what a person did."""
    filtered = [_filter_verdict(one) for one in screened]
    overridden = [_filter_verdict(one) for one in screened if one.is_overridden]
    return {
        "index": entry["index"],
        "outcome": "kept" if entry["kept"] else "rolled back" if entry["judged"] else "not judged",
        "made": entry["images"]["made"],
        "passed": sum(verdict.kept for verdict in filtered),
        "rejected_by": dict(Counter(verdict.filter for verdict in filtered if not verdict.kept)),
        "kept_by_hand": dict(Counter(verdict.filter for verdict in overridden if not verdict.kept)),
        "taken_out_by_hand": sum(verdict.kept for verdict in overridden),
    }


def _name_files(images: Sequence[ScreenedCandidate]) -> list[str]:
    """Return the path of each image relative to the metadata file."""
    folders = name_class_folders(image.candidate.cell.class_name for image in images)
    return [
        f"{folders[image.candidate.cell.class_name]}/{image.candidate.key[:_NAME_LETTERS]}.png" for image in images
    ]


def facet_column(facet: str) -> str:
    """Return the column name of a facet, with a prefix if a column of another meaning has that name."""
    taken = {*_FIRST_COLUMNS, *_LAST_COLUMNS, "split", "role", "path"}
    return f"facet_{facet}" if facet.strip().lower() in taken else facet


def _write_metadata(
    images: Sequence[ScreenedCandidate], named: Sequence[str], facets: Sequence[str], file: Path
) -> None:
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow([*_FIRST_COLUMNS, *map(facet_column, facets), *_LAST_COLUMNS])
        for image, name in zip(images, named, strict=True):
            candidate, cell, verdict = image.candidate, image.candidate.cell, _filter_verdict(image)
            mode = generation_mode(candidate)
            requested = [cell.value if cell.facet == facet else "" for facet in facets]
            writer.writerow(
                [
                    name,
                    cell.class_name,
                    *requested,
                    candidate.prompt,
                    candidate.seed,
                    candidate.generator,
                    generating_model(candidate),
                    mode,
                    candidate.source_id,
                    image.round,
                    "yes" if image.round_kept else "no",
                    verdict.filter,
                    f"{verdict.score:.6g}",
                    "yes" if image.is_overridden else "no",
                    RETRIEVED if mode == "retrieve" else SYNTHETIC,
                ]
            )

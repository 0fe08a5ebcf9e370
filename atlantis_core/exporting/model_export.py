"""Export a retriever, atomically, into a new folder that `load_retriever` reads on any machine."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlantis_core.base.atomic_folder import check_writable, temporary_folder
from atlantis_core.base.errors import SetupError
from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.base.serialization import as_json
from atlantis_core.base.text import to_printable
from atlantis_core.exporting.card_facts import ModelFacts
from atlantis_core.exporting.evidence import TrialEvidence, collect_evidence, list_validation_images
from atlantis_core.exporting.gallery_photos import write_gallery_photos
from atlantis_core.exporting.model_card import write_model_card
from atlantis_core.exporting.onnx_file import FILE_NAME, OnnxAgreement, check_onnx, require_onnx, write_onnx
from atlantis_core.exporting.timm_folder import CONFIG_NAME, write_for_timm
from atlantis_core.learning.inputs.preprocessing import earlier_preprocessing
from atlantis_core.learning.models.checkpoint import FACTS_NAME, WEIGHTS_NAME, name_parts
from atlantis_core.learning.models.weights_files import read_facts, read_weights
from atlantis_core.learning.serving.serving_file import StoredServing
from atlantis_core.learning.serving.servings import parse_serving
from atlantis_core.run.gallery import split_photos
from atlantis_core.run.models import name_model

if TYPE_CHECKING:
    from atlantis_core.learning.models.backbones import BackboneSpec
    from atlantis_core.learning.retriever import Retriever
    from atlantis_core.run.session import Session

CARD_NAME = "README.md"
_MAX_IMAGES = 8
"""Real images that an ONNX graph is compared on."""


@dataclass(frozen=True, slots=True)
class ExportedModel:
    """What to export."""

    target: str | Path
    """What `learning.retriever.load_retriever` takes."""
    trial_id: str = ""
    """Empty for a model that this workspace did not train."""
    run_id: str = ""
    """The run whose final model it is, if it was named by a run."""
    serving: str = ""
    """How the run searches with it, see `learning.serving.servings`; empty is the nearest photo."""


def check_destination(folder: Path) -> Path:
    """Return a destination as an absolute path; a `SetupError` if it is not a new or an empty folder."""
    absolute = Path(os.path.abspath(folder.expanduser()))  # noqa: PTH100 (a link must not be followed)
    empty = absolute.is_dir() and not absolute.is_symlink() and not any(absolute.iterdir())
    if os.path.lexists(absolute) and not empty:
        raise SetupError(f"{to_printable(str(absolute))!r} already exists; name a new folder, or remove it first")
    check_writable(absolute)
    return absolute


def export_model(
    model: ExportedModel,
    folder: Path,
    session: Session | None = None,
    *,
    onnx: bool = False,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Write weights (safetensors), facts (JSON), a model card and optionally an ONNX graph into a new folder.

    The facts name no path of this machine. The exported model gives bit-identical embeddings; those of the graph
    agree to 1e-4, which is checked on random and on real images.

    The folder must not exist, or be empty. Without the session that measured the trial, the card has no data and
    figures.

    Returns:
        JSON-able: `folder`, `files` (name, bytes), `gallery_photos` (in the folder `gallery`), `architecture`,
        `embedding`, `distance`, `dims`, `input_px`, `figures` (of `this model`, `baseline`, `frozen`; empty if none
        are known), `missing` (figures that could not be computed), `restricted` (which of `queries` and `gallery`
        were chosen by a column's value), `onnx` (None, or `checked`, `largest_difference`, `random_images`,
        `pictures`), `license_note`.

    Raises:
        SetupError: The folder exists or cannot be written, the model is damaged, `onnx` is not installed, or the
            graph's embeddings differ.
    """
    from atlantis_core.learning.retriever import load_retriever

    folder = check_destination(folder)
    if onnx:
        require_onnx()
    retriever = load_retriever(model.target)
    evidence = (
        collect_evidence(session, name_model(model.trial_id, model.serving)) if session and model.trial_id else None
    )
    with temporary_folder(folder, "exporting") as part:
        facts = _write_weights(Path(model.target), retriever, part)
        serving, added = split_photos(session.workspace, model.serving) if session else ("", ())
        write_gallery_photos(added, part)
        stored = _prepare_serving(serving, retriever, session, progress) if session else None
        if stored:
            stored.save(part)
        agreement = None
        if onnx:
            images = list_validation_images(session, _MAX_IMAGES) if session else []
            progress("writing ONNX", 0, 2)
            write_onnx(retriever, part / FILE_NAME)
            progress("comparing ONNX with torch", 1, 2)
            agreement = check_onnx(retriever, part / FILE_NAME, images)
            progress("comparing ONNX with torch", 2, 2)
        with_timm = (part / CONFIG_NAME).exists()
        about = _collect_facts(retriever, facts, evidence, agreement, stored, with_onnx=onnx, with_timm=with_timm)
        about = replace(about, gallery=len(added))
        (part / CARD_NAME).write_text(write_model_card(about), encoding="utf-8")
        part.rename(folder)
    return _build_result(folder, about)


def export_trials(session: Session, rows: Sequence[Mapping[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """Export the trials of a training; return its rows with the folder of each trial as `exported`.

    Trials that diverged are skipped. The folder is that of a single trial; several get a folder `seed-N` each in it.

    Raises:
        SetupError: As `export_model`.
    """
    folder = check_destination(folder)
    exported = []
    for row in rows:
        where = folder if len(rows) == 1 else folder / f"seed-{row['seed']}"
        if "path" not in row:
            exported.append(dict(row))
            continue
        export_model(ExportedModel(row["path"], row["id"]), where, session=session, progress=session.progress)
        exported.append({**row, "exported": str(where)})
    return exported


def _write_weights(target: Path, retriever: Retriever, part: Path) -> dict[str, Any]:
    """Write the weights by timm's names, and the facts without paths of this machine; return the facts."""
    path = target / WEIGHTS_NAME if target.is_dir() else target
    facts = read_facts(path) if path.suffix == ".safetensors" else {}
    if "head" in facts:
        _write_trained(path, facts, retriever, part)
    elif retriever.backbone.source == "scratch":
        raise SetupError(f"{str(target)!r} is not a trained model: its weights are random; train it first")
    else:
        spec, state = retriever.backbone, retriever.stages.backbone.state_dict()
        facts = {
            "architecture": spec.architecture,
            "arguments": as_json(spec.arguments),
            "mean": list(spec.mean),
            "std": list(spec.std),
            **spec.crop,
            "input_px": spec.input_px,
        }
        cpu_state = {name: value.cpu().contiguous() for name, value in state.items()}
        write_for_timm(part, spec, retriever.side_px, cpu_state, None, by_body=True)
    (part / WEIGHTS_NAME).chmod(0o644)  # for others to read; safetensors writes for the owner only
    (part / FACTS_NAME).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return facts


def _write_trained(path: Path, facts: dict[str, Any], retriever: Retriever, part: Path) -> None:
    """Write the weights of a training unchanged, and change its facts to those of the export."""
    state = name_parts(read_weights(path), facts)
    backbone = {name.removeprefix("trunk."): value for name, value in state.items() if name.startswith("trunk.")}
    classifier = write_for_timm(
        part,
        retriever.backbone,
        retriever.side_px,
        backbone,
        state["head.linear.weight"],
        by_body=retriever.embedding == "body",
    )
    if classifier is None:
        shutil.copyfile(path, part / WEIGHTS_NAME)
    else:
        facts["classifier"] = classifier
    # The weights are beside the facts.
    facts["backbone"] = facts["backbone"] | {"notice": "", "weights_path": None}
    facts["report"] = {name: value for name, value in facts.get("report", {}).items() if name != "path"}


def _collect_facts(
    retriever: Retriever,
    facts: dict[str, Any],
    evidence: TrialEvidence | None,
    agreement: OnnxAgreement | None,
    stored: StoredServing | None,
    *,
    with_onnx: bool,
    with_timm: bool,
) -> ModelFacts:
    base_model, base_license = _base_model(retriever.backbone)
    space = retriever.space
    return ModelFacts(
        architecture=retriever.backbone.architecture,
        base_model=base_model,
        base_license=base_license,
        source=retriever.backbone.source,
        dims=retriever.dims,
        side_px=retriever.side_px,
        embedding=retriever.embedding,
        distance=space.distance,
        c=float(space.c) if space.distance == "hyperbolic" else None,  # type: ignore[attr-defined]  # it has one
        recipe=facts.get("recipe"),
        seed=facts.get("seed"),
        evidence=evidence,
        with_onnx=with_onnx,
        with_timm=with_timm,
        clip_radius=float(space.clip_radius) if space.distance == "hyperbolic" else None,  # type: ignore[attr-defined]
        agreement=agreement,
        crop=retriever.backbone.crop,
        mean=retriever.backbone.mean,
        earlier_preprocessing=earlier_preprocessing(retriever.backbone),
        serving=stored.text if stored else "",
        reference=len(stored.vectors) if stored else 0,
    )


def _prepare_serving(text: str, retriever: Retriever, session: Session, progress: Progress) -> StoredServing | None:
    """Return a serving with the embeddings of its reference photos; None for the nearest photo.

    Raises:
        SetupError: A reference photo is gone.
    """
    if not text:
        return None
    photos = session.reference if parse_serving(text).needs_reference else ()
    vectors = retriever.embed([image.path for image in photos], progress=progress)
    return StoredServing.of(text, vectors, [image.label for image in photos])


def _base_model(backbone: BackboneSpec) -> tuple[str, str]:
    """Return hub name and licence of the pretrained weights, each empty if unknown."""
    import timm

    if backbone.source not in {"cache", "hub"}:
        return "", ""
    config = timm.get_pretrained_cfg(backbone.architecture)
    return (config.hf_hub_id or "", config.license or "") if config else ("", "")


def _build_result(folder: Path, about: ModelFacts) -> dict[str, Any]:
    evidence, agreement = about.evidence, about.agreement
    base = f" (base model {about.base_model}: {about.base_license or 'unknown'})" if about.base_model else ""
    checked = {"checked": agreement is not None} | (as_json(agreement) if agreement else {})
    return {
        "folder": str(folder),
        "files": [
            {"name": file.name, "bytes": file.stat().st_size} for file in sorted(folder.iterdir()) if file.is_file()
        ],
        "gallery_photos": about.gallery,
        "architecture": about.architecture,
        "embedding": about.embedding,
        "distance": about.distance,
        "dims": about.dims,
        "input_px": about.side_px,
        "figures": as_json(evidence.figures) if evidence else [],
        "missing": list(evidence.missing) if evidence else [],
        "restricted": list(evidence.restricted) if evidence else [],
        "onnx": checked if about.with_onnx else None,
        "license_note": (
            f"no licence is chosen{base}; those of weights and images may bind you: name yours in {CARD_NAME}"
        ),
    }

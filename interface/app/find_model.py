"""Finds what MODEL names: a run, a trial, a file or a timm model."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from atlantis_core.base.errors import SetupError

if TYPE_CHECKING:
    from atlantis_core.exporting.model_export import ExportedModel
    from atlantis_core.learning.retriever import Retriever
    from atlantis_core.records import Trial
    from atlantis_core.store.workspace import Workspace

_RUN = re.compile(r"last|\d{8}(-[0-9a-f]*)?")
_TRIAL = re.compile(r"[0-9a-f]{6,32}")


def find_retriever(model: str, workspace: str | Path | None = None, embedding: str | None = None) -> Retriever:
    """Load the model that MODEL names; see `atlantis_dml.load_retriever`.

    Raises:
        SetupError: There is no such model, it is damaged, or it has no such embedding.
    """
    from atlantis_core.learning.retriever import load_retriever

    return load_retriever(find_model(model, workspace).target, embedding)


def find_serving(model: str, workspace: Path | None) -> tuple[str, str | None]:
    """Return how a run searches with its final model, and its pool; an empty text for any other MODEL.

    Photos that the run added to the gallery are left out; see `index.build_index`.

    Raises:
        SetupError: As `find_model`.
    """
    from atlantis_core.learning.serving.servings import parse_serving
    from atlantis_core.run.gallery import split_photos
    from atlantis_dml.app.setup import open_workspace

    if not is_run_name(model) or Path(model).exists():
        return "", None
    store = open_workspace(workspace)
    serving = split_photos(store, find_model(model, workspace).serving)[0]
    return serving, store.runs.get(model).spec.pool if parse_serving(serving).needs_reference else None


def find_default_model(data: str) -> str:
    """Return the name of the untrained model that trainings on DATA begin with."""
    from atlantis_core.harbor.world_files import is_bundled
    from atlantis_core.learning.models.backbones import HARBOR_STUDENT, resolve_backbone

    if is_bundled(data):
        return HARBOR_STUDENT
    backbone = resolve_backbone(None)
    return backbone.pinned_name or str(backbone.weights_path)


def find_model(model: str, workspace: str | Path | None = None) -> ExportedModel:
    """Return the model that MODEL names, without loading it; see `atlantis_dml.load_retriever`.

    Raises:
        SetupError: MODEL is empty, or names a run or trial that has no checkpoint.
    """
    from atlantis_core.exporting.model_export import ExportedModel
    from atlantis_dml.app.setup import has_runs, open_workspace

    if not model.strip():
        raise SetupError("MODEL is empty; name a run, a trial, a safetensors file or a timm model")
    store = open_workspace(None if workspace is None else Path(workspace))
    path = Path(model).expanduser()
    if path.exists():
        return ExportedModel(path, _find_trial_of_checkpoint(path, store))
    if not has_runs(store):
        return ExportedModel(model)
    if is_run_name(model):
        from atlantis_core.run.models import split_model

        run, best = _find_best_model(model, store)
        trial_id, serving = split_model(best)
        return ExportedModel(_find_checkpoint(trial_id, store), trial_id, run, serving)
    named = _match_trial_id(model, store)
    return ExportedModel(_find_checkpoint(named, store), named) if named else ExportedModel(model)


def _find_trial_of_checkpoint(path: Path, workspace: Workspace) -> str:
    """Return the trial whose checkpoint a path is; empty if it is not one of this workspace."""
    from atlantis_dml.app.setup import has_runs

    folder = path.resolve() if path.is_dir() else path.resolve().parent
    if folder.parent != workspace.folder / "models" or not has_runs(workspace):
        return ""
    trial = workspace.trials.find(folder.name)
    return trial.id if trial else ""


def is_run_name(name: str) -> bool:
    """Whether a name looks like a run's, not a trial's."""
    return _RUN.fullmatch(name) is not None


def find_trial(name: str, workspace: Workspace) -> Trial:
    """Return the trial of that id, or whose id starts with it.

    Raises:
        SetupError: No trial matches, or several do.
    """
    trial = workspace.trials.find(_match_trial_id(name, workspace) or name)
    if trial is None:
        raise SetupError(f"no trial {name!r} in this workspace; `atlantis train` prints the ids of its trials")
    return trial


def _match_trial_id(name: str, workspace: Workspace) -> str | None:
    """Return the id of the only trial that matches a name; None if there is none."""
    matching = workspace.trials.matching(name) if _TRIAL.fullmatch(name) else []
    if len(matching) > 1:
        raise SetupError(f"{len(matching)} trials start with {name!r}; type more of the id")
    return matching[0] if matching else None


def _find_best_model(name: str, workspace: Workspace) -> tuple[str, str]:
    """Return the run's id, and its final model with the first judging seed; see `run.models`."""
    from atlantis_core.run.round import read_final_arms
    from atlantis_core.run.session import Session

    run = workspace.runs.get(name)
    models = read_final_arms(Session(workspace, run.id, run.spec)).get("incumbent", [])
    if not models:
        raise SetupError(f"run {run.id!r} has no judged model yet; continue it with `atlantis resume {run.id}`")
    return run.id, models[0]


def _find_checkpoint(trial_id: str, workspace: Workspace) -> str:
    from atlantis_core.run.trial_checkpoints import find_checkpoint

    trial = workspace.trials.find(trial_id)
    if trial is None:
        raise SetupError(f"trial {trial_id!r} has no checkpoint, since it did not finish")
    return find_checkpoint(trial)

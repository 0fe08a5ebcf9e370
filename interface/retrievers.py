"""MODEL on the command line: a run, a trial, a file or a timm name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from atlantis_core.errors import SetupError

if TYPE_CHECKING:
    from atlantis_core.learning.retriever import Retriever
    from atlantis_core.store.workspace import Workspace

_RUN = re.compile(r"last|\d{8}(-[0-9a-f]*)?")
_TRIAL = re.compile(r"[0-9a-f]{6,32}")


def find_retriever(model: str, workspace: str | Path | None = None, embedding: str | None = None) -> Retriever:
    """Load what MODEL names.

    Args:
        model: See `atlantis_dml.load_retriever`.
        workspace: Folder in which runs and trials are looked up; None takes the environment's.

        embedding: `head`, `body`, or None for what the model was trained for.

    Raises:
        SetupError: Nothing of the kind, a damaged file, or a head that is not there.
    """
    from atlantis_core.learning.retriever import load_retriever

    return load_retriever(locate(model, workspace), embedding)


def usual_model(data: str) -> str:
    """Return the name of the untrained model that trainings on DATA begin with."""
    from atlantis_core.harbor.writing import is_bundled
    from atlantis_core.learning.backbones import HARBOR_STUDENT, resolve_backbone

    if is_bundled(data):
        return HARBOR_STUDENT
    backbone = resolve_backbone(None)
    return backbone.pinned_name or str(backbone.weights_path)


def locate(model: str, workspace: str | Path | None = None) -> str:
    """Return the path of what MODEL names, or the name itself where it is neither a path, a run nor a trial.

    Raises:
        SetupError: It is empty, or a run or trial without a checkpoint.
    """
    from atlantis_dml.assembly import open_workspace

    if not model.strip():
        raise SetupError("MODEL is empty; name a run, a trial, a safetensors file or a timm model")
    if Path(model).expanduser().exists():
        return str(Path(model).expanduser())
    folder = None if workspace is None else Path(workspace)
    return _checkpoint(model, open_workspace(folder)) or model


def _checkpoint(model: str, workspace: Workspace) -> str | None:
    """Return the folder of the trial that MODEL names, or None where it looks like no run or trial."""
    from atlantis_dml.assembly import has_runs

    if not has_runs(workspace):
        return None
    if _RUN.fullmatch(model):
        return _of_trial(_best_of_run(model, workspace), workspace)
    if _TRIAL.fullmatch(model):
        matching = workspace.trials.matching(model)
        if len(matching) > 1:
            raise SetupError(f"{len(matching)} trials start with {model!r}; type more of the id")
        return _of_trial(matching[0], workspace) if matching else None
    return None


def _best_of_run(name: str, workspace: Workspace) -> str:
    from atlantis_core.summary import final_arms

    run = workspace.runs.get(name)
    trials = final_arms(workspace, run.id).get("incumbent", [])
    if not trials:
        raise SetupError(f"run {run.id!r} has no judged model yet; `atlantis resume {run.id}` goes on with it")
    return trials[0]


def _of_trial(trial_id: str, workspace: Workspace) -> str:
    trial = workspace.trials.find(trial_id)
    if trial is None or trial.status == "crashed":
        raise SetupError(f"trial {trial_id!r} has no checkpoint: {trial.error if trial else 'it never finished'}")
    if not Path(trial.path).is_dir():
        raise SetupError(f"the checkpoint of trial {trial_id!r} is gone from {trial.path!r}")
    return trial.path

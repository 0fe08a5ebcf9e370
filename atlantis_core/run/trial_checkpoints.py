"""Trials' checkpoints: whether they are still there, and loading them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from atlantis_core.base.errors import SetupError
from atlantis_core.learning.models.checkpoint import describe_damage, read_embed_dim
from atlantis_core.learning.training.presets import changed_settings

if TYPE_CHECKING:
    from atlantis_core.learning.retriever import Retriever
    from atlantis_core.records import Trial
    from atlantis_core.run.session import Session


def find_trained_trial(session: Session, trial_id: str) -> Trial | None:
    """Return a trial that was trained before; None, saying why, where its checkpoint has been lost since."""
    trial = session.workspace.trials.find(trial_id)
    lost = describe_damage(Path(trial.path)) if trial and trial.status == "finished" else ""
    if lost:
        session.say(f"trial {trial_id} is trained again: {lost}")
    return None if lost else trial


def report_dims(session: Session, trained: Sequence[Trial], num_images: int) -> None:
    """Say it where the embeddings that were just trained have fewer dimensions than a person asked for.

    A preset asks for the most there may be, so a backbone with fewer features is not worth a line. All were trained
    on the same `num_images`.
    """
    if "embed_dim" not in changed_settings(session.spec.preset):
        return
    asked = session.recipe.embed_dim
    had = next((read_embed_dim(Path(trial.path)) for trial in trained if trial.status == "finished"), asked)
    if had < asked:
        most = "there are training images" if had == num_images else "the backbone has features"
        session.say(f"embed_dim is {had}, not {asked}: it cannot be more than {most}")


def load_trial_retriever(trial: Trial) -> Retriever:
    """Load what a trial trained.

    Raises:
        SetupError: As `find_checkpoint`.
    """
    from atlantis_core.learning.retriever import load_retriever

    return load_retriever(find_checkpoint(trial))


def find_checkpoint(trial: Trial) -> str:
    """Return the folder of a trial's checkpoint.

    Raises:
        SetupError: It crashed, or a file of its checkpoint is gone or cannot be read.
    """
    if trial.status == "crashed":
        raise SetupError(f"trial {trial.id!r} has no checkpoint: {trial.error}")
    lost = describe_damage(Path(trial.path))
    if lost:
        raise SetupError(f"the checkpoint of trial {trial.id!r} is lost: {lost}; put it back, or train it again")
    return trial.path

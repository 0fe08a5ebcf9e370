"""Tool: train one arm of trials."""

from __future__ import annotations

from typing import Literal

from langchain_core.tools import tool

from atlantis_core.errors import ToolError
from atlantis_core.rounds import kept_candidates, made_for_arm
from atlantis_core.trials import train_trial, training_images
from atlantis_dml.tools.context import Runtime, answer

ArmName = Literal["baseline", "candidate", "incumbent"]


@tool
def train_retriever(arm: ArmName, runtime: Runtime) -> object:
    """Train the retriever over several seeds.

    Args:
        arm: `baseline` trains on real images only (do this first); `candidate` adds the kept images of this
            round to the incumbent's; `incumbent` readies the model from which the next gaps are read, after
            a round was kept.
    """
    session, round_index = runtime.context.session, runtime.state["round"]
    made = made_for_arm(session, arm, round_index)
    if arm == "candidate" and not kept_candidates(session, round_index):
        raise ToolError("no kept images in this round; generate and score images first")
    seeds = session.judging_seeds if arm == "candidate" else [session.diagnosing_seed, *session.judging_seeds]
    images = training_images(session, made)
    trained = [train_trial(session, seed, images) for seed in seeds]
    judging = [trial.id for trial in trained if trial.seed != session.diagnosing_seed]
    arms = {**runtime.state.get("arms", {}), arm: judging}
    if arm != "candidate":
        arms |= {"incumbent": judging, "diagnosing": [trained[0].id]}
    crashed = sum(trial.status == "crashed" for trial in trained)
    text = f"{arm}: {len(trained)} trainings on {trained[0].num_real} real and {len(made)} made images"
    text += f"; {crashed} crashed" if crashed else ""
    return answer(runtime, f"train_retriever:{arm}", text, trained, arms=arms)

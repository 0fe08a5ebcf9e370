"""Tool: train one arm of trials."""

from __future__ import annotations

from typing import Literal

from langchain_core.tools import tool

from atlantis_core.base.errors import ToolError
from atlantis_core.base.plural import count_noun
from atlantis_core.run.history import kept_candidates
from atlantis_core.run.training_set import TRAINED_ON, collect_training_images, synthetic_for_arm
from atlantis_core.run.trials import train_arm
from atlantis_dml.tools.context import Runtime, answer_call

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
    arms = dict(runtime.state.get("arms", {}))
    if arm == "baseline" and "baseline" in arms:
        raise ToolError("the baseline is trained already; it never changes in a run")
    if arm != "baseline" and "baseline" not in arms:
        raise ToolError("train the baseline first: every other arm is compared with it")
    made = synthetic_for_arm(session, arm, round_index)
    if arm == "candidate" and not kept_candidates(session, round_index):
        raise ToolError("no kept images in this round; generate and score images first")
    images = collect_training_images(session, made)
    trained = train_arm(session, session.judging_seeds, images)
    judging = [trial.id for trial in trained]
    arms[arm] = judging
    if arm == "candidate":
        session.write(round_index, TRAINED_ON, [image.candidate.key for image in made])
    if arm != "candidate":
        (diagnosing,) = train_arm(session, [session.diagnosing_seed], images)
        trained.append(diagnosing)
        arms |= {"incumbent": judging, "diagnosing": [diagnosing.id]}
    crashed = sum(trial.status == "crashed" for trial in trained)
    judging_too = "" if arm == "candidate" else f" ({len(judging)} to judge with and one to find gaps with)"
    number = f"{count_noun(len(trained), 'training')}{judging_too}"
    text = f"{arm}: {number} on {trained[0].num_real} real and {len(made)} made images"
    text += f"; {crashed} crashed" if crashed else ""
    return answer_call(runtime, f"train_retriever:{arm}", text, trained, arms=arms)

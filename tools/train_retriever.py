"""Tool: train one arm of trials."""

from __future__ import annotations

from langchain_core.tools import tool

from atlantis_core.base.errors import ToolError
from atlantis_core.base.plural import count_noun
from atlantis_core.base.serialization import as_json
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.models import name_model
from atlantis_core.run.round import is_round_kept, read_arms
from atlantis_core.run.training_set import Arm, is_ready_to_train, plan_arm
from atlantis_core.run.trials import train_arm
from atlantis_dml.tools.context import Runtime, answer_call
from atlantis_dml.tools.steps import Step

STEPS = (
    Step(
        30,
        "train_retriever",
        "Real images alone set the baseline that synthetic images must beat.",
        "baseline",
        is_once=True,
    ),
    Step(
        50,
        "train_retriever",
        "The last round was kept; diagnose its model next.",
        "incumbent",
        is_needed=lambda session, round_index: is_round_kept(session, round_index - 1),
    ),
    Step(
        110,
        "train_retriever",
        "Train with this round's remedy: all else stays the same.",
        "candidate",
    ),
)
WORDS = "train trained training trainings baseline"


@tool
def train_retriever(arm: Arm, runtime: Runtime) -> object:
    """Train the retriever over several seeds.

    Args:
        arm: `baseline` trains on real images only (do this first); `candidate` adds the kept images of this
            round to the incumbent's; `incumbent` readies the model from which the next gaps are read, after
            a round was kept.
    """
    session, round_index = runtime.context.session, runtime.state["round"]
    arms, step = read_arms(session, round_index), f"train_retriever:{arm}"
    if arm == "baseline" and step in runtime.state["steps"]:
        raise ToolError("the baseline is trained already; it never changes in a run")
    if arm != "baseline" and "baseline" not in arms:
        raise ToolError("train the baseline first: every other arm is compared with it")
    if arm == "candidate" and not is_ready_to_train(session, round_index):
        raise ToolError("no kept images in this round; generate and score images first")
    plan = plan_arm(session, arm, round_index)
    images = plan.list_images(session)
    trained = train_arm(session, session.judging_seeds, images, plan.recipe)
    judging = [name_model(trial.id, plan.serving) for trial in trained]
    arms[arm] = judging
    if arm == "candidate":
        session.write(round_index, JournalKind.TRAINED_ON, tuple(image.id for image in plan.synthetic))
    if arm != "candidate":
        (diagnosing,) = train_arm(session, [session.diagnosing_seed], images, plan.recipe)
        trained.append(diagnosing)
        arms |= {"incumbent": judging, "diagnosing": [name_model(diagnosing.id, plan.serving)]}
    session.write(0 if arm == "baseline" else round_index, JournalKind.ARMS, arms)
    crashed = sum(trial.status == "crashed" for trial in trained)
    judging_too = "" if arm == "candidate" else f" ({len(judging)} to judge with and one to find gaps with)"
    number = f"{count_noun(len(trained), 'training')}{judging_too}"
    text = f"{arm}: {number} on {trained[0].num_real} real and {len(plan.synthetic)} synthetic images"
    text += f", searched with {plan.serving}" if plan.serving else ""
    text += f"; {crashed} crashed" if crashed else ""
    facts = [{name: value for name, value in as_json(trial).items() if name != "origin"} for trial in trained]
    return answer_call(runtime, step, text, facts)

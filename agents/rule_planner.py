"""The planner without a chat model: the order in which a careful engineer would go, read from the state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, ToolMessage

from atlantis_dml.agents.planner import State, Step

if TYPE_CHECKING:
    from atlantis_dml.tools.context import RunContext

_CAPTION = Step("caption_images", {}, "The collection has no facets; descriptions may give some.")

_PREPARATION = (
    Step("dataset_statistics", {}, "First see what the collection holds."),
    _CAPTION,
    Step("train_retriever", {"arm": "baseline"}, "Real images alone set the bar that made images must beat."),
    Step("evaluate_retrieval", {"arm": "baseline"}, "Measure the bar."),
)

_ROUND = (
    Step("find_gaps", {}, "Find the cells where the incumbent fails."),
    Step("draft_protocol", {}, "Spend this round's images on the worst gaps."),
    Step("write_prompts", {}, "Varied prompts make varied images."),
    Step("generate_images", {}, "Make the images of the protocol."),
    Step("score_outliers", {}, "Only images that belong to their class may train."),
    Step("train_retriever", {"arm": "candidate"}, "Train with the kept images: same recipe, steps and seeds."),
    Step("evaluate_retrieval", {"arm": "candidate"}, "Measure whether they help."),
)

_NEW_INCUMBENT = Step("train_retriever", {"arm": "incumbent"}, "The last round was kept; diagnose its model next.")


class RulePlanner:
    """Deterministic: the next step is the first of the round that is not done."""

    name = "rules"

    def decide(self, state: State, context: RunContext) -> AIMessage:
        """Return the next step as a tool call, or stop where a tool has failed."""
        failure = _last_failure(state)
        if failure:
            return AIMessage(f"Stopping: {failure}")
        done = set(state.get("steps", []))
        for step in _steps(state, context):
            if step.name not in done:
                return _call(step, len(state.get("messages", [])))
        return AIMessage("Stopping: every step of this round is done and none was judged.")


def _steps(state: State, context: RunContext) -> tuple[Step, ...]:
    preparation = tuple(
        step for step in _PREPARATION if step is not _CAPTION or not context.session.collection.facets
    )
    renewal = (_NEW_INCUMBENT,) if state.get("last_kept") else ()
    return preparation + renewal + _ROUND


def _call(step: Step, number: int) -> AIMessage:
    call: dict[str, Any] = {"name": step.tool, "args": dict(step.arguments), "id": f"rule-{number}"}
    return AIMessage(step.reason, tool_calls=[call])


def _last_failure(state: State) -> str:
    messages = state.get("messages", [])
    last = messages[-1] if messages else None
    return str(last.content) if isinstance(last, ToolMessage) and last.status == "error" else ""

"""The planner with a chat model: the tools are bound, the prompt carries the goal and the budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, SystemMessage

from atlantis_core.errors import ProviderUnavailable
from atlantis_dml.agents.planner import State
from atlantis_dml.agents.redaction import Redact, redacted
from atlantis_dml.prompts import quoted, render

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.tools import BaseTool

    from atlantis_dml.tools.context import RunContext


class ChatPlanner:
    """Asks a chat model which tool comes next.

    Args:
        model: A chat model that can bind tools.
        tools: The tools it may call.
        name: Shown in traces (`openai:MODEL`).
        redact: Takes the provider's key out of what the provider or the model says.
    """

    def __init__(self, model: BaseChatModel, tools: list[BaseTool], name: str, redact: Redact = str) -> None:
        self.name = name
        self._redact = redact
        self._model = model.bind_tools(tools, parallel_tool_calls=False)

    def decide(self, state: State, context: RunContext) -> AIMessage:
        """Return the model's decision; see `Planner.decide`."""
        import openai

        prompt = SystemMessage(render("planner", **_facts(state, context)))
        try:
            decision = self._model.invoke([prompt, *state.get("messages", [])])
        except openai.OpenAIError as error:
            raise ProviderUnavailable(self._redact(_in_words(self.name, error))) from error
        except (ValueError, TypeError, LookupError) as error:
            # langchain-openai's answers to a body that is no chat completion: HTML, {} or no choice
            said = self._redact(_first_line(error))
            raise ProviderUnavailable(f"{self.name} sent no chat completion: {said}") from error
        return redacted(decision, self._redact)


def _facts(state: State, context: RunContext) -> dict[str, Any]:
    session = context.session
    left = session.workspace.ledger.left(session.run_id, session.spec.budget)
    return {
        "goal": quoted(session.spec.goal.text),
        "round": state["round"],
        "rounds": session.spec.budget.rounds,
        "images_left": "no limit" if left["images"] is None else f"{left['images']:g}",
        "usd_left": "no limit" if left["usd"] is None else f"{left['usd']:.2f}",
        "has_facets": bool(session.collection.facets),
        "last_kept": bool(state.get("last_kept")),
    }


def _in_words(name: str, error: Exception) -> str:
    import openai

    if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        return f"{name}: the provider refuses the key; set a valid OPENAI_API_KEY and resume"
    if isinstance(error, openai.APITimeoutError):
        return f"{name}: the provider did not answer in time; resume when it does"
    if isinstance(error, openai.APIConnectionError):
        return f"{name}: the provider cannot be reached; check --base-url and the network, then resume"
    return f"{name}: the provider failed ({_first_line(error)}); resume later"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]

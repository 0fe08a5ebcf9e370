"""Chains: tools that take several usual steps in one call, up to where something has to be decided.

The graph runs the steps one by one, as if the planner had called each: every step is saved, recorded and, where it
spends images, approved. The chain's own tool runs last and says what the steps gave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import ToolError
from atlantis_dml.tools import TOOLS, list_steps
from atlantis_dml.tools.context import Runtime, answer_call

if TYPE_CHECKING:
    from atlantis_core.run.session import Session
    from atlantis_dml.tools.steps import State, Step

_LONGEST_LINE, _LONGEST_ANSWER = 1900, 5600
"""Letters."""

Call = tuple[str, Mapping[str, Any]]
"""A tool and its arguments."""


@dataclass(frozen=True, slots=True)
class Chain:
    """How a chain goes on; stands as `CHAIN` beside its tool."""

    find_next: Callable[[State, Session, Mapping[str, Any]], Call | None]
    """Return the next step, given the arguments of the chain's call; None if nothing is left to do."""
    find_doubt: Callable[[State, Session, Mapping[str, Any], str], str]
    """Return what has to be decided after a tool has run; empty to go on."""


def find_chain(tool: str) -> Chain | None:
    """Return the chain that a tool is; None for one that is a single step."""
    return getattr(import_module(f"atlantis_dml.tools.{tool}"), "CHAIN", None) if tool in TOOLS else None


def find_open_step(state: State, session: Session, first: int = 0, last: int = 10**6) -> Step | None:
    """Return the first of `list_open_steps`; None if all are done."""
    return next(list_open_steps(state, session, first, last), None)


def list_open_steps(state: State, session: Session, first: int = 0, last: int = 10**6) -> Iterator[Step]:
    """Return the usual steps that are needed and not done, in order, of those with places from `first` to `last`."""
    done = set(state.get("steps", []))
    steps = (step for step in list_steps() if first <= step.place <= last and step.name not in done)
    return (step for step in steps if step.is_needed(session, state["round"]))


def find_chain_call(state: State, session: Session, name: str, given: Mapping[str, Any]) -> Call | None:
    """Return the call that a chain makes next; None if the tool is not a chain, or its chain is at an end."""
    chain, so_far = find_chain(name), state.get("chain") or {}
    if chain is None or so_far.get("halt") or state.get("stop_reason"):
        return None
    return chain.find_next(state, session, given)


def begin_chain(state: State) -> dict[str, Any]:
    """Return what a chain has done so far."""
    return dict(state.get("chain") or {"lines": [], "halt": "", "failed": False})


def extend_chain(
    state: State, session: Session, name: str, given: Mapping[str, Any], step: str, text: str, *, failed: bool
) -> dict[str, Any]:
    """Return a chain after another step; it halts where that failed or leaves something to decide."""
    so_far, chain = begin_chain(state), find_chain(name)
    lines = [*so_far["lines"], f"{step}: {text[:_LONGEST_LINE]}"]
    doubt = "" if failed or chain is None else chain.find_doubt(state, session, given, step)
    return {"lines": lines, "halt": text if failed else doubt, "failed": failed}


def halt_chain(state: State, line: str) -> dict[str, Any]:
    """Return the update of the state that ends its chain with a line; empty if there is no chain."""
    so_far = state.get("chain")
    return {"chain": {**so_far, "lines": [*so_far["lines"], line], "halt": line}} if so_far else {}


def answer_chain(runtime: Runtime, nothing: str, after: str) -> object:
    """Answer the call of a chain with what its steps gave.

    Args:
        runtime: The call's runtime.
        nothing: What to say if there was nothing to do.
        after: What can be done where it stopped because something has to be decided.

    Raises:
        ToolError: One of the steps failed.
    """
    so_far = begin_chain(runtime.state)
    lines = so_far["lines"]
    text = "\n".join(lines)[-_LONGEST_ANSWER:] or nothing
    if so_far["failed"]:
        raise ToolError(text)
    if so_far["halt"] and so_far["halt"] != lines[-1]:
        text += f"\nStopped here: {so_far['halt']}. {after}"
    return answer_call(runtime, "", text, {"steps": [line.partition(": ")[0] for line in lines]})

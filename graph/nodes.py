"""The nodes: planner, tools, approve, judge, report. Each may run twice (after a crash or an interrupt)."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage, HumanMessage
from langgraph.runtime import Runtime
from langgraph.types import interrupt

from atlantis_core.base.errors import BudgetExceeded, ProviderUnavailable
from atlantis_core.base.serialization import as_json
from atlantis_core.base.text import clean_text
from atlantis_core.records import Protocol, RunEnd
from atlantis_core.run.adding_seeds import judge_seed_by_seed, write_decision
from atlantis_core.run.approval import BY_AUTO, THEN, hash_protocol
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.judging import is_goal_reached
from atlantis_core.run.protocol_rules import parse_edited_protocol
from atlantis_core.run.responses import count_rejections, is_rejected, read_responses
from atlantis_core.run.round import read_arms, read_judged_rounds
from atlantis_core.run.session import Session
from atlantis_dml.agents.client.calls import COMPLETE
from atlantis_dml.graph.responding import REJECTED_BEFORE, draft_again, end_by_person, turn_down
from atlantis_dml.graph.routing import MAX_FAILURES, find_stop_reason, shown_protocol
from atlantis_dml.graph.state import State
from atlantis_dml.graph.tool_calls import (
    MOST_CALLS,
    cancel_calls,
    connect,
    describe_calls,
    list_open_calls,
    name_calls,
)
from atlantis_dml.tools import list_steps
from atlantis_dml.tools.chains import halt_chain
from atlantis_dml.tools.context import RunContext

_LONGEST_REASON = 600
"""Letters of a decision's words that are kept and shown later."""

_NO_REASON = "it gave no reason"


def planner(state: State, runtime: Runtime[RunContext]) -> dict[str, Any]:
    """Ask the planner what comes next and record its reason; calls of a model hang under it.

    Raises:
        ProviderUnavailable: Too many steps failed in a row, or the planner's chat model fails; the run pauses.
    """
    context, session = runtime.context, runtime.context.session
    if state["failures"] >= MAX_FAILURES:
        last = state["messages"][-1].text
        raise ProviderUnavailable(
            f"{context.planner.name} failed {state['failures']} times in a row; the last: {last}"
        )
    if context.planner.name != "rules" and context.cost_tracker.is_empty():  # the rules cost nothing
        return _stop_broke("the dollars for the planner are spent")
    left = cancel_calls(list_open_calls(state), session, state["planner_event"], "a person decided otherwise")
    shown: Any = {**state, "messages": [*state["messages"], *left]}
    known = {"round": state["round"], "steps": state["steps"]}
    with session.span("planner", context.planner.name, known) as span:
        try:
            decision = context.planner.decide(shown, context)
        except BudgetExceeded as error:
            span.output = {"reason": str(error), "calls": []}
            return _stop_broke(str(error))
        calls = describe_calls(decision.tool_calls)
        span.output = {"reason": decision.text.strip() or _NO_REASON, "calls": calls}
    read = _read(decision, state)
    update = read | {"messages": [*left, *read["messages"]], "planner_event": span.id}
    if surplus := list_open_calls(State(messages=update["messages"]))[MOST_CALLS:]:
        why = f"an answer may have {MOST_CALLS} calls"
        update["messages"] += cancel_calls(surplus, session, span.id, why)
    return update


def _read(decision: AIMessage, state: State) -> dict[str, Any]:
    """Let complete calls through. Where the arguments of one were cut off or are no JSON, none runs."""
    complete = decision.response_metadata.get("finish_reason") in COMPLETE
    broken = bool(decision.invalid_tool_calls) or not complete  # an answer that was cut off is not a wish to stop
    calls = [] if broken else name_calls(decision.tool_calls)
    words = clean_text(decision.text, _LONGEST_REASON)
    said = AIMessage(words, tool_calls=calls)  # under an id of its own: a repeated one would replace
    if calls:
        return {"messages": [said]}
    if broken:
        again = HumanMessage("That did not run: the answer was incomplete. Make complete calls; be shorter.")
        return {"messages": [said, again], "failures": state["failures"] + 1}
    return {"messages": [said]} | _stop("planner", words or "the planner stopped without a word")


def approve(state: State, runtime: Runtime[RunContext]) -> dict[str, Any]:
    """Wait for a person where the run asks for it; in auto mode pass. The trace says who approved what."""
    session = runtime.context.session
    protocol = _protocol(session, state)
    spent = session.workspace.ledger.spent(session.run_id)
    responses = read_responses(session, state["round"])
    if not session.spec.auto and is_rejected(responses, protocol):  # a planner that did not draft another
        return draft_again(state, session, REJECTED_BEFORE, state["failures"] + 1)
    asked = {"round": state["round"], "protocol": as_json(protocol), "images": protocol.num_images, "spent": spent}
    asked |= {"rejections": count_rejections(responses), "responses": as_json(responses[-1:])}
    decision = {"decision": "approve", "by": BY_AUTO} if session.spec.auto else dict(interrupt(asked))
    by, now = decision.pop("by", ""), hash_protocol(protocol)
    if decision["decision"] == "approve" and now != shown_protocol(state) and not session.spec.auto:
        session.say(f"the protocol of round {state['round']} has changed since it was shown: nothing was approved")
        return {"protocol": now, "approved": ""}
    if decision["decision"] == "reject":
        decision[THEN] = "draft"
    given = {"protocol": protocol.id, "images": protocol.num_images}
    with session.span("approval", decision["decision"], given, state["planner_event"]) as span:
        span.output = {"answer": decision, "by": by}
        if decision["decision"] == "stop":
            return end_by_person(state, session, str(decision.get("reason") or ""))
        if decision["decision"] in {"reject", "respond"}:
            return turn_down(state, session, protocol, decision)
        if decision["decision"] == "edit":
            protocol = parse_edited_protocol(
                decision["protocol"], session.collection, session.spec.regime, session.images_left
            )
            session.write(state["round"], JournalKind.PROTOCOL, protocol)
        counts = [{"cell": request.cell, "count": request.count} for request in protocol.cells]
        span.output |= {"images": protocol.num_images, "counts": counts}
    approved = hash_protocol(protocol)
    return {"approved": approved, "protocol": approved}


def _protocol(session: Session, state: State) -> Protocol:
    """Return this round's protocol; a state that names none is a bug."""
    protocol = session.read(state["round"], JournalKind.PROTOCOL)
    if protocol is None:
        raise LookupError(f"round {state['round']} has no protocol in the journal")
    return protocol


def judge(state: State, runtime: Runtime[RunContext]) -> dict[str, Any]:
    """Keep the round or roll it back, write it down, and begin the next."""
    session, round_index = connect(runtime), state["round"]
    protocol = _protocol(session, state)
    with session.span("judge", f"round {round_index}", {"protocol": protocol.id}) as span:
        arms = read_arms(session, round_index)
        arms.setdefault("candidate", arms["incumbent"])  # without survivors nothing was added to the incumbent
        decision = session.read(round_index, JournalKind.DECISION)  # it is there if the run was killed just below
        if decision is None:
            decision, arms = judge_seed_by_seed(session, round_index, protocol, arms)
        span.output = decision
    write_decision(session, round_index, decision, arms)
    once = {step.name for step in list_steps() if step.is_once}
    steps = [name for name in state["steps"] if name in once]
    reached = decision.kept and is_goal_reached(session, arms)
    judged, max_rounds = read_judged_rounds(session), session.spec.budget.rounds
    code, words = find_stop_reason(judged, max_rounds, reached, session.images_left)
    after = _stop(code, words) if code else {"round": round_index + 1}
    verdict = f"judge: {'kept' if decision.kept else 'rolled back'}: {decision.reason}"
    return {"protocol": "", "approved": "", "steps": steps} | halt_chain(state, verdict) | after


def critique(state: State, runtime: Runtime[RunContext]) -> dict[str, Any]:
    """Let the critic read the round that was just judged; whoever drafts the next one reads what it writes."""
    del state  # the journal says which round was judged
    session, critic = runtime.context.session, runtime.context.critic
    judged = read_judged_rounds(session)[-1]
    if critic is None or judged.critique:
        return {}
    with session.span("critique", f"round {judged.index}", {"round": judged.index}) as span:
        found = critic.review(judged, session)
        span.output = found
    session.write(judged.index, JournalKind.CRITIQUE, found)
    return {}


def report(state: State, runtime: Runtime[RunContext]) -> dict[str, Any]:
    """Close the run: why it ended, and what it came to, as data."""
    session = runtime.context.session
    session.write(0, JournalKind.END, RunEnd(state["stop_reason"], state["stop_detail"]))
    session.write(0, JournalKind.FINAL_ARMS, read_arms(session, state["round"]))
    session.workspace.runs.mark(session.run_id, "done", state["stop_reason"])
    return {}


def _stop_broke(words: str) -> dict[str, Any]:
    return {"messages": [AIMessage("")]} | _stop("budget_spent", words)


def _stop(code: str, words: str) -> dict[str, Any]:
    return {"stop_reason": code, "stop_detail": words}

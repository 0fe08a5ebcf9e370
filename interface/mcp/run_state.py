"""Where a run stands, as tools return it: status, what it is doing, rounds, and the protocol that waits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

from mcp_types import CallToolResult

from atlantis_core.base.plural import count_noun
from atlantis_core.base.serialization import from_json
from atlantis_core.base.text import clean_text, quote
from atlantis_core.records import Protocol
from atlantis_core.run.approval import hash_question
from atlantis_core.run.capabilities import describe_prompt_words
from atlantis_core.run.round import read_judged_rounds
from atlantis_core.run.summary import summarise
from atlantis_dml.app.ask_approval import describe_cost, describe_responses
from atlantis_dml.mcp.parameters import give_answer, quote_line
from atlantis_dml.text.figures import write_headline

if TYPE_CHECKING:
    from atlantis_core.run.session import Session
    from atlantis_dml.mcp.desk import McpDesk

_MOST_CELLS, _MOST_PROMPTS = 40, 2
_LONGEST_TEXT = 300

ASK_THE_PERSON = (
    "Only the person may approve: show them this protocol, wait for their decision, then call approve, edit, respond "
    "(what should be different, in their words), reject (another one is drafted) or end_run with this hash and their "
    "name. Do not decide for them."
)


@dataclass(frozen=True)
class ShownCell:
    """A cell of a protocol and the images that it gets."""

    number: int
    """By which `edit` names it."""
    class_name: str
    facet: str
    value: str
    count: int
    prompts: tuple[str, ...]
    """The first ones."""


@dataclass(frozen=True)
class ShownProtocol:
    """A protocol that waits for approval."""

    hash: str
    """By which it is approved."""
    round: int
    images: int
    remedy: str
    objective: str
    reason: str
    expected_gain: float
    """In Recall@1 on its cells."""
    cost: str
    cells: tuple[ShownCell, ...]
    """The first ones."""
    more_cells: int
    prompt_words: str
    """Which share of the prompts' words the generator understands."""
    answers_to: tuple[str, ...]
    """What this draft follows, and after several rejections the question whether to end the run."""


@dataclass(frozen=True)
class RunState:
    """Where a run stands."""

    run_id: str
    status: str
    """running, waiting (for approval), paused, stopped, failed or done."""
    headline: str
    doing: str
    problem: str
    """What went wrong last; may be empty."""
    rounds: tuple[str, ...]
    """The verdict on each judged round."""
    report_path: str
    protocol: ShownProtocol | None
    asks: str = ""
    """What the planner asks the person now; empty if it asks nothing."""
    options: tuple[str, ...] = ()
    """Answers that it offers."""


StateAnswer = Annotated[CallToolResult, RunState]


def answer_state(desk: McpDesk, run_id: str, *first: str) -> CallToolResult:
    """Return where a run stands as a tool's answer, after some lines of the tool."""
    state = read_state(desk, run_id)
    return give_answer([*first, *describe_state(state)], asdict(state))


def read_state(desk: McpDesk, run_id: str) -> RunState:
    """Return where a run stands.

    Raises:
        NotFoundError: No such run.
    """
    site = desk.site
    run = site.workspace.runs.get(run_id)
    status, question = site.steering.read_status(run.id), site.steering.pending_question(run.id)
    asked = site.steering.pending_ask(run.id) or {}
    doing, problem = site.steering.describe_activity(run.id)
    session, summary = site.load_run(run.id).session, summarise(site.workspace, run.id)
    return RunState(
        run.id,
        status,
        write_headline(summary | {"status": status}),
        clean_text(doing, _LONGEST_TEXT),
        clean_text(problem or ("" if status == "done" else run.stop_reason), _LONGEST_TEXT),
        tuple(
            f"round {judged.index} {'kept' if judged.is_kept else 'rolled back'}: {judged.decision.reason}"
            for judged in read_judged_rounds(session)
        ),
        summary["report_path"],
        show_protocol(session, question) if question else None,
        clean_text(asked.get("ask", ""), _LONGEST_TEXT),
        tuple(asked.get("options", ())),
    )


def show_protocol(session: Session, question: Mapping[str, Any]) -> ShownProtocol:
    """Return the protocol of a question as a person should see it."""
    protocol = question["protocol"]
    cells = tuple(
        ShownCell(
            number,
            request["cell"]["class_name"],
            request["cell"]["facet"],
            request["cell"]["value"],
            request["count"],
            tuple(request["prompts"][:_MOST_PROMPTS]),
        )
        for number, request in enumerate(protocol["cells"][:_MOST_CELLS], start=1)
    )
    return ShownProtocol(
        hash_question(question),
        question["round"],
        question["images"],
        protocol["remedy"],
        clean_text(protocol["objective"], _LONGEST_TEXT),
        clean_text(protocol["reason"], _LONGEST_TEXT),
        protocol["expected_gain"],
        describe_cost(session, question),
        cells,
        len(protocol["cells"]) - len(cells),
        describe_prompt_words(session, from_json(Protocol, protocol)),
        tuple(describe_responses(question)),
    )


def describe_state(state: RunState) -> list[str]:
    """Return a state as lines; names of the collection are quoted."""
    lines = [f"run {state.run_id}: {state.status}", state.headline]
    lines += [f"doing: {quote(state.doing)}"] if state.doing else []
    lines += [f"problem: {quote(state.problem)}"] if state.problem else []
    lines += map(quote_line, state.rounds)
    if state.status in {"paused", "stopped", "failed"}:
        lines.append("resume continues it; finished work is kept")
    if state.asks:
        options = "; ".join(f"{number}. {quote(text)}" for number, text in enumerate(state.options, start=1))
        lines.append(f"the planner asks the person: {quote(state.asks)} {options}".rstrip())
        lines.append("Ask them, and pass their words on with answer; it approves nothing")
    return lines + (list(_describe_protocol(state.protocol)) if state.protocol else [])


def _describe_protocol(shown: ShownProtocol) -> Iterator[str]:
    yield (
        f"A protocol waits for approval: round {shown.round}, {count_noun(shown.images, 'image')} for "
        f"{count_noun(len(shown.cells) + shown.more_cells, 'cell')}, remedy {shown.remedy}"
    )
    yield f"hash: {shown.hash}"
    yield from map(quote_line, shown.answers_to)
    yield f"aim: {quote(shown.objective)}"
    yield f"why: {quote(shown.reason)} (expected gain {shown.expected_gain:+.3f} R@1 there)"
    for cell in shown.cells:
        where = f" at {quote(f'{cell.facet}={cell.value}')}" if cell.facet else ""
        prompts = f", such as {quote(cell.prompts[0], 160)}" if cell.prompts else ""
        yield f"{cell.number}. {quote(cell.class_name)}{where}: {count_noun(cell.count, 'image')}{prompts}"
    if shown.more_cells:
        yield f"and {count_noun(shown.more_cells, 'cell')} more"
    if shown.prompt_words:
        yield f"words: {quote_line(shown.prompt_words)}"
    yield f"cost: {shown.cost}"
    yield ASK_THE_PERSON

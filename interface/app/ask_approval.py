"""Asks a person what to do with a protocol, after showing what it generates and costs."""

from __future__ import annotations

import json
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from atlantis_core.base.errors import AtlantisError, SetupError
from atlantis_core.base.plural import count_noun
from atlantis_core.base.serialization import as_json, from_json
from atlantis_core.base.text import clean_text
from atlantis_core.records import Protocol
from atlantis_core.run.capabilities import describe_prompt_words
from atlantis_core.run.protocol_rules import parse_edited_protocol
from atlantis_core.run.responses import MANY_REJECTIONS
from atlantis_core.run.time_estimate import estimate_seconds
from atlantis_dml.app.label import label_now
from atlantis_dml.app.output import say

if TYPE_CHECKING:
    from atlantis_core.run.session import Session

Answer = dict[str, Any]
"""Answer for `graph.running.advance`: a `decision`; with `edit` also the `protocol`, with `respond` the `words`, with
`reject` and `stop` the `reason`."""

NOT_APPROVED = {
    "respond": "Passed on: the protocol is drafted again to fit, and you are asked again.",
    "reject": "Rejected. Another protocol is drafted, and you are asked again.",
    "stop": "The run ends here; nothing was generated for this protocol.",
}
"""Decision -> what happens now, where a protocol was not approved."""

ANSWER_HINT = (
    "answer: approve, approve with N, approve without fog; respond WORDS (it is drafted again), reject because ... "
    "(another one is drafted), end the run; or ask why, or skip ..."
)
"""What may be said in a conversation."""

_CELLS_SHOWN = 12
_CHOICE = "approve, edit, respond in words, reject (another one is drafted) or stop the run? [a/e/w/r/s]"
_WITH_LABELS = "approve, edit, respond in words, reject, stop the run, or label photos of the pool? [a/e/w/r/s/l]"


def describe_ask(question: Mapping[str, Any]) -> list[str]:
    """Return the planner's question to the person as lines, its options numbered."""
    options = [f"  {number}. {clean_text(text, 200)}" for number, text in enumerate(question["options"], start=1)]
    return [f"The run asks: {clean_text(question['ask'], 500)}", *options]


def ask_person(session: Session, question: Mapping[str, Any]) -> Answer:
    """Show a protocol, or a question of the planner (`Outcome.question`), and ask until the answer is valid.

    Raises:
        KeyboardInterrupt: Ctrl-C, or the input ended.
    """
    if "ask" in question:
        for line in describe_ask(question):
            say(line)
        return {"decision": "respond", "words": _prompt("your answer")}
    for line in describe_protocol(session, question):
        say(line)
    from atlantis_core.run.answers import asks_person

    labels = asks_person(session)
    choice = _WITH_LABELS if labels else _CHOICE
    while True:
        line = _prompt(choice).strip()
        answer = line.lower()
        if labels and answer in {"l", "label"}:
            label_now(session)
            say("these answers count from the next round on")
        elif answer in {"e", "edit"}:
            if edited := _edit_in_editor(session, question):
                return edited
        elif answered := _read_line(line):
            return answered
        else:
            say(f"{line!r} is not an answer; type a, e, w, r or s, or say in words what to change")


def _read_line(line: str) -> Answer | None:
    """Return the answer in a line; a sentence is a response, never an approval. None for anything else."""
    answer = line.lower()
    if answer in {"a", "approve", "y", "yes"}:
        return {"decision": "approve"}
    if answer in {"r", "reject", "n", "no"}:
        return {"decision": "reject", "reason": _prompt("reason (may be empty)", default="")}
    if answer in {"s", "stop", "end"}:
        return {"decision": "stop", "reason": _prompt("the run ends here; reason (may be empty)", default="")}
    if answer in {"w", "words", "respond"}:
        return _respond(_prompt("what should be different?", default=""))
    return _respond(line) if " " in line else None


def _respond(words: str) -> Answer | None:
    return {"decision": "respond", "words": words.strip()} if words.strip() else None


def describe_protocol(session: Session, question: Mapping[str, Any]) -> list[str]:
    """Return a protocol as lines: aim, reason, cells, sample prompts, cost."""
    from atlantis_core.run.answers import describe_asking

    protocol = question["protocol"]
    cells = protocol["cells"]
    lines = [
        f"Round {question['round']}: {count_noun(question['images'], 'image')} for {count_noun(len(cells), 'cell')}",
        f"  aim: {protocol['objective']}",
        f"  why: {protocol['reason']} (expected gain {protocol['expected_gain']:+.3f} R@1 there)",
    ]
    for request in cells[:_CELLS_SHOWN]:
        cell = request["cell"]
        where = f" x {cell['facet']}={cell['value']}" if cell["facet"] else ""
        lines.append(f"  {request['count']:4d}  {clean_text(cell['class_name'], 60)}{where}")
    if len(cells) > _CELLS_SHOWN:
        lines.append(f"  ... and {count_noun(len(cells) - _CELLS_SHOWN, 'cell')} more")
    prompts = [prompt for request in cells for prompt in request["prompts"][:1]]
    lines += [f"  prompt: {prompt}" for prompt in prompts[:3]]
    understood = describe_prompt_words(session, from_json(Protocol, protocol)) if prompts else ""
    lines += [f"  words: {understood}"] if understood else []
    asking = describe_asking(session, question["round"])
    lines = [*describe_responses(question), *lines]
    return [*lines, f"  cost: {describe_cost(session, question)}", *([f"  {asking}"] if asking else [])]


def describe_responses(question: Mapping[str, Any]) -> list[str]:
    """Return what this draft answers to, and after several rejections the question whether to end the run."""
    lines = []
    for response in question.get("responses", [])[-1:]:  # a question of an earlier version has none
        said = "you rejected the draft before" if response["decision"] == "reject" else "you answered"
        lines.append(
            f"Drafted again, as {said}" + (f": {clean_text(response['words'], 300)}" if response["words"] else "")
        )
    rejections = question.get("rejections", 0)
    if rejections >= MANY_REJECTIONS:
        lines.append(f"{rejections} drafts in a row were rejected. End the run? Stopping is an answer, too.")
    return lines


def answer_from_options(
    session: Session,
    approve: bool,
    reject: bool,
    edit: Path | None,
    reason: str,
    respond: str = "",
    stop: bool = False,
) -> Answer | None:
    """Return the answer that the options of `resume` give; None if they give none.

    Raises:
        SetupError: More than one option, or a file that cannot be read.
        InvalidProtocol: The edited protocol breaks a rule.
    """
    if approve + (reject or stop) + (edit is not None) + bool(respond) > 1:
        raise SetupError("give only one of --approve, --edit, --respond, --reject and --stop")
    if approve:
        return {"decision": "approve"}
    if respond:
        return {"decision": "respond", "words": respond}
    if stop:  # alone, or with --reject
        return {"decision": "stop", "reason": reason}
    if reject:
        return {"decision": "reject", "reason": reason}
    if edit is None:
        return None
    try:
        text = edit.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"--edit {str(edit)!r} cannot be read: {error}") from error
    return _parse_edit(session, text, str(edit))


def _parse_edit(session: Session, text: str, name: str) -> Answer:
    """Check an edited protocol before the graph gets it, so that an invalid one does not change the run."""
    try:
        payload = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SetupError(f"{name!r} is not valid JSON: {error}") from error
    protocol = parse_edited_protocol(payload, session.collection, session.spec.regime, session.images_left)
    return {"decision": "edit", "protocol": as_json(protocol)}


def _edit_in_editor(session: Session, question: Mapping[str, Any]) -> Answer | None:
    """Open the protocol in the person's editor; return None if the result is invalid."""
    from atlantis_dml.settings import Settings

    with tempfile.TemporaryDirectory(prefix="atlantis-") as folder:
        path = Path(folder) / "protocol.json"
        path.write_text(json.dumps(question["protocol"], indent=2, ensure_ascii=False), encoding="utf-8")
        try:
            subprocess.run([*shlex.split(Settings().editor), str(path)], check=True)  # noqa: S603 (the person's own editor)
            return _parse_edit(session, path.read_text(encoding="utf-8"), "protocol.json")
        except (OSError, subprocess.CalledProcessError) as error:
            say(f"the editor failed: {error}; set EDITOR to another one, or answer a or r")
        except AtlantisError as error:
            say(f"{error}; nothing was changed")
    return None


def describe_cost(session: Session, question: Mapping[str, Any]) -> str:
    """Return what a protocol costs: images, seconds, and what was spent so far."""
    images, left = question["images"], session.images_left
    parts = [count_noun(images, "image") + (f" of {left:g} left" if left is not None else "")]
    seconds = estimate_seconds(session.workspace, session.run_id, images)
    if seconds is not None:
        parts.append(f"about {seconds:.0f} s for generating them and {count_noun(session.spec.seeds, 'training')}")
    spent = question["spent"]
    parts.append(
        f"so far {count_noun(round(spent['images']), 'image')}, {spent['seconds']:.0f} s, ${spent['usd']:.2f}"
    )
    return "; ".join(parts)


def _prompt(text: str, default: str | None = None) -> str:
    try:
        return str(typer.prompt(text, default=default, show_default=False, err=True))
    except typer.Abort:
        raise KeyboardInterrupt from None

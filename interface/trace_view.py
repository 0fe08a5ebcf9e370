"""The trace of a run: a tree of planner decisions, tool calls and judgements."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from atlantis_core.data.text import clean
from atlantis_core.errors import SetupError
from atlantis_core.plain import as_json
from atlantis_core.store.events import WITHIN
from atlantis_dml.wording import duration

if TYPE_CHECKING:
    from rich.tree import Tree

    from atlantis_core.store.workspace import Workspace

_SHORT = 160
_WHOLE = 20_000

Node = dict[str, Any]
"""`{name, kind, started, seconds, took, status, input, output, tokens, usd, children}`.

`seconds` is a node's own time, `took` adds that of the calls it led to; both are None while it is open.
"""


def trace_of(workspace: Workspace, run_id: str, step: int | None = None) -> Node:
    """Return a run's trace as one tree; tokens and dollars of a node include those below it.

    Args:
        workspace: Where the run is kept.
        run_id: Its id, its only prefix, or `last`.
        step: Only this step, counted from 1.

    Raises:
        SetupError: No such run, or no such step.
    """
    run = workspace.runs.get(run_id)
    steps = [_node(event, number) for number, event in enumerate(workspace.events.tree(run.id), start=1)]
    if step is not None:
        if not 1 <= step <= len(steps):
            raise SetupError(f"run {run.id!r} has steps 1 to {len(steps)}, not {step}")
        return steps[step - 1]
    seconds = round(sum(_seconds(node) for node in steps), 3)
    root: Node = {
        "name": run.id,
        "kind": "run",
        "started": run.created,
        "seconds": seconds,
        "took": seconds,
        "status": run.status,
        "input": as_json(run.spec),
        "output": workspace.journal.read(run.id, 0, "end"),
        "tokens": sum(node["tokens"] for node in steps),
        "usd": sum(node["usd"] for node in steps),
        "children": steps,
    }
    return root


def show_trace(root: Node, whole: bool) -> None:
    """Print a trace as a tree on stdout.

    Args:
        root: From `trace_of`.
        whole: Show arguments and results in full.
    """
    from rich.console import Console

    console = Console(highlight=False)
    console.print(_tree(root, None, whole))
    for row in agent_costs(root):
        kept = f" ({row['kept']} from what was kept)" if row["kept"] else ""
        line = (
            f"{row['agent']}: {row['calls']} calls{kept}, {row['tokens_in']:,} tokens in, {row['tokens_out']:,} out, "
            f"the longest prompt {row['most_tokens_in']:,}, ${row['usd']:.4f}"
        )
        console.print(clean(line, _SHORT), markup=False, soft_wrap=True)


def step_counts(root: Node) -> list[dict[str, Any]]:
    """Return one row per tool and agent: calls, failures, seconds, tokens, the most time first.

    A model's call is part of the step that asked, so its seconds count in both rows.
    """
    rows: dict[str, dict[str, Any]] = {}
    for node in walk(root["children"]):
        if node["kind"] in {"tool", "judge", "critique", "planner", "model"}:
            name = _row_name(node)
            row = rows.setdefault(name, {"name": name, "calls": 0, "failed": 0, "seconds": 0.0, "tokens": 0})
            row["calls"] += 1
            row["failed"] += node["status"] == "failed"
            row["seconds"] += node["seconds"] or 0.0
            row["tokens"] += node["tokens"] if node["kind"] == "model" else 0
    return sorted(rows.values(), key=lambda row: -row["seconds"])


def agent_costs(root: Node) -> list[dict[str, Any]]:
    """Return one row per agent that asks chat models: calls, those answered from what was kept, tokens, dollars.

    `most_tokens_in` is the longest prompt of the agent, as its provider counted it.
    """
    rows: dict[str, dict[str, Any]] = {}
    for node in walk(root["children"]):
        if node["kind"] == "model":
            agent, output = str(node["input"]["agent"]), node["output"] if isinstance(node["output"], Mapping) else {}
            usage = (output.get("reply") or {}).get("usage") or {}
            row = rows.setdefault(agent, dict.fromkeys(_COSTS, 0) | {"agent": agent})
            row["calls"] += 1
            row["kept"] += node["tokens"] == 0
            row["tokens_in"] += usage.get("input_tokens", 0)
            row["tokens_out"] += usage.get("output_tokens", 0)
            row["most_tokens_in"] = max(row["most_tokens_in"], usage.get("input_tokens", 0))
            row["usd"] += node["usd"]
    return list(rows.values())


_COSTS = ("agent", "calls", "kept", "tokens_in", "tokens_out", "most_tokens_in", "usd")


def _row_name(node: Node) -> str:
    names = {"tool": node["name"], "model": f"model, asked by {(node['input'] or {}).get('agent')}"}
    return str(names.get(node["kind"], node["kind"]))


def _node(event: Mapping[str, Any], step: int | None) -> Node:
    children = [_node(child, None) for child in event["children"]]
    keys = ("name", "kind", "started", "seconds", "status", "input", "output")
    node: Node = {key: event[key] for key in keys}
    if step is not None:
        node["step"] = step
    node["took"] = took(event)
    node["tokens"], node["usd"] = cost_of(event)
    node["children"] = children
    return node


def took(event: Mapping[str, Any]) -> float | None:
    """Return the seconds of an event and of the calls it led to; None while it is open."""
    return None if event["seconds"] is None else round(_seconds(event), 3)


def _seconds(node: Mapping[str, Any]) -> float:
    own = [child for child in node["children"] if child["kind"] not in WITHIN]
    return float(node["seconds"] or 0.0) + sum(_seconds(child) for child in own)


def walk(nodes: Iterable[Node]) -> Iterator[Node]:
    """Yield nodes and all below them, top down."""
    for node in nodes:
        yield node
        yield from walk(node["children"])


def cost_of(event: Mapping[str, Any]) -> tuple[int, float]:
    """Return tokens and dollars of an event and all below it."""
    below = [cost_of(child) for child in event["children"]]
    return event["tokens"] + sum(tokens for tokens, _ in below), event["usd"] + sum(usd for _, usd in below)


def _tree(node: Node, into: Tree | None, whole: bool) -> Tree:
    from rich.text import Text
    from rich.tree import Tree

    longest = _WHOLE if whole else _SHORT
    label = Text(clean(title_of(node), longest))
    branch = Tree(label) if into is None else into.add(label)
    for line in _details(node, whole):
        branch.add(Text(clean(line, longest), style="dim"))
    for child in node["children"]:
        _tree(child, branch, whole)
    return branch


def title_of(node: Mapping[str, Any]) -> str:
    """Return a node's line in the tree: number, kind, name, time, cost."""
    mark = {"failed": " FAILED", "running": " (running)"}.get(node["status"], "")
    number = f"{node['step']}. " if "step" in node else ""
    cost = f", {node['tokens']:,} tokens" if node["tokens"] else ""
    cost += f", ${node['usd']:.4f}" if node["usd"] else ""
    return f"{number}{node['kind']} {node['name']}{mark}  {duration(node['took'])}{cost}"


def _details(node: Node, whole: bool) -> list[str]:
    given, output = node["input"], node["output"]
    if node["kind"] == "run":
        return [f"goal: {given['goal']['text']}", f"data: {given['data']}"]
    lines = []
    if node["kind"] == "planner" and isinstance(output, Mapping):
        calls = ", ".join(f"{call['name']}({_arguments(call['args'])})" for call in output["calls"]) or "no call"
        return [f"decides: {calls}", f"because: {output['reason']}", f"knowing: {_known(given)}"]
    if node["kind"] == "model":
        return _model_details(node, whole)
    if node["kind"] == "tool":
        lines.append(f"arguments: {_arguments(given or {}) or 'none'}")
    if node["kind"] == "critique" and isinstance(output, Mapping):
        return [f"finding: {output['finding']}", *(f"change: {change}" for change in output["changes"])]
    if isinstance(output, Mapping) and "text" in output:
        lines.append(f"result: {output['text']}")
    elif isinstance(output, Mapping) and "reason" in output:
        lines.append(f"result: {'kept' if output.get('kept') else 'rolled back'}: {output['reason']}")
    elif output is not None:
        lines.append(f"result: {output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)}")
    return lines


def _known(given: Mapping[str, Any]) -> str:
    """Return what a decision was made from besides the results before it."""
    return f"round {given['round']}; done: {', '.join(given['steps'][-4:]) or 'nothing yet'}"


def _model_details(node: Node, whole: bool) -> list[str]:
    """Return who asked a model, what with (in full where `whole`), who answered, and what."""
    given, output = node["input"], node["output"]
    messages = given.get("messages", [])
    letters = sum(len(str(message["content"])) for message in messages)
    lines = [f"asked by: {given['agent']}, with {len(messages)} messages of {letters:,} letters"]
    if whole:
        lines += [f"{message['type']}: {message['content']}" for message in messages]
    if isinstance(output, Mapping):
        reply = output["reply"]
        calls = ", ".join(f"{call['name']}({_arguments(call['args'])})" for call in reply["calls"])
        return [*lines, f"answered by: {output['from']}", f"answer: {reply['text']} {calls}".rstrip()]
    return lines if output is None else [*lines, f"result: {output}"]


def _arguments(given: Any) -> str:
    if not isinstance(given, Mapping):
        return json.dumps(given, ensure_ascii=False)
    return ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in given.items())

"""The trace of a run: a tree of planner decisions, tool calls and round decisions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import SetupError
from atlantis_core.base.serialization import as_json
from atlantis_core.base.text import clean_text
from atlantis_core.store.events import NESTED_KINDS
from atlantis_dml.text.steps import describe_step, format_title

if TYPE_CHECKING:
    from rich.tree import Tree

    from atlantis_core.store.workspace import Workspace

_SHORT = 160
_WHOLE = 20_000

Node = dict[str, Any]
"""`{name, kind, started, seconds, took, status, input, output, tokens, usd, children}`.

`seconds` is the time of the node itself, `took` includes the calls below it; both are None while it runs.
"""


def build_trace(workspace: Workspace, run_id: str, step: int | None = None) -> Node:
    """Return a run's trace as one tree, or only one step, counted from 1.

    Tokens and dollars of a node include those below it.

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
    return {
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


def show_trace(root: Node, whole: bool) -> None:
    """Print a trace as a tree on stdout; with `whole`, arguments and results in full."""
    from rich.console import Console

    console = Console(highlight=False)
    console.print(_tree(root, None, whole))
    for row in sum_agent_costs(root):
        kept = f" ({row['kept']} from the cache)" if row["kept"] else ""
        line = (
            f"{row['agent']}: {row['calls']} calls{kept}, {row['tokens_in']:,} tokens in, {row['tokens_out']:,} out, "
            f"the longest prompt {row['most_tokens_in']:,}, ${row['usd']:.4f}"
        )
        console.print(clean_text(line, _SHORT), markup=False, soft_wrap=True)


def count_steps(root: Node) -> list[dict[str, Any]]:
    """Return one row per tool and agent: calls, failures, seconds, tokens; longest time first.

    A model call is part of the step that made it, so its seconds count in both rows.
    """
    rows: dict[str, dict[str, Any]] = {}
    for node in walk(root["children"]):
        if node["kind"] in {"tool", "judge", "critique", "planner", "model"}:
            by_model = f"model, called by {(node['input'] or {}).get('agent')}"
            name = str({"tool": node["name"], "model": by_model}.get(node["kind"], node["kind"]))
            row = rows.setdefault(name, {"name": name, "calls": 0, "failed": 0, "seconds": 0.0, "tokens": 0})
            row["calls"] += 1
            row["failed"] += node["status"] == "failed"
            row["seconds"] += node["seconds"] or 0.0
            row["tokens"] += node["tokens"] if node["kind"] == "model" else 0
    return sorted(rows.values(), key=lambda row: -row["seconds"])


def sum_agent_costs(root: Node) -> list[dict[str, Any]]:
    """Return one row per agent that calls chat models: calls, cached calls (`kept`), tokens, dollars.

    `most_tokens_in` is the agent's longest prompt, in tokens as its provider counts them.
    """
    rows: dict[str, dict[str, Any]] = {}
    names = ("agent", "calls", "kept", "tokens_in", "tokens_out", "most_tokens_in", "usd")
    for node in walk(root["children"]):
        if node["kind"] == "model":
            agent, output = str(node["input"]["agent"]), node["output"] if isinstance(node["output"], Mapping) else {}
            usage = (output.get("reply") or {}).get("usage") or {}
            row = rows.setdefault(agent, dict.fromkeys(names, 0) | {"agent": agent})
            row["calls"] += 1
            row["kept"] += node["tokens"] == 0
            row["tokens_in"] += usage.get("input_tokens", 0)
            row["tokens_out"] += usage.get("output_tokens", 0)
            row["most_tokens_in"] = max(row["most_tokens_in"], usage.get("input_tokens", 0))
            row["usd"] += node["usd"]
    return list(rows.values())


def _node(event: Mapping[str, Any], step: int | None) -> Node:
    node: Node = {key: event[key] for key in ("name", "kind", "started", "seconds", "status", "input", "output")}
    if step is not None:
        node["step"] = step
    node["took"] = total_seconds(event)
    node["tokens"], node["usd"] = sum_cost(event)
    node["children"] = [_node(child, None) for child in event["children"]]
    return node


def total_seconds(event: Mapping[str, Any]) -> float | None:
    """Return the seconds of an event and the calls below it; None while it runs."""
    return None if event["seconds"] is None else round(_seconds(event), 3)


def _seconds(node: Mapping[str, Any]) -> float:
    own = [child for child in node["children"] if child["kind"] not in NESTED_KINDS]
    return float(node["seconds"] or 0.0) + sum(_seconds(child) for child in own)


def walk(nodes: Iterable[Node]) -> Iterator[Node]:
    """Yield all nodes of the trees, parents first."""
    for node in nodes:
        yield node
        yield from walk(node["children"])


def sum_cost(event: Mapping[str, Any]) -> tuple[int, float]:
    """Return tokens and dollars of an event and all below it."""
    below = [sum_cost(child) for child in event["children"]]
    return event["tokens"] + sum(tokens for tokens, _ in below), event["usd"] + sum(usd for _, usd in below)


def _tree(node: Node, into: Tree | None, whole: bool) -> Tree:
    from rich.text import Text
    from rich.tree import Tree

    longest = _WHOLE if whole else _SHORT
    label = Text(clean_text(format_title(node), longest))
    branch = Tree(label) if into is None else into.add(label)
    for line in describe_step(node, whole):
        branch.add(Text(clean_text(line, longest), style="dim"))
    for child in node["children"]:
        _tree(child, branch, whole)
    return branch

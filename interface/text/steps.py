"""Words for the steps of a trace, shared by the command line and the web app."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from atlantis_dml.text.figures import format_cell, format_duration

_MOST_CELLS = 12


def format_title(node: Mapping[str, Any]) -> str:
    """Return a node's line in the tree: number, kind, name, time, cost."""
    mark = {"failed": " FAILED", "running": " (running)"}.get(node["status"], "")
    number = f"{node['step']}. " if "step" in node else ""
    cost = f", {node['tokens']:,} tokens" if node["tokens"] else ""
    cost += f", ${node['usd']:.4f}" if node["usd"] else ""
    return f"{number}{node['kind']} {node['name']}{mark}  {format_duration(node['took'])}{cost}"


def summarise_step(node: Mapping[str, Any]) -> str:
    """Return a node's outcome in one line; for a planner decision its call and reason."""
    parts = [line.partition(": ")[2] for line in _outcome(node)]
    return ": ".join(parts[: 2 if node["kind"] == "planner" else 1])


def describe_step(node: Mapping[str, Any], whole: bool) -> list[str]:
    """Return the lines below a node's title; with `whole`, all prompts too, of images and of models."""
    given = node["input"]
    if node["kind"] == "run":
        return [f"goal: {given['goal']['text']}", f"data: {given['data']}"]
    lines = _outcome(node)
    if node["kind"] == "tool":
        lines.insert(0, f"arguments: {_format_arguments(given or {}) or 'none'}")
    if whole:
        lines += _list_prompts(node["output"])
    if node["kind"] == "model":
        lines = [*_format_question(given, whole), *lines]
    return lines


def _outcome(node: Mapping[str, Any]) -> list[str]:
    """Return a node's outcome: nothing while it runs, the error if it failed."""
    output = node["output"]
    if output is None:
        return []
    if isinstance(output, Mapping) and node["kind"] in _FORMATTERS:
        return _FORMATTERS[node["kind"]](node)
    if isinstance(output, Mapping) and "text" in output:
        return [f"result: {output['text']}"]
    return [f"result: {output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)}"]


def _decision(node: Mapping[str, Any]) -> list[str]:
    given, output = node["input"], node["output"]
    calls = ", ".join(f"{call['name']}({_format_arguments(call['args'])})" for call in output["calls"]) or "no call"
    state = f"round {given['round']}; done: {', '.join(given['steps'][-4:]) or 'nothing yet'}"
    return [f"decision: {calls}", f"reason: {output['reason']}", f"state: {state}"]


def _verdict(node: Mapping[str, Any]) -> list[str]:
    output = node["output"]
    return [f"result: {'kept' if output['kept'] else 'rolled back'}: {output['reason']}"]


def _critique(node: Mapping[str, Any]) -> list[str]:
    output = node["output"]
    return [f"finding: {output['finding']}", *(f"change: {change}" for change in output["changes"])]


def _look(node: Mapping[str, Any]) -> list[str]:
    look = node["output"]["look"]
    tiles = (look["finding"] or {}).get("tiles", ())
    seen = [
        f"tile {tile['number']}: {tile['shows']}; class {tile['class_shown']}, condition {tile['condition_shown']}"
        + (f"; {tile['wrong']}" if tile["wrong"] else "")
        for tile in tiles
    ]
    return [f"result: {node['output']['text']}", f"sheet: {look['sheet']['file']}", *seen]


def _answer(node: Mapping[str, Any]) -> list[str]:
    output, reply = node["output"], node["output"]["reply"]
    calls = ", ".join(f"{call['name']}({_format_arguments(call['args'])})" for call in reply["calls"])
    return [f"answer: {reply['text']} {calls}".rstrip(), f"answered by: {output['from']}"]


def _approval(node: Mapping[str, Any]) -> list[str]:
    output = node["output"]
    answer, by = output["answer"], output.get("by", "")
    decision = answer["decision"]
    if "ask" in node["input"]:
        return [f"result: asked: {node['input']['ask']}; answered {by}: {answer.get('words') or 'nobody is here'}"]
    if decision in _NOT_APPROVED:
        return [
            f"result: {_NOT_APPROVED[decision]} {by}: {answer.get('words') or answer.get('reason') or 'no words'}"
        ]
    images, proposed, counts = output["images"], node["input"]["images"], output.get("counts", [])
    total = f"{images:,} images" + (f" instead of {proposed:,}" if images != proposed else "")
    cells = [f"{one['count']:,} of {format_cell(one['cell'])}" for one in counts[:_MOST_CELLS]]
    cells += [f"and {len(counts) - _MOST_CELLS:,} more cells"] if len(counts) > _MOST_CELLS else []
    changed = ", changed" if decision == "edit" else ""
    return [f"result: approved {by}{changed}: {total}: {'; '.join(cells)}"]


_NOT_APPROVED = {"reject": "rejected", "respond": "to be drafted again", "stop": "the run ended"}

_FORMATTERS = {
    "planner": _decision,
    "judge": _verdict,
    "critique": _critique,
    "model": _answer,
    "look": _look,
    "approval": _approval,
}
"""Kind of a step -> what describes its outcome, the gist first."""


def _format_question(given: Mapping[str, Any], whole: bool) -> list[str]:
    """Return which agent called a model and how long the prompt was; with `whole` the prompt, too."""
    messages = given.get("messages", [])
    texts = [_format_content(message["content"]) for message in messages]
    call = f"called by: {given['agent']}, with {len(messages)} messages of {sum(map(len, texts)):,} characters"
    typed = zip(messages, texts, strict=True)
    return [call, *(f"{message['type']}: {text}" for message, text in typed if whole)]


def _format_content(content: Any) -> str:
    """Return a message as text; of an image its content hash alone is known."""
    parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
    return " ".join(str(part["text"]) if part["type"] == "text" else f"[image {part['hash'][:12]}]" for part in parts)


def _list_prompts(output: Any) -> list[str]:
    """Return the prompts that a step wrote or a person edited, each with its cell."""
    found = output if isinstance(output, Mapping) else {}
    parts = (found.get("artifact"), found.get("answer", {}).get("protocol"))
    requests: list[Any] = next((part["cells"] for part in parts if isinstance(part, Mapping) and "cells" in part), [])
    return [f"prompt for {format_cell(one['cell'])}: {prompt}" for one in requests for prompt in one["prompts"]]


def _format_arguments(given: Any) -> str:
    if not isinstance(given, Mapping):
        return json.dumps(given, ensure_ascii=False)
    return ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in given.items())

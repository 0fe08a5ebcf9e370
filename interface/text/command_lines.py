"""Command lines to show: the one that repeats a run, and those for the next step."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from atlantis_core.data.column_syntax import format_column
from atlantis_core.records import RunSpec
from atlantis_core.records.run_spec import EXTRA_SEEDS
from atlantis_dml.agents.client.models import is_chat_model

_SETTINGS = (
    *("planner", "base_url", "fallback", "seeds", "seed", "preset", "backbone", "weights", "captioner", "generator"),
    *("scorer", "regime", "query", "gallery", "spread", "masks", "pool", "answers", "questions"),
)
"""Fields of a spec that are options of `atlantis run` by the same name."""


def build_run_command(spec: RunSpec) -> str:
    """Return the `atlantis run` command with a run's settings, for a POSIX shell; defaults are left out.

    `--label`, `--split` and `--facets` are not in it, since runs do not store them.
    """
    words = ["atlantis", "run", spec.data, "--goal", spec.goal.text]
    for option, value in (("--budget-images", spec.budget.images), ("--budget-usd", spec.budget.usd)):
        if value is not None:
            words += [option, f"{value:g}"]
    words += ["--rounds", str(spec.budget.rounds)]
    if price := spec.prices.get(spec.planner):
        words += ["--price", f"{price.input:g},{price.output:g}"]
    defaults = {item.name: item.default for item in fields(spec)}
    for name in _SETTINGS:
        setting: Any = getattr(spec, name)
        if setting is not None and (setting != defaults[name] or name == "seeds"):
            words += [f"--{name.replace('_', '-')}", _format_value(setting)]
    if spec.max_seeds != spec.seeds + EXTRA_SEEDS:
        words += ["--max-seeds", str(spec.max_seeds or spec.seeds)]
    if spec.vision != (spec.planner if is_chat_model(spec.planner) else ""):
        words += ["--vision", spec.vision or "none"]
    words += [] if spec.memory else ["--no-memory"]
    return shlex.join([*words, "--auto" if spec.auto else "--approve"])


def build_command_on_run(command: str, run_id: str, folder: Path, *options: str) -> str:
    """Return a command about a run; it names the workspace only if that is not the default one."""
    from atlantis_dml.settings import Settings

    elsewhere = folder.resolve() != Settings().workspace.resolve()
    return join_shell_line((command, run_id, *options), {"--workspace": folder if elsewhere else None})


def join_shell_line(words: Sequence[str | Path], given: Mapping[str, Any]) -> str:
    """Return an `atlantis` command for a POSIX shell; an option whose value is None is left out."""
    typed = [part for option, value in given.items() if value is not None for part in (option, _format_value(value))]
    return shlex.join(["atlantis", *map(str, words), *typed])


def _format_value(value: Any) -> str:
    """Return a value as it is typed: a pair as `COLUMN=VALUE`."""
    return "=".join(map(format_column, value)) if isinstance(value, tuple) else str(value)

"""The command that does a run again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from atlantis_core.data.typed_columns import typed
from atlantis_core.records import RunSpec

_OPTIONS = {
    "planner": "--planner",
    "base_url": "--base-url",
    "fallback": "--fallback",
    "seeds": "--seeds",
    "seed": "--seed",
    "preset": "--preset",
    "backbone": "--backbone",
    "weights": "--weights",
    "captioner": "--captioner",
    "generator": "--generator",
    "scorer": "--scorer",
    "regime": "--regime",
    "query": "--query",
    "gallery": "--gallery",
    "spread": "--spread",
}
"""Field of a spec -> option; what has the default value is left out."""


def command_of(spec: RunSpec) -> str:
    """Return the `atlantis run` command with a run's settings, ready for a POSIX shell.

    Column choices (`--label`, `--split`, `--facets`) are not in it: the run keeps the collection as it was
    read with them.
    """
    words = ["atlantis", "run", spec.data, "--goal", spec.goal.text, *_limits(spec), *_settings(spec)]
    return shlex.join([*words, "--auto" if spec.auto else "--approve"])


def _limits(spec: RunSpec) -> Iterator[str]:
    for option, value in (("--budget-images", spec.budget.images), ("--budget-usd", spec.budget.usd)):
        if value is not None:
            yield from (option, f"{value:g}")
    yield from ("--rounds", str(spec.budget.rounds))
    if price := spec.prices.get(spec.planner):
        yield from ("--price", f"{price.input:g},{price.output:g}")


def _settings(spec: RunSpec) -> Iterator[str]:
    defaults = {item.name: item.default for item in fields(spec)}
    for name, option in _OPTIONS.items():
        value: Any = getattr(spec, name)
        if value is not None and (value != defaults[name] or name == "seeds"):
            yield from (option, _typed(value))


def _typed(value: Any) -> str:
    """Return a value as the command line takes it: `COLUMN=VALUE` or itself."""
    return "=".join(map(typed, value)) if isinstance(value, tuple) else str(value)

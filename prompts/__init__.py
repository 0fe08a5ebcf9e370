"""Markdown templates of prompts, strictly rendered: a missing variable is an error, never an empty string."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any


def render(name: str, **values: Any) -> str:
    """Render the template `<name>.md`.

    Raises:
        jinja2.UndefinedError: The template names a variable that was not given.
        FileNotFoundError: There is no such template.
    """
    from jinja2 import Environment, StrictUndefined

    text = resources.files(__name__).joinpath(f"{name}.md").read_text(encoding="utf-8")
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)  # noqa: S701 (Markdown for a model, not HTML)
    return environment.from_string(text).render(**values)


def quoted(text: str, limit: int = 300) -> str:
    """Return untrusted text as one JSON string, cut to `limit` characters: data, never instructions."""
    return json.dumps(text[:limit], ensure_ascii=False)

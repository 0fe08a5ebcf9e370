"""The templates of reports and pages: what a collection or a model wrote is escaped, an unknown name is an error."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from atlantis_core.base.plural import count_noun
from atlantis_core.run.verdicts import describe_overrides
from atlantis_dml.text.figures import format_bare_gain, format_cell, format_duration, format_gain

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


def render_template(template: str, **facts: Any) -> str:
    """Fill in a template.

    Args:
        template: `plots/`, `report/` or `web/` and the name of a file there.
        facts: What it names.
    """
    return str(_environment().get_template(template).render(**facts))


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, PrefixLoader, StrictUndefined

    rooms = ("plots", "report", "web")
    loader = PrefixLoader({room: PackageLoader(f"atlantis_dml.{room}") for room in rooms})
    environment = Environment(
        loader=loader, undefined=StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "duration": format_duration,
        "points": format_gain,
        "bare_points": format_bare_gain,
        "cell_name": format_cell,
        "counted": count_noun,
        "hands_since": describe_overrides,
        "with_code": _with_code,
    }
    return environment


def _with_code(text: str) -> Markup:
    """Set what stands in backticks in a sentence of ours as code."""
    from markupsafe import Markup, escape

    parts = [escape(part) for part in text.split("`")]
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if index % 2 else part for index, part in enumerate(parts)
    )

"""Templates of reports and pages. All values are escaped, and an undefined variable is an error."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from atlantis_core.base.plural import count_noun
from atlantis_core.base.text import format_figure
from atlantis_core.run.verdicts import describe_overrides
from atlantis_dml.text.figures import (
    format_bare_gain,
    format_cell,
    format_duration,
    format_gain,
    list_arm_rows,
    list_recipe_rows,
)
from atlantis_dml.text.memory import list_memory_rows
from atlantis_dml.text.moved_cells import build_moved_tables, describe_moved
from atlantis_dml.text.pilot_groups import build_group_table

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


def render_template(template: str, **facts: Any) -> str:
    """Fill in a template, a file name after `plots/`, `report/` or `web/`."""
    return str(_environment().get_template(template).render(**facts))


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, PrefixLoader, StrictUndefined

    loader = PrefixLoader({room: PackageLoader(f"atlantis_dml.{room}") for room in ("plots", "report", "web")})
    environment = Environment(
        loader=loader, undefined=StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    parts = (
        format_duration,
        format_figure,
        format_gain,
        format_bare_gain,
        format_cell,
        count_noun,
        list_arm_rows,
        list_recipe_rows,
        describe_overrides,
        build_group_table,
        list_memory_rows,
        describe_moved,
        build_moved_tables,
        set_code,
    )
    environment.filters |= {function.__name__: function for function in parts}
    return environment


def set_code(text: str) -> Markup:
    """Escape a sentence and set its parts in backticks as code."""
    from markupsafe import Markup, escape

    parts = [escape(part) for part in text.split("`")]
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if index % 2 else part for index, part in enumerate(parts)
    )

"""The table remedy x group of gaps: what each pilot gave on each group, shared by the terminal and the reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlantis_core.base.plural import count_noun
from atlantis_dml.text.figures import format_bare_gain

if TYPE_CHECKING:
    from atlantis_dml.text.figures import Facts


@dataclass(frozen=True, slots=True)
class GroupTable:
    """One row per remedy, one column per group of gaps; without columns there is nothing to show."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """The remedy, then its gain in points, its interval and the images kept in each group."""


def build_group_table(pilots: Sequence[Facts], most: int) -> GroupTable:
    """Return the worst `most` groups with queries; none if fewer than two, where the gain says it already."""
    measured = {
        group["name"]: group for pilot in pilots for group in pilot.get("groups", ()) if group["gain"] is not None
    }
    shown = list(measured)[:most] if len(measured) > 1 else []
    columns = tuple(f"{name} ({count_noun(measured[name]['queries'], 'query', 'queries')})" for name in shown)
    tried = [pilot for pilot in pilots if pilot["gain"] is not None and shown]
    return GroupTable(columns, tuple((pilot["remedy"], *_format_groups(pilot, shown)) for pilot in tried))


def _format_groups(pilot: Facts, names: Sequence[str]) -> list[str]:
    found = {group["name"]: group for group in pilot.get("groups", ())}
    return [_format_group(found[name]) if name in found else "" for name in names]


def _format_group(group: Facts) -> str:
    if group["gain"] is None:
        return ""
    images = f", {group['kept']} of {count_noun(group['images'], 'image')}" if group["images"] else ""
    return format_bare_gain(group) + images

"""How a field of a record is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

INLINE: Mapping[str, Any] = {"inline": True}
"""Metadata of a field that is a mapping whose entries are written as if each were a field of the record."""

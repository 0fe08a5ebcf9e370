"""What earlier runs found about remedies, as rows for reports."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from atlantis_core.base.plural import count_noun
from atlantis_dml.text.figures import format_bare_gain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlantis_dml.text.figures import Facts

MEMORY_COLUMNS = ("When", "Run", "Found in", "Remedy", "On", "Gain in points", "Verdict")


def list_memory_rows(results: Sequence[Facts]) -> list[tuple[str, ...]]:
    """Return a row per result with a cell for each of `MEMORY_COLUMNS`."""
    return [
        (
            time.strftime("%Y-%m-%d", time.localtime(one["when"])),
            one["run_id"],
            f"round {one['round']}" + (", pilot" if one["stage"] == "pilot" else ""),
            one["remedy"],
            one["group"] or (count_noun(one["cells"], "cell") if one["cells"] else "all queries"),
            format_bare_gain(one),
            one["verdict"],
        )
        for one in results
    ]

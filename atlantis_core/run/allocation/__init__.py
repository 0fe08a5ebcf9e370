"""How a round's images are shared out over cells: `atlantis run --spread NAME`. One file is one way.

To add one: a file with a class that extends `allocation.Allocation`, its name here, and in `records.run_spec.Spread`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_core.base.registry import load_part

if TYPE_CHECKING:
    from atlantis_core.run.allocation.allocation import Allocation

ALLOCATIONS = {
    "targeted": "atlantis_core.run.allocation.targeted:Targeted",
    "uniform": "atlantis_core.run.allocation.uniform:Uniform",
    "balanced": "atlantis_core.run.allocation.balanced:Balanced",
    "deficit": "atlantis_core.run.allocation.deficit:Deficit",
    "thompson": "atlantis_core.run.allocation.thompson:Thompson",
}


def load_allocation(name: str) -> Allocation:
    """Return a way to share images out, by name.

    Raises:
        SetupError: No such way.
    """
    found: Allocation = load_part(ALLOCATIONS, name, "spread")()
    return found

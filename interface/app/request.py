"""What a person may choose, as options, and the specification of a run that it makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from atlantis_core.base.errors import SetupError
from atlantis_core.records import Regime, RunSpec

if TYPE_CHECKING:
    from atlantis_core.data.reading import ReadOptions


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a person asked a run to do, as typed."""

    data: str
    goal: str
    options: ReadOptions
    spec: RunSpec
    """All settings but the collection's id and the goal's meaning, which need the collection."""

    @property
    def reading(self) -> ReadOptions:
        """How DATA is read, so that images keep the values of the columns that they are asked for by."""
        from atlantis_core.data.tasks import restriction_columns

        return self.options.keeping(restriction_columns(self.spec.query, self.spec.gallery))


def parse_regime(text: str) -> Regime:
    """Return a regime by name.

    Raises:
        SetupError: There is no such regime.
    """
    found: Regime
    for found in get_args(Regime):
        if text == found:
            return found
    raise SetupError(f"unknown --regime {text!r}; known: {', '.join(get_args(Regime))}")

"""What calls of chat models cost a run, and whether there is money left for another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_core.errors import ProviderUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlantis_core.records import RunSpec
    from atlantis_core.store.ledger import Ledger


class Purse:
    """A run's money.

    Args:
        ledger: Where spendings are booked.
        run_id: Whose.
        spec: Says the budget, and what tokens cost.
    """

    def __init__(self, ledger: Ledger, run_id: str, spec: RunSpec) -> None:
        self._ledger, self._run_id, self._spec = ledger, run_id, spec

    def is_empty(self) -> bool:
        """Whether the dollars are spent; the last call may have cost more than was left."""
        left = self._ledger.left(self._run_id, self._spec.budget)["usd"]
        return left is not None and left <= 0

    def price_usd(self, usage: Mapping[str, object] | None) -> float:
        """Return what a call cost; 0 where nobody said what tokens cost.

        Args:
            usage: `input_tokens` and `output_tokens`, as providers count them.
        """
        if usage is None or self._spec.usd_per_million_tokens is None:
            return 0.0
        into, out = self._spec.usd_per_million_tokens
        return (into * _count(usage, "input_tokens") + out * _count(usage, "output_tokens")) / 1e6

    def book(self, usage: Mapping[str, object] | None, reference: str) -> None:
        """Book a call, once for each `reference`.

        Raises:
            ProviderUnavailable: There is a limit in dollars, and the service does not say what a call took.
        """
        if usage is None and self._spec.budget.usd is not None:
            raise ProviderUnavailable(
                "the service does not say how many tokens a call takes, so a budget in dollars cannot be kept; "
                "run it without --budget-usd"
            )
        tokens = _count(usage or {}, "input_tokens") + _count(usage or {}, "output_tokens")
        self._ledger.spend(self._run_id, "tokens", tokens, reference)
        self._ledger.spend(self._run_id, "usd", self.price_usd(usage), reference)


def _count(usage: Mapping[str, object], what: str) -> int:
    found = usage.get(what, 0)
    return found if isinstance(found, int) else 0

"""What calls of chat models cost a run, and whether there is money left for another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import ProviderUnavailable

if TYPE_CHECKING:
    from atlantis_core.records import RunSpec
    from atlantis_core.store.ledger import Ledger

Usage = Mapping[str, Any]
"""`input_tokens`, `output_tokens` and perhaps `input_token_details.cache_read`, as providers count them."""

FEWEST_TOKENS = 256
"""An answer shorter than this is of no use: a budget that cannot pay for it counts as spent."""


class CostTracker:
    """A run's money: `spec` has the budget and what tokens cost."""

    def __init__(self, ledger: Ledger, run_id: str, spec: RunSpec) -> None:
        self._ledger, self._run_id, self._spec = ledger, run_id, spec

    def is_empty(self) -> bool:
        """Whether the dollars are spent."""
        left = self.left_usd()
        return left is not None and left <= 0

    def left_usd(self) -> float | None:
        """Return the dollars that are left, less what was spent beside the run; None without a limit."""
        left = self._ledger.left(self._run_id, self._spec.budget)["usd"]
        if left is None or not self._spec.beside:
            return left
        return max(0.0, left - self._ledger.spent(self._spec.beside)["usd"])

    def affordable_tokens(self, name: str, input_tokens: int) -> int | None:
        """Return how many tokens a chat model's answer may have, so that the call cannot cost more than is left.

        None without a limit in dollars; 0 where less than `FEWEST_TOKENS` could be paid.
        """
        left, price = self.left_usd(), self._spec.prices.get(name)
        if left is None or price is None:
            return None
        rest = left - input_tokens * price.input / 1e6
        tokens = int(rest * 1e6 / price.output) if price.output else (FEWEST_TOKENS**2 if rest > 0 else 0)
        return tokens if tokens >= FEWEST_TOKENS else 0

    def price_usd(self, usage: Usage | None, name: str) -> float:
        """Return what a call of a model cost; 0 where nobody said what its tokens cost."""
        price = self._spec.prices.get(name)
        if usage is None or price is None:
            return 0.0
        cached = _count(usage.get("input_token_details") or {}, "cache_read")
        fresh = _count(usage, "input_tokens") - cached
        of_cached = price.input if price.cached_input is None else price.cached_input
        return (price.input * fresh + of_cached * cached + price.output * _count(usage, "output_tokens")) / 1e6

    def book(self, usage: Usage | None, name: str, reference: str) -> float:
        """Book a call of a model, once for each `reference`; return what it cost.

        Raises:
            ProviderUnavailable: There is a limit in dollars, and the service does not say what a call took.
        """
        if usage is None and self._spec.budget.usd is not None:
            raise ProviderUnavailable(
                "the service does not say how many tokens a call takes, so a budget in dollars cannot be kept; "
                "run it without --budget-usd"
            )
        usd = self.price_usd(usage, name)
        self._ledger.spend(self._run_id, "tokens", count_tokens(usage), reference)
        self._ledger.spend(self._run_id, "usd", usd, reference)
        return usd


def count_tokens(usage: Usage | None) -> int:
    """Return the tokens of a call, in and out; 0 where the service does not say."""
    return _count(usage or {}, "input_tokens") + _count(usage or {}, "output_tokens")


def _count(usage: Usage, what: str) -> int:
    found = usage.get(what, 0)
    return max(0, found) if isinstance(found, int) else 0

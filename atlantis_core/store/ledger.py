"""The ledger: what a run has spent, each item once, and what its budget leaves."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import IntegrityError

from atlantis_core.base.errors import BudgetExceeded
from atlantis_core.records import Budget
from atlantis_core.store.sql import execute, fetch_rows
from atlantis_core.store.tables import ledger

UNITS = ("images", "tokens", "usd", "seconds")


class Ledger:
    """Spending of a run by unit: images generated, tokens, US dollars, seconds of work."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def spend(self, run_id: str, unit: str, amount: float, reference: str) -> bool:
        """Book an amount; return False if `reference` was booked before, so that nothing is billed twice."""
        row = {"run_id": run_id, "unit": unit, "amount": amount, "reference": reference}
        try:
            execute(self._engine, ledger.insert().values(**row))
        except IntegrityError:
            return False
        return True

    def unbooked_references(self, run_id: str, unit: str, references: Sequence[str]) -> list[str]:
        """Return the references that are not booked yet, in order."""
        query = select(ledger.c.reference).where(ledger.c.run_id == run_id, ledger.c.unit == unit)
        booked = {row.reference for row in fetch_rows(self._engine, query)}
        return [reference for reference in references if reference not in booked]

    def spent(self, run_id: str) -> dict[str, float]:
        """Return the sum of each unit."""
        query = (
            select(ledger.c.unit, func.sum(ledger.c.amount)).where(ledger.c.run_id == run_id).group_by(ledger.c.unit)
        )
        sums = {unit: float(amount) for unit, amount in fetch_rows(self._engine, query)}
        return {unit: sums.get(unit, 0.0) for unit in UNITS}

    def left(self, run_id: str, budget: Budget) -> dict[str, float | None]:
        """Return what is left of each limited unit; None if it has no limit."""
        spent = self.spent(run_id)
        limits = {"images": budget.images, "usd": budget.usd}
        return {unit: None if limit is None else max(0.0, limit - spent[unit]) for unit, limit in limits.items()}

    def require(self, run_id: str, budget: Budget, unit: str, amount: float) -> None:
        """Refuse an amount that the budget does not cover.

        Raises:
            BudgetExceeded: `amount` is more than is left.
        """
        left = self.left(run_id, budget)[unit]
        if left is not None and amount > left:
            raise BudgetExceeded(f"{amount:g} {unit} needed, {left:g} left in the budget")

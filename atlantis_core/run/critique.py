"""What a finished round teaches: its figures in words, and the record that a critic writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atlantis_core.base.plural import count_noun
from atlantis_core.base.text import quote
from atlantis_core.run.verdict_snapshot import snapshot_verdicts

if TYPE_CHECKING:
    from atlantis_core.run.session import Session


@dataclass(frozen=True, slots=True)
class Critique:
    """What to change after a round."""

    finding: str
    """What happened, in a sentence."""
    changes: tuple[str, ...]
    """What to do differently, most important first; may be empty."""
    by: str
    """`rules`, or the chat model's name."""


def describe_round(finished: Mapping[str, Any], session: Session) -> list[str]:
    """Return a finished round as short statements with its figures.

    Args:
        finished: An entry of `rounds.history`.
        session: The run.
    """
    protocol, decision, index = finished["protocol"], finished["decision"], finished["round"]
    targeted, overall = decision["targeted"], decision["overall"]
    made, kept, why = count_survivors(session, index)
    asked = Counter((one["cell"]["facet"], one["cell"]["value"]) for one in protocol["cells"])
    where = ", ".join(f"{_value(*pair)} ({count_noun(count, 'cell')})" for pair, count in asked.items())
    return [
        f"round {index}: {count_noun(made, 'image')} made for {where} with arm {protocol['arm']}, weight "
        f"{protocol['synthetic_weight']:g}",
        f"the filters kept {kept} of {made}" + (f"; rejected: {why}" if why else ""),
        f"expected gain {protocol['expected_gain']:+.3f}; measured on the targeted cells {targeted['gain']:+.3f} "
        f"({targeted['low']:+.3f} to {targeted['high']:+.3f}) over {targeted['queries']} queries; "
        f"overall {overall['gain']:+.3f}",
        f"the judge {'kept' if decision['kept'] else 'rolled back'} the round: {decision['reason']} (p is one-sided)",
    ]


def count_survivors(session: Session, round_index: int) -> tuple[int, int, str]:
    """Return how many images a round made, how many its filters kept, and why the others went."""
    verdicts = snapshot_verdicts(session, round_index).verdicts
    reasons = Counter(verdict.filter for verdict in verdicts if not verdict.kept)
    why = ", ".join(f"{count} by {name}" for name, count in reasons.most_common())
    return len(verdicts), sum(verdict.kept for verdict in verdicts), why


def _value(facet: str, value: str) -> str:
    """Return a facet value as quoted data: it may come from a file."""
    return quote(f"{facet}={value}") if facet else "whole classes"

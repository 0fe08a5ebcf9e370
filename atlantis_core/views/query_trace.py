"""Which queries of validation the candidate of a round won and lost, compared with that round's incumbent."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import SetupError
from atlantis_core.metrics.paired_outcomes import pair_outcomes
from atlantis_core.run.measurements import load_outcomes
from atlantis_core.run.moved_cells import cell_facts, moves_facts, sum_moves
from atlantis_core.run.round import read_judged_arms, read_judged_rounds
from atlantis_core.statistics.moves import tally_classes, tally_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from atlantis_core.metrics.paired_outcomes import PairedOutcomes
    from atlantis_core.records import LabelledImage, MovedCell, RoundMoves
    from atlantis_core.run.round import JudgedRound
    from atlantis_core.run.session import Session


@dataclass(frozen=True, slots=True)
class TopClass:
    """A class at top-1."""

    class_name: str
    """Empty for a training that crashed."""
    seeds: int
    """With how many seeds."""


@dataclass(frozen=True, slots=True)
class QueryMove:
    """A query that was won or lost."""

    id: str
    path: str
    class_name: str
    facets: Mapping[str, str]
    hits_before: int
    """Of the paired seeds, how many hit it."""
    hits_after: int
    top_before: tuple[TopClass, ...]
    """What came first, the most frequent class first."""
    top_after: tuple[TopClass, ...]
    seed: int
    """Place in the arms of the first seed that won or lost it; from 0."""
    seed_top_before: str
    """Class at top-1 with that seed."""
    seed_top_after: str


@dataclass(frozen=True, slots=True)
class QueryTrace:
    """What a judged round changed, query by query."""

    round: int
    kept: bool
    reason: str
    """The judge's."""
    remedy: str
    incumbent: tuple[str, ...]
    """Models that were compared, by seed."""
    candidate: tuple[str, ...]
    moves: RoundMoves
    classes: tuple[MovedCell, ...]
    """Every class of the queries, by name."""
    values: tuple[MovedCell, ...]
    """Every facet value of the queries."""
    won: tuple[QueryMove, ...]
    """Those that most seeds won first."""
    lost: tuple[QueryMove, ...]

    def facts(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "round": self.round,
            "kept": self.kept,
            "reason": self.reason,
            "remedy": self.remedy,
            "incumbent": list(self.incumbent),
            "candidate": list(self.candidate),
            **moves_facts(self.moves),
            "by_class": [cell_facts(one) for one in self.classes],
            "by_value": [cell_facts(one) for one in self.values],
            "won_queries": [query_facts(one) for one in self.won],
            "lost_queries": [query_facts(one) for one in self.lost],
        }


def query_facts(move: QueryMove) -> dict[str, Any]:
    """Return a query that was won or lost as plain data."""
    return {
        "id": move.id,
        "path": move.path,
        "class": move.class_name,
        "facets": dict(move.facets),
        "hits_before": move.hits_before,
        "hits_after": move.hits_after,
        "top_before": [{"class": one.class_name, "seeds": one.seeds} for one in move.top_before],
        "top_after": [{"class": one.class_name, "seeds": one.seeds} for one in move.top_after],
    }


def trace_queries(session: Session, round_index: int | None = None) -> QueryTrace:
    """Compare the candidate of a judged round, the newest if none is given, with its incumbent query by query.

    Figures that are stored are read; a model that was not measured as the task is now is measured again.

    Raises:
        SetupError: There is no such judged round, it had no candidate of its own, or a model is gone.
    """
    judged = _find_round(session, round_index)
    arms = read_judged_arms(session, judged)
    if arms is None:
        raise SetupError(
            f"round {judged.index} of run {session.run_id!r} had no model of its own, so no query changed "
            f"({judged.decision.reason}); choose another --round"
        )
    before, after = (load_outcomes(session, models) for models in arms)
    paired = pair_outcomes(before, after)
    if paired is None:
        raise SetupError(f"every training of the incumbent of round {judged.index} crashed: nothing can be compared")
    images = {image.id: image for image in session.task.queries}
    change = paired.change.sum(axis=0)
    won, lost = (
        [_describe_move(paired, row, images) for row in range(len(change)) if sign * change[row] > 0]
        for sign in (1, -1)
    )
    return QueryTrace(
        round=judged.index,
        kept=judged.is_kept,
        reason=judged.decision.reason,
        remedy=judged.protocol.remedy,
        incumbent=tuple(arms[0]),
        candidate=tuple(arms[1]),
        moves=sum_moves(session, paired, by_class=True),
        classes=tuple(tally_classes(paired, images)),
        values=tuple(tally_values(paired, images)),
        won=_sort(won),
        lost=_sort(lost),
    )


def _find_round(session: Session, round_index: int | None) -> JudgedRound:
    judged = read_judged_rounds(session)
    found = [one for one in judged if round_index in {None, one.index}]
    if found:
        return found[-1]
    known = f"judged are: {', '.join(str(one.index) for one in judged)}" if judged else "none is judged yet"
    wanted = "a judged round" if round_index is None else f"a judged round {round_index}"
    raise SetupError(f"run {session.run_id!r} does not have {wanted}; {known}")


def _sort(moves: Iterable[QueryMove]) -> tuple[QueryMove, ...]:
    return tuple(sorted(moves, key=lambda one: (-abs(one.hits_after - one.hits_before), one.class_name, one.id)))


def _describe_move(paired: PairedOutcomes, row: int, images: Mapping[str, LabelledImage]) -> QueryMove:
    before, after = paired.hit_before[:, row], paired.hit_after[:, row]
    is_won = after.sum() > before.sum()
    place = int(((after & ~before) if is_won else (before & ~after)).argmax())
    image = images[paired.ids[row]]
    return QueryMove(
        id=image.id,
        path=image.path,
        class_name=image.label,
        facets=image.facets,
        hits_before=int(before.sum()),
        hits_after=int(after.sum()),
        top_before=_count_tops(paired.returned_before[:, row]),
        top_after=_count_tops(paired.returned_after[:, row]),
        seed=paired.seeds[place],
        seed_top_before=str(paired.returned_before[place, row]),
        seed_top_after=str(paired.returned_after[place, row]),
    )


def _count_tops(returned: Iterable[str]) -> tuple[TopClass, ...]:
    counted = Counter(map(str, returned))
    return tuple(TopClass(name, counted[name]) for name in sorted(counted, key=lambda name: (-counted[name], name)))

"""What images can be spent on in a round: each promising remedy on each group of gaps, with what is known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_core.run.allocation.gain_model import Observation, Option
from atlantis_core.run.gap_groups import is_in_group
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.measurements import queries_in_cells
from atlantis_core.run.memory import Memory
from atlantis_core.run.pilot_choice import DRIFT_SD, measure_variance
from atlantis_core.run.remedies import parse_remedy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlantis_core.records import GapGroup, Pilot, Protocol
    from atlantis_core.run.session import Session


def list_options(
    session: Session, round_index: int, protocol: Protocol, groups: Sequence[GapGroup], pilots: Sequence[Pilot]
) -> list[Option]:
    """Return the protocol's remedy, and every other that spends images and gained in its pilot, on each group."""
    gaps = session.read(round_index, JournalKind.GAPS) or ()
    queries = [len(queries_in_cells(session, group.cells)) for group in groups]
    remedies = [protocol.remedy, *_list_others(protocol, pilots)]
    memory = Memory(session)
    options = []
    for remedy in remedies:
        for group, count in zip(groups, queries, strict=True):
            deficits = [gap.deficit for gap in gaps if is_in_group(group, gap.cell)]
            options.append(
                Option(
                    remedy,
                    group.name,
                    sum(is_in_group(group, request.cell) for request in protocol.cells),
                    count / max(1, sum(queries)),
                    sum(deficits) / len(deficits) if deficits else 0.0,
                    (*_observe(pilots, remedy, group), *_recall(memory, remedy, group)),
                )
            )
    return options


def _list_others(protocol: Protocol, pilots: Sequence[Pilot]) -> list[str]:
    gained = [pilot.offer.remedy for pilot in pilots if pilot.images and pilot.deciding and pilot.deciding.gain > 0]
    return [name for name in gained if name != protocol.remedy and parse_remedy(name)[0].spends_images]


def _observe(pilots: Sequence[Pilot], remedy: str, group: GapGroup) -> list[Observation]:
    """Return what this round's pilot of a remedy gave on a group."""
    gains = [gain for pilot in pilots if pilot.offer.remedy == remedy for gain in pilot.groups if gain.group == group]
    return [
        Observation(gain.found.gain, measure_variance(gain.found), gain.kept)
        for gain in gains
        if gain.found is not None and gain.kept
    ]


def _recall(memory: Memory, remedy: str, group: GapGroup) -> list[Observation]:
    """Return what a pilot of an earlier run gave on a group."""
    found = memory.find_evidence(remedy, group.cells, group.name, by_training=True)
    if found is None or not found.images:
        return []
    return [Observation(found.found.gain, measure_variance(found.found) + DRIFT_SD**2, found.images)]

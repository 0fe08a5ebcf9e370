"""What groups of a round's synthetic images did: trained without each in turn, and measured (leave one group out)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlantis_core.base.errors import SetupError
from atlantis_core.records.round import GroupEffect
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.measurements import compare_arms, compare_in_cells, load_outcomes
from atlantis_core.run.models import name_model
from atlantis_core.run.round import is_round_kept, read_round, read_rounds
from atlantis_core.run.training_set import ArmPlan, collect_real, collect_trained, plan_arm
from atlantis_core.run.trials import train_arm

if TYPE_CHECKING:
    from atlantis_core.learning.inputs.pk_sampler import TrainingImage
    from atlantis_core.records import Candidate, Cell
    from atlantis_core.run.round import Round
    from atlantis_core.run.session import Session

MOST_GROUPS = 12
"""Groups that are left out in turn, by default; each costs a training."""


@dataclass(frozen=True, slots=True)
class ImageGroup:
    """Synthetic images of a round that have something in common."""

    kind: str
    """`round` (all of them), `generator`, `value` (of a facet), `class` or `cell`."""
    name: str
    keys: tuple[str, ...]
    """Of its images, sorted."""
    cells: tuple[Cell, ...]


def measure_effects(session: Session, round_index: int, most: int = MOST_GROUPS) -> tuple[GroupEffect, ...]:
    """Train without each group of a round's images and compare with all of them; written into the journal.

    One training for each group with the diagnosing seed, which never judges, on the activations that are cached
    already; what was trained before is found again. An effect is exploratory: one seed, and no error control over
    the groups.

    Raises:
        SetupError: The run has no such round, or the round was not trained.
    """
    found = _find_trained_round(session, round_index)
    groups = list_groups(session, found)[:most]
    images = [*collect_real(session), *collect_trained(session, found)]
    plan = plan_arm(session, "candidate", round_index)
    whole = _train(session, images, plan)
    effects = []
    for place, group in enumerate(groups):
        session.progress("leaving out groups of images", place, len(groups))
        effects.append(_measure(session, group, images, plan, whole))
    session.write(round_index, JournalKind.EFFECTS, tuple(effects))
    return tuple(effects)


def _train(session: Session, images: Sequence[TrainingImage], plan: ArmPlan) -> str:
    """Train with the diagnosing seed as the round's candidate arm was; return the model."""
    (trial,) = train_arm(session, [session.diagnosing_seed], images, plan.recipe)
    return name_model(trial.id, plan.serving)


def _measure(
    session: Session, group: ImageGroup, images: Sequence[TrainingImage], plan: ArmPlan, whole: str
) -> GroupEffect:
    left_out = set(group.keys)
    without = _train(session, [one for one in images if not (one.synthetic and one.id in left_out)], plan)
    control, candidate = load_outcomes(session, [without]), load_outcomes(session, [whole])
    return GroupEffect(
        group.kind,
        group.name,
        group.keys,
        compare_arms(session, control, candidate),
        compare_in_cells(session, control, candidate, group.cells),
        without,
    )


def list_groups(session: Session, found: Round) -> list[ImageGroup]:
    """Return the groups of the images that a round's candidate was trained on, the widest first.

    Two groups of the same images count once. Images of earlier rounds are in no group.
    """
    used = set(found.trained_on or ()) & set(found.candidate_keys)
    candidates = sorted(session.workspace.candidates.find(used).values(), key=lambda one: one.key)
    groups = [ImageGroup("round", f"round {found.index}", *_describe(candidates))]
    seen = {groups[0].keys}
    for kind, members in _sort_into_groups(candidates):
        for name in sorted(members, key=lambda name: (-len(members[name]), name)):
            group = ImageGroup(kind, name, *_describe(members[name]))
            if group.keys not in seen:
                seen.add(group.keys)
                groups.append(group)
    return groups


def _sort_into_groups(candidates: Iterable[Candidate]) -> list[tuple[str, dict[str, list[Candidate]]]]:
    kinds: dict[str, dict[str, list[Candidate]]] = {"generator": {}, "value": {}, "class": {}, "cell": {}}
    for one in candidates:
        cell = one.cell
        value = f"{cell.facet}={cell.value}" if cell.facet else ""
        names = {
            "generator": one.generator,
            "value": value,
            "class": cell.class_name,
            "cell": f"{cell.class_name}, {value}" if value else cell.class_name,
        }
        for kind, name in names.items():
            if name:
                kinds[kind].setdefault(name, []).append(one)
    return list(kinds.items())


def _describe(candidates: Sequence[Candidate]) -> tuple[tuple[str, ...], tuple[Cell, ...]]:
    return tuple(one.key for one in candidates), tuple(dict.fromkeys(one.cell for one in candidates))


def choose_round(session: Session) -> int:
    """Return the newest round that was kept; if none was, the newest that was trained.

    Raises:
        SetupError: No round was trained.
    """
    trained = [found.index for found in read_rounds(session) if found.trained_on]
    if not trained:
        raise SetupError(f"run {session.run_id!r} trained no round with synthetic images, so there is no effect")
    kept = [index for index in trained if is_round_kept(session, index)]
    return (kept or trained)[-1]


def _find_trained_round(session: Session, round_index: int) -> Round:
    known = [found.index for found in read_rounds(session) if found.trained_on]
    if round_index not in known:
        named = ", ".join(map(str, known)) or "none"
        raise SetupError(f"round {round_index} of run {session.run_id!r} was not trained; trained rounds: {named}")
    return read_round(session, round_index)

"""One more seed for a round whose case is not clear: both arms train with it, and the judge looks again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from atlantis_core.base.errors import ToolError
from atlantis_core.run.before_after import write_comparison
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.judging import judge_round, look_at
from atlantis_core.run.measurements import measure_arm
from atlantis_core.run.models import name_model, split_model
from atlantis_core.run.moved_cells import write_moves
from atlantis_core.run.training_set import Arm, ArmPlan, plan_arm
from atlantis_core.run.trials import TaskValidation, train_arm

if TYPE_CHECKING:
    from atlantis_core.records import Decision, Protocol
    from atlantis_core.run.round import JudgedRound
    from atlantis_core.run.session import Session

_PAIRED: tuple[Arm, ...] = ("incumbent", "candidate")


def judge_seed_by_seed(
    session: Session, round_index: int, protocol: Protocol, arms: Mapping[str, Sequence[str]]
) -> tuple[Decision, dict[str, list[str]]]:
    """Judge a round, with one more seed after the other while its case is unclear; return the arms as they grew.

    After a kill it goes on where it was: the arms are in the journal, and no training is done twice.
    """
    grown = {name: list(models) for name, models in arms.items()}
    decision = judge_round(session, round_index, protocol, grown)
    while _wants_another_seed(session, round_index, grown, decision):
        session.say(f"round {round_index}: {decision.reason}; training seed {len(grown['candidate']) + 1}")
        grown = _add_seed(session, round_index, grown)
        decision = judge_round(session, round_index, protocol, grown)
    return decision, grown


def replicate_round(session: Session, judged: JudgedRound, seeds: int) -> Decision:
    """Train up to `seeds` more seeds of an undecided round and judge it again after each; write its verdict down.

    The test's levels are those of all seeds up to the run's last one, however likely a proof seemed before: so the
    round errs no more often than if its judge had gone on by itself.

    Raises:
        ToolError: The round is decided, has no candidate, was changed by hand since, or has the last seed already.
    """
    arms = {name: list(models) for name, models in (judged.arms or {}).items()}
    _check_replicable(session, judged, arms)
    decision = judged.decision
    for _ in range(min(seeds, session.max_seeds - len(arms["candidate"]))):
        arms = _add_seed(session, judged.index, arms)
        decision = judge_round(session, judged.index, judged.protocol, arms)
        if decision.verdict != "undecided":
            break
    write_decision(session, judged.index, decision, arms)
    return decision


def _check_replicable(session: Session, judged: JudgedRound, arms: Mapping[str, Sequence[str]]) -> None:
    name, candidate = f"round {judged.index}", arms.get("candidate", [])
    if judged.decision.verdict != "undecided":
        raise ToolError(f"{name} is {judged.decision.verdict}: more seeds are for an undecided round")
    if not candidate or candidate == arms["incumbent"]:
        raise ToolError(f"{name} has no candidate of its own to train again")
    if len(candidate) >= session.max_seeds:
        raise ToolError(
            f"{name} has been judged with all {session.max_seeds} seeds of this run's test; more would make it err "
            "more often than 5 %"
        )
    if not all(_is_as_trained(session, plan_arm(session, arm, judged.index), arms[arm][0]) for arm in _PAIRED):
        raise ToolError(f"images of {name} were kept or rejected by hand since; more seeds would train other images")


def write_decision(session: Session, round_index: int, decision: Decision, arms: dict[str, list[str]]) -> None:
    """Write the verdict on a round down, with what it changed; a candidate that is kept becomes the incumbent."""
    write_moves(session, round_index, arms)
    session.write(round_index, JournalKind.DECISION, decision)
    if decision.kept:
        arms["incumbent"] = arms["candidate"]
    session.write(round_index, JournalKind.ARMS, arms)
    write_comparison(session, arms)


def _wants_another_seed(
    session: Session, round_index: int, arms: Mapping[str, Sequence[str]], decision: Decision
) -> bool:
    """Whether a seed may be added, may well change the verdict, and would train what the other seeds trained."""
    candidate = arms["candidate"]
    if len(candidate) >= session.max_seeds or candidate == arms["incumbent"] or decision.verdict != "undecided":
        return False
    look = look_at(session, round_index, decision.overall, decision.targeted, decision.others)
    return look.wants_seed and all(
        _is_as_trained(session, plan_arm(session, arm, round_index), arms[arm][0]) for arm in _PAIRED
    )


def _add_seed(session: Session, round_index: int, arms: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Train candidate and incumbent with the next seed, and write the arms and their figures down.

    What was trained before is reused. The baseline grows with the incumbent where it is the same.
    """
    position, grown = len(arms["candidate"]), {name: list(models) for name, models in arms.items()}
    is_baseline = grown["baseline"] == grown["incumbent"]
    for arm in _PAIRED:
        if len(grown[arm]) > position:
            continue
        plan = plan_arm(session, arm, round_index)
        (trial,) = train_arm(session, [session.judging_seed(position)], plan.list_images(session), plan.recipe)
        grown[arm].append(name_model(trial.id, plan.serving))
    session.write(round_index, JournalKind.CANDIDATE, measure_arm(session, grown["candidate"]))
    if is_baseline:
        grown["baseline"] = list(grown["incumbent"])
        session.write(0, JournalKind.BASELINE, measure_arm(session, grown["baseline"]))
    session.write(round_index, JournalKind.ARMS, grown)
    return grown


def _is_as_trained(session: Session, plan: ArmPlan, model: str) -> bool:
    """Whether an arm's plan still gives its first training: a person may have taken images out since."""
    from atlantis_core.learning.training.train import training_key

    images, seed = plan.list_images(session), session.judging_seed(0)
    key = training_key(images, session.backbone, plan.recipe, seed, TaskValidation(session))
    return key == split_model(model)[0]

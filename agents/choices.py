"""What a planner can do now, and what each choice costs: images, seconds, dollars, as far as they are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_core.base.plural import count_noun
from atlantis_core.run.drafting import images_for_round
from atlantis_core.run.round import read_judged_rounds, read_round
from atlantis_core.run.round_images import PILOT_IMAGES
from atlantis_core.run.time_estimate import mean_training_seconds
from atlantis_dml.tools.chains import list_open_steps
from atlantis_dml.tools.draft_protocol import STEPS as DRAFT_STEPS
from atlantis_dml.tools.generate_images import is_stopped
from atlantis_dml.tools.look import MOST_ASKED

if TYPE_CHECKING:
    from collections.abc import Collection

    from atlantis_core.records import Protocol
    from atlantis_core.run.round import Round
    from atlantis_core.run.session import Session
    from atlantis_dml.tools.steps import State

_DRAFT_PLACE = DRAFT_STEPS[-1].place


def describe_choices(state: State, session: Session) -> list[str]:
    """Return the choices of a planner with their prices, one a line."""
    before = [step.name for step in list_open_steps(state, session, last=_DRAFT_PLACE - 1)]
    lines = [f"prepare: {_price_preparation(session, before)}"] if before else []
    found = read_round(session, state["round"])
    if found.gaps is not None:
        share = count_noun(images_for_round(session, state["round"]), "image")
        lines.append(f"draft_protocol: nothing yet; at most {share} may be asked for")
    if found.protocol is not None:
        lines.append(f"run_round: {_price_round(session, found, found.protocol, state.get('steps', []))}")
    judged = read_judged_rounds(session)
    if judged and found.protocol is None and judged[-1].decision.verdict == "undecided":
        left = session.max_seeds - judged[-1].decision.overall.seeds
        if left > 0:
            lines.append(f"more_seeds: at most {left}, each {_trainings(session, 2)}")
    left = MOST_ASKED - sum(look.is_asked for look in found.looks)
    if session.spec.vision and left > 0:
        lines.append(
            f"look: a call of the vision model, at most {left} more in this round; others come by themselves"
        )
    lines += [] if session.spec.auto else ["ask_person: a person's time"]
    return [*lines, "inspect_data, recall_trials: seconds", "stop: nothing"]


def _price_preparation(session: Session, steps: list[str]) -> str:
    """Say what the steps before a draft cost."""
    trainings = (session.spec.seeds + 1) * ("train_retriever:baseline" in steps)
    trainings += "train_retriever:incumbent" in steps
    cost = _trainings(session, trainings) if trainings else "seconds"
    return f"{cost}, no images ({', '.join(steps)})"


def _price_round(session: Session, found: Round, protocol: Protocol, steps: Collection[str]) -> str:
    """Say what the drafted protocol costs to its verdict."""
    offer = next((pilot.offer for pilot in found.pilots if pilot.offer.remedy == protocol.remedy), None)
    if offer and not offer.makes_images:  # a recipe or a serving was chosen: its price is its own
        return f"no images, and {_trainings(session, session.spec.seeds) if offer.trainings else 'seconds'}"
    images = protocol.num_images - (PILOT_IMAGES if is_stopped(steps) else 0)
    if session.images_left is not None:
        images = min(images, int(session.images_left))
    pilots = "" if found.pilots else "; pilots before: a training or seconds each"
    approval = "" if session.spec.auto else ", after an approval"
    return f"at most {count_noun(images, 'image')}{approval}, and {_trainings(session, session.spec.seeds)}{pilots}"


def _trainings(session: Session, number: int) -> str:
    """Return a number of trainings with the time that they take, where one is known."""
    seconds = mean_training_seconds(session.workspace, session.run_id)
    about = "" if seconds is None else f" (about {max(1, round(number * seconds))} s)"
    return f"{count_noun(number, 'training')}{about}"

"""What each arm trains on: the real images and the kept synthetic ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from atlantis_core.base.serialization import from_json
from atlantis_core.data.facets import ORIGIN, SYNTHETIC
from atlantis_core.records import Candidate, Protocol
from atlantis_core.run.history import history, kept_candidates
from atlantis_core.run.session import Session

if TYPE_CHECKING:
    from atlantis_core.learning.inputs.pk_sampler import TrainingImage
    from atlantis_core.run.session import Session


Arm = Literal["baseline", "candidate", "incumbent"]


TRAINED_ON = "trained_on"
"""Journal entry of a round: keys of the made images, those of kept rounds too, that its candidate was trained on."""


@dataclass(frozen=True, slots=True)
class MadeImage:
    """A kept image as later trainings use it."""

    candidate: Candidate
    weight: float
    """Sampling weight against a real image, from the protocol that made it."""


def synthetic_for_arm(session: Session, arm: Arm, round_index: int) -> list[MadeImage]:
    """Return the made images an arm trains on: of kept rounds, and for `candidate` of this round too."""
    if arm == "baseline":
        return []
    rounds = [entry["round"] for entry in history(session) if entry["decision"]["kept"]]
    if arm == "candidate" and round_index not in rounds:
        rounds.append(round_index)
    return [made for index in rounds for made in _made_in(session, index)]


def _made_in(session: Session, round_index: int) -> list[MadeImage]:
    protocol = from_json(Protocol, session.read(round_index, "protocol"))
    return [MadeImage(found, protocol.synthetic_weight) for found in kept_candidates(session, round_index)]


def collect_training_images(session: Session, made: Sequence[MadeImage]) -> list[TrainingImage]:
    """Return the collection's training images and the made ones with their sampling weights.

    Made images that the collection came with (`atlantis scenario merge`) are marked as such.
    """
    from atlantis_core.learning.inputs.pk_sampler import TrainingImage

    real = [
        TrainingImage(image.id, image.path, image.label, synthetic=image.facets.get(ORIGIN) == SYNTHETIC)
        for image in session.collection.of_split("train")
    ]
    extra = [
        TrainingImage(
            item.candidate.key,
            item.candidate.path,
            item.candidate.cell.class_name,
            synthetic=True,
            weight=item.weight,
        )
        for item in made
    ]
    return real + extra

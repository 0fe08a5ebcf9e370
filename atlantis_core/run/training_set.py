"""What each arm trains on: the real images and the kept synthetic ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from atlantis_core.data.facets import ORIGIN, SYNTHETIC
from atlantis_core.run.round import Round, read_rounds
from atlantis_core.run.verdicts import list_screened

if TYPE_CHECKING:
    from atlantis_core.learning.inputs.pk_sampler import TrainingImage
    from atlantis_core.run.session import Session


Arm = Literal["baseline", "candidate", "incumbent"]


def collect_real(session: Session) -> list[TrainingImage]:
    """Return the collection's training images; those that are synthetic (`atlantis scenario merge`) say so."""
    from atlantis_core.learning.inputs.pk_sampler import TrainingImage

    return [
        TrainingImage(image.id, image.path, image.label, synthetic=image.facets.get(ORIGIN) == SYNTHETIC)
        for image in session.collection.of_split("train")
    ]


def collect_synthetic(session: Session, arm: Arm, round_index: int) -> list[TrainingImage]:
    """Return the kept images that an arm adds to the real ones.

    `baseline` adds none, `incumbent` those of kept rounds, `candidate` also those of this round.
    """
    if arm == "baseline":
        return []
    rounds = read_rounds(session)
    used = [found for found in rounds if found.is_kept]
    used += [found for found in rounds if arm == "candidate" and found.index == round_index and not found.is_kept]
    return [image for found in used for image in _collect_kept(session, found)]


def _collect_kept(session: Session, found: Round) -> list[TrainingImage]:
    """Return the kept images of a round, sorted by key, with their protocol's sampling weight."""
    from atlantis_core.learning.inputs.pk_sampler import TrainingImage

    weight = found.protocol.synthetic_weight if found.protocol else 1.0
    kept = sorted((one.candidate for one in list_screened(session, found) if one.is_kept), key=lambda one: one.key)
    return [TrainingImage(one.key, one.path, one.cell.class_name, synthetic=True, weight=weight) for one in kept]

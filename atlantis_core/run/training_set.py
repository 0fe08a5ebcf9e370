"""What each arm is: the images that it trains on, its recipe, and the serving with which it is searched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from atlantis_core.data.facets import ORIGIN, SYNTHETIC
from atlantis_core.learning.serving.servings import parse_serving
from atlantis_core.run.gallery import add_photos, replace_serving, split_photos, to_gallery_photos
from atlantis_core.run.remedies import makes_images, parse_remedy
from atlantis_core.run.round import Round, read_round, read_rounds
from atlantis_core.run.verdicts import has_survivors, list_screened

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from atlantis_core.learning.inputs.pk_sampler import TrainingImage
    from atlantis_core.learning.recipe import Recipe
    from atlantis_core.records import Candidate, Protocol
    from atlantis_core.run.session import Session


Arm = Literal["baseline", "candidate", "incumbent"]

SAMPLING_WEIGHT = "sampling_weight"
"""Setting of a candidate: how often it is drawn beside others of its round, because its class is in doubt; else 1."""


@dataclass(frozen=True, slots=True)
class ArmPlan:
    """What an arm consists of; two arms of a round differ in one of these."""

    synthetic: tuple[TrainingImage, ...]
    """Kept images besides the real ones."""
    recipe: Recipe
    serving: str
    """How its models are searched; empty means plain nearest neighbours."""

    def list_images(self, session: Session) -> list[TrainingImage]:
        """Return all images that it trains on."""
        return [*collect_real(session), *self.synthetic]


def plan_arm(session: Session, arm: Arm, round_index: int) -> ArmPlan:
    """Return what an arm consists of in a round.

    The baseline is the run's recipe on real images. The incumbent adds the remedies of the kept rounds, the candidate
    also that of this round.
    """
    plan = ArmPlan((), session.recipe, "")
    for found in _list_rounds(session, arm, round_index):
        plan = apply_remedy(session, plan, found.protocol, list_kept(session, found))
    return plan


def list_kept(session: Session, found: Round) -> list[Candidate]:
    """Return the images that a round trains on: those that its filters kept, and those of rounds that it reuses."""
    reused = found.protocol.reused if found.protocol else ()
    rounds = [*(read_round(session, index) for index in reused), found]
    kept = {
        one.candidate.key: one.candidate for each in rounds for one in list_screened(session, each) if one.is_kept
    }
    return sorted(kept.values(), key=lambda one: one.key)


def apply_remedy(session: Session, plan: ArmPlan, protocol: Protocol | None, kept: Sequence[Candidate]) -> ArmPlan:
    """Return an arm with the remedy of a protocol on top, of which these images were kept."""
    remedy, options = parse_remedy(protocol.remedy if protocol else "generate")
    changed = remedy.change_serving(split_photos(session.workspace, plan.serving)[0], options)
    serving, synthetic = replace_serving(plan.serving, changed), plan.synthetic
    if remedy.searches_images(options):
        serving = add_photos(session, serving, to_gallery_photos(kept))
    if remedy.trains_on_images(options):
        weight = protocol.synthetic_weight if protocol else 1.0
        synthetic = (*synthetic, *to_training_images(kept, weight))
    return ArmPlan(synthetic, remedy.change_recipe(plan.recipe, options), serving)


def is_in_effect(session: Session, plan: ArmPlan, text: str) -> bool:
    """Whether a remedy without images, given with its options, would leave an arm as it is."""
    remedy, options = parse_remedy(text)
    serving = split_photos(session.workspace, plan.serving)[0]
    changed = parse_serving(remedy.change_serving(serving, options))
    return str(changed) == str(parse_serving(serving)) and remedy.change_recipe(plan.recipe, options) == plan.recipe


def _list_rounds(session: Session, arm: Arm, round_index: int) -> list[Round]:
    """Return the rounds whose remedies an arm has, in order."""
    if arm == "baseline":
        return []
    return [
        found
        for found in read_rounds(session)
        if found.index <= round_index and (found.is_kept or (arm == "candidate" and found.index == round_index))
    ]


def is_ready_to_train(session: Session, round_index: int) -> bool:
    """Whether a round has what its candidate arm needs: kept images, if its remedy makes any."""
    found = read_round(session, round_index)
    if found.protocol is not None and not makes_images(found.protocol.remedy):
        return True
    return has_survivors(session, found)


def collect_real(session: Session) -> list[TrainingImage]:
    """Return the collection's training images; those that are synthetic (`atlantis scenario merge`) say so."""
    from atlantis_core.learning.inputs.pk_sampler import TrainingImage

    return [
        TrainingImage(
            image.id,
            image.path,
            image.label,
            synthetic=image.facets.get(ORIGIN) == SYNTHETIC,
            cell=describe_cell(image.facets),
        )
        for image in session.collection.of_split("train")
    ]


def describe_cell(facets: Mapping[str, str]) -> str:
    """Return facet values as one text, which recipes balance their draws by."""
    return ", ".join(f"{name}={value}" for name, value in sorted(facets.items()) if name != ORIGIN)


def collect_trained(session: Session, trained: Round) -> list[TrainingImage]:
    """Return the synthetic images that a round's candidate arm was trained on then, with the weights of then."""
    weights: dict[str, float] = {}
    for found in read_rounds(session):
        if found.index == trained.index or (found.is_kept and found.index < trained.index):
            weight = found.protocol.synthetic_weight if found.protocol else 1.0
            reused = found.protocol.reused if found.protocol else ()
            keys = (key for index in reused for key in read_round(session, index).candidate_keys)
            weights |= dict.fromkeys([*keys, *found.candidate_keys], weight)
    stored = session.workspace.candidates.find(trained.trained_on or ())
    return [image for one in stored.values() for image in to_training_images([one], weights[one.key])]


def to_training_images(candidates: Iterable[Candidate], weight: float) -> list[TrainingImage]:
    """Return candidates as training images with a sampling weight, times the one that each may carry."""
    from atlantis_core.learning.inputs.pk_sampler import TrainingImage

    own = ((one, float(one.settings.get(SAMPLING_WEIGHT, 1.0))) for one in candidates)
    return [
        TrainingImage(
            one.key,
            one.path,
            one.cell.class_name,
            synthetic=True,
            weight=weight * sure,
            cell=describe_cell({one.cell.facet: one.cell.value} if one.cell.facet else {}),
        )
        for one, sure in own
    ]

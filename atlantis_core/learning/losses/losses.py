"""Losses by name, with typed options: `triplet:margin=0.1,miner=hard`. Those with miners come from a library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from atlantis_core.base.errors import SetupError
from atlantis_core.base.option_strings import check_range, parse_part
from atlantis_core.learning.losses.interface import LossContext, LossModule, LossOptions, make_loss_module
from atlantis_core.learning.models.heads import Head, make_head
from atlantis_core.learning.recipe import MAX_LEARNING_RATE, Recipe

if TYPE_CHECKING:
    from torch import Tensor

LOSSES = {
    "supcon": "atlantis_core.learning.losses.losses:SupCon",
    "multi_similarity": "atlantis_core.learning.losses.losses:MultiSimilarity",
    "triplet": "atlantis_core.learning.losses.losses:Triplet",
    "proxy_anchor": "atlantis_core.learning.losses.losses:ProxyAnchor",
    "spherical_pairs": "atlantis_core.learning.losses.pairwise:SphericalPairs",
    "hyperbolic_pairs": "atlantis_core.learning.losses.pairwise:HyperbolicPairs",
    "potential_field": "atlantis_core.learning.losses.potential_field:PotentialField",
}


def check_loss(recipe: Recipe) -> tuple[LossOptions, Head]:
    """Return the loss and the head that a recipe names, without building either.

    Raises:
        SetupError: No such loss, head or option, or a loss that head or batches do not suit.
    """
    options: LossOptions = parse_part(LOSSES, recipe.loss, "loss", LossOptions)
    head = make_head(recipe.head)
    if options.head not in {None, head.kind}:
        raise SetupError(f"loss {recipe.loss!r} needs head {options.head!r}, not {recipe.head!r}")
    if options.needs_pairs and recipe.images_per_class < 2:
        raise SetupError(f"loss {recipe.loss!r} learns from pairs of a class: images_per_class must be 2 or more")
    return options, head


def make_loss(recipe: Recipe, num_classes: int, embed_dim: int, seed: int) -> LossModule:
    """Return the loss a recipe names.

    Args:
        recipe: Names loss and head, and has the temperature.
        num_classes: Labels are 0 .. num_classes - 1.
        embed_dim: Dimensions of the embeddings.
        seed: Where proxies start.

    Raises:
        SetupError: No such loss or option, or one that the recipe's head does not suit.
    """
    options, head = check_loss(recipe)
    curvature = float(getattr(head, "c", 0.0))
    return options.build(LossContext(recipe.temperature, num_classes, embed_dim, seed, curvature))


@dataclass(frozen=True, slots=True)
class SupCon:
    """SupCon (Khosla et al. 2020, equation 2) at the recipe's temperature."""

    head: ClassVar[str | None] = "sphere"
    needs_pairs: ClassVar[bool] = True

    def build(self, setting: LossContext) -> LossModule:
        """Return the loss."""
        from pytorch_metric_learning.losses import SupConLoss

        return make_loss_module(SupConLoss(temperature=setting.temperature))


@dataclass(frozen=True, slots=True)
class MultiSimilarity:
    """Multi-similarity with its pair miner (Wang et al. 2019, equations 15 and 13 to 14)."""

    head: ClassVar[str | None] = "sphere"
    needs_pairs: ClassVar[bool] = True

    alpha: float = 2.0
    """Weight of positive pairs in the exponent."""
    beta: float = 50.0
    """Weight of negative pairs in the exponent."""
    base: float = 0.5
    """lambda: the cosine that divides near from far."""
    epsilon: float = 0.1
    """A pair this far on the easy side of the hardest of the other kind is still mined."""

    def __post_init__(self) -> None:
        check_range("loss 'multi_similarity': alpha", self.alpha, 0)
        check_range("loss 'multi_similarity': beta", self.beta, 0)
        check_range("loss 'multi_similarity': epsilon", self.epsilon, -2, 2)

    def build(self, setting: LossContext) -> LossModule:  # noqa: ARG002 (one signature for all losses)
        """Return the loss."""
        from pytorch_metric_learning.losses import MultiSimilarityLoss
        from pytorch_metric_learning.miners import MultiSimilarityMiner

        loss = MultiSimilarityLoss(alpha=self.alpha, beta=self.beta, base=self.base)
        return _with_miner(loss, MultiSimilarityMiner(epsilon=self.epsilon))


@dataclass(frozen=True, slots=True)
class Triplet:
    """Triplet margin over Euclidean distances of unit vectors (Schroff et al. 2015; Hermans et al. 2017, eq. 2).

    The mean is over the mined triplets that violate the margin; where none does, the loss is 0.
    """

    head: ClassVar[str | None] = "sphere"
    needs_pairs: ClassVar[bool] = True

    margin: float = 0.2
    """How much further the negative shall be."""
    miner: str = "semihard"
    """Which triplets: `semihard` (Schroff, section 3.2), `hard` or `all` that violate the margin."""

    def __post_init__(self) -> None:
        check_range("loss 'triplet': margin", self.margin, 0)
        if self.miner not in {"semihard", "hard", "all"}:
            raise SetupError(f"loss 'triplet' mines 'semihard', 'hard' or 'all' triplets, not {self.miner!r}")

    def build(self, setting: LossContext) -> LossModule:  # noqa: ARG002 (one signature for all losses)
        """Return the loss."""
        from pytorch_metric_learning.losses import TripletMarginLoss
        from pytorch_metric_learning.miners import TripletMarginMiner

        miner = TripletMarginMiner(margin=self.margin, type_of_triplets=self.miner)
        return _with_miner(TripletMarginLoss(margin=self.margin), miner)


@dataclass(frozen=True, slots=True)
class ProxyAnchor:
    """Proxy-Anchor (Kim et al. 2020, equation 4): every class has a proxy, trained with the model."""

    head: ClassVar[str | None] = "sphere"
    needs_pairs: ClassVar[bool] = False

    alpha: float = 32.0
    """Scale of the cosines."""
    margin: float = 0.1
    """delta."""
    lr: float = 0.01
    """Peak learning rate of the proxies; the paper has 100 times that of its model."""

    def __post_init__(self) -> None:
        check_range("loss 'proxy_anchor': alpha", self.alpha, 0)
        check_range("loss 'proxy_anchor': lr", self.lr, 0, MAX_LEARNING_RATE)

    def build(self, setting: LossContext) -> LossModule:
        """Return the loss; its proxies start where the seed says."""
        from pytorch_metric_learning.losses import ProxyAnchorLoss

        loss = ProxyAnchorLoss(
            num_classes=setting.num_classes,
            embedding_size=setting.embed_dim,
            margin=self.margin,
            alpha=self.alpha,
            weight_init_func=lambda proxies: proxies.data.copy_(setting.proxies()),
        )
        return make_loss_module(loss, loss, self.lr)


def _with_miner(loss: Any, miner: Any) -> LossModule:
    """Return a library's loss over what its miner finds in a batch."""

    def mined(embeddings: Tensor, labels: Tensor) -> Tensor:
        value: Tensor = loss(embeddings, labels, miner(embeddings, labels))
        return value

    return make_loss_module(mined)

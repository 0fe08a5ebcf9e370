"""Losses by name, with typed options: `triplet:margin=0.1,miner=hard`; most wrap pytorch-metric-learning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from atlantis_core.base.errors import SetupError
from atlantis_core.base.option_strings import check_range, parse_part
from atlantis_core.learning.losses.interface import LossContext, LossModule, LossOptions, make_loss_module
from atlantis_core.learning.models.heads import Head, make_head
from atlantis_core.learning.recipe import MAX_LEARNING_RATE, Recipe

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
    """Check that a recipe's loss fits its head and batches; return the options of both.

    Raises:
        SetupError: Unknown loss, head or option, or a loss that does not fit the head or the batches.
    """
    options: LossOptions = parse_part(LOSSES, recipe.loss, "loss", LossOptions)
    head = make_head(recipe.head)
    if options.head not in {None, head.kind}:
        raise SetupError(f"loss {recipe.loss!r} needs head {options.head!r}, not {recipe.head!r}")
    if options.needs_pairs and recipe.images_per_class < 2:
        raise SetupError(f"loss {recipe.loss!r} needs pairs of a class: set images_per_class to 2 or more")
    return options, head


def make_loss(recipe: Recipe, num_classes: int, embed_dim: int, seed: int) -> LossModule:
    """Build the loss that a recipe names, for labels 0 .. num_classes - 1; the seed decides the initial proxies.

    Raises:
        SetupError: As `check_loss`.
    """
    options, head = check_loss(recipe)
    curvature = float(getattr(head, "c", 0.0))
    return options.build(LossContext(recipe.temperature, num_classes, embed_dim, seed, curvature))


@dataclass(frozen=True, slots=True)
class SupCon:
    """SupCon (Khosla et al. 2020, equation 2) with the recipe's temperature."""

    head: ClassVar[str | None] = "sphere"
    needs_pairs: ClassVar[bool] = True

    def build(self, context: LossContext) -> LossModule:
        """Return the loss."""
        from pytorch_metric_learning.losses import SupConLoss

        return make_loss_module(SupConLoss(temperature=context.temperature))


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
    """lambda: the cosine that separates near from far."""
    epsilon: float = 0.1
    """Mining margin: a pair that is easier than the hardest pair of the other kind by less than this is mined."""

    def __post_init__(self) -> None:
        check_range("loss 'multi_similarity': alpha", self.alpha, 0)
        check_range("loss 'multi_similarity': beta", self.beta, 0)
        check_range("loss 'multi_similarity': epsilon", self.epsilon, -2, 2)

    def build(self, context: LossContext) -> LossModule:  # noqa: ARG002 (one signature for all losses)
        """Return the loss."""
        from pytorch_metric_learning.losses import MultiSimilarityLoss
        from pytorch_metric_learning.miners import MultiSimilarityMiner

        loss = MultiSimilarityLoss(alpha=self.alpha, beta=self.beta, base=self.base)
        return _with_miner(loss, MultiSimilarityMiner(epsilon=self.epsilon))


@dataclass(frozen=True, slots=True)
class Triplet:
    """Triplet margin over Euclidean distances of unit vectors (Schroff et al. 2015; Hermans et al. 2017, eq. 2).

    The loss is the mean over the mined triplets that violate the margin, or 0 if none does.
    """

    head: ClassVar[str | None] = "sphere"
    needs_pairs: ClassVar[bool] = True

    margin: float = 0.2
    """How much further than the positive the negative must be."""
    miner: str = "semihard"
    """Which triplets: `semihard` (Schroff, section 3.2), `hard` or `all` that violate the margin."""

    def __post_init__(self) -> None:
        check_range("loss 'triplet': margin", self.margin, 0)
        if self.miner not in {"semihard", "hard", "all"}:
            raise SetupError(f"loss 'triplet': miner must be 'semihard', 'hard' or 'all', not {self.miner!r}")

    def build(self, context: LossContext) -> LossModule:  # noqa: ARG002 (one signature for all losses)
        """Return the loss."""
        from pytorch_metric_learning.losses import TripletMarginLoss
        from pytorch_metric_learning.miners import TripletMarginMiner

        miner = TripletMarginMiner(margin=self.margin, type_of_triplets=self.miner)
        return _with_miner(TripletMarginLoss(margin=self.margin), miner)


@dataclass(frozen=True, slots=True)
class ProxyAnchor:
    """Proxy-Anchor (Kim et al. 2020, equation 4): every class has a proxy that is trained with the model."""

    head: ClassVar[str | None] = "sphere"
    needs_pairs: ClassVar[bool] = False

    alpha: float = 32.0
    """Scale of the cosines."""
    margin: float = 0.1
    """delta."""
    lr: float = 0.01
    """Peak learning rate of the proxies; the paper uses 100 times the model's."""

    def __post_init__(self) -> None:
        check_range("loss 'proxy_anchor': alpha", self.alpha, 0)
        check_range("loss 'proxy_anchor': lr", self.lr, 0, MAX_LEARNING_RATE)

    def build(self, context: LossContext) -> LossModule:
        """Return the loss; the seed decides the initial proxies."""
        from pytorch_metric_learning.losses import ProxyAnchorLoss

        loss = ProxyAnchorLoss(
            num_classes=context.num_classes,
            embedding_size=context.embed_dim,
            margin=self.margin,
            alpha=self.alpha,
            weight_init_func=lambda proxies: proxies.data.copy_(context.proxies()),
        )
        return make_loss_module(loss, loss, self.lr)


def _with_miner(loss: Any, miner: Any) -> LossModule:
    """Apply a loss to the pairs or triplets that a miner finds in a batch."""
    return make_loss_module(lambda embeddings, labels: loss(embeddings, labels, miner(embeddings, labels)))

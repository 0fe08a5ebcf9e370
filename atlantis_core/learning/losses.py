"""Losses by name, from pytorch-metric-learning; each takes unit embeddings (B, D) and labels (B,)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from atlantis_core.learning.recipe import Recipe
from atlantis_core.registry import load

if TYPE_CHECKING:
    from torch import Tensor

Loss = Callable[["Tensor", "Tensor"], "Tensor"]

LOSSES = {
    "supcon": "atlantis_core.learning.losses:supervised_contrastive",
    "multi_similarity": "atlantis_core.learning.losses:multi_similarity",
}


def make_loss(recipe: Recipe) -> Loss:
    """Return the loss a recipe names.

    Raises:
        SetupError: No such loss.
    """
    loss: Loss = load(LOSSES, recipe.loss, "loss")(recipe)
    return loss


def supervised_contrastive(recipe: Recipe) -> Loss:
    """Return SupCon (Khosla et al. 2020, equation 2) at the recipe's temperature."""
    from pytorch_metric_learning.losses import SupConLoss

    loss: Loss = SupConLoss(temperature=recipe.temperature)
    return loss


def multi_similarity(recipe: Recipe) -> Loss:  # noqa: ARG001 (one signature for all losses)
    """Return the multi-similarity loss with its pair miner (Wang et al. 2019, equations 15 and 13 to 14)."""
    from pytorch_metric_learning.losses import MultiSimilarityLoss
    from pytorch_metric_learning.miners import MultiSimilarityMiner

    loss, miner = MultiSimilarityLoss(alpha=2, beta=50, base=0.5), MultiSimilarityMiner(epsilon=0.1)

    def mined(embeddings: Tensor, labels: Tensor) -> Tensor:
        value: Tensor = loss(embeddings, labels, miner(embeddings, labels))
        return value

    return mined

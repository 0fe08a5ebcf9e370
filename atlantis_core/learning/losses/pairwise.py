"""Pairwise cross-entropy (Hyp-ViT), over all positive pairs of a P x K batch at once.

Ermolov et al., "Hyperbolic Vision Transformers: Combining Improvements in Metric Learning" (CVPR 2022),
equation 6, as released (`contrastive_loss` and the double loop over `num_samples` in train.py of
github.com/htdt/hyp_metric; the same in scripts/model_training/hyp_metric/train.py of
github.com/intherejeet/ATLANTIS). For each ordered pair i != j of the K samples of a class, it takes the P embeddings
z_i and the P embeddings z_j. The logits are s(z_i, z_j) / t beside s(z_i, z_i) / t without the diagonal, and the
target of the cross-entropy is the sample's own class; s is -distance in the ball (c > 0) or the cosine (c = 0). The
release sums over the K (K - 1) pairs; here they are averaged, so that the loss does not grow with K.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from atlantis_core.base.errors import SetupError
from atlantis_core.learning.losses.interface import LossContext, LossModule, make_loss_module
from atlantis_core.learning.models import poincare

if TYPE_CHECKING:
    from torch import Tensor

_SELF_LOGIT = -1e9  # logit of a sample with itself, as released; -inf would give NaN gradients


def pairwise_cross_entropy(similarities: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Return the mean cross-entropy over all ordered pairs of samples of a class.

    `similarities` (B, B) are higher for nearer samples; `labels` (B,) are of P classes with K samples each, in any
    order: z_i is the i-th of each class.

    Raises:
        SetupError: K differs between classes, or is 1.
    """
    import torch

    counts = torch.unique(labels, return_counts=True)[1]
    classes, samples = len(counts), int(counts[0])
    if samples < 2 or not bool((counts == samples).all()):
        raise SetupError(
            "the pairwise losses need the same number of images, at least 2, of every class in a batch, "
            f"not {counts.tolist()[:8]}; set images_per_class to 2 or more"
        )
    # The first sample of every class, then the second, and so on.
    order = labels.argsort(stable=True).view(classes, samples).T.reshape(-1)
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    logits = (similarities[order][:, order] / temperature).masked_fill(itself, _SELF_LOGIT)
    blocks = logits.view(samples, classes, samples, classes)
    totals = torch.logsumexp(blocks, dim=3)  # (i, class, j)
    own = torch.diagonal(totals, dim1=0, dim2=2).T.unsqueeze(2)  # z_i against z_i
    positive = torch.diagonal(blocks, dim1=1, dim2=3).transpose(1, 2)
    losses = torch.logaddexp(own, totals) - positive
    pairs = ~torch.eye(samples, dtype=torch.bool, device=labels.device)
    return losses.transpose(1, 2)[pairs].mean()


@dataclass(frozen=True, slots=True)
class HyperbolicPairs:
    """Pairwise cross-entropy over distances in the ball, with the head's curvature and the recipe's temperature."""

    head: ClassVar[str | None] = "hyperbolic"
    needs_pairs: ClassVar[bool] = True

    def build(self, context: LossContext) -> LossModule:
        """Return the loss."""

        def loss(embeddings: Tensor, labels: Tensor) -> Tensor:
            similarities = -poincare.distances(embeddings, embeddings, context.curvature)
            return pairwise_cross_entropy(similarities, labels, context.temperature)

        return make_loss_module(loss)


@dataclass(frozen=True, slots=True)
class SphericalPairs:
    """Pairwise cross-entropy over cosines, with the recipe's temperature."""

    head: ClassVar[str | None] = "sphere"
    needs_pairs: ClassVar[bool] = True

    def build(self, context: LossContext) -> LossModule:
        """Return the loss."""

        def loss(embeddings: Tensor, labels: Tensor) -> Tensor:
            return pairwise_cross_entropy(embeddings @ embeddings.T, labels, context.temperature)

        return make_loss_module(loss)

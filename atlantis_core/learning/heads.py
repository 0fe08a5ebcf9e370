"""The embedding head: a linear map of pooled features onto the unit sphere."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn


def sphere_head(features: Tensor, embed_dim: int) -> nn.Module:
    """Return a head that starts as the best linear summary of the frozen features.

    Its rows are the leading right singular vectors of the unit-length features (Eckart and Young 1936): cosines
    are then kept as well as `embed_dim` dimensions can, so that training starts no worse than the frozen trunk.

    Args:
        features: Pooled features of the training images (N, F); they settle the start only.
        embed_dim: Dimensions wanted; min(embed_dim, F, N) are had.
    """
    import torch

    unit = torch.nn.functional.normalize(features.double(), dim=1)
    dims = min(embed_dim, *unit.shape)
    directions = torch.linalg.svd(unit, full_matrices=False).Vh[:dims]
    head = empty_head(unit.shape[1], dims)
    with torch.no_grad():
        head.linear.weight.copy_(directions.float())  # type: ignore[union-attr,operator]
    return head


def empty_head(num_features: int, embed_dim: int) -> nn.Module:
    """Return a head (B, F) -> unit vectors (B, D) whose weights are still to be filled in."""
    import torch
    from torch import nn

    class SphereHead(nn.Module):
        """Unit features, a linear map, unit length again."""

        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(num_features, embed_dim, bias=False)

        def forward(self, features: Tensor) -> Tensor:
            mapped = self.linear(torch.nn.functional.normalize(features, dim=1))
            return torch.nn.functional.normalize(mapped, dim=1)

    return SphereHead()

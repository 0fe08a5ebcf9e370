"""The viewpoint: rotation, distance, position, perspective."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from atlantis_core.generation.draws import RandomDraws


def viewpoint(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Warp the image plane: rotate by up to 18 degrees, scale by 0.8 to 1.35, tilt and shift.

    New areas at the edges are filled by reflection, never with black.
    """
    import torch
    from kornia.geometry.transform import get_perspective_transform, warp_perspective

    height, width = image.shape[-2:]
    size = torch.tensor([width - 1.0, height - 1.0])
    corners = torch.tensor([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    angle = torch.deg2rad(torch.tensor(strength * draws.uniform(-18, 18)))
    turn = torch.stack(
        [torch.stack([angle.cos(), -angle.sin()]), torch.stack([angle.sin(), angle.cos()])],
    )
    nearness = 1 + strength * draws.uniform(-0.2, 0.35)
    tilt = strength * 0.22 * (draws.flat(4, 2) - 0.5)
    shift = strength * 0.16 * (draws.flat(1, 2) - 0.5)
    # The rotation acts on pixels: in fractions of the sides it would shear an oblong image.
    moved = ((corners * size / 2) @ turn.T) / (size / 2) * nearness + tilt * 2 + shift * 2
    source, target = (corners + 1) / 2 * size, (moved + 1) / 2 * size
    matrix = get_perspective_transform(source[None], target[None])
    out: Tensor = warp_perspective(image[None], matrix, (height, width), mode="bilinear", padding_mode="reflection")[
        0
    ]
    return out.clamp(0, 1)

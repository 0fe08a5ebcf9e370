"""Statistics borrowed from a real photo that shows the facet value: its colours, or its low frequencies.

Each is a function `edit(image, reference, strength, draws) -> image`; both images are (3, H, W), RGB, 0 to 1, of the
same size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_core.generation.edits import pixels

if TYPE_CHECKING:
    from torch import Tensor

    from atlantis_core.generation.draws import RandomDraws

_LEAST_VARIANCE = 1e-4
"""Of a colour axis: a flat image would turn into noise."""


def borrowed_colours(image: Tensor, reference: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Give the colours of an image the mean and covariance of the reference's.

    Reinhard et al. 2001, with the linear Monge-Kantorovich map (Pitie and Kokaram 2007) in place of their three
    separate channels, so that colours that go together do so afterwards. A little less than all is taken over.
    """
    import torch

    points, others = image.flatten(1), reference.flatten(1)
    mean, other_mean = points.mean(1, keepdim=True), others.mean(1, keepdim=True)
    ridge = _LEAST_VARIANCE * torch.eye(3)
    own, wanted = torch.cov(points) + ridge, torch.cov(others) + ridge
    root, inverse = _matrix_power(own, 0.5), _matrix_power(own, -0.5)
    mapping = inverse @ _matrix_power(root @ wanted @ root, 0.5) @ inverse
    moved = (mapping @ (points - mean) + other_mean).view_as(image)
    return pixels.blend(image, moved, strength * draws.uniform(0.85, 1.0)).clamp(0, 1)


def _matrix_power(matrix: Tensor, power: float) -> Tensor:
    """Raise a symmetric positive matrix to a power."""
    import torch

    values, vectors = torch.linalg.eigh(matrix)
    raised: Tensor = vectors @ torch.diag(values.clamp_min(1e-8) ** power) @ vectors.T
    return raised


def borrowed_amplitude(image: Tensor, reference: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Take the amplitude of the lowest frequencies from the reference and keep all phases.

    FDA (Yang and Soatto 2020, arXiv 2004.05498, eq. 2 to 4): a square of beta = 0.01 to 0.09 of the short side each
    way, as in the paper. What leaves the range 0 to 1 is cut off.
    """
    import torch

    height, width = image.shape[-2:]
    own, other = torch.fft.fft2(image), torch.fft.fft2(reference)
    reach = max(1, round(draws.uniform(0.01, 0.09) * min(height, width)))
    amplitude, wanted = own.abs(), other.abs()
    low_rows = torch.fft.fftfreq(height, 1 / height).abs() <= reach
    low_columns = torch.fft.fftfreq(width, 1 / width).abs() <= reach
    low = (low_rows[:, None] & low_columns[None, :]).to(image.dtype)
    mixed = amplitude + strength * low * (wanted - amplitude)
    out: Tensor = torch.fft.ifft2(torch.polar(mixed, own.angle())).real
    return out.clamp(0, 1)

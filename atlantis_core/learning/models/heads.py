"""Embedding heads by name: the space that pooled features are mapped into, and its distance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from atlantis_core.base.errors import SetupError
from atlantis_core.base.option_strings import check_range, make_with, parse_part
from atlantis_core.base.registry import load_part
from atlantis_core.learning.models import poincare
from atlantis_core.metrics.distances import CURVATURES

if TYPE_CHECKING:
    from torch import Tensor, nn

HEADS = {
    "sphere": "atlantis_core.learning.models.heads:Sphere",
    "hyperbolic": "atlantis_core.learning.models.heads:Hyperbolic",
}


class Head(Protocol):
    """An embedding space. The fields of an implementation are its options: numbers or strings."""

    kind: ClassVar[str]
    """Name in `HEADS`."""
    distance: ClassVar[str]
    """Distance of the embeddings: `cosine` or `hyperbolic`."""

    @property
    def reach(self) -> float:
        """Length that a new head gives to features which its projection preserves completely."""

    def place(self, mapped: Tensor) -> Tensor:
        """Turn linearly mapped features (B, D) into embeddings (B, D)."""

    def nearness(self, points: Tensor, others: Tensor) -> Tensor:
        """Return similarities (N, M) of embeddings (N, D) and others (M, D); higher is nearer; differentiable."""


@dataclass(frozen=True, slots=True)
class Sphere:
    """Unit vectors, compared by cosine similarity."""

    kind: ClassVar[str] = "sphere"
    distance: ClassVar[str] = "cosine"

    @property
    def reach(self) -> float:
        """Return 1; vectors are normalised anyway."""
        return 1.0

    def place(self, mapped: Tensor) -> Tensor:
        """Normalise to unit vectors (B, D)."""
        import torch

        return torch.nn.functional.normalize(mapped, dim=1)

    def nearness(self, points: Tensor, others: Tensor) -> Tensor:
        """Return cosines (N, M)."""
        return points @ others.T


@dataclass(frozen=True, slots=True)
class Hyperbolic:
    """Points in the Poincare ball, compared by geodesic distance.

    Ermolov et al., "Hyperbolic Vision Transformers" (CVPR 2022), section 3.3: feature clipping, then the
    exponential map at the origin (`ToPoincare` in hyptorch/nn.py of github.com/htdt/hyp_metric).
    """

    kind: ClassVar[str] = "hyperbolic"
    distance: ClassVar[str] = "hyperbolic"

    c: float = 0.1
    """The ball has curvature -c and radius 1 / sqrt(c)."""
    clip_radius: float = 2.3
    """Longer features are shortened to this length."""

    def __post_init__(self) -> None:
        check_range("head 'hyperbolic': c", self.c, *CURVATURES)
        check_range("head 'hyperbolic': clip_radius", self.clip_radius, 0)

    @property
    def reach(self) -> float:
        """Return the clipping radius, so that the ball is used in full."""
        return self.clip_radius

    def place(self, mapped: Tensor) -> Tensor:
        """Map to points (B, D) of the ball."""
        return poincare.expmap0(poincare.clip_norm(mapped, self.clip_radius), self.c)

    def nearness(self, points: Tensor, others: Tensor) -> Tensor:
        """Return negative geodesic distances (N, M)."""
        return -poincare.distances(points, others, self.c)


def make_head(text: str) -> Head:
    """Return the head that a recipe names: `sphere`, `hyperbolic`, `hyperbolic:c=0.1,clip_radius=2.3`.

    Raises:
        SetupError: Unknown head or option, or a value out of range.
    """
    head: Head = parse_part(HEADS, text, "head", Head)
    return head


def head_facts(head: Head, embed_dim: int) -> dict[str, Any]:
    """Return a checkpoint's description of its head: kind, dimensions, distance and options."""
    options: dict[str, Any] = asdict(head)  # type: ignore[call-overload]  # every head is a dataclass
    return {"kind": head.kind, "embed_dim": embed_dim, "distance": head.distance, **options}


def head_from_facts(facts: Mapping[str, Any]) -> Head:
    """Rebuild a head from its `head_facts`.

    Raises:
        SetupError: This version has no such head.
    """
    kind = facts.get("kind", "sphere")
    part = load_part(HEADS, str(kind), "head")
    known = {item.name for item in fields(part)}
    head: Head = make_with(part, {name: facts[name] for name in known & set(facts)}, f"head {kind!r}")
    if facts.get("distance", head.distance) != head.distance:
        raise SetupError(f"head {kind!r} has distance {head.distance!r}, not {facts['distance']!r}")
    return head


def make_pca_head(head: Head, features: Tensor, embed_dim: int) -> nn.Module:
    """Create a head whose initial projection preserves the cosines of the frozen features (N, F) as well as possible.

    Its rows are the leading right singular vectors of the unit-length features (Eckart and Young 1936), so training
    starts no worse than the frozen backbone. It has min(embed_dim, F, N) dimensions.
    """
    import torch

    unit = torch.nn.functional.normalize(features.double(), dim=1)
    dims = min(embed_dim, *unit.shape)
    directions = torch.linalg.svd(unit, full_matrices=False).Vh[:dims]
    module = make_empty_head(head, unit.shape[1], dims)
    with torch.no_grad():
        module.linear.weight.copy_(head.reach * directions.float())  # type: ignore[union-attr,operator]
    return module


def make_empty_head(head: Head, num_features: int, embed_dim: int) -> nn.Module:
    """Create a head, features (B, F) -> embeddings (B, D), whose weights are loaded later."""
    import torch
    from torch import nn

    class LinearHead(nn.Module):
        """Normalise, project, then map into the embedding space."""

        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(num_features, embed_dim, bias=False)

        def forward(self, features: Tensor) -> Tensor:
            return head.place(self.linear(torch.nn.functional.normalize(features, dim=1)))

    return LinearHead()

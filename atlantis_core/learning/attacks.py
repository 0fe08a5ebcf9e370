"""Pictures changed a little so that they are found as something else: evasion in the space of features.

FGSM (Goodfellow et al. 2015, equation in section 4) takes one step along the sign of the gradient; PGD (Madry et al.
2018, section 2.1) takes several small ones from a random start and projects back. What is pushed is the embedding, as
in Sabour et al. (2016): towards that of a picture of another class and, where one is given, away from one of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from atlantis_core.base.errors import SetupError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from atlantis_core.base.ports import Progress
    from atlantis_core.learning.retriever import Retriever

METHODS = ("fgsm", "pgd")


@dataclass(frozen=True, slots=True)
class Attack:
    """How pictures are changed."""

    method: str = "pgd"
    """`fgsm` or `pgd`."""
    epsilon: float = 2.0
    """Most that a pixel's channel changes, of 0..255."""
    steps: int = 10
    """Gradients of PGD; FGSM takes one."""
    seed: int = 0
    """Of PGD's random starts; every picture has its own."""
    step: float = 0.0
    """Change of a pixel's channel in a step of PGD; 0: 2.5 epsilon / steps (Madry et al., section 5)."""
    random_start: bool = True
    """Whether PGD starts anywhere within epsilon, or at the picture itself."""

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise SetupError(f"attack is one of {', '.join(METHODS)}, not {self.method!r}")
        if not 0 <= self.epsilon <= 255:
            raise SetupError(f"attack: epsilon is from 0 to 255 (pixel units), not {self.epsilon!r}")
        if self.steps < 1:
            raise SetupError(f"attack: steps are 1 or more, not {self.steps!r}")
        if not 0 <= self.step <= 255:
            raise SetupError(f"attack: step size is from 0 to 255 (pixel units), not {self.step!r}")

    @property
    def step_size(self) -> float:
        """Change of a pixel's channel in a step; FGSM takes all of epsilon."""
        return self.epsilon if self.method == "fgsm" else self.step or 2.5 * self.epsilon / self.steps

    def facts(self) -> dict[str, Any]:
        """Return method and strength, with the settings that the method uses, as plain data."""
        if self.method == "fgsm":
            return {"method": self.method, "epsilon": self.epsilon}
        return {**asdict(self), "step": self.step_size}


def perturb(
    retriever: Retriever,
    pictures: NDArray[np.uint8],
    ids: Sequence[str],
    towards: NDArray[np.float32] | None,
    away: NDArray[np.float32] | None,
    attack: Attack,
) -> NDArray[np.uint8]:
    """Return changed pictures, whole numbers within epsilon of the given ones.

    Args:
        retriever: Whose embedding is pushed; it is differentiated, not trained.
        pictures: (B, S, S, 3), squares of the retriever's input side.
        ids: Of the pictures (B,); they seed the random starts, whatever the batch.
        towards: Embeddings (B, D) to come near to; None for none.
        away: Embeddings (B, D) to get away from; None for none. One of the two is given.
        attack: Method and strength.
    """
    import torch

    device = next(retriever.stages.trunk.parameters()).device
    clean = torch.from_numpy(pictures).permute(0, 3, 1, 2).float().to(device)
    goal, avoided = (None if points is None else torch.from_numpy(points).to(device) for points in (towards, away))
    low, high = (clean - attack.epsilon).clamp_min(0), (clean + attack.epsilon).clamp_max(255)
    changed = _starting_pixels(clean, ids, attack).clamp(low, high)
    best, best_gain = changed, torch.full((len(clean),), -torch.inf, device=device)
    for _ in range(1 if attack.method == "fgsm" else attack.steps):
        changed.requires_grad_()
        gain = attack_objective(retriever, embed_pixels(retriever, changed), goal, avoided)
        (slope,) = torch.autograd.grad(gain.sum(), changed)
        changed = (changed.detach() + attack.step_size * slope.sign()).clamp(low, high)
        if attack.method == "fgsm":
            return _round_within(changed, low, high)
        with torch.no_grad():
            gain = attack_objective(retriever, embed_pixels(retriever, changed), goal, avoided)
        better = gain > best_gain
        best, best_gain = torch.where(better[:, None, None, None], changed, best), torch.maximum(gain, best_gain)
    return _round_within(best, low, high)


def _round_within(changed: Tensor, low: Tensor, high: Tensor) -> NDArray[np.uint8]:
    """Return pixels as whole numbers that are still within bounds."""
    import torch

    whole = changed.detach().round().clamp(low.ceil(), high.floor())
    return whole.permute(0, 2, 3, 1).to(torch.uint8).cpu().numpy()


def embed_pixels(retriever: Retriever, pixels: Tensor) -> Tensor:
    """Return embeddings (B, D) of pixels (B, 3, S, S) in 0..255, with their gradient."""
    import torch

    mean = torch.tensor(retriever.backbone.mean, device=pixels.device).view(1, 3, 1, 1)
    std = torch.tensor(retriever.backbone.std, device=pixels.device).view(1, 3, 1, 1)
    features = retriever.stages.upper(retriever.stages.lower((pixels / 255 - mean) / std))
    placed: Tensor = (
        torch.nn.functional.normalize(features, dim=1) if retriever.head is None else retriever.head(features)
    )
    return placed


def attack_objective(retriever: Retriever, embeddings: Tensor, towards: Tensor | None, away: Tensor | None) -> Tensor:
    """Return what the attack raises, (B,): nearness to `towards` less nearness to `away`, in the space of search.

    Raises:
        ValueError: Neither is given.
    """

    def near(others: Tensor) -> Tensor:
        return retriever.space.nearness(embeddings, others).diagonal()

    if towards is None and away is None:
        raise ValueError("an attack goes towards something or away from something")
    gains = [sign * near(points) for sign, points in ((1, towards), (-1, away)) if points is not None]
    return gains[0] if len(gains) == 1 else gains[0] + gains[1]


def attack_all(
    retriever: Retriever,
    pictures: Sequence[Any],
    ids: Sequence[str],
    towards: NDArray[np.float32] | None,
    away: NDArray[np.float32] | None,
    attack: Attack,
    progress: Progress,
    batch_size: int = 32,
) -> Iterator[NDArray[np.uint8]]:
    """Yield the changed squares (S, S, 3) of N pictures, by path or decoded, in order; see `perturb`.

    Only a batch is held at a time, so that collections of any size fit into memory.

    Raises:
        SetupError: A picture cannot be read.
    """
    from atlantis_core.learning.inputs.preprocessing import decode_image, to_input

    for start in range(0, len(pictures), batch_size):
        progress("attacking", start, len(pictures))
        rows = slice(start, start + batch_size)
        side_px, backbone = retriever.side_px, retriever.backbone
        squares = [np.asarray(to_input(decode_image(p), side_px, backbone)) for p in pictures[rows]]
        goal, avoided = (None if points is None else points[rows] for points in (towards, away))
        yield from perturb(retriever, np.stack(squares), ids[rows], goal, avoided, attack)
    progress("attacking", len(pictures), len(pictures))


def _starting_pixels(clean: Tensor, ids: Sequence[str], attack: Attack) -> Tensor:
    """Return where the first gradient is taken: the picture itself, or for PGD somewhere within epsilon."""
    import torch

    if attack.method == "fgsm" or not (attack.epsilon and attack.random_start):
        return clean.clone()
    noise = np.stack([_seeded_generator(identity, attack.seed).uniform(-1, 1, clean.shape[1:]) for identity in ids])
    return clean + attack.epsilon * torch.from_numpy(noise).float().to(clean.device)


def _seeded_generator(identity: str, seed: int) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed}/{identity}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))

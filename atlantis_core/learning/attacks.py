"""Attack images: change their pixels slightly so that they are retrieved as another class.

FGSM (Goodfellow et al. 2015, equation in section 4) takes one step along the sign of the gradient; PGD (Madry et al.
2018, section 2.1) takes several small steps from a random start and projects back. As in Sabour et al. (2016), the
attack moves the embedding: towards that of a negative, away from that of a positive, or both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import SetupError
from atlantis_core.base.option_strings import make_with, name_and_options

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from atlantis_core.base.ports import Progress
    from atlantis_core.learning.models.heads import Head
    from atlantis_core.learning.retriever import Retriever

METHODS = ("fgsm", "pgd")


@dataclass(frozen=True, slots=True)
class Attack:
    """Method and strength of an attack."""

    method: str = "pgd"
    """`fgsm` or `pgd`."""
    epsilon: float = 2.0
    """Largest change of a pixel's channel, of 0..255."""
    steps: int = 10
    """Steps of PGD; FGSM takes one."""
    seed: int = 0
    """Seed of PGD's random starts; every image has its own start."""
    step: float = 0.0
    """Change of a pixel's channel in a step of PGD; 0 means 2.5 epsilon / steps (Madry et al., section 5)."""
    random_start: bool = True
    """Whether PGD starts at random pixels within epsilon, or at the image itself."""

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise SetupError(f"attack must be one of {', '.join(METHODS)}, not {self.method!r}")
        if not 0 <= self.epsilon <= 255:
            raise SetupError(f"attack: epsilon must be from 0 to 255 (pixel units), not {self.epsilon!r}")
        if self.steps < 1:
            raise SetupError(f"attack: steps must be 1 or more, not {self.steps!r}")
        if not 0 <= self.step <= 255:
            raise SetupError(f"attack: step size must be from 0 to 255 (pixel units), not {self.step!r}")

    @property
    def step_size(self) -> float:
        """Change of a pixel's channel per step; FGSM takes epsilon in one step."""
        return self.epsilon if self.method == "fgsm" else self.step or 2.5 * self.epsilon / self.steps

    @property
    def num_steps(self) -> int:
        """Number of gradients that are followed."""
        return 1 if self.method == "fgsm" else self.steps

    def facts(self) -> dict[str, Any]:
        """Return the method and the settings that it uses, JSON-able."""
        if self.method == "fgsm":
            return {"method": self.method, "epsilon": self.epsilon}
        return {**asdict(self), "step": self.step_size}


def parse_attack(text: str) -> Attack:
    """Parse an attack with options, by the fields of `Attack`: `pgd:epsilon=2,steps=3`.

    Raises:
        SetupError: Unknown method or option, or an invalid value.
    """
    method, options = name_and_options(text, ":", "attack")
    if "method" in options:
        raise SetupError(f"attack {text!r} names its method before the colon: pgd:epsilon=2")
    attack: Attack = make_with(Attack, {"method": method, **options}, f"attack {method!r}")
    return attack


def format_attack(attack: Attack) -> str:
    """Return the text that `parse_attack` reads; settings at their default are left out, except epsilon."""
    default = Attack()
    names = [item.name for item in fields(Attack) if item.name not in {"method", "epsilon"}]
    changed = [(name, getattr(attack, name)) for name in names if getattr(attack, name) != getattr(default, name)]
    options = [("epsilon", f"{attack.epsilon:g}"), *changed]
    return f"{attack.method}:{','.join(f'{name}={value}' for name, value in options)}"


def perturb(
    retriever: Retriever,
    images: NDArray[np.uint8],
    ids: Sequence[str],
    towards: NDArray[np.float32] | None,
    away: NDArray[np.float32] | None,
    attack: Attack,
) -> NDArray[np.uint8]:
    """Return attacked images, whole pixel values within epsilon of the originals; the model is not trained.

    Args:
        retriever: The attacked model.
        images: (B, S, S, 3), squares of the retriever's input side.
        ids: Ids of the images (B,); they seed the random starts independently of the batch.
        towards: Embeddings (B, D) to approach, or None.
        away: Embeddings (B, D) to leave, or None. At least one of the two is needed.
        attack: Method and strength.
    """
    import torch

    device = retriever.stages.device
    clean = torch.from_numpy(images).permute(0, 3, 1, 2).float().to(device)
    target, avoided = (None if points is None else torch.from_numpy(points).to(device) for points in (towards, away))
    low, high = (clean - attack.epsilon).clamp_min(0), (clean + attack.epsilon).clamp_max(255)
    changed = _starting_pixels(clean, ids, attack).clamp(low, high)
    best, best_gain = changed, torch.full((len(clean),), -torch.inf, device=device)
    for step in range(attack.num_steps):
        changed.requires_grad_()
        gain = attack_objective(retriever, embed_pixels(retriever, changed), target, avoided)
        (gradient,) = torch.autograd.grad(gain.sum(), changed)
        changed = changed.detach()
        if step:  # the start itself does not count
            best, best_gain = _keep_better(best, best_gain, changed, gain.detach())
        changed = (changed + attack.step_size * gradient.sign()).clamp(low, high)
    if attack.num_steps > 1:
        with torch.no_grad():
            gain = attack_objective(retriever, embed_pixels(retriever, changed), target, avoided)
        changed, _ = _keep_better(best, best_gain, changed, gain)
    return _round_within(changed, low, high)


def _keep_better(best: Tensor, best_gain: Tensor, changed: Tensor, gain: Tensor) -> tuple[Tensor, Tensor]:
    """Return for each image (B, ...) which of two changes gains more, and its gain (B,)."""
    import torch

    better = gain > best_gain
    return torch.where(better[:, None, None, None], changed, best), torch.maximum(gain, best_gain)


def _round_within(changed: Tensor, low: Tensor, high: Tensor) -> NDArray[np.uint8]:
    import torch

    rounded = changed.detach().round().clamp(low.ceil(), high.floor())
    return rounded.permute(0, 2, 3, 1).to(torch.uint8).cpu().numpy()


def embed_pixels(retriever: Retriever, pixels: Tensor) -> Tensor:
    """Embed pixels (B, 3, S, S) in 0..255, with gradient; return (B, D)."""
    import torch

    mean = torch.tensor(retriever.backbone.mean, device=pixels.device).view(1, 3, 1, 1)
    std = torch.tensor(retriever.backbone.std, device=pixels.device).view(1, 3, 1, 1)
    return retriever.apply_head(retriever.stages.upper(retriever.stages.lower((pixels / 255 - mean) / std)))


def attack_objective(retriever: Retriever, embeddings: Tensor, towards: Tensor | None, away: Tensor | None) -> Tensor:
    """Return what the attack maximises, (B,): similarity to `towards` minus similarity to `away`.

    Raises:
        ValueError: Both are None.
    """
    return gain_of_attack(retriever.space, embeddings, towards, away)


def gain_of_attack(space: Head, embeddings: Tensor, towards: Tensor | None, away: Tensor | None) -> Tensor:
    """Return `attack_objective` of embeddings (B, D) in an embedding space."""

    def similarity(others: Tensor) -> Tensor:
        return space.nearness(embeddings, others).diagonal()

    if towards is None and away is None:
        raise ValueError("an attack goes towards something or away from something")
    gains = [sign * similarity(points) for sign, points in ((1, towards), (-1, away)) if points is not None]
    return gains[0] if len(gains) == 1 else gains[0] + gains[1]


def attack_all(
    retriever: Retriever,
    images: Sequence[Any],
    ids: Sequence[str],
    towards: NDArray[np.float32] | None,
    away: NDArray[np.float32] | None,
    attack: Attack,
    progress: Progress,
    batch_size: int = 32,
) -> Iterator[NDArray[np.uint8]]:
    """Yield the attacked squares (S, S, 3) of N images, given as paths or decoded, in order; see `perturb`.

    Only one batch is in memory at a time.

    Raises:
        SetupError: An image cannot be read.
    """
    import numpy as np

    from atlantis_core.learning.inputs.preprocessing import decode_image, to_input

    for start in range(0, len(images), batch_size):
        progress("attacking", start, len(images))
        rows = slice(start, start + batch_size)
        side_px, backbone = retriever.side_px, retriever.backbone
        squares = [np.asarray(to_input(decode_image(image), side_px, backbone)) for image in images[rows]]
        target, avoided = (None if points is None else points[rows] for points in (towards, away))
        yield from perturb(retriever, np.stack(squares), ids[rows], target, avoided, attack)
    progress("attacking", len(images), len(images))


def _starting_pixels(clean: Tensor, ids: Sequence[str], attack: Attack) -> Tensor:
    """Return the pixels of the first gradient: the image itself, or for PGD a random point within epsilon."""
    import numpy as np
    import torch

    if attack.method == "fgsm" or not (attack.epsilon and attack.random_start):
        return clean.clone()
    noise = []
    for identity in ids:
        digest = hashlib.sha256(f"{attack.seed}/{identity}".encode()).digest()
        noise.append(np.random.default_rng(int.from_bytes(digest[:8], "big")).uniform(-1, 1, clean.shape[1:]))
    return clean + attack.epsilon * torch.from_numpy(np.stack(noise)).float().to(clean.device)

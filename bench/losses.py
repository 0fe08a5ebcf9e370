"""How fast the vectorised hyperbolic loss is against the released double loop. `python bench/losses.py [--json F]`.

The loop is written anew after `contrastive_loss` and the training loop in train.py of github.com/htdt/hyp_metric (the
same in github.com/intherejeet/ATLANTIS), and after `dist_matrix` of the hyptorch it imports, read in copies in other
repositories: every ordered pair of the K samples of a class is taken in turn and asks for two distance matrices over
(P, P, D) Moebius sums. Its statistics, which cost it more, are left out; pairs are averaged instead of summed.
hyptorch adds 1e-5 to the denominator of the sum; the library follows the paper, without it, so both differences are
given. Forward and backward, both ways turn by turn in one process.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

CURVATURE, TEMPERATURE, CLIP_RADIUS = 0.1, 0.2, 2.3
CLASSES, SAMPLES, DIMS, REPEATS = 98, 11, 128, 5
RELEASED_EPSILON = 1e-5  # added to the denominator of the Moebius sum in hyptorch; not in any paper


def released_distances(x: Tensor, y: Tensor, c: float, epsilon: float) -> Tensor:
    """Return 2 / sqrt(c) artanh(sqrt(c) |(-x) (+)_c y|), (N, M), over the sums (N, M, D) as released."""
    import torch

    dots = -x @ y.T
    x_squares, y_squares = x.square().sum(1, keepdim=True), y.square().sum(1)
    sums = (1 + 2 * c * dots + c * y_squares).unsqueeze(2) * -x.unsqueeze(1) + (1 - c * x_squares).unsqueeze(2) * y
    sums = sums / (1 + 2 * c * dots + c**2 * x_squares * y_squares + epsilon).unsqueeze(2)
    geodesic: Tensor = 2 / c**0.5 * torch.atanh((c**0.5 * sums.norm(dim=2)).clamp(max=1 - 1e-5))
    return geodesic


def released_similarities(c: float, epsilon: float = RELEASED_EPSILON) -> Callable[[Tensor, Tensor], Tensor]:
    """Return minus the distance in the ball, or the cosine where c is 0."""
    return (lambda x, y: -released_distances(x, y, c, epsilon)) if c else lambda x, y: x @ y.T


def released_loss(z: Tensor, temperature: float, similar: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Return the pairwise cross-entropy of embeddings (P, K, D), one ordered pair i != j after the other."""
    import torch

    classes, samples = z.shape[:2]
    own, losses = torch.arange(classes, device=z.device), []
    for i in range(samples):
        for j in range(samples):
            if i != j:
                within = similar(z[:, i], z[:, i]) / temperature - 1e9 * torch.eye(classes, device=z.device)
                logits = torch.cat([similar(z[:, i], z[:, j]) / temperature, within], dim=1)
                losses.append(torch.nn.functional.cross_entropy(logits, own))
    return torch.stack(losses).mean()


def vectorised_loss(z: Tensor) -> Tensor:
    """Return the loss of embeddings (P, K, D) as this library computes it."""
    import torch

    from atlantis_core.learning.losses.pairwise import pairwise_cross_entropy
    from atlantis_core.learning.models import poincare

    flat = z.reshape(-1, z.shape[2])
    labels = torch.arange(z.shape[0], device=z.device).repeat_interleave(z.shape[1])
    return pairwise_cross_entropy(-poincare.distances(flat, flat, CURVATURE), labels, TEMPERATURE)


def batch(classes: int, samples: int, device: str, spread: float = 0.8) -> Tensor:
    """Return embeddings (P, K, D) in the ball, gathered by class, with lengths on both sides of the clip radius."""
    import torch

    from atlantis_core.learning.models import poincare

    draw = torch.Generator().manual_seed(0)
    centres = torch.randn(classes, 1, DIMS, generator=draw)
    features = centres + spread * torch.randn(classes, samples, DIMS, generator=draw)
    lengths = CLIP_RADIUS * (0.5 + torch.rand(classes, samples, 1, generator=draw))
    features *= lengths / features.norm(dim=2, keepdim=True)
    return poincare.expmap0(poincare.clip_norm(features, CLIP_RADIUS), CURVATURE).to(device).requires_grad_()


def timed(loss_of: Callable[[Tensor], Tensor], z: Tensor) -> tuple[float, float, Tensor]:
    """Return seconds of one forward and backward, the loss, and its gradient."""
    import torch

    z.grad = None
    started = time.perf_counter()
    loss = loss_of(z)
    loss.backward()  # type: ignore[no-untyped-call]
    if z.is_cuda:
        torch.cuda.synchronize()
    seconds = time.perf_counter() - started
    gradient: Tensor = z.grad  # type: ignore[assignment]  # backward has just made it
    return seconds, loss.item(), gradient.clone()


def compared(device: str) -> dict[str, Any]:
    """Time both ways on one batch and compare what they return."""
    import torch

    z = batch(CLASSES, SAMPLES, device)
    ways: dict[str, Callable[[Tensor], Tensor]] = {
        "loop": lambda points: released_loss(points, TEMPERATURE, released_similarities(CURVATURE)),
        "vectorised": vectorised_loss,
    }
    for loss_of in ways.values():
        timed(loss_of, z)  # the first call finds memory
    runs = [{name: timed(loss_of, z) for name, loss_of in ways.items()} for _ in range(REPEATS)]
    seconds = {name: statistics.median(run[name][0] for run in runs) for name in ways}
    exact = timed(lambda points: released_loss(points, TEMPERATURE, released_similarities(CURVATURE, 0.0)), z)
    loop, vectorised = runs[0]["loop"], runs[0]["vectorised"]
    return {
        "device": torch.cuda.get_device_name() if z.is_cuda else "cpu",
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "batch": [CLASSES, SAMPLES, DIMS],
        "loop_seconds": seconds["loop"],
        "vectorised_seconds": seconds["vectorised"],
        "ratio": seconds["loop"] / seconds["vectorised"],
        "ratio_each": [run["loop"][0] / run["vectorised"][0] for run in runs],
        "loss": vectorised[1],
        "loss_differs": abs(vectorised[1] - loop[1]),
        "largest_gradient": loop[2].abs().max().item(),
        "gradient_differs": (vectorised[2] - loop[2]).abs().max().item(),
        "loss_differs_without_epsilon": abs(vectorised[1] - exact[1]),
        "gradient_differs_without_epsilon": (vectorised[2] - exact[2]).abs().max().item(),
    }


def main() -> None:
    """Print a Markdown table and the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the figures there")
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    found = compared(given.device)
    print("| way | seconds, median of 5 | times faster | loss differs | from a loop without the epsilon |")
    print("| --- | --- | --- | --- | --- |")
    print(f"| released double loop | {found['loop_seconds']:.3f} | 1 | | |")
    figures = f"{found['vectorised_seconds']:.4f} | {found['ratio']:.0f} | {found['loss_differs']:.1e}"
    print(f"| vectorised | {figures} | {found['loss_differs_without_epsilon']:.1e} |\n")
    text = json.dumps(found, indent=1)
    print(text)
    if given.json:
        given.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

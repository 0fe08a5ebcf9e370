"""What a denoiser is trained to predict, as its pipeline's scheduler says: noise, velocity, image, or flow.

Diffusion: Ho et al. 2020 (noise), Salimans and Ho 2022 (velocity). Flow: Lipman et al. 2023, with the times of Esser
et al. 2024, section 3.1 (logit-normal) and their shift.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from atlantis_core.base.errors import SetupError

if TYPE_CHECKING:
    from torch import Tensor


class Objective(Protocol):
    """Makes noisy latents from clean ones."""

    def add_noise(self, clean: Tensor, noise: Tensor, draws: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return noisy latents, the scheduler's times (N,), and what the denoiser should predict.

        `clean` and `noise` are (N, channels, height, width); `draws` (N,) are normal random numbers for the times.
        """


class DiffusionObjective:
    """Noise, velocity or image, at times drawn uniformly."""

    def __init__(self, scheduler: Any) -> None:
        from diffusers import DDPMScheduler

        self._scheduler = DDPMScheduler.from_config(scheduler.config)
        self._kind = self._scheduler.config.prediction_type

    def add_noise(self, clean: Tensor, noise: Tensor, draws: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See `Objective.add_noise`."""
        import torch

        last = self._scheduler.config.num_train_timesteps
        times = (torch.special.ndtr(draws) * last).long().clamp(0, last - 1)
        noisy = self._scheduler.add_noise(clean, noise, times)
        if self._kind == "v_prediction":
            return noisy, times, self._scheduler.get_velocity(clean, noise, times)
        return noisy, times, noise if self._kind == "epsilon" else clean


class FlowObjective:
    """The direction from image to noise, at logit-normal times, shifted as the scheduler shifts its own."""

    def __init__(self, scheduler: Any) -> None:
        config = scheduler.config
        self._last = config.num_train_timesteps
        self._shift = 1.0 if config.get("use_dynamic_shifting") else float(config.get("shift") or 1.0)

    def add_noise(self, clean: Tensor, noise: Tensor, draws: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See `Objective.add_noise`."""
        drawn = draws.sigmoid()
        share = self._shift * drawn / (1 + (self._shift - 1) * drawn)
        wide = share.view(-1, 1, 1, 1)
        return (1 - wide) * clean + wide * noise, share * self._last, noise - clean


def choose_objective(scheduler: Any) -> Objective:
    """Return what the denoiser of a scheduler predicts.

    Raises:
        SetupError: The scheduler is of neither kind, or predicts something else.
    """
    name = type(scheduler).__name__
    if name.startswith("FlowMatch"):
        return FlowObjective(scheduler)
    kind = scheduler.config.get("prediction_type")
    if not hasattr(scheduler, "alphas_cumprod") or kind not in {"epsilon", "v_prediction", "sample"}:
        raise SetupError(f"fit=lora does not know what {name} predicts (prediction_type {kind!r})")
    return DiffusionObjective(scheduler)

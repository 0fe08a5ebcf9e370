"""Trains LoRA weights of a pipeline's denoiser on photos."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import SetupError
from atlantis_core.generation.diffusion.loading import native_side_px
from atlantis_core.generation.lora.conditions import Conditions, join_arguments, read_conditions
from atlantis_core.generation.lora.latents import encode_photo
from atlantis_core.generation.lora.layers import find_denoiser, list_layers
from atlantis_core.generation.lora.objectives import choose_objective
from atlantis_core.learning.training.resumable import take_step

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from atlantis_core.base.ports import Progress
    from atlantis_core.generation.lora.fit_plan import FitPlan

_WARM_UP = 20
"""Steps over which the learning rate rises."""

_COOL_DOWN = 0.2
"""Share of the steps, at the end, over which it falls to zero."""


class LoraTraining:
    """A training of LoRA weights; its steps depend on their number and the weights alone.

    Args:
        pipeline: A loaded text-to-image pipeline; its denoiser gets the new weights, the rest stays as it is.
        plan: Photos, prompts and settings.
        progress: Receives the reading of photos and prompts.

    Raises:
        SetupError: This kind of pipeline cannot be fitted.
    """

    def __init__(self, pipeline: Any, plan: FitPlan, progress: Progress) -> None:
        import torch
        from peft import LoraConfig
        from torch import nn

        self._plan, self._device = plan, str(pipeline.device.type)
        self._pipeline, (self._part, self._denoiser) = pipeline, find_denoiser(pipeline)
        self._objective = choose_objective(pipeline.scheduler)
        self._latents, self._conditions = self._read(native_side_px(pipeline), progress)
        self._denoiser.requires_grad_(requires_grad=False)
        rank, layers = plan.settings.rank, list_layers(self._denoiser)
        with torch.random.fork_rng():
            torch.manual_seed(plan.settings.seed)
            config = LoraConfig(r=rank, lora_alpha=rank, init_lora_weights="gaussian", target_modules=layers)
            self._denoiser.add_adapter(config)
        weights = [one for one in self._denoiser.parameters() if one.requires_grad]
        for one in weights:
            one.data = one.data.float()  # small steps are lost in half precision
        if self._device == "cuda":
            self._denoiser.enable_gradient_checkpointing()
        self._denoiser.train()
        self.modules = nn.ParameterList(weights)
        self.optimiser = torch.optim.AdamW(weights, lr=plan.settings.rate, weight_decay=0.01)

    def step(self, step: int) -> float:
        """Train on one batch; return the loss."""
        import torch

        settings, drawn = self._plan.settings, self._plan.draws[step]
        for group in self.optimiser.param_groups:
            left = 1 - step / settings.steps
            group["lr"] = settings.rate * min(1.0, (step + 1) / _WARM_UP, left / _COOL_DOWN)
        noises = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
        clean = torch.stack([self._latents[photo.id] for photo, _ in drawn])
        noise = torch.randn(clean.shape, generator=noises)
        noisy, times, target = self._objective.add_noise(clean, noise, torch.randn(len(drawn), generator=noises))
        conditions = [self._conditions[prompt] for _, prompt in drawn]
        with torch.autocast(self._device, torch.bfloat16, enabled=self._device == "cuda"):
            predicted = self._predict(noisy, times, conditions)
        loss = (predicted.float() - self._pack(target, conditions[0]).to(self._device)).square().mean()
        return take_step(loss, self.modules, self.optimiser)

    def save(self, folder: Path) -> None:
        """Write the weights as `pytorch_lora_weights.safetensors`, which any pipeline of the kind loads."""
        from peft.utils import get_peft_model_state_dict

        # Not by `convert_state_dict_to_diffusers`: it renames some layers only, and the others are then not loaded.
        layers = get_peft_model_state_dict(self._denoiser)
        self._pipeline.save_lora_weights(folder, **{f"{self._part}_lora_layers": layers})

    def _read(self, side_px: int, progress: Progress) -> tuple[dict[str, Tensor], dict[str, Conditions]]:
        """Return the latents of the photos and the conditions of the prompts that are drawn, by id and by prompt."""
        import torch

        pairs = [pair for drawn in self._plan.draws for pair in drawn]
        photos = {photo.id: photo.path for photo, _ in pairs}
        prompts = dict.fromkeys(prompt for _, prompt in pairs)
        conditions = {}
        for prompt in prompts:
            conditions[prompt] = read_conditions(self._pipeline, self._denoiser, prompt, side_px)
            progress("prompts read", len(conditions), len(prompts))
        vae = self._pipeline.vae.to(torch.float32)
        latents = {}
        for name, path in photos.items():
            latents[name] = encode_photo(vae, path, side_px)
            progress("photos read", len(latents), len(photos))
        for part, module in self._pipeline.components.items():
            if part != self._part and isinstance(module, torch.nn.Module):
                module.to("cpu")  # all that it gives has been read; training needs the memory
        return latents, conditions

    def _predict(self, noisy: Tensor, times: Tensor, conditions: list[Conditions]) -> Tensor:
        first, dtype = conditions[0], self._denoiser.dtype
        given = join_arguments(conditions, self._device)
        given[first.sample_name] = self._pack(noisy, first).to(self._device, dtype)
        given["timestep"] = (times if first.time_scale == 1 else times * first.time_scale).to(self._device)
        predicted: Tensor = self._denoiser(**given)[0]
        return predicted

    def _pack(self, latents: Tensor, conditions: Conditions) -> Tensor:
        """Return latents (N, channels, height, width) in the shape that the denoiser takes."""
        wanted = conditions.sample_shape
        packed = latents
        if len(wanted) == 3 and hasattr(self._pipeline, "_pack_latents"):
            packed = self._pipeline._pack_latents(latents, *latents.shape)  # noqa: SLF001 (diffusers has no other)
        if tuple(packed.shape[1:]) != wanted[1:]:
            kind = type(self._pipeline).__name__
            raise SetupError(f"fit=lora gives latents {tuple(packed.shape[1:])}; {kind} takes {wanted[1:]}")
        return packed

"""What a pipeline gives its denoiser for a prompt, read off the pipeline itself.

Pipelines encode prompts in many ways (one to three text encoders, pooled texts, sizes, positions). All of them end in
the arguments of the denoiser. So a pipeline is started with the prompt and stopped at its first call of the denoiser,
before any denoising.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import SetupError

if TYPE_CHECKING:
    from torch import Tensor

_SAMPLES = ("sample", "hidden_states")


class _DenoiserReached(Exception):  # noqa: N818 (not an error)
    """The pipeline has called its denoiser."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """The arguments of a denoiser for one prompt."""

    arguments: Mapping[str, Any]
    """All but the noisy sample and the time."""
    sample_name: str
    sample_shape: tuple[int, ...]
    """(1, channels, height, width), or (1, patches, channels) where latents are packed."""
    time_scale: float
    """Factor from the scheduler's times to the denoiser's: 1, or 1 / number of times."""


def read_conditions(pipeline: Any, denoiser: Any, prompt: str, side_px: int) -> Conditions:
    """Return what the pipeline gives its denoiser for a prompt and a square image, without guidance.

    Raises:
        SetupError: The pipeline cannot be started with a prompt alone, or calls its denoiser in an unknown way.
    """
    import torch

    signature, seen = inspect.signature(denoiser.forward), dict[str, Any]()

    def stop(_: Any, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
        seen.update(signature.bind(*positional, **named).arguments)
        raise _DenoiserReached

    hook = denoiser.register_forward_pre_hook(stop, with_kwargs=True)
    try:
        with torch.no_grad():
            pipeline(prompt=prompt, num_inference_steps=2, guidance_scale=1.0, height=side_px, width=side_px)
    except _DenoiserReached:
        pass
    except (TypeError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise SetupError(f"fit=lora cannot start a {type(pipeline).__name__}: {reason}") from error
    finally:
        hook.remove()
    sample_name = next((name for name in _SAMPLES if name in seen), "")
    if not sample_name or "timestep" not in seen:
        raise SetupError(f"fit=lora does not know the arguments of {type(denoiser).__name__}")
    sample, time = seen.pop(sample_name), seen.pop("timestep")
    seen["return_dict"] = False
    first = float(pipeline.scheduler.timesteps[0])
    is_scaled = float(time.flatten()[0]) < first / 2
    scale = 1 / pipeline.scheduler.config.num_train_timesteps if is_scaled else 1.0
    kept = {name: _to_cpu(value) for name, value in seen.items() if value is not None}
    return Conditions(kept, sample_name, tuple(sample.shape), scale)


def join_arguments(conditions: Sequence[Conditions], device: str) -> dict[str, Any]:
    """Return the arguments for a batch, on a device; what has no batch dimension (positions) is the same for all."""
    joined: dict[str, Any] = _join([one.arguments for one in conditions], device)
    return joined


def _join(values: Sequence[Any], device: str) -> Any:
    import torch

    first = values[0]
    if isinstance(first, Mapping):
        return {name: _join([value[name] for value in values], device) for name in first}
    if not isinstance(first, torch.Tensor):
        return first
    has_batch = first.ndim > 0 and len(first) == 1
    joined: Tensor = torch.cat(list(values)) if has_batch else first
    return joined.to(device)


def _to_cpu(value: Any) -> Any:
    """Return a value without its tensors on a GPU: a fit reads hundreds of prompts."""
    import torch

    if isinstance(value, Mapping):
        return {name: _to_cpu(one) for name, one in value.items()}
    return value.cpu() if isinstance(value, torch.Tensor) else value

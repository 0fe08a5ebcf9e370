"""What a denoiser is trained to predict, against the papers' formulas in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from atlantis_core.base.errors import SetupError
from atlantis_core.generation.lora.objectives import choose_objective

CLEAN, NOISE = torch.randn(4, 2, 3, 3, generator=torch.Generator().manual_seed(0)), torch.full((4, 2, 3, 3), 0.5)
DRAWS = torch.tensor([-6.0, -0.5, 0.3, 6.0])


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize("name", ["DDIMScheduler", "EulerDiscreteScheduler", "PNDMScheduler"])
def test_diffusion(name: str, kind: str) -> None:
    import diffusers

    if (name, kind) == ("PNDMScheduler", "sample"):
        pytest.skip("it predicts no image")
    noisy, times, target = choose_objective(getattr(diffusers, name)(prediction_type=kind)).add_noise(
        CLEAN, NOISE, DRAWS
    )
    kept = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))[times.numpy()][:, None, None, None]
    x, e = CLEAN.numpy(), NOISE.numpy()
    np.testing.assert_allclose(noisy, np.sqrt(kept) * x + np.sqrt(1 - kept) * e, atol=1e-4)
    wanted = {"epsilon": e, "v_prediction": np.sqrt(kept) * e - np.sqrt(1 - kept) * x, "sample": x}
    np.testing.assert_allclose(target, wanted[kind], atol=1e-4)
    assert times[0] == 0
    assert times[-1] == 999
    assert times[1] == 308  # 1000 times the normal distribution function at -0.5


@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_flow(shift: float) -> None:
    from diffusers import FlowMatchEulerDiscreteScheduler

    noisy, times, target = choose_objective(FlowMatchEulerDiscreteScheduler(shift=shift)).add_noise(
        CLEAN, NOISE, DRAWS
    )
    drawn = 1 / (1 + np.exp(-DRAWS.numpy()))
    share = (shift * drawn / (1 + (shift - 1) * drawn))[:, None, None, None]
    np.testing.assert_allclose(noisy, (1 - share) * CLEAN.numpy() + share * NOISE.numpy(), atol=1e-5)
    np.testing.assert_allclose(times, 1000 * share.ravel(), rtol=1e-5)
    np.testing.assert_allclose(target, NOISE - CLEAN)


def test_a_scheduler_of_another_kind_is_refused() -> None:
    from diffusers import EDMEulerScheduler

    scheduler: Any = EDMEulerScheduler()
    with pytest.raises(SetupError, match="EDMEulerScheduler"):
        choose_objective(scheduler)

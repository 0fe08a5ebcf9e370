"""The option `fit=lora`: a pipeline that is fitted to training photos before it generates."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from atlantis_core.generation.diffusion.loading import load_pipeline
from atlantis_core.generation.lora.adapter import find_or_train
from atlantis_core.generation.lora.fit_plan import FitPlan, FitSettings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from atlantis_core.base.ports import Progress
    from atlantis_core.generation.diffusion.loading import FoundPipeline
    from atlantis_core.generation.diffusion.options import DiffusionOptions
    from atlantis_core.records import LabelledImage


@dataclass(frozen=True)
class GeneratorFit:
    """A pipeline, the photos to fit it to, and the folder that keeps the weights."""

    found: FoundPipeline
    options: DiffusionOptions
    device: str
    photos: Sequence[LabelledImage]
    folder: Path
    progress: Progress

    @cached_property
    def plan(self) -> FitPlan:
        """What the weights depend on; nothing is loaded or trained yet.

        Raises:
            SetupError: There are no photos.
        """
        options = self.options
        settings = FitSettings(
            options.fit_steps, options.fit_rank, options.fit_rate, options.fit_batch, options.fit_seed
        )
        return FitPlan(self.found.digest, self.photos, settings, self.device)

    def describe(self) -> dict[str, Any]:
        """Return the facts of the fit for the provenance of images, JSON-able."""
        plan = self.plan
        return {"kind": "lora", "key": plan.key, "photos": len(plan.photos), **asdict(plan.settings)}

    def find_or_train(self) -> Path:
        """Return the file of the weights; train them where the folder has none.

        Raises:
            SetupError: This pipeline cannot be fitted.
        """
        return find_or_train(self.plan, self.folder, self.found.name, self._load, self.progress)

    def _load(self) -> Any:
        """Load the pipeline as it is trained: on a GPU in bfloat16, whose range float16 lacks."""
        dtype = "bfloat16" if self.device == "cuda" and self.options.dtype == "auto" else self.options.dtype
        return load_pipeline(self.found, replace(self.options, dtype=dtype), None, self.device, to_train=True)

"""Load the batches of a training: cached activations, or new views computed from the images."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from atlantis_core.base.ports import Progress
from atlantis_core.learning.inputs.activation_cache import ActivationCache, ViewKind, Views
from atlantis_core.learning.inputs.augmentation import Strength, augmented_view, strength_of
from atlantis_core.learning.inputs.decoded_cache import DecodedImageCache
from atlantis_core.learning.inputs.pk_sampler import Batch, TrainingImage
from atlantis_core.learning.inputs.preprocessing import resampling, to_batch, to_input

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from atlantis_core.learning.models.backbones import BackboneSpec
    from atlantis_core.learning.models.split_backbone import Stages
    from atlantis_core.learning.recipe import Recipe

_MAX_HEAD_IMAGES = 4096
"""Most images that initialise a head if they must be computed for that purpose alone."""


class BatchLoader(Protocol):
    """Turns batches of image positions into the inputs of the trained blocks."""

    def stream(self, batches: Iterator[Batch]) -> Iterator[Tensor]:
        """Yield the activations (B, ...) of every batch, float32, on the backbone's device.

        If the recipe attacks images, they are normalised pixels (B, 3, S, S) instead.
        """

    def clean(self, batch_size: int) -> Iterator[Tensor]:
        """Yield activations (<= batch_size, ...) of clean views, of enough images to initialise a head."""


def make_loader(
    images: Sequence[TrainingImage],
    backbone: BackboneSpec,
    recipe: Recipe,
    stages: Stages,
    cache: ActivationCache,
    progress: Progress,
) -> BatchLoader:
    """Return the loader that a recipe names; a cached loader computes its activations here.

    Raises:
        SetupError: An image cannot be read, or the augmentation is unknown.
    """
    side_px, strength = recipe.side_px or backbone.input_px, strength_of(recipe.augmentation)
    if recipe.feed == "online":
        decoded = DecodedImageCache(images, side_px)
        return OnlineLoader(decoded, backbone, stages, side_px, strength, gives_pixels=bool(recipe.attack))
    clean = cache.load(images, ViewKind(side_px), backbone, stages, progress)
    kind = ViewKind(side_px, recipe.views, recipe.augmentation)
    return CachedLoader(clean, cache.load(images, kind, backbone, stages, progress) if recipe.views else [], stages)


@dataclass(frozen=True, slots=True)
class CachedLoader:
    """Reads the cached activations of a fixed number of views. This is fast, so nothing is prefetched."""

    plain: list[Views]
    """View 0 of every image, the clean one."""
    augmented: list[Views]
    """Views 1 to V of every image; empty if V is 0."""
    stages: Stages

    def stream(self, batches: Iterator[Batch]) -> Iterator[Tensor]:
        """Yield batches; see `BatchLoader`."""
        for batch in batches:
            yield self._activations(batch.images, batch.views)

    def clean(self, batch_size: int) -> Iterator[Tensor]:
        """Yield all images; see `BatchLoader`."""
        for numbers in np.array_split(np.arange(len(self.plain)), -(-len(self.plain) // batch_size)):
            yield self._activations(numbers, np.zeros_like(numbers))

    def _activations(self, images: NDArray[np.int64], views: NDArray[np.int64]) -> Tensor:
        import torch

        rows = [
            self.plain[image][0] if number == 0 else self.augmented[image][number - 1]
            for image, number in zip(images.tolist(), views.tolist(), strict=True)
        ]
        return torch.from_numpy(np.stack(rows)).to(self.stages.device).float()


@dataclass(frozen=True, slots=True)
class OnlineLoader:
    """Computes new views at every draw; threads prepare the next batches during a step."""

    images: DecodedImageCache
    backbone: BackboneSpec
    stages: Stages
    side_px: int
    strength: Strength
    gives_pixels: bool = False
    """Whether `stream` stops before the lower part, since an attack changes the pixels."""

    def stream(self, batches: Iterator[Batch]) -> Iterator[Tensor]:
        """Yield batches; see `BatchLoader`."""
        import torch

        workers = torch.get_num_threads()
        ahead: deque[Future[Tensor]] = deque()
        with ThreadPoolExecutor(workers) as pool:
            for batch in batches:
                ahead.append(pool.submit(self._views, batch))
                if len(ahead) > workers:
                    yield self._streamed(ahead.popleft().result())
            while ahead:
                yield self._streamed(ahead.popleft().result())

    def clean(self, batch_size: int) -> Iterator[Tensor]:
        """Yield at most `_MAX_HEAD_IMAGES` evenly spaced images; see `BatchLoader`."""
        chosen = range(0, len(self.images), -(-len(self.images) // _MAX_HEAD_IMAGES))
        for start in range(0, len(chosen), batch_size):
            images = (self.images[number] for number in chosen[start : start + batch_size])
            yield self._lower(to_batch([to_input(i, self.side_px, self.backbone) for i in images], self.backbone))

    def _views(self, batch: Batch) -> Tensor:
        images, side_px, strength, filtered = self.images, self.side_px, self.strength, resampling(self.backbone)
        views = [
            augmented_view(images[image], side_px, strength, images.ids[image], number, filtered)
            for image, number in zip(batch.images.tolist(), batch.views.tolist(), strict=True)
        ]
        return to_batch(views, self.backbone)

    def _streamed(self, pixels: Tensor) -> Tensor:
        return pixels.to(self.stages.device) if self.gives_pixels else self._lower(pixels)

    def _lower(self, pixels: Tensor) -> Tensor:
        import torch

        with torch.no_grad():
            activations: Tensor = self.stages.lower(pixels.to(self.stages.device))
        return activations.float()

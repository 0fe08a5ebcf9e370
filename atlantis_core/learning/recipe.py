"""How a retriever is trained, as data, with a content address for any setting."""

from __future__ import annotations

import math
from dataclasses import MISSING, dataclass, fields

from atlantis_core.base.errors import SetupError
from atlantis_core.base.hashing import content_hash
from atlantis_core.base.option_strings import describe_range
from atlantis_core.base.serialization import as_json

EMBEDDINGS = ("head", "body")
FEED_MODES = ("cached", "online")
PRECISIONS = ("float32", "bfloat16")
MAX_LEARNING_RATE = 1e6
"""Of all learning rates; products with what is far above it no longer fit into single precision."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """All settings of one training besides images, backbone and seed."""

    steps: int
    """Optimiser steps."""
    classes_per_batch: int
    """P of the P x K sampler; fewer where there are fewer classes."""
    images_per_class: int
    """K of the P x K sampler."""
    views: int
    """V: augmented views per training image, beside the clean one."""
    trainable_fraction: float
    """Share of the trunk's blocks, counted from its end, that is trained; 0 trains the head only."""
    embed_dim: int
    """Dimensions of the embedding; never more than the trunk gives, nor than there are images."""
    lr_head: float
    """Peak learning rate of the head."""
    lr_trunk: float
    """Peak learning rate of the trained blocks."""
    weight_decay: float
    """AdamW's decoupled weight decay, on matrices only."""
    warmup_steps: int
    """Steps of linear warm-up before the cosine decay."""
    clip_norm: float
    """Largest gradient norm."""
    loss: str
    """Name in `losses.LOSSES`, with options behind it where it has any: `triplet:margin=0.1,miner=hard`."""
    temperature: float
    """Divides similarities in `supcon` and the pairwise losses; the others do not use it."""
    augmentation: str
    """Name in `augmentation.STRENGTHS`."""
    side_px: int = 0
    """Side of the square input; 0 takes the backbone's own."""
    head: str = "sphere"
    """Name in `heads.HEADS`, with options: `hyperbolic:c=0.1,clip_radius=2.3`."""

    embedding: str = "head"
    """What is searched by: `head`, or `body`, the unit-length pooled features below it, which overfit less to the
    training classes (Roth et al. 2020, "Revisiting Training Strategies", section 4.3, compare both)."""
    feed: str = "cached"
    """`cached`: V views an image, drawn once, whose way through the frozen blocks is computed once. `online`: a new
    view at every draw, from the picture; V is then not used."""
    synthetic_weight: float = 1.0
    """How often a made image is drawn against a real one of its class, beside its own weight; 0: never."""
    synthetic_share: float = 0.0
    """Share of the draws of a class that its made images get together, where it has both kinds; 0 leaves it to
    their weights."""
    head_steps: int = 0
    """Steps at the beginning in which the head alone is trained."""
    layer_decay: float = 1.0
    """Learning rate of a layer against the one above it (Clark et al. 2020, ELECTRA, appendix A)."""
    ema_decay: float = 0.0
    """Decay of the running mean of the weights, which is then what is kept (Polyak and Juditsky 1992); 0: none."""
    start_share: float = 0.0
    """Share of the weights that training began with in the trunk that is kept (Wortsman et al. 2022, equation 1); the
    head is not mixed, so it goes with `embedding="body"`."""
    precision: str = "float32"
    """What the trunk computes in, one of `PRECISIONS`; the head and the loss stay in float32."""
    chunk: int = 0
    """Images whose gradient is held in memory at once (gradient caching, Gao et al. 2021); 0: the whole batch."""
    compiled: bool = False
    """Whether torch.compile makes the trained blocks; it needs a C++ compiler, and pays on long trainings."""
    validate_every: int = 0
    """Steps between measurements on the validation queries, of which the best weights are kept; 0: none."""
    patience: int = 5
    """Measurements in a row without a better one after which training stops early."""

    def __post_init__(self) -> None:
        for name, known in (("embedding", EMBEDDINGS), ("feed", FEED_MODES), ("precision", PRECISIONS)):
            if getattr(self, name) not in known:
                raise SetupError(f"recipe: {name} is one of {', '.join(known)}, not {getattr(self, name)!r}")
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise SetupError(f"recipe: {name} is {describe_range(low, high)}, not {value!r}")
        if 0 < self.side_px < _MIN_SIDE_PX:
            usual = f"0 (the backbone's own) or from {_MIN_SIDE_PX} px up"
            raise SetupError(f"recipe: side_px is {usual}, not {self.side_px!r}")

    @property
    def key(self) -> str:
        """Content address of the settings. Those that came later count where they are used, so old keys stay."""
        settings = as_json(self)
        later = {item.name: item.default for item in fields(self) if item.default is not MISSING}
        del later["side_px"]  # it was there before the first key
        return content_hash("recipe", {name: v for name, v in settings.items() if later.get(name, MISSING) != v})


_NO_LIMIT = 10**9
_ABOVE_ZERO = math.ulp(0.0)
_MIN_SIDE_PX = 16
"""Half of what the trunks here shrink to one cell; below it photos are blots that all look alike."""
_RANGES: dict[str, tuple[float, float]] = {
    "steps": (1, _NO_LIMIT),
    "classes_per_batch": (2, 100_000),
    "images_per_class": (1, 10_000),
    "views": (0, 100),
    "trainable_fraction": (0, 1),
    "embed_dim": (1, 65_536),
    "lr_head": (0, MAX_LEARNING_RATE),
    "lr_trunk": (0, MAX_LEARNING_RATE),
    "weight_decay": (0, 1e6),
    "warmup_steps": (0, _NO_LIMIT),
    "clip_norm": (_ABOVE_ZERO, math.inf),
    "temperature": (1e-6, math.inf),
    "side_px": (0, 10_000),
    "synthetic_weight": (0, 1e6),
    "synthetic_share": (0, 0.999),
    "head_steps": (0, _NO_LIMIT),
    "layer_decay": (1e-6, 1),
    "ema_decay": (0, 0.999999),
    "start_share": (0, 1),
    "chunk": (0, _NO_LIMIT),
    "validate_every": (0, _NO_LIMIT),
    "patience": (1, _NO_LIMIT),
}
"""Least and greatest value of a setting; the greatest that memory pays for are well above what anybody has used."""

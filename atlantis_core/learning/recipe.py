"""The recipe: all settings of a training, with their ranges and a content hash."""

from __future__ import annotations

import math
from dataclasses import MISSING, dataclass, fields

from atlantis_core.base.errors import SetupError
from atlantis_core.base.hashing import content_hash
from atlantis_core.base.option_strings import describe_range
from atlantis_core.base.serialization import as_json
from atlantis_core.learning.attacks import parse_attack

EMBEDDINGS = ("head", "body")
FEED_MODES = ("cached", "online")
PRECISIONS = ("float32", "bfloat16")
MAX_LEARNING_RATE = 1e6
"""Limit of all learning rates; far above it, single precision overflows."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """All settings of one training besides images, backbone and seed."""

    steps: int
    classes_per_batch: int
    """P of the P x K sampler; fewer if there are fewer classes."""
    images_per_class: int
    """K of the P x K sampler."""
    views: int
    """V: augmented views per training image, besides the clean one."""
    trainable_fraction: float
    """Share of the backbone's blocks that is trained, counted from its output; 0 trains only the head."""
    embed_dim: int
    """Dimensions of the embedding; at most the backbone's features and the number of images."""
    lr_head: float
    lr_trunk: float
    """Peak learning rates of the head and of the trained blocks."""
    weight_decay: float
    """AdamW's decoupled weight decay, on matrices only."""
    warmup_steps: int
    """Steps of linear warm-up before the cosine decay."""
    clip_norm: float
    loss: str
    """Name in `losses.LOSSES`, optionally with options: `triplet:margin=0.1,miner=hard`."""
    temperature: float
    """Divides the similarities in `supcon` and the pairwise losses; unused by the others."""
    augmentation: str
    """Name in `augmentation.STRENGTHS`."""
    side_px: int = 0
    """Side of the square input; 0 means the backbone's own."""
    head: str = "sphere"
    """Name in `heads.HEADS`, optionally with options: `hyperbolic:c=0.1,clip_radius=2.3`."""

    embedding: str = "head"
    """`head`, or `body`: the unit-length pooled features below the head, which overfit less to the training classes
    (Roth et al. 2020, "Revisiting Training Strategies", section 4.3, compare both)."""
    feed: str = "cached"
    """`cached`: V fixed views of each image, whose frozen activations are computed once. `online`: a new view at each
    draw; V has no effect."""
    synthetic_weight: float = 1.0
    """Factor on the weight of synthetic images relative to real ones of their class; 0 never draws them."""
    synthetic_share: float = 0.0
    """Total share of a class's draws that go to its synthetic images, if it has both kinds; 0 leaves it to the
    weights."""
    head_steps: int = 0
    """Steps at the start in which only the head is trained."""
    layer_decay: float = 1.0
    """Learning rate of a layer relative to the layer above it (Clark et al. 2020, ELECTRA, appendix A)."""
    ema_decay: float = 0.0
    """Decay of the moving average of weights that is kept (Polyak and Juditsky 1992); 0 keeps the last weights."""
    start_share: float = 0.0
    """Share of the initial weights in the kept backbone (Wortsman et al. 2022, equation 1). The head is not mixed, so
    use it with `embedding="body"`."""
    precision: str = "float32"
    """Precision of the backbone, one of `PRECISIONS`; the head and the loss stay in float32."""
    chunk: int = 0
    """Images whose graph is in memory at once (gradient caching, Gao et al. 2021); 0 means the whole batch."""
    compiled: bool = False
    """Whether the trained blocks are compiled by torch.compile: needs a C++ compiler, pays off in long trainings."""
    validate_every: int = 0
    """Steps between measurements on the validation queries; the best weights are kept; 0 means none."""
    patience: int = 5
    """Measurements in a row without an improvement after which training stops early."""
    attack: str = ""
    """Attack on a share of every batch, by the model as it is at that step: `pgd:epsilon=2,steps=2` (adversarial
    training, Madry et al. 2018; with one step, Wong et al. 2020). Empty for none. It needs `feed="online"`, since
    the gradient must reach the pixels."""
    attack_share: float = 0.5
    """Share of every batch that `attack` replaces; the others stay clean, so that clean queries are not forgotten."""
    attack_twins: bool = False
    """Whether an attacked image is the twin of a clean one in its batch, so that the loss pulls the two together;
    otherwise it is another image of the class."""
    mixstyle: float = 0.0
    """Share of the steps at which the feature statistics of two images are mixed (Zhou et al. 2021, MixStyle)."""
    cell_balance: float = 0.0
    """How much images of facet values that are rare in their class are drawn more often: 0 not at all, 1 until each
    value is drawn as often as any other."""

    def __post_init__(self) -> None:
        for name, known in (("embedding", EMBEDDINGS), ("feed", FEED_MODES), ("precision", PRECISIONS)):
            if getattr(self, name) not in known:
                raise SetupError(f"recipe: {name} must be one of {', '.join(known)}, not {getattr(self, name)!r}")
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise SetupError(f"recipe: {name} must be {describe_range(low, high)}, not {value!r}")
        if self.attack:
            parse_attack(self.attack)
            if self.feed != "online":
                raise SetupError(f"recipe: attack={self.attack} needs feed=online, since it changes pixels")
        if self.attack_twins and (self.images_per_class % 2 or self.attack_share > 0.5):
            given = f"{self.images_per_class} and {self.attack_share}"
            raise SetupError(
                f"recipe: attack_twins needs an even images_per_class and attack_share of at most 0.5, not {given}"
            )
        if 0 < self.side_px < _MIN_SIDE_PX:
            allowed = f"0 (the backbone's own) or at least {_MIN_SIDE_PX}"
            raise SetupError(f"recipe: side_px must be {allowed}, not {self.side_px!r}")

    @property
    def key(self) -> str:
        """Content hash of the settings. Settings added later count only if changed, so older hashes stay valid."""
        defaults = {item.name: item.default for item in fields(self) if item.default is not MISSING}
        del defaults["side_px"]  # it was part of the first hashes
        settings = as_json(self).items()
        return content_hash("recipe", {name: v for name, v in settings if defaults.get(name, MISSING) != v})


_NO_LIMIT = 10**9
_ABOVE_ZERO = math.ulp(0.0)
_MIN_SIDE_PX = 16
"""Half of what the usual backbones shrink to one cell; below it, images are indistinguishable."""
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
    "attack_share": (0, 1),
    "mixstyle": (0, 1),
    "cell_balance": (0, 1),
}
"""Smallest and largest value of a setting; the largest ones are far above what has ever been used."""

"""Presets: recipes by name, and the choice of the one that suits a backbone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import SetupError
from atlantis_core.base.option_strings import name_and_options, typed_options
from atlantis_core.base.serialization import as_json
from atlantis_core.learning.models.backbones import HARBOR_STUDENT
from atlantis_core.learning.recipe import Recipe

if TYPE_CHECKING:
    from atlantis_core.learning.models.backbones import BackboneSpec

_CPU = Recipe(
    steps=120,
    classes_per_batch=24,
    images_per_class=4,
    views=4,
    trainable_fraction=0.4,
    embed_dim=512,
    lr_head=1e-3,
    lr_trunk=5e-4,
    weight_decay=1e-4,
    warmup_steps=10,
    clip_norm=5.0,
    loss="supcon",
    temperature=0.1,
    augmentation="strong",
)
PRESETS = {
    "cpu": _CPU,
    "harbor": replace(_CPU, steps=100, classes_per_batch=16, augmentation="mild"),
    "smoke": replace(
        _CPU,
        steps=8,
        classes_per_batch=8,
        images_per_class=2,
        views=1,
        trainable_fraction=0.25,
        embed_dim=64,
        lr_trunk=1e-3,
        warmup_steps=2,
        augmentation="mild",
    ),
    "gpu": replace(
        _CPU,
        steps=1000,
        classes_per_batch=32,
        views=8,
        trainable_fraction=0.5,
        lr_head=3e-4,
        lr_trunk=3e-5,
        weight_decay=1e-2,
        warmup_steps=50,
    ),
}
PRESETS["hyperbolic"] = replace(
    _CPU, head="hyperbolic:c=0.1,clip_radius=2.3", loss="hyperbolic_pairs", temperature=0.2, embed_dim=128
)
PRESETS["full"] = replace(_CPU, feed="online", trainable_fraction=1.0, steps=280, lr_trunk=3e-4)
PRESETS["unseen"] = replace(PRESETS["full"], loss="proxy_anchor", steps=160, embedding="body")
"""`cpu` was tuned on grocery81's validation queries; with cached activations, a trial takes about 45 s on one core.

`harbor` is for the bundled student: vessels of 64 px differ by colour, which strong augmentation removes (tuned on
the validation queries of worlds 0, 10 and 11; docs/results.md). `hyperbolic` is `cpu` with head, loss and settings
of the released Hyp-ViT and ATLANTIS, without tuning. `full` trains the complete backbone on new views (tuned
on grocery81's validation queries). `unseen` is for classes that are not trained on; it was tuned only on the training
half of grocery81's classes, in three folds that were each held out once (docs/results.md).
"""

AUTO = "auto"
"""Means the preset that suits the backbone."""

BEST = "best"
"""Means that a run compares recipes before its baseline (`run.recipes.choice`); until then it is `auto`."""


def is_open_preset(text: str) -> bool:
    """Whether a preset leaves the choice of the recipe to a comparison."""
    return text.partition("?")[0] == BEST


def preset_for(backbone_name: str | None) -> str:
    """Return the name of the preset that suits a backbone, given the backbone's name."""
    return "harbor" if backbone_name == HARBOR_STUDENT else "cpu"


def adapt_to_backbone(recipe: Recipe, backbone: BackboneSpec, changed: Iterable[str] = ()) -> Recipe:
    """Adapt a recipe to a backbone with random weights: train every block, and for longer.

    Frozen random blocks are useless, and small backbones need three times the steps. A pretrained backbone needs no
    change. Settings that a person `changed` are kept.
    """
    if backbone.source != "scratch":
        return recipe
    needed = {"trainable_fraction": 1.0, "steps": 3 * recipe.steps, "lr_trunk": max(recipe.lr_trunk, 1e-3)}
    changes: dict[str, Any] = {setting: value for setting, value in needed.items() if setting not in set(changed)}
    return replace(recipe, **changes)


def parse_preset(text: str, **changes: Any) -> Recipe:
    """Parse a preset, alone or with settings: `full?steps=300&loss=triplet:margin=0.1`.

    `changes` are further settings, by the fields of `Recipe`.

    Raises:
        SetupError: Unknown preset or setting, or an invalid value.
    """
    name = text.partition("?")[0]
    if name not in PRESETS:
        raise _unknown_preset(name, PRESETS)
    pairs = changed_settings(text)
    recipe = replace(PRESETS[name], **typed_options(Recipe, {**pairs, **changes}, "recipe"))
    if "patience" in {*pairs, *changes} and not recipe.validate_every:
        raise SetupError(
            "recipe: patience has no effect without measurements during training; set validate_every too"
        )
    return recipe


def _unknown_preset(name: str, known: Iterable[str], more: str = "") -> SetupError:
    return SetupError(f"unknown preset {name!r}; known: {', '.join(sorted(known))}{more}")


def changed_settings(text: str) -> dict[str, str]:
    """Return the settings after the name of a preset: `name?a=1&b=2`.

    Raises:
        SetupError: One is not of the form `setting=value`, or is set twice.
    """
    return name_and_options(text, "?", "preset")[1]


def recipe_for(text: str, backbone_name: str | None, backbone: BackboneSpec) -> Recipe:
    """Return the recipe of a run: its preset, adapted to the backbone's initial weights.

    `text` is as for `parse_preset`, or `auto` or `best`, also with settings: `auto?steps=60`.

    Raises:
        SetupError: As `parse_preset`, or `warmup_steps` or `head_steps` would take all steps.
    """
    changed = changed_settings(text)
    recipe = adapt_to_backbone(parse_preset(_resolve_auto(text, backbone_name)), backbone, changed)
    for setting in ("warmup_steps", "head_steps"):
        first = getattr(recipe, setting)
        if setting in changed and first >= recipe.steps:
            raise SetupError(
                f"recipe: {setting}={first} must be below steps={recipe.steps}; lower it, or raise steps"
            )
    return recipe


def describe_adaptation(text: str, backbone_name: str | None, backbone: BackboneSpec) -> str:
    """Say which settings `recipe_for` changed because training starts from scratch; empty if it changed none.

    Raises:
        SetupError: As `recipe_for`.
    """
    before = as_json(parse_preset(_resolve_auto(text, backbone_name)))
    after = as_json(recipe_for(text, backbone_name, backbone))
    changed = [f"{name}={after[name]:g} (not {before[name]:g})" for name in after if after[name] != before[name]]
    return f"training from scratch uses {', '.join(changed)}; settings that you gave are kept" if changed else ""


def check_preset(text: str) -> None:
    """Check a preset before its backbone is looked for.

    Raises:
        SetupError: As `parse_preset`, or an unknown loss, head or augmentation.
    """
    from atlantis_core.learning.inputs.augmentation import strength_of
    from atlantis_core.learning.losses.losses import check_loss

    recipe = parse_preset(_resolve_auto(text, None))
    if is_open_preset(text) and recipe.validate_every:
        raise SetupError(f"{text}: recipes are compared without validation queries; leave validate_every out")
    strength_of(recipe.augmentation)
    check_loss(recipe)


def _resolve_auto(text: str, backbone_name: str | None) -> str:
    name, question, settings = text.partition("?")
    if name not in {AUTO, BEST, *PRESETS}:
        raise _unknown_preset(name, {AUTO, *PRESETS}, f"; run, chat and serve also take {BEST}")
    return f"{preset_for(backbone_name) if name in {AUTO, BEST} else name}{question}{settings}"

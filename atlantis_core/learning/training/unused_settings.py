"""Settings that a person gave and that do nothing, or less than they say, in the training they were given for."""

from __future__ import annotations

from collections.abc import Collection

from atlantis_core.learning.recipe import Recipe


def find_unused_settings(recipe: Recipe, told: Collection[str], *, has_made: bool) -> list[str]:
    """Return a line for every setting that was told in vain.

    Args:
        recipe: With what was told, or what the backbone made of it, in it.
        told: Names of the settings that a person gave.
        has_made: Whether some of the training images are made ones.
    """
    body, head_only = recipe.embedding == "body", recipe.trainable_fraction == 0
    no_made = "no training image is a made one (column origin of atlantis scenario merge)"
    no_trunk = "trainable_fraction=0 leaves the trunk as it is"
    cases = (
        ("synthetic_share", not has_made, no_made),
        ("synthetic_weight", not has_made, no_made),
        ("lr_trunk", head_only, no_trunk),
        ("layer_decay", head_only, no_trunk),
        ("start_share", head_only, no_trunk),
        ("head_steps", head_only, no_trunk),
        ("embedding", body and head_only, f"{no_trunk}, and the head is not searched by"),
        ("views", recipe.feed == "online", "feed=online draws a new view every time"),
    )
    lines = [
        f"{name}={getattr(recipe, name)} does nothing: {why}" for name, idles, why in cases if idles and name in told
    ]
    return lines + _find_inactive_parts(recipe, told)


def _find_inactive_parts(recipe: Recipe, told: Collection[str]) -> list[str]:
    """Return a line for every part that rests, and for a warm-up that the steps are too few for."""
    parts = (("lr_head", "head", recipe.lr_head), ("lr_trunk", "trunk", recipe.lr_trunk))
    lines = [f"{name}=0 leaves the {part} as it began" for name, part, rate in parts if name in told and not rate]
    if recipe.warmup_steps >= recipe.steps:
        short = f"warmup_steps={recipe.warmup_steps} outlast steps={recipe.steps}"
        lines.append(f"{short}: learning rates never reach their peak")
    return lines

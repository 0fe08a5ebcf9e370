"""Find settings that a person set and that have no effect, or less than they promise, in this training."""

from __future__ import annotations

from collections.abc import Collection

from atlantis_core.learning.recipe import Recipe


def find_unused_settings(recipe: Recipe, changed: Collection[str], *, has_synthetic: bool) -> list[str]:
    """Return one line for every setting that a person `changed` without the effect that may be expected."""
    body, head_only = recipe.embedding == "body", recipe.trainable_fraction == 0
    no_synthetic = "no training image is synthetic (column origin of atlantis scenario merge)"
    not_trained = "trainable_fraction=0 does not train the backbone"
    cases = (
        ("synthetic_share", not has_synthetic, no_synthetic),
        ("synthetic_weight", not has_synthetic, no_synthetic),
        ("lr_trunk", head_only, not_trained),
        ("layer_decay", head_only, not_trained),
        ("start_share", head_only, not_trained),
        ("head_steps", head_only, not_trained),
        ("mixstyle", head_only, not_trained),
        ("embedding", body and head_only, f"{not_trained}, and embedding=body does not use the head"),
        ("attack_share", not recipe.attack, "the recipe has no attack"),
        ("attack_twins", not recipe.attack, "the recipe has no attack"),
        ("attack", not recipe.attack_share, "attack_share=0 attacks no image"),
        ("views", recipe.feed == "online", "feed=online draws a new view every time"),
    )
    lines = [
        f"{name}={getattr(recipe, name)} has no effect: {why}"
        for name, is_unused, why in cases
        if is_unused and name in changed
    ]
    parts = (("lr_head", "head", recipe.lr_head), ("lr_trunk", "backbone", recipe.lr_trunk))
    lines += [f"{name}=0 leaves the {part} untrained" for name, part, rate in parts if name in changed and not rate]
    if recipe.warmup_steps >= recipe.steps:
        lines.append(
            f"learning rates never reach their peak: warmup_steps={recipe.warmup_steps} is not below "
            f"steps={recipe.steps}"
        )
    return lines

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.base.hashing import content_hash
from atlantis_core.base.serialization import as_json
from atlantis_core.learning.training.presets import PRESETS

LATER = {
    "head",
    "embedding",
    "feed",
    "synthetic_weight",
    "synthetic_share",
    "head_steps",
    "layer_decay",
    "ema_decay",
    "start_share",
    "precision",
    "chunk",
    "compiled",
    "validate_every",
    "patience",
    "attack",
    "attack_share",
    "attack_twins",
    "mixstyle",
    "cell_balance",
}


def test_settings_that_came_later_leave_old_addresses_alone() -> None:
    first = {name: value for name, value in as_json(PRESETS["cpu"]).items() if name not in LATER}
    assert PRESETS["cpu"].key == content_hash("recipe", first)


@pytest.mark.parametrize(
    "change",
    [
        {"feed": "online"},
        {"ema_decay": 0.9},
        {"precision": "bfloat16"},
        {"chunk": 8},
        {"side_px": 64},
        {"compiled": True},
        {"validate_every": 5},
        {"feed": "online", "attack": "pgd:epsilon=2"},
        {"attack_share": 0.25},
        {"attack_twins": True},
        {"mixstyle": 0.5},
        {"cell_balance": 1.0},
    ],
)
def test_every_setting_counts(change: dict[str, Any]) -> None:
    assert replace(PRESETS["cpu"], **change).key != PRESETS["cpu"].key


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"feed": "disk"}, "feed must be one of cached, online, not 'disk'"),
        ({"precision": "float16"}, "precision must be one of float32, bfloat16"),
        ({"steps": 0}, "steps must be from 1 to"),
        ({"attack": "pgd:epsilon=2"}, "attack=pgd:epsilon=2 needs feed=online"),
        ({"feed": "online", "attack": "melt"}, "attack must be one of fgsm, pgd, not 'melt'"),
        (
            {"feed": "online", "attack": "pgd:power=2"},
            "attack 'pgd' has no option 'power'; known: method=pgd, epsilon",
        ),
        ({"feed": "online", "attack": "pgd:method=fgsm"}, "names its method before the colon"),
        ({"attack_twins": True, "images_per_class": 3}, "attack_twins needs an even images_per_class"),
        ({"attack_twins": True, "attack_share": 0.8}, "attack_twins needs an even images_per_class"),
        ({"attack_share": 1.5}, "attack_share must be from 0 to 1, not 1.5"),
        ({"trainable_fraction": 1.5}, "trainable_fraction must be from 0 to 1, not 1.5"),
        ({"ema_decay": 1.0}, "ema_decay must be from 0 to"),
        ({"lr_trunk": float("nan")}, "lr_trunk must be from 0 to 1,000,000, not nan"),
        ({"synthetic_share": 1.0}, "synthetic_share must be from 0 to 0.999, not 1.0"),
        ({"steps": 2 * 10**9}, "steps must be from 1 to 1,000,000,000, not 2000000000"),
        ({"clip_norm": 0.0}, r"clip_norm must be above 0, not 0\.0"),
        ({"temperature": 0.0}, r"temperature must be at least 0\.000001, not"),
        ({"side_px": 13}, r"side_px must be 0 \(the backbone's own\) or at least 16, not 13"),
    ],
)
def test_settings_out_of_range_are_reported(change: dict[str, Any], words: str) -> None:
    with pytest.raises(SetupError, match=words):
        replace(PRESETS["cpu"], **change)

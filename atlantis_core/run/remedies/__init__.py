"""Remedies: whatever may raise recall on failing cells. One file is one remedy.

A remedy changes one part of an arm: the images it trains on, the recipe it is trained with, or the serving with which
its models are searched. To add one: a file with a class that extends `remedy.Remedy`, and its name here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_core.base.registry import load_part

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlantis_core.run.remedies.remedy import Remedy

REMEDIES = {
    "serve": "atlantis_core.run.remedies.serve:Serve",
    "self_train": "atlantis_core.run.remedies.self_train:SelfTrain",
    "ask_labels": "atlantis_core.run.remedies.ask_labels:AskLabels",
    "paste": "atlantis_core.run.remedies.paste:Paste",
    "generate": "atlantis_core.run.remedies.generate:Generate",
    "train": "atlantis_core.run.remedies.train:Train",
}


def parse_remedy(text: str) -> tuple[Remedy, str]:
    """Return the remedy that a text names (`serve:csls:k=10`), and its options (`csls:k=10`).

    Raises:
        SetupError: No such remedy.
    """
    name, _, options = text.partition(":")
    remedy: Remedy = load_part(REMEDIES, name, "remedy")()
    return remedy, options


def makes_images(text: str) -> bool:
    """Whether a remedy, given with its options, adds images to an arm."""
    return parse_remedy(text)[0].makes_images


def leave_out_synthesis(names: Iterable[str]) -> tuple[str, ...]:
    """Return the remedies that make no image, though they may add photos of a pool; all if there are none."""
    known = {name: parse_remedy(name)[0] for name in names}
    free = tuple(name for name, one in known.items() if one.uses_pool or not one.makes_images)
    return free or tuple(known)

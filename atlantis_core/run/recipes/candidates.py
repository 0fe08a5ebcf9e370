"""The recipes that are compared if nobody names others."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from atlantis_core.records import Regime

_SEEN = (
    "auto",
    "auto?lr_trunk=0.0002",
    "auto?ema_decay=0.98",
    "auto?views=8",
    "full?steps=140",
    "full",
)
"""As is, gentler steps, averaged weights, more views, and the whole backbone, half as long and in full."""
_UNSEEN = (
    "auto",
    "auto?lr_trunk=0.0002",
    "auto?loss=proxy_anchor&embedding=body",
    "auto?views=8",
    "unseen?steps=80",
    "unseen",
)
"""The same for classes that are not trained on, with the loss and the embedding that suit these."""


def list_candidates(regime: Regime, settings: str = "") -> tuple[str, ...]:
    """Return the presets to compare, the usual one first; `settings` (`steps=60&loss=triplet`) override theirs."""
    own = [item for item in settings.split("&") if item]
    names = {item.partition("=")[0].strip() for item in own}
    return tuple(dict.fromkeys(_override(text, own, names) for text in (_UNSEEN if regime == "unseen" else _SEEN)))


def _override(text: str, own: list[str], names: set[str]) -> str:
    preset, _, changes = text.partition("?")
    stays = [item for item in changes.split("&") if item and item.partition("=")[0] not in names]
    return "?".join(filter(None, (preset, "&".join([*stays, *own]))))

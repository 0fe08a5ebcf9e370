"""The synthetic images of a run that are exported, and the facts about each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from atlantis_core.base.errors import SetupError
from atlantis_core.run.round import read_rounds
from atlantis_core.run.verdicts import ScreenedCandidate, list_screened

if TYPE_CHECKING:
    from atlantis_core.records import Candidate, Verdict
    from atlantis_core.run.session import Session

_LIMIT = re.compile(r"is (?:at most|above) ([0-9.]+)$")  # how a verdict's reason ends where a score decided
_PARTS = ("model", "lora", "control", "ip_adapter")
"""Settings of a candidate that name weights."""


def list_kept_images(session: Session, rolled_back: bool) -> list[ScreenedCandidate]:
    """Return the kept images of a run, each once, in the order of their requests; also those that it reused.

    With `rolled_back`, images of rounds that were rolled back or not judged are included.

    Raises:
        SetupError: No image was kept, or a file is missing.
    """
    every = read_rounds(session)
    reused = {index for one in every if one.is_kept and one.protocol for index in one.protocol.reused}
    rounds = [one for one in every if one.is_kept or rolled_back or one.index in reused]
    # Kept rounds last: an image in two rounds is exported with the kept one.
    rounds.sort(key=lambda one: (one.is_kept, one.index))
    found = {
        image.candidate.key: image for listed in rounds for image in list_screened(session, listed) if image.is_kept
    }
    if not found:
        reason = "no image is kept" if rolled_back else "no kept round has an image"
        advice = "" if rolled_back else "; --rolled-back takes those of the other rounds"
        raise SetupError(f"run {session.run_id!r} has nothing to export: {reason}{advice}")
    gone = [image for image in found.values() if not Path(image.candidate.path).is_file()]
    if gone:
        raise SetupError(
            f"{len(gone)} of {len(found)} images are gone from the workspace, such as "
            f"{gone[0].candidate.path!r}; put them back, or run again"
        )
    return list(found.values())


def generating_model(candidate: Candidate) -> str:
    """Return the name of the model that generated an image, empty if none did; see `public_name`."""
    return public_name(str(candidate.settings.get("model") or ""))


def generation_mode(candidate: Candidate) -> str:
    """Return `edit`, `text_to_image` or `retrieve`."""
    return str(candidate.settings.get("arm") or ("retrieve" if "pool" in candidate.settings else "edit"))


def public_name(model: str) -> str:
    """Return a model's name without a path of this machine: of a folder or file only the last part."""
    name = model.partition("?")[0].replace("\\", "/").rstrip("/")
    is_path = "\\" in model or name.startswith(("/", ".", "~")) or name.count("/") > 1 or Path(name).exists()
    return f"local:{name.rpartition('/')[2]}" if name and is_path else name


def find_licences(images: Iterable[ScreenedCandidate]) -> dict[str, str]:
    """Return the models and add-ons that generated the images -> their licence, empty if unknown."""
    from atlantis_core.generation.diffusion.model_facts import BUNDLED_MODELS, model_facts

    named = {
        public_name(str(image.candidate.settings[part]))
        for image in images
        for part in _PARTS
        if image.candidate.settings.get(part)
    }
    bundled = "part of atlantis-dml (Apache-2.0), trained on its own drawings alone"
    return {name: model_facts(name).licence or (bundled if name in BUNDLED_MODELS else "") for name in sorted(named)}


def collect_limits(verdicts: Iterable[Verdict]) -> Mapping[str, tuple[str, ...]]:
    """Return filter -> the limits named in its verdicts; filters without a score are left out."""
    found: dict[str, dict[str, None]] = {}
    for verdict in verdicts:
        if limit := _LIMIT.search(verdict.reason):
            found.setdefault(verdict.filter, {})[limit.group(1)] = None
    return {name: tuple(limits) for name, limits in found.items()}


def collect_facets(images: Iterable[ScreenedCandidate]) -> tuple[str, ...]:
    """Return the requested facets, in order of appearance."""
    return tuple(dict.fromkeys(image.candidate.cell.facet for image in images if image.candidate.cell.facet))


def count_modes(images: Iterable[ScreenedCandidate]) -> dict[str, int]:
    """Return generation mode -> images."""
    return dict(Counter(generation_mode(image.candidate) for image in images))

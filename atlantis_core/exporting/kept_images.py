"""The synthetic images of a run that are exported, and the facts about each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from atlantis_core.base.errors import SetupError
from atlantis_core.run.history import candidates_of

if TYPE_CHECKING:
    from atlantis_core.records import Candidate, Verdict
    from atlantis_core.run.session import Session

_LIMIT = re.compile(r"is (?:at most|above) ([0-9.]+)$")  # how a verdict's reason ends where a score decided
_PARTS = ("model", "lora", "control", "ip_adapter")
"""Settings of a candidate that name weights."""


@dataclass(frozen=True, slots=True)
class KeptImage:
    """A synthetic image that was kept: it passed the filters, or a person overrode them."""

    candidate: Candidate
    verdict: Verdict
    """Verdict of the filters."""
    round: int
    """Round of this run; the image may have been generated earlier, in another run of the workspace."""
    round_kept: bool
    """Whether that round was kept."""

    @property
    def by_hand(self) -> bool:
        """Whether a person kept it against a filter."""
        return not self.verdict.kept

    @property
    def model(self) -> str:
        """Name of the model that generated it, empty if none did; see `public_name`."""
        return public_name(str(self.candidate.settings.get("model") or ""))

    @property
    def arm(self) -> str:
        """`edit`, `text_to_image` or `retrieve`."""
        settings = self.candidate.settings
        return str(settings.get("arm") or ("retrieve" if "pool" in settings else "edit"))


def list_kept_images(session: Session, rolled_back: bool) -> list[KeptImage]:
    """Return the kept images of a run, each once, in the order of their requests.

    Args:
        session: The run.
        rolled_back: Include rounds that were rolled back or not judged.

    Raises:
        SetupError: There is none, or a file is missing.
    """
    found = {image.candidate.key: image for image in _iterate_rounds(session, rolled_back)}
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


def _iterate_rounds(session: Session, rolled_back: bool) -> Iterator[KeptImage]:
    """Yield images, those of kept rounds last, so that they win for an image in two rounds."""
    journal, store = session.workspace.journal.rounds(session.run_id), session.workspace.candidates
    rounds = [(bool((entries.get("decision") or {}).get("kept")), index) for index, entries in journal.items()]
    for kept, index in sorted(rounds):
        if index > 0 and (kept or rolled_back):
            counted = {verdict.candidate_key for verdict in store.verdicts(session.run_id, index) if verdict.kept}
            filtered = {verdict.candidate_key: verdict for verdict in store.filtered(session.run_id, index)}
            for candidate in candidates_of(session, index):
                if candidate.key in counted:
                    yield KeptImage(candidate, filtered[candidate.key], index, kept)


def public_name(model: str) -> str:
    """Return a model's name without a path of this machine: of a folder or file only the last part."""
    name = model.partition("?")[0].replace("\\", "/").rstrip("/")
    is_path = "\\" in model or name.startswith(("/", ".", "~")) or name.count("/") > 1 or Path(name).exists()
    return f"local:{name.rpartition('/')[2]}" if name and is_path else name


def find_licences(images: Iterable[KeptImage]) -> dict[str, str]:
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


def collect_facets(images: Iterable[KeptImage]) -> tuple[str, ...]:
    """Return the requested facets, in order of appearance."""
    return tuple(dict.fromkeys(image.candidate.cell.facet for image in images if image.candidate.cell.facet))


def count_modes(images: Iterable[KeptImage]) -> dict[str, int]:
    """Return generation mode -> images."""
    return dict(Counter(image.arm for image in images))

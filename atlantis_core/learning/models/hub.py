"""Find pretrained weights in the local cache or on the hub, without waiting for an unreachable hub."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from atlantis_core.base.errors import SetupError

PROBE_SECONDS = 4.0
"""How long the hub may take to answer before it counts as unreachable."""


@dataclass(frozen=True, slots=True)
class HubWeights:
    """A weights file of the hub, on disk."""

    path: str
    source: Literal["cache", "hub"]
    """Whether it was cached already or has just been fetched."""


def find_pretrained(name: str) -> HubWeights | str:
    """Return the safetensors file of a timm model (with or without a tag), or the reason why there is none."""
    import timm
    from huggingface_hub import try_to_load_from_cache

    try:
        config = timm.get_pretrained_cfg(name)
    except RuntimeError:  # the caller reports the unknown tag
        return "unknown pretrained tag"
    repository = getattr(config, "hf_hub_id", None)
    if not repository:
        return "the hub has none"
    filename = config.hf_hub_filename or "model.safetensors"
    if not filename.endswith(".safetensors"):
        return "the hub has only pickled weights"
    found = try_to_load_from_cache(repository, filename)
    if isinstance(found, str) and Path(found).is_file():
        return HubWeights(found, "cache")
    return _fetch(repository, filename)


def _fetch(repository: str, filename: str) -> HubWeights | str:
    """Probe the hub once, and let its client (which retries for long) fetch only if the hub answers."""
    from huggingface_hub import constants, hf_hub_download, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    if constants.HF_HUB_OFFLINE:
        return "not in the local cache, and HF_HUB_OFFLINE is set"
    refusal = why_unreachable(hf_hub_url(repository, filename))
    if refusal:
        return f"not in the local cache, and the hub is unreachable: {refusal}"
    try:
        return HubWeights(hf_hub_download(repository, filename), "hub")
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        return f"not in the local cache, and fetching it failed: {type(error).__name__}"


def why_unreachable(url: str, seconds: float = PROBE_SECONDS) -> str:
    """Return why `url` does not answer within `seconds`; empty if it does (an HTTP error is an answer)."""
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    try:
        with urlopen(Request(url, method="HEAD"), timeout=seconds):  # noqa: S310 (built by the hub's client: https)
            return ""
    except HTTPError as error:
        return "" if error.code < 500 else f"HTTP {error.code}"
    except OSError as error:
        return str(getattr(error, "reason", "") or error)


def find_snapshot(name: str, kind: str, fetch: Callable[[bool], str]) -> str:
    """Return the folder of the hub model `owner/model`; from the local cache if the hub is unreachable.

    `fetch` returns the folder; called with True, it looks in the cache only. `kind` names the model in the message.

    Raises:
        SetupError: The model is neither in the cache nor on a reachable hub.
    """
    from huggingface_hub import constants
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    if name.startswith(("/", "~", ".")):
        raise SetupError(f"there is no folder {name!r} for a {kind}; check the path")
    refusal = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else why_unreachable(f"{constants.ENDPOINT}/{name}")
    try:
        return fetch(bool(refusal))
    except (OSError, ValueError, HfHubHTTPError, HFValidationError) as error:
        why = f"the hub is unreachable ({refusal})" if refusal else (str(error).splitlines() or [""])[0]
        raise SetupError(
            f"{kind} {name!r} is neither a folder nor in the local cache: {why}; "
            f"fetch it on a machine with a network (`hf download {name}`), or name a folder"
        ) from error


def fetch_snapshot(name: str, kind: str, patterns: Sequence[str]) -> str:
    """Return the folder of a hub model, fetching only files that match the patterns; see `find_snapshot`.

    Raises:
        SetupError: The model is neither in the cache nor on a reachable hub.
    """
    from huggingface_hub import snapshot_download

    return find_snapshot(
        name,
        kind,
        lambda local_files_only: snapshot_download(
            name, allow_patterns=list(patterns), local_files_only=local_files_only
        ),
    )

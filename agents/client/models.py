"""The only place that builds a chat model: any OpenAI-compatible one, by `base_url`, or a deployment on Azure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from atlantis_core.base.errors import SetupError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from pydantic import SecretStr

KINDS = ("openai:", "azure:")
"""How the name of a chat model begins: `openai:MODEL`, `azure:DEPLOYMENT`."""

TIMEOUT_SECONDS = 60.0
RETRIES = 6
"""Without a Retry-After the client waits about 0.5 s, then twice as long each time; with one, as long as it says."""


@dataclass(frozen=True, slots=True)
class Access:
    """How a provider is reached."""

    api_key: SecretStr | None
    """From the environment or a file; never from the command line, never written down."""
    base_url: str | None = None
    """Where an OpenAI-compatible service, or Azure's endpoint, answers; None is OpenAI itself."""
    azure_api_version: str | None = None
    timeout_seconds: float = TIMEOUT_SECONDS
    """Longest wait for an answer, or for the next piece of it."""


def is_chat_model(name: str) -> bool:
    """Whether a name asks for a chat model."""
    return name.startswith(KINDS)


def build_chat_model(name: str, access: Access, *, streaming: bool = False) -> BaseChatModel:
    """Build the chat model that the name of a planner or captioner asks for.

    Args:
        name: `openai:MODEL` or `azure:DEPLOYMENT`.
        access: Key and address.
        streaming: Answers come in pieces, calls of tools too; only for those who check arguments as they were sent
            (`streaming.whole_reply`). Otherwise streamed arguments that were cut off would run as if complete.

    Raises:
        SetupError: The name is no chat model's, there is no key, or the address is none or holds a password.
    """
    kind, _, model = name.partition(":")
    if not is_chat_model(name) or not model:
        raise SetupError(
            f"{name!r} names no chat model: openai:MODEL or azure:DEPLOYMENT (without a key: --planner rules, "
            "--captioner attributes)"
        )
    _check_url(access.base_url)
    if access.api_key is None:
        key = "AZURE_OPENAI_API_KEY" if kind == "azure" else "OPENAI_API_KEY"
        raise SetupError(f"{name!r} needs a key: set {key}, or OPENAI_API_KEY_FILE to a file that holds it")
    how: dict[str, Any] = {
        "api_key": access.api_key,
        "timeout": access.timeout_seconds,
        "max_retries": RETRIES,
        "stream_usage": True,
        "disable_streaming": False if streaming else "tool_calling",
    }
    return _on_azure(model, access, how) if kind == "azure" else _openai(model, access, how)


def _openai(model: str, access: Access, how: dict[str, Any]) -> BaseChatModel:
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(model=model, base_url=access.base_url, **how)


def _on_azure(deployment: str, access: Access, how: dict[str, Any]) -> BaseChatModel:
    from langchain_openai import AzureChatOpenAI

    if not access.base_url or not access.azure_api_version:
        raise SetupError(
            f"'azure:{deployment}' needs AZURE_OPENAI_ENDPOINT (or --base-url) and OPENAI_API_VERSION, as "
            "Azure's portal shows them"
        )
    return AzureChatOpenAI(
        azure_deployment=deployment, azure_endpoint=access.base_url, api_version=access.azure_api_version, **how
    )


def _check_url(base_url: str | None) -> None:
    if base_url is None:
        return
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SetupError(f"--base-url {base_url!r} is no address; give one such as http://127.0.0.1:8000/v1")
    if parts.username or parts.password:
        raise SetupError(
            f"--base-url for {parts.hostname!r} holds a user name or password, which would be written down with the "
            "run; leave them out and put the key into OPENAI_API_KEY"
        )

"""Builds every chat model: of any OpenAI-compatible service by `base_url`, or of a deployment on Azure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from atlantis_core.base.errors import SetupError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from pydantic import SecretStr

KINDS = ("openai:", "azure:")
"""Prefixes of chat model names: `openai:MODEL`, `azure:DEPLOYMENT`."""

TIMEOUT_SECONDS = 60.0
RETRIES = 6
"""The client waits as long as a Retry-After header says; without one about 0.5 s, doubled at each retry."""


@dataclass(frozen=True, slots=True)
class Access:
    """Key, address and timeout of a provider."""

    api_key: SecretStr | None
    """From the environment or a file; never from the command line, never stored."""
    base_url: str | None = None
    """Address of an OpenAI-compatible service or of Azure's endpoint; None for OpenAI itself."""
    azure_api_version: str | None = None
    timeout_seconds: float = TIMEOUT_SECONDS
    """Longest wait for an answer, or for the next piece of a streamed one."""


def is_chat_model(name: str) -> bool:
    """Whether a name refers to a chat model."""
    return name.startswith(KINDS)


def build_chat_model(name: str, access: Access, *, streaming: bool = False) -> BaseChatModel:
    """Build a chat model by its name, `openai:MODEL` or `azure:DEPLOYMENT`.

    With `streaming`, answers are streamed, tool calls included: only for callers that parse the raw arguments
    strictly (`streaming.assemble_reply`), because LangChain would complete arguments that were cut off.

    Raises:
        SetupError: The name is not a chat model's, the key is missing, or the address is invalid or contains a
            password.
    """
    kind, _, model = name.partition(":")
    if not is_chat_model(name) or not model:
        raise SetupError(
            f"{name!r} is not a chat model; give openai:MODEL or azure:DEPLOYMENT (without a key: --planner rules, "
            "--captioner attributes)"
        )
    _check_url(access.base_url)
    if access.api_key is None:
        key = "AZURE_OPENAI_API_KEY" if kind == "azure" else "OPENAI_API_KEY"
        raise SetupError(f"{name!r} needs a key: set {key}, or set OPENAI_API_KEY_FILE to the path of a file with it")
    options: dict[str, Any] = {
        "api_key": access.api_key,
        "timeout": access.timeout_seconds,
        "max_retries": RETRIES,
        "stream_usage": True,
        "disable_streaming": False if streaming else "tool_calling",
    }
    if kind == "openai":
        from langchain_openai import ChatOpenAI

        return ChatOpenAI(model=model, base_url=access.base_url, **options)
    from langchain_openai import AzureChatOpenAI

    if not access.base_url or not access.azure_api_version:
        raise SetupError(
            f"{name!r} needs AZURE_OPENAI_ENDPOINT (or --base-url) and OPENAI_API_VERSION; Azure's portal shows both"
        )
    return AzureChatOpenAI(
        azure_deployment=model, azure_endpoint=access.base_url, api_version=access.azure_api_version, **options
    )


def _check_url(base_url: str | None) -> None:
    if base_url is None:
        return
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SetupError(f"--base-url {base_url!r} is not a URL; give one such as http://127.0.0.1:8000/v1")
    if parts.username or parts.password:
        raise SetupError(
            f"--base-url for {parts.hostname!r} contains a user name or password, which would be stored with the "
            "run; leave them out and put the key into OPENAI_API_KEY"
        )

"""The only place that builds a chat model: any OpenAI-compatible one, by `base_url`."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from atlantis_core.errors import SetupError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from pydantic import SecretStr

TIMEOUT_SECONDS = 60.0
RETRIES = 4


def build_chat_model(name: str, api_key: SecretStr | None, base_url: str | None) -> BaseChatModel:
    """Build the chat model that the name of a planner or captioner asks for.

    Args:
        name: `openai:MODEL`.
        api_key: From the environment or a file; never from the command line, never written down.
        base_url: Where an OpenAI-compatible service answers; None is OpenAI itself.

    Raises:
        SetupError: The name is not `openai:MODEL`, there is no key, or the address is none or holds a password.
    """
    provider, _, model = name.partition(":")
    if provider != "openai" or not model:
        raise SetupError(
            f"{name!r} names no chat model: openai:MODEL (without a key: --planner rules, --captioner attributes)"
        )
    _check_url(base_url)
    if api_key is None:
        raise SetupError(f"{name!r} needs a key: set OPENAI_API_KEY, or OPENAI_API_KEY_FILE to a file that holds it")
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(
        model=model,
        api_key=api_key,
        base_url=base_url,
        timeout=TIMEOUT_SECONDS,
        max_retries=RETRIES,
        stream_usage=True,
        disable_streaming="tool_calling",  # streamed arguments that were cut off would run as if complete
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

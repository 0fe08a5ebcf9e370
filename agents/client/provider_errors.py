"""Translates a provider's failures into plain messages; they pause a run and never end it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from atlantis_core.base.errors import ProviderRefused, ProviderUnavailable

if TYPE_CHECKING:
    from atlantis_dml.agents.client.redaction import Redact


@contextmanager
def translate_provider_errors(name: str, redact: Redact) -> Iterator[None]:
    """Turn every failure of a chat model call into `ProviderUnavailable`.

    Raises:
        ProviderRefused: The provider refuses this request.
        ProviderUnavailable: The model cannot be reached, refuses, or does not answer with a chat completion.
    """
    import openai

    try:
        yield
    except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
        raise ProviderRefused(redact(_describe(name, error))) from error
    except openai.OpenAIError as error:
        raise ProviderUnavailable(redact(_describe(name, error))) from error
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        # What langchain-openai raises on HTML, {}, a missing choice or message, or JSON nested too deep.
        raise ProviderUnavailable(f"{name} sent no chat completion: {redact(_first_line(error))}") from error


def _describe(name: str, error: Exception) -> str:
    import openai

    if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        return f"{name}: the provider refuses the key; set a valid OPENAI_API_KEY and resume"
    if isinstance(error, openai.APITimeoutError):
        return f"{name}: the provider did not answer in time; resume when it does"
    if isinstance(error, openai.APIConnectionError):
        return f"{name}: the provider cannot be reached; check --base-url and the network, then resume"
    return f"{name}: the provider failed ({_first_line(error)}); resume later"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]

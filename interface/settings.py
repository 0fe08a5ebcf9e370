"""Settings from the environment, which no other module reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from atlantis_core.base.errors import SetupError

if TYPE_CHECKING:
    from atlantis_dml.agents.client.redaction import Redact


class Settings(BaseSettings):
    """Settings of the environment; options of the command line override them."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    workspace: Path = Field(default=Path("atlantis-workspace"), validation_alias="ATLANTIS_WORKSPACE")
    database_url: str | None = Field(default=None, validation_alias="ATLANTIS_DATABASE_URL")
    """SQLAlchemy URL; None is SQLite inside the workspace."""
    api_key: SecretStr | None = Field(default=None, validation_alias="OPENAI_API_KEY")
    """Never printed and never stored."""
    api_key_file: Path | None = Field(default=None, validation_alias="OPENAI_API_KEY_FILE")
    """A file that contains the key; `OPENAI_API_KEY` overrides it."""
    base_url: str | None = Field(default=None, validation_alias="OPENAI_BASE_URL")
    azure_api_key: SecretStr | None = Field(default=None, validation_alias="AZURE_OPENAI_API_KEY")
    """For `azure:` models; without it they use the other key."""
    azure_endpoint: str | None = Field(default=None, validation_alias="AZURE_OPENAI_ENDPOINT")
    azure_api_version: str | None = Field(default=None, validation_alias="OPENAI_API_VERSION")
    model_timeout_seconds: float = Field(default=60.0, gt=0, validation_alias="ATLANTIS_MODEL_TIMEOUT")
    """Longest wait for an answer of a chat model."""
    trace: str | None = Field(default=None, validation_alias="ATLANTIS_TRACE")
    """Where traces of runs are exported to: `mlflow` or `mlflow:URL`."""
    editor: str = Field(default="vi", validation_alias=AliasChoices("VISUAL", "EDITOR"))
    """Command that opens a protocol for editing."""

    def address(self, name: str) -> str | None:
        """Return the URL of a chat model's provider; None if it is not set."""
        return self.azure_endpoint if name.startswith("azure:") else self.base_url

    def secrets(self) -> list[SecretStr]:
        """Return every key that is set; none of them may be stored.

        Raises:
            SetupError: See `key`.
        """
        return [key for key in (self.key(), self.azure_api_key) if key is not None]

    def key(self, name: str = "") -> SecretStr | None:
        """Return the key of a chat model's provider, if it is set; `azure:` models have their own.

        Raises:
            SetupError: `OPENAI_API_KEY_FILE` names a file that cannot be read or is empty.
        """
        if name.startswith("azure:") and self.azure_api_key is not None:
            return self.azure_api_key
        if self.api_key is not None or self.api_key_file is None:
            return self.api_key
        try:
            text = self.api_key_file.expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not a text file"
            raise SetupError(f"OPENAI_API_KEY_FILE {str(self.api_key_file)!r} cannot be read: {reason}") from None
        if not text:
            raise SetupError(f"OPENAI_API_KEY_FILE {str(self.api_key_file)!r} is empty; put the key into it")
        return SecretStr(text)


def build_redaction() -> Redact:
    """Return a function that removes every key of the settings from a text.

    Raises:
        SetupError: The file with the key cannot be read.
    """
    from atlantis_dml.agents.client.redaction import build_redactor

    return build_redactor(*Settings().secrets())

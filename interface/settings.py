"""Settings from the environment. Nothing else in this project reads it."""

from __future__ import annotations

from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from atlantis_core.base.errors import SetupError


class Settings(BaseSettings):
    """What the environment says; the command line overrides it."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    workspace: Path = Field(default=Path("atlantis-workspace"), validation_alias="ATLANTIS_WORKSPACE")
    """Folder in which everything is kept."""
    database_url: str | None = Field(default=None, validation_alias="ATLANTIS_DATABASE_URL")
    """SQLAlchemy URL; None is SQLite inside the workspace."""
    api_key: SecretStr | None = Field(default=None, validation_alias="OPENAI_API_KEY")
    """Never printed and never written down."""
    api_key_file: Path | None = Field(default=None, validation_alias="OPENAI_API_KEY_FILE")
    """A file that holds the key; `OPENAI_API_KEY` goes before it."""
    base_url: str | None = Field(default=None, validation_alias="OPENAI_BASE_URL")
    """Where an OpenAI-compatible service answers."""
    azure_api_key: SecretStr | None = Field(default=None, validation_alias="AZURE_OPENAI_API_KEY")
    """For `azure:` models; without it the other key serves."""
    azure_endpoint: str | None = Field(default=None, validation_alias="AZURE_OPENAI_ENDPOINT")
    """Where Azure answers."""
    azure_api_version: str | None = Field(default=None, validation_alias="OPENAI_API_VERSION")
    """Of Azure's API."""
    model_timeout_seconds: float = Field(default=60.0, gt=0, validation_alias="ATLANTIS_MODEL_TIMEOUT")
    """Longest wait for a chat model."""
    trace: str | None = Field(default=None, validation_alias="ATLANTIS_TRACE")
    """Where the traces of runs go besides the workspace: `mlflow` or `mlflow:URL`."""
    editor: str = Field(default="vi", validation_alias=AliasChoices("VISUAL", "EDITOR"))
    """Command that a protocol is edited with."""

    def address(self, name: str) -> str | None:
        """Return where a chat model's provider answers, as far as the environment says."""
        return self.azure_endpoint if name.startswith("azure:") else self.base_url

    def secrets(self) -> list[SecretStr]:
        """Return every key that is set, whoever's: none of them may be written down.

        Raises:
            SetupError: See `key`.
        """
        return [key for key in (self.key(), self.azure_api_key) if key is not None]

    def key(self, name: str = "") -> SecretStr | None:
        """Return the key of a chat model's provider, if there is one.

        Args:
            name: The model's; `azure:` models have a key of their own.

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
            reason = getattr(error, "strerror", None) or "it is no text"
            raise SetupError(f"OPENAI_API_KEY_FILE {str(self.api_key_file)!r} cannot be read: {reason}") from None
        if not text:
            raise SetupError(f"OPENAI_API_KEY_FILE {str(self.api_key_file)!r} is empty; put the key into it")
        return SecretStr(text)

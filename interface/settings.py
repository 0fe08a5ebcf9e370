"""Settings from the environment. Nothing else in this project reads it."""

from __future__ import annotations

from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from atlantis_core.errors import SetupError


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
    editor: str = Field(default="vi", validation_alias=AliasChoices("VISUAL", "EDITOR"))
    """Command that a protocol is edited with."""

    def key(self) -> SecretStr | None:
        """Return the provider's key, if there is one.

        Raises:
            SetupError: `OPENAI_API_KEY_FILE` names a file that cannot be read or is empty.
        """
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

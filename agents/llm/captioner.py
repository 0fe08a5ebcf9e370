"""The captioner with a vision chat model: one photo a call, several calls at once, each billed once."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from atlantis_core.base.errors import ProviderRefused, ProviderUnavailable
from atlantis_core.base.hashing import content_hash
from atlantis_core.base.serialization import as_json, from_json
from atlantis_core.captioning.conditions import find_conditions
from atlantis_core.data.image_io import open_image
from atlantis_core.records import Caption, LabelledImage
from atlantis_dml.agents.client.recording import CAPTIONER
from atlantis_dml.agents.client.structured_output import encode_image
from atlantis_dml.prompts import render

if TYPE_CHECKING:
    from atlantis_core.store.result_cache import ResultCache
    from atlantis_dml.agents.client.calls import ModelCalls

SIDE_PX = 768
"""Long side of what is sent: providers charge by pixels, and more is not needed for a sentence."""

AT_ONCE = 4
_LONGEST = 300


class ChatCaptioner:
    """Asks a vision chat model what a photo shows; attributes are the conditions that its words name."""

    recognises = True

    def __init__(self, calls: ModelCalls, cache: ResultCache) -> None:
        self.name = calls.name
        self._calls, self._cache = calls, cache
        self._instructions = render("captioner")
        self.version = content_hash("chat-captioner", [calls.name, calls.address, self._instructions, SIDE_PX])[:16]

    def caption(self, images: Sequence[LabelledImage]) -> list[Caption]:
        """Return one caption per image, in order; only pixels are sent, never labels, names or metadata.

        A single photo that the provider refuses gets an empty caption for good.

        Raises:
            ProviderUnavailable: The model fails, or refuses every photo; captions it gave before are kept.
            BudgetExceeded: The dollars are spent.
            SetupError: An image that cannot be read.
        """
        keys = [content_hash("chat-caption", [self.version, image.id]) for image in images]
        missing = [(key, image) for key, image in zip(keys, images, strict=True) if self._cache.find(key) is None]
        is_answered = False
        for start in range(0, len(missing), AT_ONCE):
            some = missing[start : start + AT_ONCE]
            replies = self._calls.ask_each(CAPTIONER, [self._prompt(image) for _, image in some])
            is_answered = is_answered or any(isinstance(reply, AIMessage) for reply in replies)
            for (key, image), reply in zip(some, replies, strict=True):
                if isinstance(reply, AIMessage):
                    self._keep(key, image, reply.text)
                elif is_answered and isinstance(reply, ProviderRefused):
                    self._keep(key, image, "")
            failed = [reply for reply in replies if isinstance(reply, ProviderUnavailable)]
            if fatal := [one for one in failed if not (is_answered and isinstance(one, ProviderRefused))]:
                raise fatal[0]
        return [from_json(Caption, self._cache.find(key)) for key in keys]

    def _keep(self, key: str, image: LabelledImage, answer: str) -> None:
        text = " ".join(answer.split())[:_LONGEST]
        self._cache.add(key, "caption", as_json(Caption(image.id, text, find_conditions(text))), 0.0)

    def _prompt(self, image: LabelledImage) -> list[BaseMessage]:
        photo, written = open_image(image.path), io.BytesIO()
        photo.thumbnail((SIDE_PX, SIDE_PX))
        photo.info = {}  # a JPEG's comment would be written again
        photo.save(written, "JPEG", quality=88)
        return [SystemMessage(self._instructions), HumanMessage([encode_image(written.getvalue())])]

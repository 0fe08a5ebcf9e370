"""The captioner with a vision chat model: one photo a call, several calls at once, each billed once."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.messages import HumanMessage, SystemMessage

from atlantis_core.base.errors import BudgetExceeded
from atlantis_core.base.hashing import content_hash
from atlantis_core.base.serialization import as_json, from_json
from atlantis_core.captioning.conditions import find_conditions
from atlantis_core.data.image_io import open_image
from atlantis_core.records import Caption, LabelledImage
from atlantis_core.run.cost_tracker import count_tokens
from atlantis_dml.agents.client.provider_errors import translate_provider_errors
from atlantis_dml.agents.client.redaction import Redact
from atlantis_dml.prompts import render

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from atlantis_core.run.cost_tracker import CostTracker
    from atlantis_core.store.events import Span
    from atlantis_core.store.workspace import Workspace

SIDE_PX = 768
"""Long side of what is sent: providers charge by pixels, and more is not needed for a sentence."""

AT_ONCE = 4
_LONGEST = 300


class ChatCaptioner:
    """Asks a vision chat model what a photo shows; attributes are the conditions that its words name.

    Args:
        model: A chat model that takes images.
        name: Of the model, as `openai:MODEL`.
        address: Where it answers: another service may say something else.
        workspace: Keeps each caption, so that none is paid for twice, and the trace.
        run_id: Whose captions these are.
        purse: Pays.
        redact: Takes the provider's key out of what it says.
    """

    recognises = True

    def __init__(
        self,
        model: BaseChatModel,
        name: str,
        address: str,
        workspace: Workspace,
        run_id: str,
        purse: CostTracker,
        redact: Redact = str,
    ) -> None:
        self.name = name
        self._model, self._purse, self._redact = model, purse, redact
        self._results, self._events, self._run_id = workspace.results, workspace.events, run_id
        self._instructions = render("captioner")
        self.version = content_hash("chat-captioner", [name, address, self._instructions, SIDE_PX])[:16]

    def caption(self, images: Sequence[LabelledImage]) -> list[Caption]:
        """Return one caption per image, in order; only pixels are sent, never labels, names or metadata.

        Raises:
            ProviderUnavailable: The model fails; what it said before is kept.
            BudgetExceeded: The dollars are spent.
            SetupError: An image that cannot be read.
        """
        keys = [content_hash("chat-caption", [self.version, image.id]) for image in images]
        missing = [(key, image) for key, image in zip(keys, images, strict=True) if self._results.find(key) is None]
        for start in range(0, len(missing), AT_ONCE):
            self._ask(missing[start : start + AT_ONCE])
        return [from_json(Caption, self._results.find(key)) for key in keys]

    def _ask(self, some: Sequence[tuple[str, LabelledImage]]) -> None:
        if self._purse.is_empty():
            raise BudgetExceeded("the dollars are spent; not all photos are captioned")
        asked: list[Any] = [self._messages(image) for _, image in some]
        given = {"agent": "captioner", "photos": [image.id for _, image in some]}
        with self._events.span(self._run_id, "model", self.name, given) as span:
            with translate_provider_errors(self.name, self._redact):
                answers = self._model.batch(asked, config={"max_concurrency": AT_ONCE}, return_exceptions=True)
            self._keep_all(some, answers, span)
        failed: Any = next((one for one in answers if isinstance(one, Exception) and not _is_refusal(one)), None)
        refused = [one for one in answers if _is_refusal(one)]
        if failed is None and len(refused) == len(answers):
            failed = refused[0]  # not one photo but all: it may take no images
        if failed is not None:
            with translate_provider_errors(self.name, self._redact):
                raise failed

    def _keep_all(self, some: Sequence[tuple[str, LabelledImage]], answers: Sequence[Any], span: Span) -> None:
        """Keep what was said; a single photo that the provider will not look at has an empty caption for good."""
        answered = any(not isinstance(answer, Exception) for answer in answers)
        for (key, image), answer in zip(some, answers, strict=True):
            if not isinstance(answer, Exception):
                span.usd += self._purse.book(answer.usage_metadata, self.name, f"caption/{key}")
                span.tokens += count_tokens(answer.usage_metadata)
                self._keep(key, image, answer.text)
            elif answered and _is_refusal(answer):
                self._keep(key, image, "")

    def _keep(self, key: str, image: LabelledImage, said: str) -> None:
        text = " ".join(self._redact(said).split())[:_LONGEST]
        self._results.add(key, "caption", as_json(Caption(image.id, text, find_conditions(text))), 0.0)

    def _messages(self, image: LabelledImage) -> list[Any]:
        picture, written = open_image(image.path), io.BytesIO()
        picture.thumbnail((SIDE_PX, SIDE_PX))
        picture.info = {}  # a JPEG's comment would be written again
        picture.save(written, "JPEG", quality=88)
        sent = base64.b64encode(written.getvalue()).decode()
        url = {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{sent}"}}
        return [SystemMessage(self._instructions), HumanMessage([url])]


def _is_refusal(answer: object) -> bool:
    """Whether the provider will not look at this photo, now or later."""
    import openai

    return isinstance(answer, openai.BadRequestError | openai.UnprocessableEntityError)

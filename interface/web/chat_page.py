"""The chat page: the transcript, the protocol that waits as a form, and a line to type in."""

from __future__ import annotations

from html import escape
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import gradio

from atlantis_core.base.errors import AtlantisError
from atlantis_dml.web.drawing import add_script_part

if TYPE_CHECKING:
    from atlantis_dml.web.live_conversation import ConversationState, LiveConversation
    from atlantis_dml.web.site import Site
    from atlantis_dml.web.transcript import Message

POLL_EVERY_SECONDS = 0.3

_STATUS = {
    "none": "Say what should be found better, with a budget.",
    "planned": "Planned; say yes to start, or change anything.",
    "running": "Working",
    "waiting": "A protocol waits for your answer.",
    "paused": "The run is paused; say go on to continue.",
    "done": "The run is done; state a goal for another one.",
}
_PLACEHOLDER = "night photos of trawlers are not found; you have 60 images and 1 round"
_EMPTY = """### What should be found better?
State a goal and what it may cost. You see every plan and every protocol before an image is made."""
_EXAMPLES = ("find where retrieval fails and mend it; you have 60 images and 1 round", "/help")


def fill_chat_page(site: Site, pages: gradio.Blocks) -> None:
    """Put the chat's parts on the page that is being built.

    Args:
        site: What it shows.
        pages: The app that it is the first page of.
    """
    chat_id, seen = gradio.State(""), gradio.State(None)
    with gradio.Row(elem_id="conversations"):
        choice = gradio.Dropdown(
            [], label="Conversation", interactive=True, scale=3, min_width=250, elem_id="conversation"
        )
        data = gradio.Dropdown(
            list(site.conversations.data), value=site.conversations.data[0], label="About", scale=2, elem_id="about"
        )
        new = gradio.Button("New conversation", scale=1, elem_id="new")
    # Names and captions are untrusted: text is shown as it is, never as Markdown, which could fetch pictures.
    talk = gradio.Chatbot(
        [],
        elem_id="talk",
        show_label=False,
        height="58vh",
        render_markdown=False,
        buttons=[],
        layout="panel",
        placeholder=_EMPTY,
        examples=[{"text": text} for text in _EXAMPLES],
    )
    status = gradio.HTML("", elem_id="status", padding=False)
    add_script_part("approval", elem_id="approval")
    with gradio.Row(elem_id="say"):
        line = gradio.Textbox(placeholder=_PLACEHOLDER, show_label=False, scale=8, autofocus=True, elem_id="line")
        send = gradio.Button("Send", variant="primary", scale=1, elem_id="send")
        stop = gradio.Button("Stop", scale=1, elem_id="stop")
    shown, heard = [talk, status, seen], _ChatEvents(site)
    quiet: dict[str, Any] = {"show_progress": "hidden", "concurrency_limit": None, "queue": False}
    loaded = pages.load(heard.opened, None, [chat_id, choice, data, seen], show_progress="hidden")
    loaded.then(None, [choice], None, js=_STAY)
    gradio.Timer(POLL_EVERY_SECONDS).tick(heard.glanced, [chat_id, seen], shown, **quiet)
    for event in (line.submit, send.click):
        event(heard.said, [chat_id, line], [line], js=_WHICH, **quiet)
    talk.example_select(heard.chosen, [chat_id], None, **quiet)
    stop.click(heard.stopped, [chat_id], None, **quiet)
    choice.input(None, [choice], None, js=_GO)
    made = gradio.Textbox(visible="hidden")  # what a State holds never reaches the browser
    new.click(heard.begun, [data], [made], **quiet).success(None, [made], None, js=_GO)


class _ChatEvents:
    """What the server does when something happens on the page.

    Args:
        site: Whose conversations these are.
    """

    def __init__(self, site: Site) -> None:
        self._all = site.conversations

    def opened(self, request: gradio.Request) -> Any:
        wanted = dict(request.query_params).get("chat")
        room = self._all.open(wanted)
        if wanted and room.id != wanted:
            gradio.Warning("There is no conversation of that name here; this is the last one.")
        names = [(_name(record), record.id) for record in self._all.listed(room.id)]
        return room.id, gradio.Dropdown(names, value=room.id), gradio.Dropdown(value=room.desk.record.data), None

    def glanced(self, which: str, before: Any) -> Any:
        if not which:
            return gradio.skip()
        room = self._all.room(which)
        now = room.glance()
        if now == before:
            return gradio.skip()
        talked = before is not None and now.stamp == before.stamp and now.heard == before.heard
        return gradio.skip() if talked else _render_messages(room, now), _render_status(room, now), now

    def said(self, which: str, text: str) -> str:
        self._all.open(which or None).say(text)
        return ""

    def chosen(self, which: str, event: gradio.SelectData) -> None:
        self.said(which, event.value["text"])

    def stopped(self, which: str) -> None:
        self.said(which, "/stop")

    def begun(self, about: str) -> Any:
        try:
            return self._all.begin(about).id
        except AtlantisError as error:
            raise gradio.Error(str(error)) from error


_WHICH = "(chat, text) => [chat || new URLSearchParams(window.location.search).get('chat') || '', text]"
"""Whoever types before the page has opened is heard in the conversation that it will open with."""

_GO = "(chat) => { window.location.search = '?chat=' + encodeURIComponent(chat); }"
"""Each conversation has an address of its own, so that a reload stays in it."""

_STAY = "(chat) => { window.history.replaceState(null, '', '/?chat=' + encodeURIComponent(chat)); }"
"""The address says which one it is, also where none was named."""


def _name(record: Any) -> str:
    name = str(record.id.removeprefix("chat-"))
    return f"{name}: {shorten(record.planned.text, 60, placeholder=' ...')}" if record.planned.text else name


def _render_messages(room: LiveConversation, glance: ConversationState) -> list[Any]:
    messages = [_message(one) for one in room.messages()]
    if glance.heard:
        messages.append({"role": "assistant", "content": escape(glance.heard)})
    return messages


def _message(one: Message) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "user" if one.who == "person" else "assistant", "content": escape(one.text)}
    if one.title:
        message["metadata"] = {"title": escape(one.title), "status": "pending" if one.working else "done"}
        if one.seconds is not None:
            message["metadata"]["duration"] = one.seconds
    return message


def _render_status(room: LiveConversation, glance: ConversationState) -> str:
    """Return the line below the transcript, and the links to the run, as HTML."""
    run_id = room.desk.record.run_id
    words = "Answering" if glance.thinking else _STATUS[glance.status]
    doing = f": {glance.doing}" if glance.doing else ""
    parts = [f'<p role="status" data-status="{glance.status}" data-run="{escape(run_id)}">{escape(words + doing)}']
    if run_id:
        links = (f'<a href="/{page}?run={escape(run_id)}">{page}</a>' for page in ("runs", "gallery", "trace"))
        parts.append(f" {' '.join(links)}")
    parts.append("</p>")
    parts += [
        f'<pre class="{kind}">{escape(text)}</pre>'
        for kind, text in (("told", glance.told), ("problem", glance.problem))
        if text
    ]
    return "".join(parts)

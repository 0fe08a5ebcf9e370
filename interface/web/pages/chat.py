"""The chat page: the transcript, the form of a protocol that waits, and the input line."""

from __future__ import annotations

from html import escape
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import gradio

from atlantis_core.base.errors import AtlantisError
from atlantis_dml.web.script_part import add_script_part

if TYPE_CHECKING:
    from atlantis_dml.web.live_conversation import ConversationState, LiveConversation
    from atlantis_dml.web.site import Site
    from atlantis_dml.web.transcript import Message

POLL_EVERY_SECONDS = 0.3

_STATUS = {
    "none": "State a goal and a budget.",
    "planned": "Planned. Say yes to start, or change the plan.",
    "running": "Working",
    "waiting": "The run waits for your answer.",
    "paused": "The run is paused. Say go on to resume it.",
    "done": "The run is finished. State a goal to start another.",
}
_PLACEHOLDER = "night photos of trawlers are not found; you have 60 images and 1 round"
_EMPTY = """### Which images should be found more reliably?
State a goal and a budget. You see each plan and each protocol before any image is generated."""
_EXAMPLES = ("find where retrieval fails and fix it; you have 60 images and 1 round", "/help")


def fill_chat_page(site: Site, pages: gradio.Blocks) -> None:
    """Add the chat's components to the page being built."""
    chat_id, seen = gradio.State(""), gradio.State(None)
    with gradio.Row(elem_id="conversations"):
        choice = gradio.Dropdown(
            [], label="Conversation", interactive=True, scale=3, min_width=250, elem_id="conversation"
        )
        data = gradio.Dropdown(
            list(site.conversations.data), value=site.conversations.data[0], label="About", scale=2, elem_id="about"
        )
        new = gradio.Button("New conversation", scale=1, elem_id="new")
    # Names and captions are untrusted: plain text only, since Markdown could fetch images.
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
    shown, events = [talk, status, seen], _ChatEvents(site)
    quiet: dict[str, Any] = {"show_progress": "hidden", "concurrency_limit": None, "queue": False}
    loaded = pages.load(events.open, None, [chat_id, choice, data, seen], show_progress="hidden")
    loaded.then(None, [choice], None, js=_SET_ADDRESS)
    gradio.Timer(POLL_EVERY_SECONDS).tick(events.poll, [chat_id, seen], shown, **quiet)
    for event in (line.submit, send.click):
        event(events.say, [chat_id, line], [line], js=_ADD_CHAT_ID, **quiet)
    talk.example_select(events.choose_example, [chat_id], None, **quiet)
    stop.click(events.stop, [chat_id], None, **quiet)
    choice.input(None, [choice], None, js=_OPEN_CHAT)
    created = gradio.Textbox(visible="hidden")  # a State would not reach the browser
    new.click(events.create, [data], [created], **quiet).success(None, [created], None, js=_OPEN_CHAT)


class _ChatEvents:
    def __init__(self, site: Site) -> None:
        self._conversations = site.conversations

    def open(self, request: gradio.Request) -> Any:
        wanted = dict(request.query_params).get("chat")
        chat = self._conversations.get_or_create(wanted)
        if wanted and chat.id != wanted:
            gradio.Warning("There is no conversation with this name here; showing the newest one.")
        names = [(_name(record), record.id) for record in self._conversations.list_choices(chat.id)]
        return chat.id, gradio.Dropdown(names, value=chat.id), gradio.Dropdown(value=chat.desk.record.data), None

    def poll(self, chat_id: str, before: Any) -> Any:
        if not chat_id:
            return gradio.skip()
        chat = self._conversations.get(chat_id)
        now = chat.state()
        if now == before:
            return gradio.skip()
        if before is not None and now.stamp == before.stamp and now.reply == before.reply:
            return gradio.skip(), _render_status(chat, now), now
        messages = [_message(one) for one in chat.messages()]
        if now.reply:
            messages.append({"role": "assistant", "content": escape(now.reply)})
        return messages, _render_status(chat, now), now

    def say(self, chat_id: str, text: str) -> str:
        self._conversations.get_or_create(chat_id or None).say(text)
        return ""

    def choose_example(self, chat_id: str, event: gradio.SelectData) -> None:
        self.say(chat_id, event.value["text"])

    def stop(self, chat_id: str) -> None:
        self.say(chat_id, "/stop")

    def create(self, data: str) -> Any:
        try:
            return self._conversations.create(data).id
        except AtlantisError as error:
            raise gradio.Error(str(error)) from error


_ADD_CHAT_ID = "(chat, text) => [chat || new URLSearchParams(window.location.search).get('chat') || '', text]"
"""A line typed before the page has loaded goes to the conversation in the address."""

_OPEN_CHAT = "(chat) => { window.location.search = '?chat=' + encodeURIComponent(chat); }"
"""Each conversation has its own address, so a reload stays in it."""

_SET_ADDRESS = "(chat) => { window.history.replaceState(null, '', '/?chat=' + encodeURIComponent(chat)); }"
"""Puts the conversation into the address, also if the address named none."""


def _name(record: Any) -> str:
    name = str(record.id.removeprefix("chat-"))
    return f"{name}: {shorten(record.planned.text, 60, placeholder=' ...')}" if record.planned.text else name


def _message(one: Message) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "user" if one.who == "person" else "assistant", "content": escape(one.text)}
    if one.title:
        message["metadata"] = {"title": escape(one.title), "status": "pending" if one.working else "done"}
        if one.seconds is not None:
            message["metadata"]["duration"] = one.seconds
    return message


def _render_status(chat: LiveConversation, state: ConversationState) -> str:
    """Return the line below the transcript, with links to the run, as HTML."""
    run_id = chat.desk.record.run_id
    words = "Answering" if state.thinking else _STATUS[state.status]
    activity = f": {state.activity}" if state.activity else ""
    parts = [f'<p role="status" data-status="{state.status}" data-run="{escape(run_id)}">{escape(words + activity)}']
    if run_id:
        links = (f'<a href="/{page}?run={escape(run_id)}">{page}</a>' for page in ("runs", "gallery", "trace"))
        parts.append(f" {' '.join(links)}")
    parts.append("</p>")
    for kind, text in (("notice", state.notice), ("problem", state.problem)):
        if text:
            parts.append(f'<pre class="{kind}">{escape(text)}</pre>')
    return "".join(parts)

"""An OpenAI-compatible service on loopback that misbehaves on purpose, for the real client with its retries.

`POST /<case>/v1/chat/completions` is answered by the case's fault, or honestly (`agent_brain`) where that gives None.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from agent_brain import agent_of, count_images, honest, text_of

_LETTERS_A_TOKEN = 4
_IMAGE_TOKENS = 765


@dataclass(frozen=True, slots=True)
class Reply:
    """What the service answers with."""

    text: str | None = ""
    calls: Sequence[tuple[str, Any]] = ()
    """Tools with their arguments: an object, or a text that is sent as it is."""
    call_id: str = ""
    """Of the calls; empty gives each one of its own."""
    finish_reason: str = ""
    counted: bool = True
    """Whether the answer says how many tokens it took."""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    """Sent in place of a chat completion."""
    content_type: str = "application/json"
    wait_seconds: float = 0.0
    cut: bool = False
    """The connection is closed in the middle of the body."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as a fault sees it."""

    agent: str
    number: int
    """Of the requests of this agent in this case, from 1; repetitions by the client count."""
    body: Mapping[str, Any]
    key: str
    """The bearer token."""

    @property
    def model(self) -> str:
        """Which model is asked."""
        return str(self.body["model"])

    @property
    def last(self) -> str:
        """The last message's text."""
        return text_of(self.body["messages"][-1])

    @property
    def text(self) -> str:
        """Every message's text but the system prompt."""
        return "\n".join(text_of(message) for message in self.body["messages"][1:])


Fault = Callable[[Request], Reply | None]
"""What a service does wrong; None where it answers honestly."""


class FakeProvider:
    """The service and what it was asked.

    Attributes:
        faults: Case -> what goes wrong in it; it may be changed at any time.
        heard: Case -> everything it was sent, in order.
    """

    def __init__(self) -> None:
        self.faults: dict[str, Fault] = {}
        self.heard: dict[str, list[Request]] = {}
        self._lock = threading.Lock()
        self._port = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve on a free port of loopback."""
        server = _Server(("127.0.0.1", 0), _Handler)
        server.provider = self
        self._port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def address(self, case: str) -> str:
        """Return the base URL of a case."""
        return f"http://127.0.0.1:{self._port}/{case}/v1"

    def answer(self, case: str, key: str, body: Mapping[str, Any]) -> Reply:
        """Return the answer to a request and write it down."""
        agent = agent_of(body["messages"])
        with self._lock:
            heard = self.heard.setdefault(case, [])
            number = 1 + Counter(request.agent for request in heard)[agent]
            request = Request(agent, number, body, key)
            heard.append(request)
        fault = self.faults.get(case)
        reply = fault(request) if fault else None
        return reply if reply is not None else said(honest(request.agent, body["messages"]))


def said(answer: str | tuple[str, Mapping[str, Any], str]) -> Reply:
    """Return a text, or a call with its arguments and the reason for it, as an answer."""
    if isinstance(answer, str):
        return Reply(answer)
    name, arguments, reason = answer
    return Reply(reason, [(name, arguments)])


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    provider: FakeProvider

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that no longer wait are what is wanted here."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class names it so)
        """Say nothing."""

    def do_POST(self) -> None:
        """Answer a chat completion."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        case = self.path.split("/")[1]
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        reply = self.server.provider.answer(case, key, body)
        time.sleep(reply.wait_seconds)
        streams = bool(body.get("stream")) and reply.body is None
        write = _stream if streams else json.dumps
        sent = (write(_completion(reply, body)) if reply.body is None else reply.body).encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", "text/event-stream" if streams else reply.content_type)
        self.send_header("Content-Length", str(len(sent)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(sent[: len(sent) // 2] if reply.cut else sent)
        self.wfile.flush()


def _completion(reply: Reply, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a chat completion; a text longer than `max_tokens` is cut like a provider would."""
    most = body.get("max_completion_tokens") or body.get("max_tokens")
    text, reason = reply.text, reply.finish_reason or ("tool_calls" if reply.calls else "stop")
    if most and text and len(text) > most * _LETTERS_A_TOKEN:
        text, reason = text[: most * _LETTERS_A_TOKEN], "length"
    message: dict[str, Any] = {"role": "assistant", "content": text}
    calls = [_call(place, name, given, reply.call_id) for place, (name, given) in enumerate(reply.calls)]
    if calls:
        message["tool_calls"] = calls
    asked = _tokens([text_of(one) + json.dumps(one.get("tool_calls", "")) for one in body["messages"]])
    asked += _IMAGE_TOKENS * sum(map(count_images, body["messages"]))
    asked += _tokens([json.dumps(tool) for tool in body.get("tools") or []])
    written = _tokens([text or "", *(call["function"]["arguments"] for call in calls)])
    usage = {"prompt_tokens": asked, "completion_tokens": written, "total_tokens": asked + written}
    return {
        "id": "chatcmpl-fake",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
    } | ({"usage": usage} if reply.counted else {})


def _stream(completion: Mapping[str, Any]) -> str:
    """Return a chat completion as the events of a stream: all of it at once, then the usage."""
    (choice,) = completion["choices"]
    calls = [{"index": place, **call} for place, call in enumerate(choice["message"].get("tool_calls", []))]
    delta = choice["message"] | ({"tool_calls": calls} if calls else {})
    chunk = {key: completion[key] for key in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
    choices = [{"index": 0, "delta": delta, "finish_reason": choice["finish_reason"]}]
    events = [chunk | {"choices": choices}]
    events += [chunk | {"choices": [], "usage": completion["usage"]}] if "usage" in completion else []
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"


def _call(place: int, name: str, given: Any, call_id: str) -> dict[str, Any]:
    arguments = given if isinstance(given, str) else json.dumps(given)
    found = call_id or f"call_{time.monotonic_ns()}_{place}"
    return {"id": found, "type": "function", "function": {"name": name, "arguments": arguments}}


def _tokens(texts: Sequence[str]) -> int:
    return sum(len(text) for text in texts) // _LETTERS_A_TOKEN + 1

"""A small OpenAI-compatible chat server over a local model, to test the endpoint writer with.

    python -m experiments.benchmarks.chat_server --port 8800
    recsys blurbs write ... --writer endpoint --endpoint http://127.0.0.1:8800/v1 --model local

It answers `POST /v1/chat/completions`, one request at a time, with usage counts. Of JSON
schemas it keeps one kind, an object with one list of texts, by writing each text apart;
it refuses others with status 400.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Any

from recsys import weights
from recsys.blurbs.writers.causal_lm import CausalLM, prepare

MAX_BODY = 1_000_000
MAX_TOKENS = 400
TOKENS_A_TEXT = 60


class Refused(Exception):
    """The request cannot be answered; the message goes to the client with status 400."""


class ChatServer(ThreadingHTTPServer):
    """Serves one model on localhost; port 0 takes a free one."""

    daemon_threads = True

    def __init__(self, model: str | Path, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self._lm = CausalLM(prepare(model))
        self._turn = Lock()

    @property
    def url(self) -> str:
        """Base URL, as the endpoint writer takes it."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def complete(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Answer the body of a request.

        Raises:
            Refused: there are no messages, or the schema is of a kind that it does not keep.
        """
        messages = body.get("messages")
        if not isinstance(messages, list) or not messages:
            raise Refused("messages: give a list with at least one message")
        limit = min(int(body.get("max_tokens") or MAX_TOKENS), MAX_TOKENS)
        temperature = float(body.get("temperature", 1.0))
        field = _listed_field(body.get("response_format"))
        prompt = _prompt(self._lm, messages)
        n = max(1, limit // TOKENS_A_TEXT) if field else 1
        with self._turn:
            lines = self._lm.sample(
                [prompt], n, max_new_tokens=min(limit, TOKENS_A_TEXT), temperature=temperature
            )[0]
        content = json.dumps({field: lines}, ensure_ascii=False) if field else lines[0]
        read, written = (len(self._lm.tokenizer(x)["input_ids"]) for x in (prompt, content))
        return {
            "object": "chat.completion",
            "created": int(time.time()),
            "model": body.get("model", "local"),
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": content},
                    "finish_reason": "stop",
                }
            ],
            "usage": {
                "prompt_tokens": read,
                "completion_tokens": written,
                "total_tokens": read + written,
            },
        }


def _listed_field(wanted: Any) -> str | None:
    """Return the name of the one list of texts that a schema asks for; None without a schema."""
    if wanted is None or wanted.get("type") == "text":
        return None
    try:
        properties = wanted["json_schema"]["schema"]["properties"]
        ((name, kind),) = properties.items()
    except (KeyError, TypeError, ValueError) as error:
        raise Refused("response_format: only an object with one list of texts") from error
    if kind.get("type") != "array" or kind.get("items", {}).get("type") != "string":
        raise Refused(f"response_format: {name} is no list of texts")
    return str(name)


def _prompt(lm: CausalLM, messages: Sequence[Mapping[str, str]]) -> str:
    if getattr(lm.tokenizer, "chat_template", None):
        return str(
            lm.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        )
    return "\n".join(f"{m.get('role')}: {m.get('content')}" for m in messages) + "\nassistant:"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ChatServer

    def do_POST(self) -> None:
        """Answer a chat completion."""
        size = int(self.headers.get("Content-Length") or 0)
        if not 0 < size <= MAX_BODY:
            self._send(413, {"error": {"message": f"a body of 1 to {MAX_BODY} bytes"}})
            return
        content = self.rfile.read(size)
        if self.path != "/v1/chat/completions":
            self._send(404, {"error": {"message": "ask POST /v1/chat/completions"}})
            return
        try:
            self._send(200, self.server.complete(json.loads(content)))
        except (Refused, ValueError, TypeError, AttributeError) as error:
            self._send(400, {"error": {"message": str(error)}})

    def _send(self, status: int, value: Mapping[str, Any]) -> None:
        payload = json.dumps(value, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: the path of a request is the client's text."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description="Serve a local language model for tests.")
    parser.add_argument("--model", type=Path, help="directory or .gguf file; the default model")
    parser.add_argument("--port", type=int, default=8800)
    given = parser.parse_args(arguments)
    server = ChatServer(given.model or weights.fetch("language-model"), given.port)
    print(f"serving {server.url}, stop with Ctrl-C")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print("stopped")


if __name__ == "__main__":
    main()

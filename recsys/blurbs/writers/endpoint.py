"""The writer behind an OpenAI-compatible endpoint (`/chat/completions`).

Whatever the server does (hangs, answers rubbish), the batch goes on: a product without an
answer has no drafts, and the next tier of the ladder takes its place. Only a server that lets
nobody in (401, 403) ends it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

from recsys.blurbs.context import UserContext
from recsys.blurbs.facts import FactSheet
from recsys.blurbs.prompt import PROMPT_VERSION, chat_messages
from recsys.blurbs.protocol import Draft, Usage
from recsys.errors import DataError, MissingExtraError

if TYPE_CHECKING:
    import httpx

_RETRY_STATUS = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_NO_SCHEMA_STATUS = frozenset({400, 404, 415, 422, 501})
_NO_ENTRY_STATUS = frozenset({401, 403})
_SAID_BYTES = 200
"""Shown of what a server says that lets nobody in."""
_MAX_ANSWER_BYTES = 200_000
TOKENS_A_SENTENCE = 60
_SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "sentences",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"sentences": {"type": "array", "items": {"type": "string"}}},
            "required": ["sentences"],
            "additionalProperties": False,
        },
    },
}
_log = logging.getLogger(__name__)


class EndpointWriter:
    """Asks a chat server for clauses, several products at a time.

    Answers are asked for in a JSON schema; a server that refuses one is asked for plain
    lines from then on. After `max_failures` products without an answer in a row the server
    is left alone for `pause_s`: the products of that time have no drafts.

    Args:
        base_url: up to and without `/chat/completions`, such as `http://localhost:8000/v1`.
        model: name the server knows.
        api_key: sent as a bearer token; never logged.
        timeout_s: for one request, from connecting to the last byte.
        retries: further attempts after a timeout, a dropped connection or a busy server.
        concurrency: requests under way at once.
        temperature: of sampling.
        locale: language of the prompts.
        price: for a million tokens read and written, for the account in `usage`.
        max_failures: products in a row without an answer, before the pause.
        pause_s: length of the pause.

    Raises:
        DataError: the address is no http or https URL, or the key cannot be one; later, too,
            where the server knows no such key.
    """

    name = "endpoint"

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str | None = None,
        timeout_s: float = 20.0,
        retries: int = 2,
        concurrency: int = 4,
        temperature: float = 0.6,
        locale: str = "en",
        price: tuple[float, float] = (0.0, 0.0),
        max_failures: int = 8,
        pause_s: float = 30.0,
    ) -> None:
        try:
            import httpx
        except ImportError as error:
            raise MissingExtraError("llm", "writing blurbs through an endpoint") from error
        self.model = model
        self.retries = retries
        self.concurrency = concurrency
        self.temperature = temperature
        self.locale = locale
        self.timeout_s = timeout_s
        self.usage = Usage(price=price)
        self._gate = _Gate(max_failures, pause_s)
        self._structured = True
        self._url = base_url.rstrip("/") + "/chat/completions"
        if not re.match(r"https?://[^/]", base_url):
            raise DataError(
                f"endpoint is {base_url!r}; give a URL such as http://localhost:8000/v1"
            )
        key = (api_key or "").strip()
        if not (key.isascii() and key.isprintable()):
            raise DataError("the endpoint's key holds characters that no key has; give it anew")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client: httpx.Client = httpx.Client(
            headers=headers, timeout=timeout_s, follow_redirects=False
        )

    @property
    def pause_left(self) -> float:
        """Seconds for which the server is still left alone."""
        return self._gate.closed_for

    @property
    def version(self) -> str:
        """Hash of model name, prompts and settings."""
        parts = [self.model, PROMPT_VERSION, self.temperature, self.locale]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]

    def write(self, batch: Sequence[tuple[FactSheet, UserContext]], n: int) -> list[list[Draft]]:
        """Return at most `n` clauses for each product; [] where the server had none."""
        with ThreadPoolExecutor(max_workers=self.concurrency) as pool:
            return list(pool.map(lambda pair: self._one(pair[0], pair[1], n), batch))

    def _one(self, sheet: FactSheet, context: UserContext, n: int) -> list[Draft]:
        if self._gate.closed_for > 0:
            self.usage.add(failures=1)
            return []
        answer = self._answer(sheet, context, n)
        lines = parse_answer(*answer)[:n] if answer is not None else []
        self._gate.note(bool(lines))  # an answer without a sentence is none
        if not lines:
            self.usage.add(failures=1)
        return [Draft(line, "wrote") for line in lines]

    def _answer(self, sheet: FactSheet, context: UserContext, n: int) -> tuple[str, bool] | None:
        """Return the answer's text and whether it is whole; None after the last attempt."""
        attempt = 0
        while True:
            structured = self._structured
            try:
                reply = self._post(self._body(sheet, context, n, structured))
            except Exception as error:
                # httpx raises many kinds; none of them may end the batch.
                if not _is_transport(error):
                    raise
                _log.warning("blurb endpoint: attempt %d: %s", attempt + 1, type(error).__name__)
                reply = _Reply()
            if reply.text is not None:
                return reply.text, reply.whole
            if structured and reply.status in _NO_SCHEMA_STATUS:
                self._structured = False  # not an attempt: the question is put another way
                continue
            if reply.final or attempt == self.retries:
                return None
            wait = reply.wait if reply.wait is not None else 0.2 * 2**attempt
            time.sleep(min(wait, self.timeout_s))
            attempt += 1
            self.usage.add(retries=1)

    def _body(
        self, sheet: FactSheet, context: UserContext, n: int, structured: bool
    ) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.model,
            "messages": chat_messages(sheet, context, n, self.locale, structured=structured),
            "temperature": self.temperature,
            "max_tokens": TOKENS_A_SENTENCE * n,
        }
        return {**body, "response_format": _SCHEMA} if structured else body

    def _post(self, body: dict[str, Any]) -> _Reply:
        end = time.monotonic() + self.timeout_s
        self.usage.add(requests=1)
        with self._client.stream("POST", self._url, json=body) as response:
            status = response.status_code
            if status in _RETRY_STATUS:
                after = response.headers.get("retry-after", "")
                wait = float(after) if re.fullmatch(r"\d{1,3}", after) else None
                return _Reply(status=status, wait=wait)
            if status in _NO_ENTRY_STATUS:
                said = response.read()[:_SAID_BYTES].decode(errors="replace")
                raise DataError(
                    f"the endpoint {self._url} answered {status}: {said}; give a key that it "
                    "knows in RECSYS_LLM_API_KEY"
                )
            if status != 200:
                _log.warning("blurb endpoint answered %d", status)
                return _Reply(status=status, final=True)
            content = bytearray()
            for piece in response.iter_bytes():
                content += piece
                if len(content) > _MAX_ANSWER_BYTES or time.monotonic() > end:
                    _log.warning("blurb endpoint: the answer is too long or too slow")
                    return _Reply()
        try:
            answer = json.loads(content)
            choice = answer["choices"][0]
            text = choice["message"]["content"]
        except (ValueError, KeyError, IndexError, TypeError, RecursionError):
            _log.warning("blurb endpoint: the answer is not a chat completion")
            return _Reply()
        self._account(answer.get("usage"))
        if not isinstance(text, str):
            return _Reply(final=True)
        return _Reply(text, whole=choice.get("finish_reason") != "length")

    def _account(self, usage: Any) -> None:
        """Add the tokens that the server counted; what is no count is left out."""
        given = usage if isinstance(usage, dict) else {}
        counts = {k: given.get(k) for k in ("prompt_tokens", "completion_tokens")}
        self.usage.add(**{k: v for k, v in counts.items() if isinstance(v, int) and v > 0})

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _is_transport(error: Exception) -> bool:
    import httpx

    return isinstance(error, httpx.HTTPError | httpx.StreamError | httpx.InvalidURL)


def parse_answer(text: str, whole: bool = True) -> list[str]:
    r"""Return the sentences of an answer: of its JSON, or else one a line.

    The last sentence of an answer that was cut off is left out.

    >>> parse_answer('{"sentences": ["Steel clamp with a hex screw.", "Fits hoses."]}')
    ['Steel clamp with a hex screw.', 'Fits hoses.']
    >>> parse_answer('1. "Steel clamp with a hex screw."\n- Fits hoses.\nHas a', whole=False)
    ['Steel clamp with a hex screw.', 'Fits hoses.']
    """
    bare = re.sub(r"^\s*```(?:json)?|```\s*$", "", text).strip()
    if bare.startswith(("{", "[")):
        try:
            lines = _texts(json.loads(bare))
        except (ValueError, RecursionError):  # cut off, or nearly JSON: its whole strings
            found = re.findall(r'"((?:[^"\\]|\\.)*)"(?=\s*[,\]}])', bare)
            lines = [_unescaped(x) for x in found if "\\u" not in x]
    else:
        lines = bare.splitlines() if whole else bare.splitlines()[:-1]
    return list(dict.fromkeys(line for line in map(_bare_line, lines) if line))


def _unescaped(text: str) -> str:
    """Read a string of JSON, one with escapes that JSON does not know included."""
    known = re.sub(r'\\(?!["\\/bfnrt])', "", text)
    try:
        return str(json.loads(f'"{known}"', strict=False))
    except ValueError:
        return ""


def _texts(value: Any) -> list[str]:
    """Return the texts of a parsed answer, however it is nested; names of fields are not."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for part in inner for text in _texts(part)]


def _bare_line(line: str) -> str:
    """Return a line without numbering, bullets or quotes."""
    line = re.sub(r"^\s*(?:[-*\u2022]|\d{1,2}[.)\u3001])\s+", "", line)
    return re.sub(r"\s+", " ", line).strip().strip("\"'\u201c\u201d\u300c\u300d").strip()


@dataclass(frozen=True, slots=True)
class _Reply:
    """What one request came to.

    Attributes:
        text: of the answer; None where there is none.
        whole: it was not cut off at the limit of tokens.
        status: of HTTP; 0 where the connection failed.
        wait: seconds to wait before the next attempt, where the server says so.
        final: another attempt is in vain.
    """

    text: str | None = None
    whole: bool = True
    status: int = 0
    wait: float | None = None
    final: bool = False


class _Gate:
    """Closes for a while after too many failures in a row."""

    def __init__(self, max_failures: int, pause_s: float) -> None:
        self._max, self._pause = max_failures, pause_s
        self._failures = 0
        self._closed_until = 0.0
        self._lock = Lock()

    @property
    def closed_for(self) -> float:
        return max(0.0, self._closed_until - time.monotonic())

    def note(self, success: bool) -> None:
        with self._lock:
            self._failures = 0 if success else self._failures + 1
            if self._failures >= self._max:
                _log.warning("blurb endpoint: no answer for long; it is left alone for a while")
                self._closed_until = time.monotonic() + self._pause
                self._failures = 0

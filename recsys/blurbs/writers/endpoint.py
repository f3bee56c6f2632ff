"""The writer behind an OpenAI-compatible endpoint (`/chat/completions`).

Whatever the server does (refuses, hangs, answers rubbish), the batch goes on: a product
without an answer has no drafts, and the next tier of the ladder takes its place.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from recsys.blurbs.context import UserContext
from recsys.blurbs.facts import FactSheet
from recsys.blurbs.prompt import PROMPT_VERSION, chat_messages
from recsys.blurbs.protocol import Draft
from recsys.errors import MissingExtraError

if TYPE_CHECKING:
    import httpx

_RETRY_STATUS = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_MAX_ANSWER_BYTES = 200_000
_log = logging.getLogger(__name__)


class EndpointWriter:
    """Asks a chat server for clauses, several products at a time.

    Args:
        base_url: up to and without `/chat/completions`, such as `http://localhost:8000/v1`.
        model: name the server knows.
        api_key: sent as a bearer token; never logged.
        timeout_s: for one request, from connecting to the last byte.
        retries: further attempts after a timeout, a dropped connection or a busy server.
        concurrency: requests under way at once.
        temperature: of sampling.
        locale: language of the prompts.
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
        self._url = base_url.rstrip("/") + "/chat/completions"
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._client: httpx.Client = httpx.Client(
            headers=headers, timeout=timeout_s, follow_redirects=False
        )

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
        body = {
            "model": self.model,
            "messages": chat_messages(sheet, context, n, self.locale),
            "temperature": self.temperature,
            "max_tokens": 60 * n,
        }
        for attempt in range(self.retries + 1):
            try:
                answer, wait = self._post(body)
            except Exception as error:
                # httpx raises many kinds; none of them may end the batch.
                if not _is_transport(error):
                    raise
                _log.warning("blurb endpoint: attempt %d: %s", attempt + 1, type(error).__name__)
                answer, wait = None, None
            if answer is not None:
                return [Draft(line, "wrote") for line in parse_lines(answer)[:n]]
            if wait == 0:
                break
            if attempt < self.retries:
                time.sleep(min(wait if wait is not None else 0.2 * 2**attempt, self.timeout_s))
        return []

    def _post(self, body: dict[str, Any]) -> tuple[str | None, float | None]:
        """Return the answer's text, or None and how long to wait (0: do not try again)."""
        end = time.monotonic() + self.timeout_s
        with self._client.stream("POST", self._url, json=body) as response:
            if response.status_code in _RETRY_STATUS:
                after = response.headers.get("retry-after", "")
                return None, float(after) if re.fullmatch(r"\d{1,3}", after) else None
            if response.status_code != 200:
                _log.warning("blurb endpoint answered %d", response.status_code)
                return None, 0.0
            content = bytearray()
            for piece in response.iter_bytes():
                content += piece
                if len(content) > _MAX_ANSWER_BYTES or time.monotonic() > end:
                    _log.warning("blurb endpoint: the answer is too long or too slow")
                    return None, None
        try:
            text = json.loads(content)["choices"][0]["message"]["content"]
        except (ValueError, KeyError, IndexError, TypeError):
            _log.warning("blurb endpoint: the answer is not a chat completion")
            return None, None
        return (text, None) if isinstance(text, str) else (None, 0.0)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _is_transport(error: Exception) -> bool:
    import httpx

    return isinstance(error, httpx.HTTPError | httpx.StreamError | httpx.InvalidURL)


def parse_lines(answer: str) -> list[str]:
    r"""Return the sentences of an answer, one a line, without numbering, bullets or quotes.

    >>> parse_lines('1. "Steel clamp with a hex screw."\n\n- Fits hoses.\n')
    ['Steel clamp with a hex screw.', 'Fits hoses.']
    """
    lines = []
    for line in answer.splitlines():
        line = re.sub(r"^\s*(?:[-*\u2022]|\d{1,2}[.)\u3001])\s+", "", line)
        line = re.sub(r"\s+", " ", line).strip().strip("\"'\u201c\u201d\u300c\u300d").strip()
        if line:
            lines.append(line)
    return list(dict.fromkeys(lines))

"""Structured logs: one JSON object a line, without keys and without raw ids of shoppers."""

from __future__ import annotations

import logging
import sys
import time
import traceback
from typing import Any

import orjson


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON; what is in it is escaped by that."""

    def format(self, record: logging.LogRecord) -> str:
        """Return time, level, logger, message and the record's `fields`."""
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            # Frames without the message: a message may quote what a shopper sent.
            line["error"] = type(error).__name__
            line["frames"] = [
                f"{frame.filename}:{frame.lineno} {frame.name}"
                for frame in traceback.extract_tb(error.__traceback__)
            ]
        return orjson.dumps(line, default=str).decode()


def configure(level: str) -> None:
    """Send the logs of the service and of uvicorn to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name in ("serving", "recsys", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level)
        logger.propagate = False
    # The middleware logs each request; uvicorn's line would hold raw paths.
    logging.getLogger("uvicorn.access").disabled = True

"""An id as the rest of a path: any text, with slashes and line breaks."""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor

USER = "/users/{user_id:text}"


class _AnyText(Convertor[str]):
    """As starlette's `path`, whose pattern stops at a line break."""

    regex = r"[\s\S]*"

    def convert(self, value: str) -> str:
        """Take it as it is."""
        return value

    def to_string(self, value: str) -> str:
        """Give it as it is."""
        return value


register_url_convertor("text", _AnyText())

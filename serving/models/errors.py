"""Why a new model was not taken: in full for the log, and as tenants may read it."""

from __future__ import annotations

from recsys.errors import RecsysError


class NotTakenError(RecsysError):
    """A new model was not taken; what is loaded goes on.

    Attributes:
        public: the same without folders, addresses and words of other programs.
    """

    def __init__(self, message: str, public: str) -> None:
        """Say it twice."""
        super().__init__(message)
        self.public = public


class SourceError(NotTakenError):
    """A registry or a directory can't be read just now."""


class ModelRefused(NotTakenError):
    """A new model is damaged or doesn't answer."""

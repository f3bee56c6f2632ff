"""The errors of this package: each says what is wrong, where, and what to try next."""

from __future__ import annotations


class RecsysError(Exception):
    """Base of every error that this package raises on purpose."""


class DataError(RecsysError, ValueError):
    """A dataset, a column or a value breaks its contract."""


class LeakageError(RecsysError, ValueError):
    """Rows from after the cut reached something that must not see them."""


class BundleError(RecsysError, ValueError):
    """A bundle is damaged, incomplete or of an unknown format."""


class RecipeError(RecsysError, ValueError):
    """A recipe has an unknown key or an ill-typed value."""


class WeightsError(RecsysError, RuntimeError):
    """Model weights are missing or do not match their checksum."""


class MissingExtraError(RecsysError, ImportError):
    """A command needs packages of an extra that is not installed."""

    def __init__(self, extra: str, purpose: str) -> None:
        """Name the `extra` to install and the `purpose` it serves."""
        super().__init__(f'{purpose} needs the extra "{extra}": pip install "recsys[{extra}]"')
        self.extra = extra

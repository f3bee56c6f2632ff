"""What can go wrong with the store; each error says what to try next."""

from __future__ import annotations

from recsys.errors import RecsysError


class StoreError(RecsysError):
    """Base of the store's errors: a wrong address, an unknown tenant, a newer schema."""


class UnknownTenant(StoreError):
    """No tenant has this name."""

    def __init__(self, name: str) -> None:
        """Name the tenant."""
        super().__init__(
            f"no tenant is called {name!r}; `recsys keys create --tenant {name}` makes it"
        )


class StoreUnavailable(StoreError):
    """The database does not answer; what was asked may be asked again (503)."""

    def __init__(self, what: str, retry_after: float = 1.0) -> None:
        """Say `what` failed and after how many seconds to try again."""
        super().__init__(f"the store does not answer: {what}; try again in {retry_after:g} s")
        self.retry_after = retry_after


class QueueFull(StoreError):
    """More events wait for their commit than the queue may hold (429)."""

    def __init__(self, waiting: int, capacity: int, retry_after: float = 1.0) -> None:
        """Say how many events wait, of how many that may."""
        super().__init__(
            f"{waiting:,} events wait for their commit and the queue holds {capacity:,}; "
            f"send these again in {retry_after:g} s"
        )
        self.retry_after = retry_after


class Refused(StoreError, ValueError):
    """What was asked can't be done however often it is tried: a merge with a deleted user, say."""

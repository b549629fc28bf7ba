"""A circuit breaker: an outside service that keeps failing is left alone for a while."""

from collections.abc import Callable


class Breaker:
    """After `failures` failures in a row, admits nobody for `pause_s`; then one call, to see."""

    def __init__(self, monotonic: Callable[[], float], *, failures: int, pause_s: float) -> None:
        self._monotonic = monotonic
        self._limit = failures
        self._pause_s = pause_s
        self._failures = 0
        self._closed_until: float | None = None
        self._trying = False

    @property
    def paused(self) -> bool:
        """Whether a call made now would not be admitted; claims nothing."""
        return self._closed_until is not None and (self._trying or self._monotonic() < self._closed_until)

    def admits(self) -> bool:
        """Whether a call may be made now; the one that tries a paused service claims that right."""
        if self.paused:
            return False
        self._trying = self._closed_until is not None
        return True

    def succeeded(self) -> None:
        """The service answered."""
        self._failures, self._closed_until, self._trying = 0, None, False

    def failed(self) -> None:
        """The service gave no usable answer."""
        self._failures += 1
        self._trying = False
        if self._failures >= self._limit:
            self._closed_until = self._monotonic() + self._pause_s

    def abandoned(self) -> None:
        """The call was cancelled: it says nothing about the service."""
        self._trying = False

"""How often one person may ask. Counted in this process's memory: a restart forgives, several webs count apart."""

import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import Depends, Request
from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from api.deps import session_cookie_name, settings_of
from api.errors import TooMany

_FREE_FAILURES = 4
_FIRST_WAIT_SECONDS = 2
_LONGEST_WAIT_SECONDS = 900
_FORGIVEN_AFTER_SECONDS = 3600
_REMEMBERED_FAILURES = 10_000


def client_address(request: Request) -> str:
    """The client's address: the peer's, or what trusted proxies say it forwarded for."""
    peer = request.client.host if request.client else ""
    networks = [ipaddress.ip_network(part, strict=False) for part in settings_of(request).trusted_proxies]
    chain = [part.strip() for part in request.headers.get("x-forwarded-for", "").split(",") if part.strip()]
    while chain and _is_in(peer, networks):
        peer = chain.pop()
    return peer


def _is_in(address: str, networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    try:
        return any(ipaddress.ip_address(address) in network for network in networks)
    except ValueError:
        return False


def limiter_of(request: Request) -> MovingWindowRateLimiter:
    """The application's counter."""
    if not hasattr(request.app.state, "limiter"):
        request.app.state.limiter = MovingWindowRateLimiter(MemoryStorage())
    limiter: MovingWindowRateLimiter = request.app.state.limiter
    return limiter


async def count(request: Request, name: str, rate: str, *who: str) -> None:
    """Count one use; raises TooMany with the seconds to wait. `rate` is like `10/minute`."""
    item: RateLimitItem = parse(rate)
    limiter = limiter_of(request)
    if not await limiter.hit(item, name, *who):
        window = await limiter.get_window_stats(item, name, *who)
        raise TooMany(max(1, round(window.reset_time - time.time())))


def rate_limit(name: str, rate: str, by: Callable[[Request], str] | None = None) -> Any:
    """A dependency: `dependencies=[rate_limit("search", "30/minute")]`.

    Counts by sign-in where there is one, else by address; `by` tells another key, such as the visitor's.
    """

    async def check(request: Request) -> None:
        key = by(request) if by else request.cookies.get(session_cookie_name(settings_of(request)), "")
        await count(request, name, rate, key or client_address(request))

    return Depends(check)


@dataclass
class _Failures:
    number: int
    last_at_seconds: float

    def wait_seconds(self) -> float:
        """Nothing at first, then doubling."""
        excess = self.number - _FREE_FAILURES
        return min(_FIRST_WAIT_SECONDS * 2.0 ** (excess - 1), _LONGEST_WAIT_SECONDS) if excess > 0 else 0.0


class BackOff:
    """Waits that double with each failure of one (login, address)."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: dict[tuple[str, ...], _Failures] = {}

    def check(self, *who: str) -> None:
        """Raises TooMany while a wait lasts."""
        if (failures := self._failures.get(who)) is None:
            return
        passed = self._clock() - failures.last_at_seconds
        if passed > _FORGIVEN_AFTER_SECONDS:
            del self._failures[who]
        elif (left := failures.wait_seconds() - passed) > 0:
            raise TooMany(int(left) + 1)

    def failed(self, *who: str) -> None:
        """Count a failure."""
        known = self._failures.pop(who, None)
        self._failures[who] = _Failures((known.number if known else 0) + 1, self._clock())
        while len(self._failures) > _REMEMBERED_FAILURES:
            del self._failures[next(iter(self._failures))]

    def succeeded(self, *who: str) -> None:
        """Forget the failures."""
        self._failures.pop(who, None)

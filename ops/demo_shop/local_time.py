"""Days and hours as the shop's people see them: UTC+8, without summer time."""

from datetime import UTC, datetime, timedelta, timezone

_SHOP_ZONE = timezone(timedelta(hours=8))

_FIRST_DELIVERY_HOUR = 9
_LAST_DELIVERY_HOUR = 19
_EVENING_HOUR = 22
_FIRST_SHOPPING_HOUR = 7


def local(at: int) -> datetime:
    """A moment on the shop's clock."""
    return datetime.fromtimestamp(at, tz=_SHOP_ZONE)


def local_day(at: int) -> str:
    """yyyymmdd, as in order numbers."""
    return local(at).strftime("%Y%m%d")


def in_daytime(at: int) -> int:
    """`at`, or the next morning if couriers are not out then."""
    moment = local(at)
    if _FIRST_DELIVERY_HOUR <= moment.hour < _LAST_DELIVERY_HOUR:
        return at
    if moment.hour >= _LAST_DELIVERY_HOUR:
        moment += timedelta(days=1)
    return int(moment.replace(hour=_FIRST_DELIVERY_HOUR, second=moment.second).timestamp())


def is_shopping_hour(at: int) -> bool:
    """Whether many people place orders at that hour: from seven until midnight."""
    return local(at).hour >= _FIRST_SHOPPING_HOUR


def evening_of(at: int) -> int:
    """Ten in the evening of that day: by then is what "by Tuesday" means."""
    return int(local(at).replace(hour=_EVENING_HOUR, minute=0, second=0).timestamp())


def iso_utc(at: int | None) -> str | None:
    """ISO 8601 in UTC with a Z, as the contract has it."""
    return None if at is None else datetime.fromtimestamp(at, tz=UTC).isoformat().replace("+00:00", "Z")

"""Counting business time: which spans are open, and how long until and between.

Days are laid out as spans of instants and whole spans are added up; nothing walks through minutes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from domain.calendar.models import Calendar, DayKind, DayName, Interval, Weekday

NEXT_OPENING_HORIZON = timedelta(days=400)
LONGEST_SEARCH = timedelta(days=3653)
_ONE_DAY = timedelta(days=1)
_ONE_SECOND = timedelta(seconds=1)
_YEARS_SUPPORTED = range(1900, 9900)


class NeverOpenError(ValueError):
    """The calendar does not have that many open minutes in the ten years after the start."""


@dataclass(frozen=True, slots=True)
class DayPlan:
    """What a local date does: the intervals that start on it, and the rule that says so, if any."""

    day: date
    intervals: tuple[Interval, ...]
    kind: DayKind | None
    name: DayName | None


@dataclass(frozen=True, slots=True)
class OpenSpan:
    """Open from `start_at` up to `end_at`, by the plan of the local date on which it began."""

    start_at: datetime
    end_at: datetime
    plan: DayPlan


@dataclass(frozen=True, slots=True)
class BusinessTime:
    """Counted open time. `provisional`: a publication of holidays may still change it."""

    duration: timedelta
    provisional: bool

    @property
    def seconds(self) -> int:
        """Whole seconds."""
        return self.duration // timedelta(seconds=1)

    @property
    def minutes(self) -> int:
        """Whole business minutes."""
        return self.duration // timedelta(minutes=1)


def is_open(calendar: Calendar, at: datetime) -> bool:
    """Whether the calendar is open at the instant; a closing instant is already closed."""
    at = as_utc(at)
    return any(span.start_at <= at for span in open_spans(calendar, at, at + _ONE_SECOND))


def next_opening(calendar: Calendar, at: datetime) -> datetime | None:
    """The first instant from `at` on that is open: `at` itself when open, None if none in 400 days."""
    at = as_utc(at)
    span = next(open_spans(calendar, at, at + NEXT_OPENING_HORIZON), None)
    return span.start_at if span else None


def next_closing(calendar: Calendar, at: datetime) -> datetime | None:
    """When the present opening ends, or the next one if `at` is closed.

    None when there is no opening in 400 days, or none of them ends (a desk that never closes).
    """
    at = as_utc(at)
    end_at: datetime | None = None
    for span in open_spans(calendar, at, at + NEXT_OPENING_HORIZON):
        if end_at is not None and span.start_at > end_at:
            return end_at
        end_at = span.end_at
    return end_at if end_at is not None and end_at < at + NEXT_OPENING_HORIZON else None


def add_business_minutes(calendar: Calendar, at: datetime, minutes: int) -> datetime:
    """The earliest instant, in open time or at its end, by which `minutes` business minutes have passed.

    Zero minutes from a closed instant is the next opening; sixty minutes from an hour before closing is
    the closing, not the next morning. Raises ValueError for a negative number and `NeverOpenError` when
    ten years do not hold that many minutes.
    """
    if minutes < 0:
        raise ValueError(f"business minutes to add must not be negative, not {minutes}")
    at = as_utc(at)
    if minutes == 0 and _ends_open(calendar, at):
        return at
    remaining = timedelta(minutes=minutes)
    for span in open_spans(calendar, at, at + LONGEST_SEARCH):
        if remaining <= span.end_at - span.start_at:
            return span.start_at + remaining
        remaining -= span.end_at - span.start_at
    raise NeverOpenError(f"no {minutes} open minutes in the ten years after {at.isoformat()}")


def _ends_open(calendar: Calendar, at: datetime) -> bool:
    just_before = at - timedelta(microseconds=1)
    return any(True for _ in open_spans(calendar, just_before, at))


def count_business_minutes(calendar: Calendar, start: datetime, end: datetime) -> BusinessTime:
    """The open time between two instants, exact. Raises ValueError if `end` is before `start`."""
    start, end = ordered_utc(start, end)
    spans = open_spans(calendar, start, end)
    duration = sum((span.end_at - span.start_at for span in spans), timedelta())
    return BusinessTime(duration, is_provisional(calendar, start, end))


def is_provisional(calendar: Calendar, start: datetime, end: datetime) -> bool:
    """Whether a publication of holidays may still change what lies between the two instants."""
    start, end = ordered_utc(start, end)
    first, last = (at.astimezone(calendar.zone).date() for at in (start, end))
    return calendar.is_provisional_between(first, last)


def open_spans(calendar: Calendar, start: datetime, end: datetime) -> Iterator[OpenSpan]:
    """The open spans between two UTC instants, cut to them, in order, disjoint and never empty."""
    # The evening before may still be open; an interval lasts a day at most.
    day = start.astimezone(calendar.zone).date() - _ONE_DAY
    last_day = end.astimezone(calendar.zone).date()
    open_until = start
    while day <= last_day:
        plan = plan_of(calendar, day)
        for opens_at, closes_at in interval_instants(calendar.zone, day, plan.intervals):
            span = OpenSpan(max(opens_at, open_until), min(closes_at, end), plan)
            if span.start_at < span.end_at:
                yield span
                open_until = span.end_at
        day += _ONE_DAY


def plan_of(calendar: Calendar, day: date) -> DayPlan:
    """What the calendar does on a local date."""
    rule = calendar.rule_by_date.get(day)
    if rule is None:
        return DayPlan(day, weekly_intervals(calendar, day, Weekday.of(day)), None, None)
    match rule.kind:
        case DayKind.HOLIDAY:
            intervals: tuple[Interval, ...] = ()
        case DayKind.MAKE_UP:
            assert rule.works_as is not None, "the model insists on it"
            intervals = weekly_intervals(calendar, day, rule.works_as)
        case DayKind.EXCEPTION:
            intervals = rule.intervals
    return DayPlan(day, intervals, rule.kind, rule.name)


def weekly_intervals(calendar: Calendar, day: date, weekday: Weekday) -> tuple[Interval, ...]:
    """The hours of `weekday` in the pattern of the week that holds `day`."""
    version = calendar.version_on(day)
    return version.week_of(day).by_weekday[weekday] if version else ()


def interval_instants(
    zone: ZoneInfo, day: date, intervals: tuple[Interval, ...]
) -> Iterator[tuple[datetime, datetime]]:
    """The instants between which each interval of a local date is open; equal ones fell into a gap."""
    midnight = datetime.combine(day, time())
    for interval in intervals:
        yield (
            instant_of(zone, midnight + timedelta(minutes=interval.start_minute)),
            instant_of(zone, midnight + timedelta(minutes=interval.end_minute)),
        )


@lru_cache(maxsize=4096)
def instant_of(zone: ZoneInfo, wall: datetime) -> datetime:
    """The UTC instant at which the zone's clocks reach a naive wall time.

    A time that the clocks show twice is its first showing (as RFC 5545 has it); a time that they skip is
    the instant of the jump, so that a desk opening at 02:30 opens when 02:00 becomes 03:00.
    """
    first = wall.replace(tzinfo=zone)
    second = first.replace(fold=1)
    offset_before, offset_after = first.utcoffset(), second.utcoffset()
    assert offset_before is not None
    assert offset_after is not None
    if offset_before >= offset_after:
        return first.astimezone(UTC)
    before, after = second.astimezone(UTC), first.astimezone(UTC)
    while after - before > _ONE_SECOND:
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == offset_before:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def as_utc(at: datetime) -> datetime:
    """The instant in UTC. Raises ValueError for a naive time or a year beyond all reason."""
    if at.tzinfo is None:
        raise ValueError(f"an instant needs its time zone: {at.isoformat()}")
    if at.year not in _YEARS_SUPPORTED:
        raise ValueError(f"business time is counted from 1900 to 9899, not in {at.year}")
    return at.astimezone(UTC)


def ordered_utc(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """Both instants in UTC. Raises ValueError if `end` is before `start`."""
    start, end = as_utc(start), as_utc(end)
    if end < start:
        raise ValueError(f"the end {end.isoformat()} is before the start {start.isoformat()}")
    return start, end

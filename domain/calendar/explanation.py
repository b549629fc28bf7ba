"""Why business time came out as it did: codes and figures, which the pages put into words."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise

from pydantic import BaseModel, ConfigDict

from domain.calendar.models import Calendar, DayKind, DayName, Weekday
from domain.calendar.open_time import (
    DayPlan,
    instant_of,
    interval_instants,
    is_provisional,
    open_spans,
    ordered_utc,
    plan_of,
    weekly_intervals,
)


class SpanCode(StrEnum):
    """Why a span was counted (the first two) or skipped."""

    COUNTED = "counted"
    MAKE_UP = "make_up"
    """Counted, on a make-up working day."""
    NIGHT = "night"
    """Before the first opening or after the last closing of a working day."""
    BREAK = "break"
    """Between two intervals of a working day."""
    WEEKEND = "weekend"
    """A Saturday or Sunday without hours."""
    HOLIDAY = "holiday"
    EXCEPTION = "exception"
    """Closed by an exception of the house at a time when the week would have been open."""
    CLOSED = "closed"
    """Another weekday without hours, or a time before the calendar's first version."""

    @property
    def is_counted(self) -> bool:
        return self in (SpanCode.COUNTED, SpanCode.MAKE_UP)


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class ExplainedSpan(_Model):
    """A stretch of time with one cause. `name` is the holiday's, make-up day's or exception's, if any."""

    start_at: datetime
    end_at: datetime
    code: SpanCode
    name: DayName | None = None

    @property
    def seconds(self) -> int:
        return (self.end_at - self.start_at) // timedelta(seconds=1)


class CauseTotal(_Model):
    """All time of one cause together, for the short sentence."""

    code: SpanCode
    name: DayName | None
    seconds: int


class MakeUpDay(_Model):
    """A make-up working day that counted, by its local date."""

    date: date
    name: DayName | None
    seconds: int


class Explanation(_Model):
    """A span of time cut by cause: the spans touch each other and cover it from start to end.

    `provisional`: the holidays of a year it touches are not published yet.
    """

    start_at: datetime
    end_at: datetime
    spans: tuple[ExplainedSpan, ...]
    make_up_days: tuple[MakeUpDay, ...]
    provisional: bool

    @property
    def counted_seconds(self) -> int:
        return sum(span.seconds for span in self.spans if span.code.is_counted)

    @property
    def skipped_seconds(self) -> int:
        return sum(span.seconds for span in self.spans if not span.code.is_counted)

    @property
    def skipped(self) -> tuple[CauseTotal, ...]:
        """What was skipped, one entry a cause, in the order in which the causes first appear."""
        seconds_by_cause: dict[tuple[SpanCode, DayName | None], int] = {}
        for span in self.spans:
            if not span.code.is_counted:
                cause = (span.code, span.name)
                seconds_by_cause[cause] = seconds_by_cause.get(cause, 0) + span.seconds
        return tuple(
            CauseTotal(code=code, name=name, seconds=seconds)
            for (code, name), seconds in seconds_by_cause.items()
        )


def explain(calendar: Calendar, start: datetime, end: datetime) -> Explanation:
    """What counts between two instants and what does not, and why.

    Instants are cut to whole seconds. Raises ValueError if `end` is before `start`.
    """
    start, end = (at.replace(microsecond=0) for at in ordered_utc(start, end))
    spans: list[ExplainedSpan] = []
    make_up_seconds: dict[date, int] = {}
    make_up_names: dict[date, DayName | None] = {}
    reached_at = start
    for span in open_spans(calendar, start, end):
        _append(spans, *_skipped(calendar, reached_at, span.start_at))
        is_make_up = span.plan.kind is DayKind.MAKE_UP
        code = SpanCode.MAKE_UP if is_make_up else SpanCode.COUNTED
        name = span.plan.name if span.plan.kind else None
        counted = ExplainedSpan(start_at=span.start_at, end_at=span.end_at, code=code, name=name)
        _append(spans, counted)
        if is_make_up:
            day = span.plan.day
            make_up_names[day] = name
            make_up_seconds[day] = make_up_seconds.get(day, 0) + counted.seconds
        reached_at = span.end_at
    _append(spans, *_skipped(calendar, reached_at, end))
    return Explanation(
        start_at=start,
        end_at=end,
        spans=tuple(spans),
        make_up_days=tuple(
            MakeUpDay(date=day, name=make_up_names[day], seconds=seconds)
            for day, seconds in make_up_seconds.items()
        ),
        provisional=is_provisional(calendar, start, end),
    )


def _append(spans: list[ExplainedSpan], *more: ExplainedSpan) -> None:
    """Add spans, each joined to the one before when the cause is the same (a night over midnight)."""
    for span in more:
        last = spans[-1] if spans else None
        if last and (last.code, last.name) == (span.code, span.name):
            spans[-1] = last.model_copy(update={"end_at": span.end_at})
        else:
            spans.append(span)


def _skipped(calendar: Calendar, start: datetime, end: datetime) -> Iterator[ExplainedSpan]:
    """A closed stretch cut by local date, each with its cause."""
    day = start.astimezone(calendar.zone).date()
    while start < end:
        next_day = day + timedelta(days=1)
        day_ends_at = instant_of(calendar.zone, datetime.combine(next_day, time()))
        piece_end = min(end, day_ends_at)
        if start < piece_end:
            yield from _causes_of_day(calendar, day, start, piece_end)
            start = piece_end
        day = next_day


def _causes_of_day(calendar: Calendar, day: date, start: datetime, end: datetime) -> Iterator[ExplainedSpan]:
    """The causes of a closed stretch within one local date."""
    missed = [*_missed_hours(calendar, day - timedelta(days=1)), *_missed_hours(calendar, day)]
    edges = {edge for opens_at, closes_at, _ in missed for edge in (opens_at, closes_at)}
    inner_edges = sorted(edge for edge in edges if start < edge < end)
    today = plan_of(calendar, day)
    for piece_start, piece_end in pairwise([start, *inner_edges, end]):
        cause = next((plan for opens, closes, plan in missed if opens <= piece_start < closes), None)
        if cause is None and (today.kind is DayKind.HOLIDAY or _is_closed_by_exception(today)):
            cause = today
        if cause is None:
            code, name = _usual_cause(calendar, today, piece_start, piece_end), None
        else:
            is_holiday = cause.kind is DayKind.HOLIDAY
            code, name = (SpanCode.HOLIDAY if is_holiday else SpanCode.EXCEPTION), cause.name
        yield ExplainedSpan(start_at=piece_start, end_at=piece_end, code=code, name=name)


def _is_closed_by_exception(plan: DayPlan) -> bool:
    return plan.kind is DayKind.EXCEPTION and not plan.intervals


def _missed_hours(calendar: Calendar, day: date) -> Iterator[tuple[datetime, datetime, DayPlan]]:
    """Hours that the week would have given a date, had a holiday or an exception not taken its place."""
    plan = plan_of(calendar, day)
    if plan.kind in (DayKind.HOLIDAY, DayKind.EXCEPTION):
        usual = weekly_intervals(calendar, day, Weekday.of(day))
        for opens_at, closes_at in interval_instants(calendar.zone, day, usual):
            yield opens_at, closes_at, plan


def _usual_cause(calendar: Calendar, plan: DayPlan, start: datetime, end: datetime) -> SpanCode:
    """Why a stretch is closed on a date that no rule closes."""
    if not plan.intervals:
        in_force = calendar.version_on(plan.day) is not None
        return SpanCode.WEEKEND if in_force and Weekday.of(plan.day).is_weekend else SpanCode.CLOSED
    opened = list(interval_instants(calendar.zone, plan.day, plan.intervals))
    between = opened[0][1] <= start and end <= opened[-1][0]
    return SpanCode.BREAK if between else SpanCode.NIGHT

"""What must hold for every calendar and every instant, clock changes included."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.calendar import (
    Calendar,
    CalendarVersion,
    DayKind,
    DayName,
    DayRule,
    Interval,
    NeverOpenError,
    Weekday,
    WeekPattern,
    add_business_minutes,
    count_business_minutes,
    explain,
    is_open,
    next_closing,
    next_opening,
)
from tests.domain.calendar_samples import at, calendar, week

FIRST_DAY = date(2026, 1, 1)
SECOND = timedelta(seconds=1)


def clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


@st.composite
def day_hours(draw: st.DrawFn, last_minute: int = 1440) -> tuple[Interval, ...]:
    """None to three disjoint intervals of one day, on a grid of 15 minutes."""
    edges = sorted(draw(st.sets(st.integers(0, last_minute // 15), max_size=6)))
    pairs = zip(edges[::2], edges[1::2], strict=False)
    return tuple(Interval(start=clock(start * 15), end=clock(end * 15)) for start, end in pairs)


NIGHT_SHIFT = (Interval(start="21:30", end="05:15"),)


@st.composite
def week_patterns(draw: st.DrawFn) -> WeekPattern:
    if draw(st.booleans()):
        nights = draw(st.sets(st.sampled_from(Weekday)))
        return WeekPattern(**{weekday.value: NIGHT_SHIFT for weekday in nights})
    return WeekPattern(**{weekday.value: draw(day_hours()) for weekday in Weekday})


@st.composite
def day_rules(draw: st.DrawFn) -> DayRule:
    kind = draw(st.sampled_from(DayKind))
    intervals = draw(st.one_of(day_hours(), st.just(NIGHT_SHIFT))) if kind is DayKind.EXCEPTION else ()
    return DayRule(
        date=FIRST_DAY + timedelta(days=draw(st.integers(0, 364))),
        kind=kind,
        name=DayName(zh="节日", en="Festival"),
        works_as=draw(st.sampled_from(Weekday)) if kind is DayKind.MAKE_UP else None,
        intervals=intervals,
    )


@st.composite
def calendars(draw: st.DrawFn, zones: tuple[str, ...] = ()) -> Calendar:
    zones = zones or (
        "Asia/Shanghai",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",  # changes its clocks by half an hour
        "Asia/Beirut",  # changes them at midnight
    )
    versions = [CalendarVersion(version=1, effective_from=date(2025, 6, 1), week=draw(week_patterns()))]
    if draw(st.booleans()):
        nights = WeekPattern(saturday=NIGHT_SHIFT)
        changed = CalendarVersion(
            version=2,
            effective_from=FIRST_DAY + timedelta(days=draw(st.integers(0, 364))),
            week=WeekPattern(friday=draw(day_hours(last_minute=1200))),
            alternate_week=nights,
            anchor_date=FIRST_DAY,
        )
        versions.append(changed)
    rules = draw(
        st.lists(day_rules(), max_size=8, unique_by=lambda rule: (rule.date, rule.kind is DayKind.EXCEPTION))
    )
    zone = draw(st.sampled_from(zones))
    return Calendar(time_zone=zone, versions=tuple(versions), days=tuple(rules), published_years=(2026,))


def near(moment: datetime) -> st.SearchStrategy[datetime]:
    return st.integers(-200_000, 200_000).map(lambda seconds: moment + timedelta(seconds=seconds))


INSTANTS = st.one_of(
    st.integers(0, 365 * 86_400).map(lambda seconds: datetime(2026, 1, 1, tzinfo=UTC) + seconds * SECOND),
    near(datetime(2026, 3, 29, 1, tzinfo=UTC)),  # Berlin and, nearly, Beirut
    near(datetime(2026, 10, 25, 1, tzinfo=UTC)),
    near(datetime(2026, 3, 8, 7, tzinfo=UTC)),  # New York
    near(datetime(2026, 11, 1, 6, tzinfo=UTC)),
    near(datetime(2026, 4, 4, 15, tzinfo=UTC)),  # Lord Howe
    near(datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
)
MINUTES = st.integers(0, 20_000)


def added(hours: Calendar, at_: datetime, minutes: int) -> datetime | None:
    try:
        return add_business_minutes(hours, at_, minutes)
    except NeverOpenError:
        return None


@given(calendars(), INSTANTS, MINUTES)
@example(calendar(week("22:00-06:00")), at("2026-03-06 23:00"), 480)
def test_what_is_added_is_counted(hours: Calendar, start: datetime, minutes: int) -> None:
    due_at = added(hours, start, minutes)
    if due_at is not None:
        assert count_business_minutes(hours, start, due_at).duration == timedelta(minutes=minutes)
        assert due_at >= start


@given(calendars(), INSTANTS, MINUTES)
def test_a_due_instant_lies_in_open_time_or_at_its_end(
    hours: Calendar, start: datetime, minutes: int
) -> None:
    due_at = added(hours, start, minutes)
    if due_at is not None:
        assert is_open(hours, due_at) or is_open(hours, due_at - timedelta(microseconds=1))
        if minutes:
            earlier = count_business_minutes(hours, start, due_at - SECOND).duration
            assert earlier < timedelta(minutes=minutes), "the earliest such instant"


@given(calendars(), INSTANTS, INSTANTS, MINUTES, st.integers(0, 500))
def test_later_starts_and_more_minutes_are_never_due_earlier(
    hours: Calendar, one: datetime, other: datetime, minutes: int, more: int
) -> None:
    first, second = sorted((one, other))
    due_at, later_due_at = added(hours, first, minutes), added(hours, second, minutes)
    if due_at is not None and later_due_at is not None:
        assert due_at <= later_due_at
    longer_due_at = added(hours, first, minutes + more)
    if longer_due_at is not None:
        assert due_at is not None
        assert due_at <= longer_due_at


@given(calendars(), INSTANTS, MINUTES, MINUTES)
def test_adding_twice_is_adding_the_sum(hours: Calendar, start: datetime, one: int, other: int) -> None:
    half_way_at = added(hours, start, one)
    if half_way_at is not None:
        assert added(hours, half_way_at, other) == added(hours, start, one + other)


@given(calendars(), st.lists(INSTANTS, min_size=3, max_size=3))
def test_counting_is_additive(hours: Calendar, instants: list[datetime]) -> None:
    start, middle, end = sorted(instants)
    halves = [count_business_minutes(hours, *pair).duration for pair in pairwise((start, middle, end))]
    assert sum(halves, timedelta()) == count_business_minutes(hours, start, end).duration


@given(calendars(), INSTANTS, INSTANTS)
@settings(max_examples=60)
def test_an_explanation_covers_the_span_and_agrees_with_the_count(
    hours: Calendar, one: datetime, other: datetime
) -> None:
    start, end = sorted((one, other))
    explained = explain(hours, start, end)
    edges = [start, *(span.end_at for span in explained.spans)]
    assert edges[-1] == end
    assert [span.start_at for span in explained.spans] == edges[:-1]
    assert all(span.seconds > 0 for span in explained.spans)
    counted = count_business_minutes(hours, start, end)
    assert explained.counted_seconds == counted.seconds
    assert explained.counted_seconds + explained.skipped_seconds == (end - start) // SECOND
    assert sum(total.seconds for total in explained.skipped) == explained.skipped_seconds
    assert explained.provisional == counted.provisional
    assert all(
        (before.code, before.name) != (after.code, after.name) for before, after in pairwise(explained.spans)
    )
    for span in explained.spans:
        assert is_open(hours, span.start_at) is span.code.is_counted


@given(calendars(), INSTANTS)
def test_openings_and_closings_agree_with_is_open(hours: Calendar, start: datetime) -> None:
    opening_at = next_opening(hours, start)
    if opening_at is None:
        assert not is_open(hours, start)
        return
    assert is_open(hours, opening_at)
    assert (opening_at == start) is is_open(hours, start)
    assert count_business_minutes(hours, start, opening_at).duration == timedelta()
    closing_at = next_closing(hours, start)
    if closing_at is not None:
        assert not is_open(hours, closing_at)
        open_for = count_business_minutes(hours, opening_at, closing_at).duration
        assert open_for == closing_at - opening_at, "open from the opening to the closing"


@given(calendars(zones=("Asia/Shanghai",)), INSTANTS, st.integers(0, 3 * 24 * 60))
@settings(max_examples=40)
def test_the_count_is_what_a_patient_person_with_a_clock_counts(
    hours: Calendar, start: datetime, length_minutes: int
) -> None:
    """An independent reading of the rules, minute by minute, in a zone of constant offset."""
    start = start.replace(second=0)
    end = start + timedelta(minutes=length_minutes)
    patient = sum(
        _shows_open(hours, start + timedelta(minutes=minute, hours=8)) for minute in range(length_minutes)
    )
    assert count_business_minutes(hours, start, end).minutes == patient


def _shows_open(hours: Calendar, wall: datetime) -> bool:
    minute = wall.hour * 60 + wall.minute
    today = wall.date()
    return any(
        interval.start_minute <= minute_of_shift < interval.end_minute
        for day, minute_of_shift in ((today, minute), (today - timedelta(days=1), minute + 1440))
        for interval in _hours_of(hours, day)
    )


def _hours_of(hours: Calendar, day: date) -> tuple[Interval, ...]:
    rules = {rule.kind: rule for rule in hours.days if rule.date == day}
    if DayKind.EXCEPTION in rules:
        return rules[DayKind.EXCEPTION].intervals
    if DayKind.HOLIDAY in rules:
        return ()
    in_force = [version for version in hours.versions if version.effective_from <= day]
    if not in_force:
        return ()
    version = in_force[-1]
    pattern = version.week
    if version.alternate_week and version.anchor_date:
        anchor_week, this_week = ((moment.toordinal() - 1) // 7 for moment in (version.anchor_date, day))
        pattern = version.alternate_week if (this_week - anchor_week) % 2 else version.week
    works_as = rules[DayKind.MAKE_UP].works_as if DayKind.MAKE_UP in rules else None
    weekday = works_as or list(Weekday)[day.isoweekday() - 1]
    found: tuple[Interval, ...] = getattr(pattern, weekday.value)
    return found

"""Business time by tables: what people can check with a wall calendar in hand."""

import time
from datetime import UTC, date, datetime, timedelta

import pytest

from domain.calendar import (
    Calendar,
    CalendarVersion,
    NeverOpenError,
    Weekday,
    WeekPattern,
    add_business_minutes,
    count_business_minutes,
    is_open,
    is_provisional,
    next_closing,
    next_opening,
)
from tests.domain.calendar_samples import (
    EVERY_DAY,
    SPRING_FESTIVAL_2026,
    at,
    calendar,
    exception,
    holiday,
    hours,
    make_up,
    week,
)

OFFICE = calendar(week("09:00-18:00"))
SPLIT = calendar(week("09:00-12:00", "13:30-18:00"))
NIGHT = calendar(week("22:00-06:00"))
NEVER_CLOSED = calendar(week("00:00-24:00", days=EVERY_DAY))
NEVER_OPEN = calendar(WeekPattern())
SPRING = calendar(week("09:00-18:00"), days=SPRING_FESTIVAL_2026)

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


@pytest.mark.parametrize(
    ("hours_of", "local", "expected"),
    [
        (OFFICE, "2026-03-02 08:59:59", False),
        (OFFICE, "2026-03-02 09:00", True),
        (OFFICE, "2026-03-02 17:59:59.999999", True),
        (OFFICE, "2026-03-02 18:00", False),
        (OFFICE, "2026-03-07 12:00", False),
        (SPLIT, "2026-03-02 12:00", False),
        (SPLIT, "2026-03-02 13:30", True),
        (NIGHT, "2026-03-02 05:00", False),  # Monday's early hours belong to Sunday
        (NIGHT, "2026-03-02 23:00", True),
        (NIGHT, "2026-03-07 05:59", True),  # Saturday's early hours belong to Friday
        (NIGHT, "2026-03-07 06:00", False),
        (NIGHT, "2026-03-07 22:00", False),
        (NEVER_CLOSED, "2026-03-07 00:00", True),
        (SPRING, "2026-02-14 10:00", True),  # make-up Saturday
        (SPRING, "2026-02-16 10:00", False),
        (SPRING, "2026-02-23 10:00", False),
        (SPRING, "2026-02-24 10:00", True),
        (SPRING, "2026-02-28 10:00", True),
    ],
)
def test_is_open(hours_of: Calendar, local: str, expected: bool) -> None:
    assert is_open(hours_of, at(local)) is expected


@pytest.mark.parametrize(
    ("hours_of", "local", "opening", "closing"),
    [
        (OFFICE, "2026-03-02 10:00", "2026-03-02 10:00", "2026-03-02 18:00"),
        (OFFICE, "2026-03-06 18:00", "2026-03-09 09:00", "2026-03-09 18:00"),
        (SPLIT, "2026-03-02 12:30", "2026-03-02 13:30", "2026-03-02 18:00"),
        (NIGHT, "2026-03-07 06:00", "2026-03-09 22:00", "2026-03-10 06:00"),
        (NIGHT, "2026-03-07 02:00", "2026-03-07 02:00", "2026-03-07 06:00"),
        (SPRING, "2026-02-14 18:00", "2026-02-24 09:00", "2026-02-24 18:00"),
        (SPRING, "2026-02-27 18:00", "2026-02-28 09:00", "2026-02-28 18:00"),
        (OFFICE, "2026-12-31 18:30", "2027-01-01 09:00", "2027-01-01 18:00"),
    ],
)
def test_next_opening_and_closing(hours_of: Calendar, local: str, opening: str, closing: str) -> None:
    assert next_opening(hours_of, at(local)) == at(opening)
    assert next_closing(hours_of, at(local)) == at(closing)


def test_hours_that_touch_are_one_opening() -> None:
    shifts = calendar(week("06:00-14:00", "14:00-22:00", "22:00-06:00"))
    assert next_closing(shifts, at("2026-03-02 07:00")) == at("2026-03-07 06:00")
    assert next_opening(shifts, at("2026-03-02 14:00")) == at("2026-03-02 14:00")


def test_never_open_and_never_closed() -> None:
    monday_at = at("2026-03-02 10:00")
    assert next_opening(NEVER_OPEN, monday_at) is None
    assert next_closing(NEVER_OPEN, monday_at) is None
    assert next_closing(NEVER_CLOSED, monday_at) is None
    assert add_business_minutes(NEVER_CLOSED, monday_at, 1440) == monday_at + timedelta(days=1)
    assert count_business_minutes(NEVER_OPEN, monday_at, monday_at + timedelta(days=30)).seconds == 0
    with pytest.raises(NeverOpenError, match="no 1 open minutes"):
        add_business_minutes(NEVER_OPEN, monday_at, 1)
    with pytest.raises(NeverOpenError):
        add_business_minutes(NEVER_OPEN, monday_at, 0)


@pytest.mark.parametrize(
    ("hours_of", "local", "minutes", "due"),
    [
        (OFFICE, "2026-03-02 10:00", 0, "2026-03-02 10:00"),
        (OFFICE, "2026-03-02 18:00", 0, "2026-03-02 18:00"),
        (OFFICE, "2026-03-02 20:00", 0, "2026-03-03 09:00"),
        (OFFICE, "2026-03-02 17:00", 60, "2026-03-02 18:00"),
        (OFFICE, "2026-03-02 17:00", 61, "2026-03-03 09:01"),
        (OFFICE, "2026-03-06 17:30", 240, "2026-03-09 12:30"),
        (OFFICE, "2026-03-07 11:00", 30, "2026-03-09 09:30"),
        (OFFICE, "2026-03-02 09:00:30", 540, "2026-03-03 09:00:30"),
        (SPLIT, "2026-03-02 11:00", 120, "2026-03-02 14:30"),
        (NIGHT, "2026-03-02 23:00", 480, "2026-03-03 23:00"),
        (NIGHT, "2026-03-06 23:00", 480, "2026-03-09 23:00"),
        (SPRING, "2026-02-13 17:00", 120, "2026-02-14 10:00"),
        (SPRING, "2026-02-14 17:00", 120, "2026-02-24 10:00"),
        (SPRING, "2026-02-27 17:00", 120, "2026-02-28 10:00"),
        (SPRING, "2026-02-28 17:00", 120, "2026-03-02 10:00"),
        (OFFICE, "2026-12-31 17:00", 120, "2027-01-01 10:00"),
    ],
)
def test_add_business_minutes(hours_of: Calendar, local: str, minutes: int, due: str) -> None:
    assert add_business_minutes(hours_of, at(local), minutes) == at(due)


@pytest.mark.parametrize(
    ("hours_of", "start", "end", "minutes"),
    [
        (OFFICE, "2026-03-02 00:00", "2026-03-09 00:00", 5 * 540),
        (OFFICE, "2026-03-02 17:00", "2026-03-03 10:00", 120),
        (OFFICE, "2026-03-07 00:00", "2026-03-08 23:59", 0),
        (SPLIT, "2026-03-02 11:30", "2026-03-02 14:00", 60),
        (NIGHT, "2026-03-02 00:00", "2026-03-03 00:00", 120),
        (NIGHT, "2026-03-07 00:00", "2026-03-08 00:00", 360),
        (SPRING, "2026-02-09 00:00", "2026-03-02 00:00", (6 + 0 + 5) * 540),
        (OFFICE, "2026-12-28 00:00", "2027-01-04 00:00", 5 * 540),
    ],
)
def test_count_business_minutes(hours_of: Calendar, start: str, end: str, minutes: int) -> None:
    assert count_business_minutes(hours_of, at(start), at(end)).minutes == minutes


def test_count_is_exact_below_a_minute() -> None:
    counted = count_business_minutes(OFFICE, at("2026-03-02 17:58:29.5"), at("2026-03-03 09:00:30"))
    assert counted.duration == timedelta(minutes=2, seconds=0, milliseconds=500)
    assert (counted.minutes, counted.seconds, counted.provisional) == (2, 120, False)


def test_a_rule_governs_the_shift_that_starts_on_its_date() -> None:
    shifts = calendar(week("22:00-06:00"), days=(holiday("2026-03-03"),))
    assert is_open(shifts, at("2026-03-03 05:00")), "Monday's shift is finished"
    assert not is_open(shifts, at("2026-03-03 23:00"))
    assert not is_open(shifts, at("2026-03-04 05:00")), "Tuesday's shift never began"
    assert is_open(shifts, at("2026-03-04 22:00"))


def test_a_make_up_day_works_the_hours_of_the_day_it_stands_for() -> None:
    pattern = WeekPattern(
        monday=hours("09:00-18:00"), friday=hours("09:00-16:00"), saturday=hours("10:00-12:00")
    )
    shop = calendar(
        pattern, days=(make_up("2026-02-14", Weekday.FRIDAY), make_up("2026-02-28", Weekday.MONDAY))
    )
    assert next_closing(shop, at("2026-02-14 09:00")) == at("2026-02-14 16:00")
    assert next_closing(shop, at("2026-02-28 09:00")) == at("2026-02-28 18:00")
    assert next_opening(shop, at("2026-02-21 00:00")) == at("2026-02-21 10:00")


def test_an_exception_wins_over_holiday_and_week() -> None:
    days = (holiday("2026-03-03"), exception("2026-03-03", "10:00-12:00"), exception("2026-03-04"))
    for order in (days, days[::-1]):
        shop = calendar(week("09:00-18:00"), days=order)
        counted = count_business_minutes(shop, at("2026-03-03 00:00"), at("2026-03-05 00:00"))
        assert counted.minutes == 120
    weekend_work = calendar(week("09:00-18:00"), days=(exception("2026-03-07", "20:00-02:00"),))
    assert next_closing(weekend_work, at("2026-03-07 08:00")) == at("2026-03-08 02:00")


def test_hours_that_come_to_overlap_count_once() -> None:
    shop = calendar(week("09:00-18:00"), days=(exception("2026-03-02", "20:00-12:00"),))
    assert count_business_minutes(shop, at("2026-03-02 00:00"), at("2026-03-04 00:00")).minutes == 22 * 60
    assert add_business_minutes(shop, at("2026-03-03 08:00"), 300) == at("2026-03-03 13:00")


def test_alternate_weeks() -> None:
    six_days = (*EVERY_DAY[:6],)
    version = CalendarVersion(
        version=1,
        effective_from=date(2020, 1, 1),
        week=week("09:00-18:00", days=six_days),
        alternate_week=week("09:00-18:00"),
        anchor_date=date(2026, 3, 4),  # a Wednesday; its whole week is a big one (大周)
    )
    big_and_small = Calendar(time_zone="Asia/Shanghai", versions=(version,))
    opened = [
        day
        for day in ("2026-02-21", "2026-02-28", "2026-03-07", "2026-03-14", "2026-03-21", "2027-03-06")
        if is_open(big_and_small, at(f"{day} 10:00"))
    ]
    # 2027-03-06 is 52 weeks after 2026-03-07: weeks are counted, not numbered by year.
    assert opened == ["2026-02-21", "2026-03-07", "2026-03-21", "2027-03-06"]
    assert not is_open(big_and_small, at("2026-03-08 10:00"))


def test_the_version_in_force_on_the_local_date() -> None:
    changing = Calendar(
        time_zone="Asia/Shanghai",
        versions=(
            CalendarVersion(version=1, effective_from=date(2026, 3, 2), week=week("22:00-06:00")),
            CalendarVersion(version=3, effective_from=date(2026, 3, 4), week=week("10:00-20:00")),
        ),
    )
    assert next_opening(changing, at("2026-02-27 10:00")) == at("2026-03-02 22:00")
    # The old version's last night ends after the new version has begun.
    assert next_closing(changing, at("2026-03-03 23:00")) == at("2026-03-04 06:00")
    assert next_opening(changing, at("2026-03-04 06:00")) == at("2026-03-04 10:00")
    # 2026-03-04 begins in Shanghai at 16:00 UTC of the day before.
    assert changing.version_on(date(2026, 3, 1)) is None
    found = changing.version_on(date(2026, 3, 4))
    assert found is not None
    assert found.version == 3


@pytest.mark.parametrize(
    ("zone", "start", "end", "real_hours"),
    [
        (BERLIN, "2026-03-28 22:00", "2026-03-29 06:00", 7),
        (BERLIN, "2026-10-24 22:00", "2026-10-25 06:00", 9),
        (NEW_YORK, "2026-03-07 22:00", "2026-03-08 06:00", 7),
        (NEW_YORK, "2026-10-31 22:00", "2026-11-01 06:00", 9),
        (NEW_YORK, "2026-11-01 22:00", "2026-11-02 06:00", 8),
    ],
)
def test_a_night_shift_over_a_clock_change_has_its_real_length(
    zone: str, start: str, end: str, real_hours: int
) -> None:
    nights = calendar(week("22:00-06:00", days=EVERY_DAY), zone=zone)
    counted = count_business_minutes(nights, at(start, zone), at(end, zone))
    assert counted.minutes == real_hours * 60
    assert next_closing(nights, at(start, zone)) == at(end, zone)
    assert add_business_minutes(nights, at(start, zone), real_hours * 60) == at(end, zone)


@pytest.mark.parametrize(
    ("zone", "day", "jump"),
    [
        (BERLIN, "2026-03-29", datetime(2026, 3, 29, 1, tzinfo=UTC)),
        (NEW_YORK, "2026-03-08", datetime(2026, 3, 8, 7, tzinfo=UTC)),
    ],
)
def test_a_time_that_the_clocks_skip_is_the_jump(zone: str, day: str, jump: datetime) -> None:
    opens_in_gap = calendar(week("02:30-05:00", days=EVERY_DAY), zone=zone)
    assert next_opening(opens_in_gap, at(f"{day} 00:00", zone)) == jump
    closes_in_gap = calendar(week("00:00-02:30", days=EVERY_DAY), zone=zone)
    assert next_closing(closes_in_gap, at(f"{day} 00:00", zone)) == jump
    inside_gap = calendar(week("02:10-02:50", days=EVERY_DAY), zone=zone)
    assert next_opening(inside_gap, at(f"{day} 00:00", zone)) == at(f"{day} 02:10", zone) + timedelta(
        hours=23
    )


@pytest.mark.parametrize(
    ("zone", "day", "hour"), [(BERLIN, "2026-10-25", "02"), (NEW_YORK, "2026-11-01", "01")]
)
def test_a_time_that_the_clocks_show_twice_is_its_first_showing(zone: str, day: str, hour: str) -> None:
    desk = calendar(week(f"{hour}:30-08:00", days=EVERY_DAY), zone=zone)
    first, second = (at(f"{day} {hour}:30", zone, fold=fold) for fold in (0, 1))
    assert second - first == timedelta(hours=1)
    assert next_opening(desk, at(f"{day} 00:00", zone)) == first
    assert is_open(desk, second - timedelta(minutes=10)), "open goes on, though the clock shows 20 past"
    until_fold = calendar(week(f"00:00-{hour}:30", days=EVERY_DAY), zone=zone)
    assert next_closing(until_fold, at(f"{day} 00:00", zone)) == first
    assert not is_open(until_fold, second - timedelta(minutes=10))


def test_a_zone_that_skips_midnight_and_one_that_skips_a_day() -> None:
    beirut = calendar(week("00:00-08:00", days=EVERY_DAY), zone="Asia/Beirut")
    assert next_opening(beirut, datetime(2026, 3, 28, 12, tzinfo=UTC)) == datetime(
        2026, 3, 28, 22, tzinfo=UTC
    )
    apia = calendar(week("09:00-17:00", days=EVERY_DAY), zone="Pacific/Apia")
    thursday_evening_at = at("2011-12-29 18:00", "Pacific/Apia")
    assert next_opening(apia, thursday_evening_at) == at("2011-12-31 09:00", "Pacific/Apia")
    assert next_opening(apia, thursday_evening_at) == thursday_evening_at + timedelta(hours=15)


@pytest.mark.parametrize(
    ("start", "end", "provisional"),
    [
        ("2026-03-02 10:00", "2026-12-24 23:59", False),
        ("2026-12-25 00:00", "2026-12-25 01:00", True),  # the notice of 2027 may still move it
        ("2027-02-01 10:00", "2027-02-01 11:00", True),
        ("2026-03-02 10:00", "2028-01-01 00:00", True),
        ("2024-12-20 10:00", "2024-12-20 11:00", True),  # before the published years
        ("2025-01-01 00:00", "2025-01-01 01:00", False),
    ],
)
def test_provisional_years(start: str, end: str, provisional: bool) -> None:
    desk = calendar(week("09:00-18:00"), published_years=(2025, 2026))
    assert is_provisional(desk, at(start), at(end)) is provisional
    assert count_business_minutes(desk, at(start), at(end)).provisional is provisional
    assert not is_provisional(OFFICE, at(start), at(end)), "nothing has to be published"


def test_provisional_is_judged_by_local_date() -> None:
    desk = calendar(week("09:00-18:00"), published_years=(2026,))
    last_local_instant_before = datetime(2026, 12, 24, 15, 59, tzinfo=UTC)
    assert not is_provisional(desk, last_local_instant_before, last_local_instant_before)
    next_local_day = datetime(2026, 12, 24, 16, 0, tzinfo=UTC)
    assert is_provisional(desk, next_local_day, next_local_day)


def test_refusals() -> None:
    monday_at = at("2026-03-02 10:00")
    with pytest.raises(ValueError, match="time zone"):
        is_open(OFFICE, datetime(2026, 3, 2, 10))  # noqa: DTZ001 - a naive time is the point
    with pytest.raises(ValueError, match="before the start"):
        count_business_minutes(OFFICE, monday_at, monday_at - timedelta(seconds=1))
    with pytest.raises(ValueError, match="negative"):
        add_business_minutes(OFFICE, monday_at, -1)
    with pytest.raises(ValueError, match="not in 9999"):
        next_opening(OFFICE, datetime(9999, 12, 31, tzinfo=UTC))
    with pytest.raises(NeverOpenError):
        add_business_minutes(OFFICE, monday_at, 60 * 24 * 365 * 5)


def test_instants_of_other_zones_come_back_in_utc() -> None:
    tokyo_noon = datetime.fromisoformat("2026-03-02T12:00:00+09:00")
    due_at = add_business_minutes(OFFICE, tokyo_noon, 60)
    assert due_at == at("2026-03-02 12:00")
    assert due_at.tzinfo is UTC
    opening_at = next_opening(OFFICE, tokyo_noon)
    assert opening_at is not None
    assert opening_at.tzinfo is UTC


def test_a_month_is_added_without_walking_through_its_minutes() -> None:
    start_at = at("2026-02-02 10:00")
    month_minutes = 22 * 450
    add_business_minutes(SPLIT, start_at, month_minutes)  # the calendar's tables are made once
    best_seconds = float("inf")
    for _ in range(20):
        began = time.perf_counter()
        add_business_minutes(SPLIT, start_at, month_minutes)
        best_seconds = min(best_seconds, time.perf_counter() - began)
    assert best_seconds < 0.001

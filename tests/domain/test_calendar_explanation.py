"""Explanations by tables: the causes that a person would give."""

from datetime import date, timedelta

import pytest

from domain.calendar import (
    Calendar,
    CalendarVersion,
    DayName,
    ExplainedSpan,
    Explanation,
    MakeUpDay,
    SpanCode,
    Weekday,
    count_business_minutes,
    explain,
)
from tests.domain.calendar_samples import (
    EVERY_DAY,
    SPRING_FESTIVAL,
    SPRING_FESTIVAL_2026,
    at,
    calendar,
    exception,
    holiday,
    make_up,
    week,
)

HOUR = 3600
STOCKTAKING = DayName(zh="盘点", en="Stocktaking")


def story(explanation: Explanation) -> list[str]:
    """Each span as its code, its name in Chinese and its hours."""
    return [
        f"{span.code.value}{':' + span.name.zh if span.name else ''} {span.seconds / HOUR:g}"
        for span in explanation.spans
    ]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-03-02 17:00", "2026-03-03 10:10", ["counted 1", "night 15", "counted 1.16667"]),
        ("2026-03-06 17:00", "2026-03-09 09:00", ["counted 1", "night 6", "weekend 48", "night 9"]),
        ("2026-03-02 20:00", "2026-03-02 21:00", ["night 1"]),
        ("2026-03-02 10:00", "2026-03-02 10:00", []),
    ],
)
def test_an_office_week(start: str, end: str, expected: list[str]) -> None:
    assert story(explain(calendar(week("09:00-18:00")), at(start), at(end))) == expected


def test_breaks_and_nights() -> None:
    split = calendar(week("09:00-12:00", "13:30-18:00"))
    explained = explain(split, at("2026-03-02 08:00"), at("2026-03-02 20:00"))
    assert story(explained) == ["night 1", "counted 3", "break 1.5", "counted 4.5", "night 2"]
    nights = calendar(week("22:00-06:00"))
    explained = explain(nights, at("2026-03-05 22:00"), at("2026-03-07 12:00"))
    assert story(explained) == ["counted 8", "night 16", "counted 8", "weekend 6"]


def test_spring_festival_with_its_make_up_days() -> None:
    desk = calendar(week("09:00-18:00"), days=SPRING_FESTIVAL_2026, published_years=(2026,))
    explained = explain(desk, at("2026-02-13 17:00"), at("2026-03-02 10:00"))
    assert story(explained) == [
        *("counted 1", "night 15", "make_up:春节 9", "night 6", "holiday:春节 216", "night 9"),
        *("counted 9", "night 15") * 4,
        *("make_up:春节 9", "night 6", "weekend 24", "night 9", "counted 1"),
    ]
    assert explained.make_up_days == (
        MakeUpDay(date=date(2026, 2, 14), name=SPRING_FESTIVAL, seconds=9 * HOUR),
        MakeUpDay(date=date(2026, 2, 28), name=SPRING_FESTIVAL, seconds=9 * HOUR),
    )
    assert [(total.code, total.name, total.seconds / HOUR) for total in explained.skipped] == [
        (SpanCode.NIGHT, None, 15 + 6 + 9 + 4 * 15 + 6 + 9),
        (SpanCode.HOLIDAY, SPRING_FESTIVAL, 9 * 24),
        (SpanCode.WEEKEND, None, 24),
    ]
    assert explained.counted_seconds == (1 + 9 + 4 * 9 + 9 + 1) * HOUR
    assert not explained.provisional


def test_a_make_up_night_belongs_to_the_make_up_day() -> None:
    desk = calendar(week("22:00-06:00"), days=(make_up("2026-02-28", Weekday.MONDAY),))
    explained = explain(desk, at("2026-02-28 00:00"), at("2026-03-02 00:00"))
    assert story(explained) == ["counted 6", "night 16", "make_up:春节 8", "weekend 18"]
    assert [day.date for day in explained.make_up_days] == [date(2026, 2, 28)]


def test_a_night_that_a_holiday_took_away_is_the_holiday() -> None:
    desk = calendar(week("22:00-06:00"), days=(holiday("2026-03-03"),))
    explained = explain(desk, at("2026-03-03 00:00"), at("2026-03-04 23:00"))
    assert story(explained) == ["counted 6", "holiday:春节 24", "night 16", "counted 1"]


def test_exceptions() -> None:
    desk = calendar(
        week("09:00-18:00"),
        days=(
            exception("2026-03-03", "10:00-12:00", name=STOCKTAKING),
            exception("2026-03-04", name=STOCKTAKING),
            exception("2026-03-07", "09:00-10:00"),
        ),
    )
    shortened = explain(desk, at("2026-03-03 00:00"), at("2026-03-04 00:00"))
    assert story(shortened) == [
        *("night 9", "exception:盘点 1", "counted:盘点 2", "exception:盘点 6", "night 6"),
    ]
    closed = explain(desk, at("2026-03-04 00:00"), at("2026-03-05 09:00"))
    assert story(closed) == ["exception:盘点 24", "night 9"]
    extra = explain(desk, at("2026-03-07 00:00"), at("2026-03-08 00:00"))
    assert story(extra) == ["night 9", "counted 1", "night 14"]


def test_a_closed_weekday_and_the_time_before_the_first_version_are_closed() -> None:
    tuesday_to_sunday = EVERY_DAY[1:]
    shop = Calendar(
        time_zone="Asia/Shanghai",
        versions=(
            CalendarVersion(
                version=1,
                effective_from=date(2026, 3, 1),
                week=week("10:00-22:00", days=tuesday_to_sunday),
            ),
        ),
    )
    explained = explain(shop, at("2026-02-28 10:00"), at("2026-03-03 11:00"))
    assert story(explained) == [
        *("closed 14", "night 10", "counted 12", "night 2", "closed 24", "night 10", "counted 1"),
    ]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-03-28 18:00", "2026-03-29 09:00", ["night 14"]),
        ("2026-10-24 18:00", "2026-10-25 09:00", ["night 16"]),
    ],
)
def test_a_night_over_a_clock_change(start: str, end: str, expected: list[str]) -> None:
    desk = calendar(week("09:00-18:00", days=EVERY_DAY), zone="Europe/Berlin")
    explained = explain(desk, at(start, "Europe/Berlin"), at(end, "Europe/Berlin"))
    assert story(explained) == expected


def test_seconds_are_whole_and_instants_utc() -> None:
    desk = calendar(week("09:00-18:00"), published_years=(2025,))
    start_at, end_at = at("2026-03-02 17:59:58.9"), at("2026-03-02 18:00:01.2")
    explained = explain(desk, start_at, end_at)
    assert (explained.counted_seconds, explained.skipped_seconds) == (2, 1)
    assert explained.provisional
    assert count_business_minutes(desk, start_at, end_at).duration == timedelta(seconds=1.1)
    assert {span.start_at.tzname() for span in explained.spans} == {"UTC"}
    assert Explanation.model_validate_json(explained.model_dump_json()) == explained
    assert isinstance(explained.spans[0], ExplainedSpan)

"""Calendars as documents: they survive JSON, and a mistake is named."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from domain.calendar import Calendar, CalendarProblem, Interval, Weekday
from tests.domain.calendar_samples import SPRING_FESTIVAL_2026, calendar, exception, week

VERSION: dict[str, Any] = {
    "version": 1,
    "effective_from": "2026-01-01",
    "week": {"monday": [{"start": "13:30", "end": "18:00"}, {"start": "09:00", "end": "12:00"}]},
}


def document(**changes: Any) -> dict[str, Any]:
    return {"time_zone": "Asia/Shanghai", "versions": [VERSION], **changes}


def version(**changes: Any) -> dict[str, Any]:
    return document(versions=[{**VERSION, **changes}])


def test_a_calendar_survives_json() -> None:
    rules = (*SPRING_FESTIVAL_2026, exception("2026-03-04", "22:00-06:00"))
    before = calendar(week("09:00-12:00", "13:00-24:00"), days=rules, published_years=(2026,))
    assert before.zone.key == "Asia/Shanghai"
    dumped = before.model_dump(mode="json")
    after = Calendar.model_validate(json.loads(json.dumps(dumped)))
    assert after.model_dump(mode="json") == dumped
    assert after == Calendar.model_validate_json(before.model_dump_json())
    assert dumped["versions"][0]["week"]["monday"][0] == {"start": "09:00", "end": "12:00"}


def test_a_short_document_is_enough_and_intervals_are_put_in_order() -> None:
    read = Calendar.model_validate(document())
    monday = read.versions[0].week.monday
    assert [str(interval) for interval in monday] == ["09:00-12:00", "13:30-18:00"]
    assert read.versions[0].week.by_weekday[Weekday.SUNDAY] == ()
    assert read.published_years is None


@pytest.mark.parametrize(
    ("start", "end", "minutes"),
    [("00:00", "24:00", 1440), ("22:00", "06:00", 480), ("18:00", "00:00", 360), ("12:01", "12:00", 1439)],
)
def test_interval_lengths(start: str, end: str, minutes: int) -> None:
    interval = Interval(start=start, end=end)
    assert interval.end_minute - interval.start_minute == minutes


def one_day(*intervals: tuple[str, str], day: str = "monday") -> dict[str, Any]:
    return version(week={day: [{"start": start, "end": end} for start, end in intervals]})


@pytest.mark.parametrize(
    ("broken", "problem", "words"),
    [
        (one_day(("9:00", "18:00")), CalendarProblem.TIME_OF_DAY, "'9:00' is not a time of day"),
        (one_day(("09:00", "25:00")), CalendarProblem.TIME_OF_DAY, "'25:00'"),
        (one_day(("09:00", "18:00\n")), CalendarProblem.TIME_OF_DAY, "is not a time of day"),
        (one_day(("09:00", "09:00")), CalendarProblem.EMPTY_INTERVAL, "09:00-09:00 is empty"),
        (one_day(("24:00", "06:00")), CalendarProblem.EMPTY_INTERVAL, "24:00-06:00 is empty"),
        (
            one_day(("13:00", "18:00"), ("09:00", "13:01")),
            CalendarProblem.OVERLAP,
            "09:00-13:01 and 13:00-18:00 overlap",
        ),
        (
            version(
                week={
                    "sunday": [{"start": "22:00", "end": "06:00"}],
                    "monday": [{"start": "05:00", "end": "08:00"}],
                }
            ),
            CalendarProblem.OVERLAP,
            "sunday 22:00-06:00 and monday 05:00-08:00 overlap",
        ),
        (
            version(
                week={"sunday": [{"start": "22:00", "end": "06:00"}]},
                alternate_week={"monday": [{"start": "05:00", "end": "08:00"}]},
                anchor_date="2026-03-02",
            ),
            CalendarProblem.OVERLAP,
            "sunday 22:00-06:00 and monday 05:00-08:00 overlap",
        ),
        (version(anchor_date="2026-03-02"), CalendarProblem.ALTERNATE_WEEK, "version 1"),
        (version(alternate_week={}), CalendarProblem.ALTERNATE_WEEK, "go together"),
        (document(time_zone="Asia/Peking"), CalendarProblem.TIME_ZONE, "'Asia/Peking' is not"),
        (document(time_zone="../etc/passwd"), CalendarProblem.TIME_ZONE, "is not an IANA time zone"),
        (document(time_zone="Asia"), CalendarProblem.TIME_ZONE, "is not an IANA time zone"),
        (document(time_zone=""), CalendarProblem.TIME_ZONE, "is not an IANA time zone"),
        (document(versions=[]), CalendarProblem.NO_VERSION, "at least one version"),
        (
            document(versions=[VERSION, {**VERSION, "version": 2}]),
            CalendarProblem.VERSION_ORDER,
            "version 2 must have",
        ),
        (
            document(versions=[VERSION, {**VERSION, "effective_from": "2027-01-01"}]),
            CalendarProblem.VERSION_ORDER,
            "higher number",
        ),
        (
            document(days=[{"date": "2026-02-17", "kind": "holiday"}]),
            CalendarProblem.HOLIDAY_DETAILS,
            "holiday 2026-02-17 has a name",
        ),
        (
            document(days=[{"date": "2026-02-28", "kind": "make_up"}]),
            CalendarProblem.MAKE_UP_DETAILS,
            "make-up day 2026-02-28 names in works_as",
        ),
        (
            document(days=[{"date": "2026-02-28", "kind": "exception", "works_as": "monday"}]),
            CalendarProblem.EXCEPTION_DETAILS,
            "exception 2026-02-28",
        ),
        (
            document(
                days=[
                    {"date": "2026-02-17", "kind": "holiday", "name": {"zh": "春节", "en": "Spring"}},
                    {"date": "2026-02-17", "kind": "make_up", "works_as": "monday"},
                ]
            ),
            CalendarProblem.DAY_CONFLICT,
            "2026-02-17 has two rules",
        ),
    ],
)
def test_a_mistake_is_named(broken: dict[str, Any], problem: CalendarProblem, words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Calendar.model_validate(broken)
    (error,) = refused.value.errors()
    assert error["type"] == problem.value
    assert words in error["msg"]


@pytest.mark.parametrize(
    ("broken", "place"),
    [
        (document(holidays=[]), ("holidays",)),
        (version(week={"mondays": []}), ("versions", 0, "week", "mondays")),
        (version(version=0), ("versions", 0, "version")),
        (document(days=[{"date": "2026-02-30", "kind": "exception"}]), ("days", 0, "date")),
    ],
)
def test_a_mistake_of_shape_is_placed(broken: dict[str, Any], place: tuple[str | int, ...]) -> None:
    with pytest.raises(ValidationError) as refused:
        Calendar.model_validate(broken)
    (error,) = refused.value.errors()
    assert error["loc"] == place


def test_every_problem_has_a_case_above() -> None:
    (mark,) = (mark for mark in test_a_mistake_is_named.pytestmark if mark.name == "parametrize")
    assert {case[1] for case in mark.args[1]} == set(CalendarProblem)

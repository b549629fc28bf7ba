"""Calendars that the calendar tests share."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from domain.calendar import (
    Calendar,
    CalendarVersion,
    DayKind,
    DayName,
    DayRule,
    Interval,
    Weekday,
    WeekPattern,
)

WORKING_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")
EVERY_DAY = tuple(weekday.value for weekday in Weekday)
SPRING_FESTIVAL = DayName(zh="春节", en="Spring Festival")


def hours(*spans: str) -> tuple[Interval, ...]:
    """hours("09:00-12:00", "13:00-18:00")"""
    return tuple(Interval(start=span[:5], end=span[6:]) for span in spans)


def week(*spans: str, days: tuple[str, ...] = WORKING_DAYS) -> WeekPattern:
    return WeekPattern(**dict.fromkeys(days, hours(*spans)))


def calendar(
    pattern: WeekPattern,
    *,
    zone: str = "Asia/Shanghai",
    days: tuple[DayRule, ...] = (),
    published_years: tuple[int, ...] | None = None,
) -> Calendar:
    version = CalendarVersion(version=1, effective_from=date(2000, 1, 1), week=pattern)
    return Calendar(time_zone=zone, versions=(version,), days=days, published_years=published_years)


def holiday(day: str, name: DayName = SPRING_FESTIVAL) -> DayRule:
    return DayRule(date=date.fromisoformat(day), kind=DayKind.HOLIDAY, name=name)


def make_up(day: str, works_as: Weekday, name: DayName = SPRING_FESTIVAL) -> DayRule:
    return DayRule(date=date.fromisoformat(day), kind=DayKind.MAKE_UP, name=name, works_as=works_as)


def exception(day: str, *spans: str, name: DayName | None = None) -> DayRule:
    return DayRule(date=date.fromisoformat(day), kind=DayKind.EXCEPTION, name=name, intervals=hours(*spans))


SPRING_FESTIVAL_2026 = (
    make_up("2026-02-14", Weekday.FRIDAY),
    *(holiday(f"2026-02-{day}") for day in range(15, 24)),
    make_up("2026-02-28", Weekday.MONDAY),
)


def at(local: str, zone: str = "Asia/Shanghai", *, fold: int = 0) -> datetime:
    """at("2026-02-28 09:00"): the instant that a zone's wall clock shows, in UTC."""
    wall = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return wall.astimezone(UTC)

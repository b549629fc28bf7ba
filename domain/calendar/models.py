"""What a business calendar is: weekly hours in versions, holidays, make-up working days, exceptions.

A calendar is a JSON document (the ledger keeps it so); a mistake in one is refused with a `type` of
`CalendarProblem`, which the pages translate, and an English message that names the culprit.
"""

import re
from bisect import bisect_right
from datetime import date, timedelta
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

MINUTES_PER_DAY = 24 * 60
DAYS_PER_WEEK = 7

# The notice of a year's holidays also moves days of the last week of the year before: 2006-12-30,
# 2007-12-29 and 2011-12-31 were made working days by the notices of 2007 and 2012.
NOTICE_REACHES_BACK_DAYS = 7


class CalendarProblem(StrEnum):
    """What can be wrong with a calendar; the `type` of the validation error."""

    TIME_OF_DAY = "calendar_time_of_day"
    EMPTY_INTERVAL = "calendar_empty_interval"
    OVERLAP = "calendar_overlap"
    HOLIDAY_DETAILS = "calendar_holiday_details"
    MAKE_UP_DETAILS = "calendar_make_up_details"
    EXCEPTION_DETAILS = "calendar_exception_details"
    ALTERNATE_WEEK = "calendar_alternate_week"
    TIME_ZONE = "calendar_time_zone"
    NO_VERSION = "calendar_no_version"
    VERSION_ORDER = "calendar_version_order"
    DAY_CONFLICT = "calendar_day_conflict"


class Weekday(StrEnum):
    """The days in ISO order, Monday first."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"

    @classmethod
    def of(cls, day: date) -> "Weekday":
        return _WEEKDAYS[day.weekday()]

    @property
    def is_weekend(self) -> bool:
        return self in (Weekday.SATURDAY, Weekday.SUNDAY)


_WEEKDAYS = tuple(Weekday)


class DayKind(StrEnum):
    """Why a date does not follow its week. An exception of the house wins over a statutory day."""

    HOLIDAY = "holiday"
    MAKE_UP = "make_up"
    EXCEPTION = "exception"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


_TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):[0-5]\d|24:00")


def _check_time_of_day(value: str) -> str:
    if not _TIME_OF_DAY.fullmatch(value):
        raise PydanticCustomError(
            CalendarProblem.TIME_OF_DAY.value,
            "'{value}' is not a time of day: write it as 09:30, or 24:00 for the end of the day",
            {"value": value},
        )
    return value


TimeOfDay = Annotated[str, AfterValidator(_check_time_of_day)]


def _minute_of_day(value: str) -> int:
    return int(value[:2]) * 60 + int(value[3:])


class Interval(_Part):
    """Hours from `start` up to, not including, `end`, as the wall clock shows them ("09:00", "18:00").

    An end at or before the start is on the next day: "22:00"-"06:00" is a night shift of the day on which
    it starts. The whole day is "00:00"-"24:00".
    """

    start: TimeOfDay
    end: TimeOfDay

    @model_validator(mode="after")
    def _has_length(self) -> Self:
        if self.start in (self.end, "24:00"):
            raise PydanticCustomError(
                CalendarProblem.EMPTY_INTERVAL.value,
                "the interval {interval} is empty; for the whole day write 00:00-24:00",
                {"interval": str(self)},
            )
        return self

    def __str__(self) -> str:
        return f"{self.start}-{self.end}"

    @cached_property
    def start_minute(self) -> int:
        """Minutes on the wall clock after midnight."""
        return _minute_of_day(self.start)

    @cached_property
    def end_minute(self) -> int:
        """Minutes on the wall clock after the midnight that begins the start's day; over 1,440 by night."""
        minute = _minute_of_day(self.end)
        return minute if minute > self.start_minute else minute + MINUTES_PER_DAY


def _check_intervals(intervals: tuple[Interval, ...]) -> tuple[Interval, ...]:
    ordered = tuple(sorted(intervals, key=lambda interval: interval.start_minute))
    for earlier, later in pairwise(ordered):
        if later.start_minute < earlier.end_minute:
            _refuse_overlap(str(earlier), str(later))
    return ordered


def _refuse_overlap(earlier: str, later: str) -> None:
    raise PydanticCustomError(
        CalendarProblem.OVERLAP.value,
        "{earlier} and {later} overlap",
        {"earlier": earlier, "later": later},
    )


Intervals = Annotated[tuple[Interval, ...], AfterValidator(_check_intervals)]


class WeekPattern(_Part):
    """The hours of each weekday; a day without intervals is closed. Kept in order of time."""

    monday: Intervals = ()
    tuesday: Intervals = ()
    wednesday: Intervals = ()
    thursday: Intervals = ()
    friday: Intervals = ()
    saturday: Intervals = ()
    sunday: Intervals = ()

    @cached_property
    def by_weekday(self) -> dict[Weekday, tuple[Interval, ...]]:
        return {weekday: getattr(self, weekday.value) for weekday in Weekday}

    @model_validator(mode="after")
    def _nights_end_before_the_next_day_opens(self) -> Self:
        _check_nights(self, self)
        return self


def _check_nights(week: WeekPattern, next_week: WeekPattern) -> None:
    """Refuse a night shift that runs into the next day's first interval; Sunday's runs into `next_week`."""
    for index, weekday in enumerate(_WEEKDAYS):
        follower = _WEEKDAYS[(index + 1) % DAYS_PER_WEEK]
        last = week.by_weekday[weekday][-1:]
        first = (next_week if weekday is Weekday.SUNDAY else week).by_weekday[follower][:1]
        if last and first and last[0].end_minute > first[0].start_minute + MINUTES_PER_DAY:
            _refuse_overlap(f"{weekday.value} {last[0]}", f"{follower.value} {first[0]}")


class DayName(_Part):
    """What people call a special day, in both languages."""

    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)


class DayRule(_Part):
    """One local date that does not follow its week.

    - `holiday`: closed.
    - `make_up` (调休): works the hours that the weekday `works_as` has in that week's pattern.
    - `exception`: the house's own choice; has exactly `intervals`, and none means closed.

    A rule governs what *starts* on its date: the evening before a holiday finishes its night shift.
    """

    date: date
    kind: DayKind
    name: DayName | None = None
    works_as: Weekday | None = None
    intervals: Intervals = ()

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        where = {"date": self.date.isoformat()}
        match self.kind:
            case DayKind.HOLIDAY if self.name is None or self.works_as or self.intervals:
                raise PydanticCustomError(
                    CalendarProblem.HOLIDAY_DETAILS.value,
                    "the holiday {date} has a name and neither intervals nor works_as;"
                    " for a holiday with hours use an exception",
                    where,
                )
            case DayKind.MAKE_UP if self.works_as is None or self.intervals:
                raise PydanticCustomError(
                    CalendarProblem.MAKE_UP_DETAILS.value,
                    "the make-up day {date} names in works_as the weekday whose hours it works,"
                    " and has no intervals of its own",
                    where,
                )
            case DayKind.EXCEPTION if self.works_as:
                raise PydanticCustomError(
                    CalendarProblem.EXCEPTION_DETAILS.value,
                    "the exception {date} has its own intervals, not works_as",
                    where,
                )
            case _:
                return self


class CalendarVersion(_Part):
    """The weekly hours from a local date on, until the next version's date.

    With `alternate_week` (大小周) the weeks alternate: `week` in the Monday-to-Sunday week that holds
    `anchor_date`, `alternate_week` in the next one, and so on in both directions.
    """

    version: int = Field(ge=1)
    effective_from: date
    week: WeekPattern
    alternate_week: WeekPattern | None = None
    anchor_date: date | None = None

    @model_validator(mode="after")
    def _alternates_from_an_anchor(self) -> Self:
        if (self.alternate_week is None) != (self.anchor_date is None):
            raise PydanticCustomError(
                CalendarProblem.ALTERNATE_WEEK.value,
                "version {version}: alternate_week and anchor_date (a date in a week that follows `week`)"
                " go together",
                {"version": self.version},
            )
        if self.alternate_week:
            _check_nights(self.week, self.alternate_week)
            _check_nights(self.alternate_week, self.week)
        return self

    def week_of(self, day: date) -> WeekPattern:
        """The pattern that the week of `day` follows."""
        if self.alternate_week is None or self.anchor_date is None:
            return self.week
        weeks_apart = (_monday_of(day) - _monday_of(self.anchor_date)).days // DAYS_PER_WEEK
        return self.alternate_week if weeks_apart % 2 else self.week


def _monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _check_time_zone(key: str) -> str:
    try:
        ZoneInfo(key)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a bad path and a folder ("Asia") are OSErrors
        raise PydanticCustomError(
            CalendarProblem.TIME_ZONE.value,
            "'{time_zone}' is not an IANA time zone such as Asia/Shanghai",
            {"time_zone": key},
        ) from None
    return key


class Calendar(_Part):
    """When a team is there. Before its first version takes effect it is closed.

    `published_years` lists the years whose holidays and make-up days are final; None says that nothing
    has to be published. What touches any other year is provisional.
    """

    time_zone: Annotated[str, AfterValidator(_check_time_zone)]
    versions: tuple[CalendarVersion, ...]
    days: tuple[DayRule, ...] = ()
    published_years: tuple[int, ...] | None = None

    @model_validator(mode="after")
    def _versions_follow_each_other(self) -> Self:
        if not self.versions:
            raise PydanticCustomError(CalendarProblem.NO_VERSION.value, "a calendar has at least one version")
        for earlier, later in pairwise(self.versions):
            if later.version <= earlier.version or later.effective_from <= earlier.effective_from:
                raise PydanticCustomError(
                    CalendarProblem.VERSION_ORDER.value,
                    "version {later} must have a higher number and a later date than version {earlier}",
                    {"earlier": earlier.version, "later": later.version},
                )
        return self

    @model_validator(mode="after")
    def _one_meaning_a_day(self) -> Self:
        seen: set[tuple[date, bool]] = set()
        for rule in self.days:
            key = (rule.date, rule.kind is DayKind.EXCEPTION)
            if key in seen:
                raise PydanticCustomError(
                    CalendarProblem.DAY_CONFLICT.value,
                    "{date} has two rules; besides one exception a date is either a holiday or a make-up day",
                    {"date": rule.date.isoformat()},
                )
            seen.add(key)
        return self

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @cached_property
    def rule_by_date(self) -> dict[date, DayRule]:
        """The rule that governs each special date."""
        exceptions_last = sorted(self.days, key=lambda rule: rule.kind is DayKind.EXCEPTION)
        return {rule.date: rule for rule in exceptions_last}

    def version_on(self, day: date) -> CalendarVersion | None:
        """The version in force on a local date; None before the first."""
        index = bisect_right(self.versions, day, key=lambda version: version.effective_from)
        return self.versions[index - 1] if index else None

    def is_provisional_between(self, first: date, last: date) -> bool:
        """Whether a local date from `first` to `last` may still change by a publication."""
        if self.published_years is None:
            return False
        reached = last + timedelta(days=NOTICE_REACHES_BACK_DAYS)
        return any(year not in self.published_years for year in range(first.year, reached.year + 1))

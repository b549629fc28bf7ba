"""Chinese statutory holidays and make-up working days (调休) as calendar day rules.

The source is the `holidays` package, which follows the yearly notices of the State Council's General
Office. It tells which weekdays are off and which weekend days work instead; the notices also count the
weekend days inside and beside a holiday as part of it, and that matters to a desk that works on Saturdays,
so these are added here.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, timedelta
from functools import cache
from typing import Any

from holidays.countries.china import China
from pydantic import BaseModel, ConfigDict

from domain.calendar import DayKind, DayName, DayRule, Weekday

FIRST_YEAR = 2001
"""The first year whose notice the package knows."""

# In these years a holiday without make-up days was ordered as single days that merely border on a weekend
# ("与周末连休"), so the weekend beside it stays an ordinary one.
_SINGLE_DAY_YEARS = frozenset({2014, 2015, 2016, 2017, 2018, 2019, 2024})

_ONE_DAY = timedelta(days=1)
_OBSERVED_SUFFIX = "（补假）"
_SPRING_FESTIVAL = "春节"
_FESTIVAL_OF_LABEL = {"农历除夕": _SPRING_FESTIVAL, "春节延长假期": _SPRING_FESTIVAL}
_ENGLISH = {
    "元旦": "New Year's Day",
    _SPRING_FESTIVAL: "Spring Festival",
    "清明节": "Qingming Festival",
    "劳动节": "Labour Day",
    "端午节": "Dragon Boat Festival",
    "中秋节": "Mid-Autumn Festival",
    "国庆节": "National Day",
    "中国人民抗日战争暨世界反法西斯战争胜利70周年纪念日": "70th Anniversary of Victory",
}


class ChineseDays(BaseModel):
    """What a `Calendar` needs: its `days` and its `published_years`."""

    model_config = ConfigDict(frozen=True)

    days: tuple[DayRule, ...]
    published_years: tuple[int, ...]


def chinese_days(
    years: Iterable[int],
    *,
    overrides: Mapping[date, DayRule | None] | None = None,
    also_published: Collection[int] = (),
) -> ChineseDays:
    """The statutory days of the given years, in order of date.

    A year whose notice the package does not have yet gets the days that the law fixes, without make-up
    days, and is not among `published_years`: results that touch it are provisional. Whoever enters the
    notice by hand gives the dates as `overrides` (None makes a date an ordinary one) and the year in
    `also_published`. Raises ValueError for a year before 2001.
    """
    wanted = sorted(set(years))
    if wanted and wanted[0] < FIRST_YEAR:
        raise ValueError(f"Chinese holidays are known from {FIRST_YEAR} on, not for {wanted[0]}")
    by_date: dict[date, DayRule | None] = {}
    for year in wanted:
        by_date.update({rule.date: rule for rule in _rules_of(year)})
    for day, override in (overrides or {}).items():
        if override is not None and override.date != day:
            raise ValueError(f"the override for {day} carries the date {override.date}")
        by_date[day] = override
    return ChineseDays(
        days=tuple(rule for _, rule in sorted(by_date.items()) if rule is not None),
        published_years=tuple(year for year in wanted if year in _notices() or year in also_published),
    )


def _china(years: Iterable[int] = (), language: str = "zh_CN") -> China:
    # The package's entities take their options untyped.
    return China(years=years, language=language)  # type: ignore[no-untyped-call]


@cache
def _notices() -> Mapping[int, Iterable[tuple[Any, ...]]]:
    """The package's table of shifted days, one entry for each notice."""
    notices: Mapping[int, Iterable[tuple[Any, ...]]] = _china().special_public_holidays
    return notices


@cache
def _rules_of(year: int) -> tuple[DayRule, ...]:
    """The rules of one year; its neighbours are read too, for New Year's holiday crosses the year's end."""
    around = range(year - 1, year + 2)
    china = _china(around)
    stands_for = {
        worked: off
        for notice in around
        for worked, off in _shifted_days(notice)
        if worked in china.weekend_workdays
    }
    names = _holiday_names(china, stands_for)
    holidays = (
        DayRule(date=day, kind=DayKind.HOLIDAY, name=name) for day, name in names.items() if day.year == year
    )
    make_ups = (
        DayRule(date=worked, kind=DayKind.MAKE_UP, name=names[off], works_as=Weekday.of(off))
        for worked, off in stands_for.items()
        if worked.year == year
    )
    return (*holidays, *make_ups)


def _shifted_days(year: int) -> Iterable[tuple[date, date]]:
    """(day worked, day off instead) of a year's notice.

    The package's rows are (month off, day off, month worked, day worked[, year worked]); rows of three
    are extra holidays without a make-up day.
    """
    for row in _notices().get(year, ()):
        if len(row) > 3:
            month, day, worked_month, worked_day, *worked_year = row
            worked = date(worked_year[0] if worked_year else year, worked_month, worked_day)
            yield worked, date(year, month, day)


def _holiday_names(china: China, stands_for: Mapping[date, date]) -> dict[date, DayName]:
    """Every day off with the name of its stretch: the festivals in it, as the notices name it."""
    names: dict[date, DayName] = {}
    shifted = frozenset(stands_for.values())
    for stretch in _stretches(china, stands_for):
        festivals = _festivals(china, stretch, shifted) or _festivals(china, stretch, shifted, observed=True)
        if festivals:  # None where the stretch's festival lies outside the years that were read.
            name = DayName(zh="、".join(festivals), en=" / ".join(festivals.values()))
            names.update(dict.fromkeys(stretch, name))
    return names


def _stretches(china: China, stands_for: Mapping[date, date]) -> Iterable[list[date]]:
    """Runs of consecutive days off, with the weekend days that belong to them."""
    shifted = set(stands_for.values())
    done: set[date] = set()
    for day in sorted(china):
        if day in done:
            continue
        stretch = _run(day, china, stands_for)
        done.update(stretch)
        if day.year in _SINGLE_DAY_YEARS and not shifted.intersection(stretch):
            stretch = [off for off in stretch if off in china]
        yield stretch


def _run(day: date, china: China, stands_for: Mapping[date, date]) -> list[date]:
    def is_off(candidate: date) -> bool:
        is_free_weekend = Weekday.of(candidate).is_weekend and candidate not in stands_for
        # Asking `in china` for a date of a further year would add that year to it.
        return is_free_weekend or (candidate.year in china.years and candidate in china)

    first = last = day
    while is_off(first - _ONE_DAY):
        first -= _ONE_DAY
    while is_off(last + _ONE_DAY):
        last += _ONE_DAY
    return [first + _ONE_DAY * offset for offset in range((last - first).days + 1)]


def _festivals(
    china: China, stretch: Iterable[date], shifted: Collection[date], *, observed: bool = False
) -> dict[str, str]:
    """The festivals within a stretch, Chinese name to English; those celebrated in lieu when `observed`."""
    festivals: dict[str, str] = {}
    for day in stretch:
        labels = china.get_list(day) if day in china and day not in shifted else []
        for label in labels:
            if label.endswith(_OBSERVED_SUFFIX) is observed:
                plain = label.removesuffix(_OBSERVED_SUFFIX)
                name = _FESTIVAL_OF_LABEL.get(plain, plain)
                festivals[name] = _ENGLISH.get(name) or _english_label(day)
    return festivals


def _english_label(day: date) -> str:
    """The package's own English for a festival that is new to us."""
    return str(_china([day.year], language="en_US")[day])

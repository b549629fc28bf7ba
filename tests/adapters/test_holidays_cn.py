"""Chinese statutory days against the State Council's notices."""

import json
from datetime import date, timedelta
from pathlib import Path

import pytest

from adapters.holidays_cn import chinese_days
from domain.calendar import DayKind, DayName, DayRule, Weekday, is_open, is_provisional
from tests.domain.calendar_samples import EVERY_DAY, at, calendar, week
from tests.shared_data import shared_data

PUBLISHED_YEARS = range(2007, 2020)
# The notices' other names for the same festivals.
NAME_OF_LABEL = {
    "“五一”": "劳动节",
    "“五一”国际劳动节": "劳动节",
    "“十一”": "国庆节",
    "抗日战争暨世界反法西斯战争胜利70周年纪念日": "中国人民抗日战争暨世界反法西斯战争胜利70周年纪念日",
}


def days_of_notices(folder: Path) -> dict[date, tuple[DayKind, frozenset[str]]]:
    days = {}
    for file in sorted(folder.glob("2*.json")):
        for entry in json.loads(file.read_text(encoding="utf-8"))["days"]:
            kind = DayKind.HOLIDAY if entry["isOffDay"] else DayKind.MAKE_UP
            names = frozenset(NAME_OF_LABEL.get(name, name) for name in entry["name"].split("、"))
            days[date.fromisoformat(entry["date"])] = (kind, names)
    return days


@pytest.mark.data
def test_every_day_of_every_notice_and_no_other() -> None:
    notices = days_of_notices(shared_data("holiday_cn"))
    assert {day.year for day in notices} >= set(PUBLISHED_YEARS)
    years = sorted({day.year for day in notices})
    built = chinese_days(years)
    expected = {day: kind for day, (kind, _) in notices.items()}
    # The first notice reaches back into a year whose own notice is not among the data.
    ours = {rule.date: rule.kind for rule in built.days if rule.date >= min(notices)}
    assert ours == expected


@pytest.mark.data
def test_the_festivals_have_the_notices_names() -> None:
    notices = days_of_notices(shared_data("holiday_cn"))
    rules = {rule.date: rule for rule in chinese_days(PUBLISHED_YEARS).days}
    wrong = {
        day.isoformat(): (rules[day].name, names)
        for day, (_, names) in notices.items()
        if day in rules and frozenset((rules[day].name or DayName(zh="-", en="-")).zh.split("、")) != names
    }
    assert wrong == {}


@pytest.mark.data
def test_an_office_is_open_on_exactly_the_working_days_of_thirteen_years() -> None:
    notices = days_of_notices(shared_data("holiday_cn"))
    office = calendar(week("09:00-18:00"), days=chinese_days(PUBLISHED_YEARS).days)
    day, wrong = date(PUBLISHED_YEARS[0], 1, 1), []
    while day.year in PUBLISHED_YEARS:
        special = notices.get(day)
        works = special[0] is DayKind.MAKE_UP if special else day.isoweekday() < 6
        if is_open(office, at(f"{day} 10:00")) is not works:
            wrong.append(day)
        day += timedelta(days=1)
    assert wrong == []


OFF_2026 = [
    ("01-01", "01-03"),
    ("02-15", "02-23"),
    ("04-04", "04-06"),
    ("05-01", "05-05"),
    ("06-19", "06-21"),
    ("09-25", "09-27"),
    ("10-01", "10-07"),
]
WORKED_2026 = {
    "2026-01-04": Weekday.FRIDAY,
    "2026-02-14": Weekday.FRIDAY,
    "2026-02-28": Weekday.MONDAY,
    "2026-05-09": Weekday.TUESDAY,
    "2026-09-20": Weekday.TUESDAY,
    "2026-10-10": Weekday.WEDNESDAY,
}


def test_the_notice_of_2026() -> None:
    """国办发明电〔2025〕7号, by hand."""
    built = chinese_days([2026])
    off = set()
    for first, last in OFF_2026:
        start, end = date.fromisoformat(f"2026-{first}"), date.fromisoformat(f"2026-{last}")
        off |= {start + timedelta(days=offset) for offset in range((end - start).days + 1)}
    assert {rule.date for rule in built.days if rule.kind is DayKind.HOLIDAY} == off
    worked = {rule.date.isoformat(): rule.works_as for rule in built.days if rule.kind is DayKind.MAKE_UP}
    assert worked == WORKED_2026
    assert built.published_years == (2026,)


def test_single_days_beside_a_weekend_leave_it_alone() -> None:
    """2024's notice: New Year's Day and the Dragon Boat Festival are single days beside a weekend."""
    off = {rule.date.isoformat() for rule in chinese_days([2023, 2024]).days}
    assert {"2024-01-01", "2024-06-10"} <= off
    assert not {"2023-12-30", "2023-12-31", "2024-06-08", "2024-06-09"} & off


def test_new_years_notice_reaches_into_december() -> None:
    december_2011 = chinese_days([2011]).days[-1]
    assert (december_2011.date, december_2011.kind) == (date(2011, 12, 31), DayKind.MAKE_UP)
    off = {rule.date for rule in chinese_days([2007]).days if rule.kind is DayKind.HOLIDAY}
    assert {date(2007, 12, 30), date(2007, 12, 31)} <= off


def test_a_year_without_notice_is_provisional() -> None:
    built = chinese_days([2026, 2090])
    assert built.published_years == (2026,)
    of_2090 = [rule for rule in built.days if rule.date.year == 2090]
    assert {rule.kind for rule in of_2090} == {DayKind.HOLIDAY}
    assert date(2090, 10, 1) in {rule.date for rule in of_2090}
    office = calendar(week("09:00-18:00"), days=built.days, published_years=built.published_years)
    assert not is_provisional(office, at("2026-02-01 10:00"), at("2026-03-01 10:00"))
    assert is_provisional(office, at("2090-02-01 10:00"), at("2090-02-01 11:00"))


def test_a_notice_entered_by_hand() -> None:
    worked = DayRule(date=date(2090, 9, 30), kind=DayKind.MAKE_UP, works_as=Weekday.MONDAY)
    guessed = chinese_days([2090])
    wrong_guess = guessed.days[0].date
    built = chinese_days([2090], overrides={worked.date: worked, wrong_guess: None}, also_published=[2090])
    assert built.published_years == (2090,)
    assert worked in built.days
    assert wrong_guess not in {rule.date for rule in built.days}
    assert [rule.date for rule in built.days] == sorted(rule.date for rule in built.days)
    with pytest.raises(ValueError, match="carries the date"):
        chinese_days([2090], overrides={date(2090, 1, 2): worked})
    with pytest.raises(ValueError, match="from 2001"):
        chinese_days([2000, 2001])


def test_names_are_in_both_languages() -> None:
    for rule in chinese_days(range(2001, 2036)).days:
        assert rule.name is not None
        assert rule.name.en.isascii(), rule
        assert not rule.name.zh.isascii(), rule
        assert "（" not in rule.name.zh, rule


def test_a_desk_that_works_every_day_is_off_on_the_weekend_within_a_holiday() -> None:
    desk = calendar(week("09:00-18:00", days=EVERY_DAY), days=chinese_days([2026]).days)
    assert not is_open(desk, at("2026-02-21 10:00"))
    assert is_open(desk, at("2026-03-07 10:00"))

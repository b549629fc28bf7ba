"""Days as customers name them, in Chinese and English, relative to a given day."""

import re
from collections.abc import Callable
from datetime import date, timedelta

from domain.bot.numerals import HAN_NUMBER, han_number

_HAN_DAYS = {"大前天": -3, "前天": -2, "昨天": -1, "昨日": -1, "今天": 0, "今日": 0, "明天": 1, "明日": 1}
_HAN_DAYS |= {"大后天": 3, "后天": 2, "昨晚": -1, "今早": 0, "今晚": 0, "刚才": 0}
_HAN_WEEKDAY = {"一": 0, "二": 1, "三": 2, "四": 3, "五": 4, "六": 5, "日": 6, "天": 6, "末": 5}
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = r"(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_COUNT = rf"(?P<count>\d{{1,3}}|{HAN_NUMBER})"
_SMALL_WORDS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7}
_SMALL_WORDS |= {"eight": 8, "nine": 9, "ten": 10, "a couple of": 2, "a few": 3}
_WORD_COUNT = rf"(?P<count>\d{{1,3}}|{'|'.join(sorted(_SMALL_WORDS, key=len, reverse=True))})"

_FUTURE_SHARE = 4
"""How much farther a day ahead seems than a day past."""

Reader = Callable[[re.Match[str], date], date | None]


def find_date(folded: str, today: date) -> date | None:
    """The first day named in folded text; without a year the one nearest to `today`."""
    for pattern, reader in _READERS:
        for match in pattern.finditer(folded):
            try:
                found = reader(match, today)
            except (ValueError, OverflowError):
                continue
            if found is not None:
                return found
    return None


def _full(match: re.Match[str], _today: date) -> date:
    year = int(match["year"])
    return date(year + 2000 if year < 100 else year, int(match["month"]), int(match["day"]))


def _month_day(match: re.Match[str], today: date) -> date:
    month = match["month"]
    number = int(month) if month.isdigit() else _named_month(month)
    year = match.groupdict().get("year")
    if year:
        return date(int(year), number, int(match["day"]))
    return nearest(number, int(match["day"]), today)


def _named_month(text: str) -> int:
    if text[:3] in _MONTHS:
        return _MONTHS.index(text[:3]) + 1
    return int(han_number(text) or 0)


def _han_month_day(match: re.Match[str], today: date) -> date:
    month, day = (_count(match[name]) for name in ("month", "day"))
    prefix = match["prefix"]
    if prefix:
        years = {"去年": -1, "今年": 0, "明年": 1}
        year = today.year + years[prefix] if prefix in years else _han_year(prefix)
        return date(year, month, day)
    return nearest(month, day, today)


def _han_year(text: str) -> int:
    digits = text.rstrip("年")
    year = int(digits) if digits.isdigit() else int(han_number(digits) or 0)
    return year + 2000 if year < 100 else year


def nearest(month: int, day: int, today: date) -> date:
    """The day of that name nearest to `today`, the past counting as nearer: customers tell what has happened.

    Raises ValueError when no year has it.
    """
    found: list[date] = []
    for year in (today.year - 1, today.year, today.year + 1):
        try:
            found.append(date(year, month, day))
        except ValueError:
            continue
    if not found:
        raise ValueError("no such day")
    distances = {candidate: (candidate - today).days for candidate in found}
    return min(
        found, key=lambda day: distances[day] * _FUTURE_SHARE if distances[day] > 0 else -distances[day]
    )


def _day_of_month(match: re.Match[str], today: date) -> date:
    day = _count(match["day"])
    shift = {"上个月": -1, "上月": -1, "下个月": 1, "下月": 1}.get(match.groupdict().get("which") or "", 0)
    month = today.year * 12 + today.month - 1 + shift
    return date(month // 12, month % 12 + 1, day)


def _count(text: str) -> int:
    return int(text) if text.isdigit() else int(han_number(text) or 0)


def _han_named(match: re.Match[str], today: date) -> date:
    return today + timedelta(days=_HAN_DAYS[match.group()])


def _han_offset(match: re.Match[str], today: date) -> date:
    days = _count(match["count"]) * (7 if match["unit"] in {"周", "星期", "礼拜"} else 1)
    return today + timedelta(days=days if match["side"] in {"后", "以后", "之后"} else -days)


def _han_weekday(match: re.Match[str], today: date) -> date:
    weekday = _HAN_WEEKDAY[match["day"]]
    which = match["which"]
    shift = {"上上": -2, "上": -1, "下": 1, "下下": 2}.get(which.rstrip("个"), 0)
    return today - timedelta(days=today.weekday()) + timedelta(days=weekday, weeks=shift)


def _named(match: re.Match[str], today: date) -> date:
    words = " ".join(match.group().split())
    days = {"day before yesterday": -2, "day after tomorrow": 2, "yesterday": -1, "today": 0, "tomorrow": 1}
    days |= {"tonight": 0, "last night": -1}
    return today + timedelta(days=days[words])


def _offset(match: re.Match[str], today: date) -> date:
    text = match["count"]
    count = int(text) if text.isdigit() else _SMALL_WORDS[text]
    days = count * (7 if match["unit"].startswith("week") else 1)
    return today + timedelta(days=days if match.group().startswith("in ") else -days)


def _weekday(match: re.Match[str], today: date) -> date:
    weekday = _WEEKDAYS.index(next(day for day in _WEEKDAYS if day.startswith(match["day"][:3])))
    which = match["which"] or ""
    ahead = (weekday - today.weekday()) % 7
    if which == "next":
        return today + timedelta(days=ahead or 7)
    if which == "this":
        return today - timedelta(days=today.weekday()) + timedelta(days=weekday)
    return today + timedelta(days=ahead - 7 if ahead or which == "last" else 0)


def _han_weekday_or_last(match: re.Match[str], today: date) -> date:
    """A bare 周三 is the last one, today included: customers tell what has happened."""
    if match["which"]:
        return _han_weekday(match, today)
    return today - timedelta(days=(today.weekday() - _HAN_WEEKDAY[match["day"]]) % 7)


_YEAR = r"(?P<prefix>去年|今年|明年|(?:\d{4}|\d{2}|[零〇一二三四五六七八九]{4})年)?"
_READERS: list[tuple[re.Pattern[str], Reader]] = [
    (re.compile(r"(?<!\d)(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})(?!\d)"), _full),
    (re.compile(r"(?<!\d)(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d{4}|\d{2})(?!\d)"), _full),
    (
        re.compile(rf"{_YEAR}(?P<month>\d{{1,2}}|{HAN_NUMBER})月(?P<day>\d{{1,2}}|{HAN_NUMBER})[日号]?"),
        _han_month_day,
    ),
    (
        re.compile(
            rf"\b{_MONTH}\s+(?:the\s+)?(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:,?\s+(?P<year>20\d\d))?\b"
        ),
        _month_day,
    ),
    (
        re.compile(rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}(?:,?\s+(?P<year>20\d\d))?\b"),
        _month_day,
    ),
    (re.compile("|".join(sorted(_HAN_DAYS, key=len, reverse=True))), _han_named),
    (re.compile(rf"{_COUNT}个?(?P<unit>天|日|周|星期|礼拜)(?P<side>以前|之前|前|以后|之后|后)"), _han_offset),
    (
        re.compile(
            r"(?P<which>上上个?|下下个?|上个?|下个?|这个?|本)?(?:周|星期|礼拜)(?P<day>[一二三四五六日天末])"
        ),
        _han_weekday_or_last,
    ),
    (
        re.compile(
            r"\bday\s+before\s+yesterday\b|\bday\s+after\s+tomorrow\b|\blast\s+night\b|\byesterday\b|\btoday\b|\btomorrow\b|\btonight\b"
        ),
        _named,
    ),
    (re.compile(rf"\b{_WORD_COUNT}\s+(?P<unit>days?|weeks?)\s+(?:ago|back|before)\b"), _offset),
    (re.compile(rf"\bin\s+{_WORD_COUNT}\s+(?P<unit>days?|weeks?)\b"), _offset),
    (
        re.compile(
            r"\b(?:(?P<which>last|next|this)\s+|on\s+)?(?P<day>mon(?:day)?|tue(?:s|sday)?|wed(?:nesday)?|thu(?:rs|rsday)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)\b"
        ),
        _weekday,
    ),
    (
        re.compile(
            rf"(?P<which>上个月|上月|这个月|本月|下个月|下月)?(?<![\d月])(?P<day>\d{{1,2}}|{HAN_NUMBER})[号日](?![楼线码店院])"
        ),
        _day_of_month,
    ),
    (re.compile(r"\bthe\s+(?P<day>\d{1,2})(?:st|nd|rd|th)\b"), _day_of_month),
    (re.compile(r"(?<![\d/.-])(?P<month>\d{1,2})[/.-](?P<day>\d{1,2})(?![\d/.-])"), _month_day),
]

"""Business hours: weekly intervals, public days with make-up days, exceptions, and a month to look at."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from adapters.db import admin_reading
from adapters.db.engine import NotFoundError, Transaction
from adapters.holidays_cn import chinese_days
from api.deps import Reading, SignedIn, Tx
from domain.calendar import Calendar, DayKind, Weekday
from web.pages.admin_common import Configurer, Filled, FilledForm, back, menu, save, subject
from web.render import Render

router = APIRouter(prefix="/admin/hours")

MOST_EXCEPTIONS = 60
_YEARS_AHEAD = 2
_PROBLEMS = frozenset(
    {
        "calendar_time_of_day",
        "calendar_empty_interval",
        "calendar_overlap",
        "calendar_time_zone",
        "calendar_day_conflict",
    }
)


@dataclass(frozen=True)
class Exception_:  # noqa: N801 - the glossary's word is taken by the language
    """One row of the list of exceptions, as typed."""

    date: str
    hours: str
    name_zh: str
    name_en: str


@dataclass(frozen=True)
class DayShown:
    """One day of the month's preview."""

    day: date
    in_month: bool
    hours: str
    kind: str
    name: dict[str, str]


@router.get("")
async def calendars_page(user: Configurer, tx: Reading, page: Render) -> Response:
    """All calendars with their week."""
    rows = await admin_reading.calendars(tx, user.line_id)
    shown = [(row, week_of(Calendar.model_validate(row.definition))) for row in rows]
    return page("admin/calendars.html", **menu("hours", rows=shown, weekdays=list(Weekday)))


def week_of(calendar: Calendar) -> dict[str, str]:
    """The weekly hours in force, as people type them."""
    week = calendar.versions[-1].week
    return {day.value: ", ".join(map(str, week.by_weekday[day])) for day in Weekday}


@router.get("/{key}")
async def calendar_page(key: str, user: Configurer, tx: Reading, page: Render, month: str = "") -> Response:
    """One calendar's editor and a month of it; `new` for a new one."""
    row = await _row(tx, user, key)
    calendar = Calendar.model_validate(row.definition) if row else None
    return page("admin/calendar.html", **await _editor(tx, user, key, Filled({}), calendar, month))


async def _row(tx: Transaction, user: SignedIn, key: str) -> Any:
    row = next((row for row in await admin_reading.calendars(tx, user.line_id) if row.key == key), None)
    if row is None and key != "new":
        raise NotFoundError("calendar")
    return row


async def _editor(
    tx: Transaction, user: SignedIn, key: str, form: Filled, calendar: Calendar | None, month: str
) -> dict[str, Any]:
    line = await admin_reading.line(tx, user.line_id)
    today = (await tx.clock()).date()
    first = _month(month, today)
    posted = bool(form.values)
    return menu(
        "hours",
        row=await _row(tx, user, key),
        key=key,
        time_zone=form.raw("time_zone") if posted else (calendar.time_zone if calendar else line.time_zone),
        public_days=form.raw("public_days") if posted else _public_days(calendar),
        week={day.value: form.raw(day.value) for day in Weekday}
        if posted
        else (week_of(calendar) if calendar else dict.fromkeys(Weekday, "")),
        exceptions=_typed(form) if posted else _exceptions(calendar),
        weekdays=list(Weekday),
        preview=month_of(calendar, first) if calendar else [],
        first=first,
        before=first - timedelta(days=1),
        following=(first + timedelta(days=31)).replace(day=1),
        provisional=calendar.is_provisional_between(first, first + timedelta(days=31)) if calendar else False,
        form=form,
        problems=form.problems,
        details=form.details,
    )


def _month(text: str, today: date) -> date:
    try:
        return date.fromisoformat(f"{text}-01") if text else today.replace(day=1)
    except ValueError:
        return today.replace(day=1)


def _public_days(calendar: Calendar | None) -> str:
    return "china" if calendar is not None and calendar.published_years is not None else "none"


def _exceptions(calendar: Calendar | None) -> list[Exception_]:
    rules = [rule for rule in (calendar.days if calendar else ()) if rule.kind is DayKind.EXCEPTION]
    return [
        Exception_(
            rule.date.isoformat(),
            ", ".join(map(str, rule.intervals)),
            rule.name.zh if rule.name else "",
            rule.name.en if rule.name else "",
        )
        for rule in sorted(rules, key=lambda rule: rule.date)
    ]


def month_of(calendar: Calendar, first: date) -> list[list[DayShown]]:
    """The weeks of a month, Monday first, each day with its hours and why they differ."""
    day = first - timedelta(days=first.weekday())
    weeks: list[list[DayShown]] = []
    while day.month == first.month or day < first:
        weeks.append([_day(calendar, day + timedelta(days=offset), first) for offset in range(7)])
        day += timedelta(days=7)
    return weeks


def _day(calendar: Calendar, day: date, first: date) -> DayShown:
    rule = calendar.rule_by_date.get(day)
    version = calendar.version_on(day)
    usual = version.week_of(day).by_weekday if version else {}
    if rule is None:
        intervals = usual.get(Weekday.of(day), ())
    elif rule.kind is DayKind.MAKE_UP and rule.works_as is not None:
        intervals = usual.get(rule.works_as, ())
    else:
        intervals = rule.intervals
    name = rule.name.model_dump() if rule and rule.name else {}
    kind = rule.kind.value if rule else ("open" if intervals else "closed")
    return DayShown(day, day.month == first.month, " ".join(map(str, intervals)), kind, name)


def _typed(form: Filled) -> list[Exception_]:
    columns = zip(
        form.all("exception_date"),
        form.all("exception_hours"),
        form.all("exception_zh"),
        form.all("exception_en"),
        strict=False,
    )
    rows = [Exception_(*row) for row in columns]
    return [row for row in rows if row.date or row.hours][:MOST_EXCEPTIONS]


@router.post("/{key}")
async def save_calendar(key: str, user: Configurer, tx: Tx, form: FilledForm, page: Render) -> Response:
    """Save the calendar; what is wrong stands beside the day that it is wrong with."""
    row = await _row(tx, user, key)
    former = Calendar.model_validate(row.definition) if row else None
    name = key if row is not None else form.key()
    if row is None and (
        name == "new" or name in {each.key for each in await admin_reading.calendars(tx, user.line_id)}
    ):
        form.problems["key"] = "admin.key_taken"
    names = {"name_zh": form.text("name_zh"), "name_en": form.text("name_en")}
    calendar = built(form, former, (await tx.clock()).year)
    if calendar is None or form.problems:
        return page("admin/calendar.html", status_code=422, **await _editor(tx, user, key, form, former, ""))
    await save(
        tx,
        user,
        subject("calendars", name),
        {**names, "definition": calendar.model_dump(mode="json")},
    )
    return back(f"/admin/hours/{name}")


def built(form: Filled, former: Calendar | None, year: int) -> Calendar | None:
    """The calendar of the form; None with problems noted by field. Alternate weeks are kept as they are."""
    public = (
        chinese_days(range(year - 1, year + _YEARS_AHEAD)) if form.raw("public_days") == "china" else None
    )
    week = {day.value: _intervals(form.raw(day.value)) for day in Weekday}
    versions = (
        [version.model_dump() for version in former.versions]
        if former
        else [{"version": 1, "effective_from": "2000-01-01"}]
    )
    versions[-1]["week"] = week
    exceptions = _typed(form)
    days: list[Any] = [rule.model_dump() for rule in (public.days if public else ())]
    statutory = len(days)
    days.extend(_rule(row) for row in exceptions)
    try:
        return Calendar.model_validate(
            {
                "time_zone": form.raw("time_zone"),
                "versions": versions,
                "days": days,
                "published_years": public.published_years if public else None,
            }
        )
    except ValidationError as error:
        for detail in error.errors():
            _note(form, detail, statutory)
        return None


def _rule(row: Exception_) -> dict[str, Any]:
    rule: dict[str, Any] = {"date": row.date, "kind": DayKind.EXCEPTION, "intervals": _intervals(row.hours)}
    if row.name_zh or row.name_en:
        rule["name"] = {"zh": row.name_zh or row.name_en, "en": row.name_en or row.name_zh}
    return rule


def _intervals(text: str) -> list[dict[str, str]]:
    """«9:00-12:00，13:30–18:00» as people of both scripts type it."""
    plain = text.translate(str.maketrans("，、；;：–—～~至", ",,,,:-----")).replace(" ", "")
    parts = []
    for part in filter(None, plain.split(",")):
        start, _, end = part.partition("-")
        parts.append({"start": _padded(start), "end": _padded(end)})
    return parts


def _padded(text: str) -> str:
    return f"0{text}" if text[1:2] == ":" else text


def _note(form: Filled, detail: ErrorDetails, statutory: int) -> None:
    place = [str(part) for part in detail["loc"]]
    field = "week"
    if "time_zone" in place:
        field = "time_zone"
    elif place[:1] == ["days"] and len(place) > 1:
        field = f"exception_{int(place[1]) - statutory}"
    else:
        field = next((part for part in place if part in set(Weekday)), "week")
    kind = detail["type"]
    form.problems[field] = (
        f"admin.hours.problem.{kind.removeprefix('calendar_')}" if kind in _PROBLEMS else "error.field.wrong"
    )
    form.details |= detail.get("ctx", {})

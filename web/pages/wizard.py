"""The first run. Its door is open only while nobody administers; from then on the owner goes on signed in."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import RedirectResponse, Response

from adapters.db import accounts, admin, admin_reading, wizard
from adapters.db.accounts import LoginTakenError
from adapters.db.engine import Transaction
from adapters.db.wizard import LINE, Step
from adapters.knowledge_sheet import MAXIMUM_SHEET_BYTES
from adapters.packs import load_pack
from adapters.passwords import PasswordRefusedError, check_new_password, hash_password
from adapters.settings import Settings
from api.deps import (
    Configuration,
    Pool,
    Reading,
    Rule,
    SignedIn,
    Tx,
    declares,
    session_cookie_name,
    signed_in_user,
)
from api.errors import Conflict, NotFound
from api.ratelimit import rate_limit
from domain.calendar import Weekday
from domain.roles import Role
from domain.routing import LANGUAGE_SKILLS
from web.edge import MEGABYTE
from web.i18n import Texts
from web.pages.admin_articles import previewed, read_staged, stage
from web.pages.admin_common import Configurer, Filled, FilledForm, save, subject
from web.pages.admin_hours import built
from web.pages.admin_people import LONGEST_LOGIN, suggested
from web.pages.admin_shop import origins_of, snippet, time_zone
from web.render import ReaderTexts, Render

router = APIRouter()

_PACK = Path(__file__).parents[2] / "packs" / "ecommerce"
PRESETS = {
    "daily": dict.fromkeys(Weekday, "09:00-21:00"),
    "weekdays": {
        day: "" if day in (Weekday.SATURDAY, Weekday.SUNDAY) else "09:00-12:00, 13:30-18:00"
        for day in Weekday
    },
    "always": dict.fromkeys(Weekday, "00:00-24:00"),
}
"""Hours that many shops have; texts under `wizard.hours.<preset>`."""
_FIRST_WEEK = {day.value: [{"start": "09:00", "end": "21:00"}] for day in Weekday}


@router.get("/", dependencies=[declares(Rule.PUBLIC)], include_in_schema=False)
async def home(request: Request, reading: Reading) -> RedirectResponse:
    """Staff land where they work; an empty product leads to its first run."""
    stands = await wizard.progress(reading)
    if not stands.administrator:
        return RedirectResponse("/setup", 303)
    user = await signed_in_user(request)
    only_configures = user is not None and not user.viewer.has(Role.AGENT, Role.SUPERVISOR)
    return RedirectResponse("/admin" if only_configures else "/desk", 303)


@router.get("/setup", dependencies=[declares(Rule.PUBLIC)])
async def setup(reading: Reading) -> RedirectResponse:
    """Where the first run goes on."""
    step = (await wizard.progress(reading)).step
    return RedirectResponse(f"/setup/{step.value}" if step else "/desk", 303)


def _shown(step: Step, **more: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "step": step,
        "steps": list(Step),
        "number": list(Step).index(step) + 1,
        "form": Filled({}),
    }
    values |= more
    return values | {"problems": values["form"].problems, "details": values["form"].details}


async def _refuse_when_administered(reading: Transaction) -> None:
    """An open step does not exist once somebody administers."""
    if await wizard.has_administrator(reading):
        raise NotFound


# Before anybody administers


@router.get("/setup/language", dependencies=[declares(Rule.PUBLIC)])
async def language_step(reading: Reading, page: Render) -> Response:
    """Which language the owner reads."""
    await _refuse_when_administered(reading)
    return page("wizard/language.html", **_shown(Step.LANGUAGE))


@router.get("/setup/shop", dependencies=[declares(Rule.PUBLIC)])
async def shop_step(reading: Reading, page: Render, texts: ReaderTexts) -> Response:
    """The shop's name and time zone."""
    await _refuse_when_administered(reading)
    return page("wizard/shop.html", **_shown(Step.SHOP, zone=texts.zone.key))


@router.post("/setup/shop", dependencies=[declares(Rule.PUBLIC), rate_limit("setup", "30/minute")])
async def save_shop(tx: Tx, form: FilledForm, page: Render, texts: ReaderTexts) -> Response:
    """The line comes to be, with the pack's words and rules."""
    await _refuse_when_administered(tx)
    name_zh = form.text("name", longest=40)
    name_en = form.text("name_en", longest=40, needed=False) or name_zh
    zone = time_zone(form)
    if form.problems:
        return page(
            "wizard/shop.html", status_code=422, **_shown(Step.SHOP, form=form, zone=form.raw("time_zone"))
        )
    await wizard.open_shop(
        tx,
        await asyncio.to_thread(load_pack, _PACK),
        name_zh=name_zh,
        name_en=name_en,
        time_zone=zone,
        language=texts.language,
        week=_FIRST_WEEK,
    )
    return RedirectResponse("/setup/account", 303)


@router.get("/setup/account", dependencies=[declares(Rule.PUBLIC)])
async def account_step(reading: Reading, page: Render) -> Response:
    """Who administers."""
    await _refuse_when_administered(reading)
    if (await wizard.progress(reading)).step is not Step.ACCOUNT:
        raise NotFound
    return page("wizard/account.html", **_shown(Step.ACCOUNT, serves=True))


@router.post("/setup/account", dependencies=[declares(Rule.PUBLIC), rate_limit("setup", "30/minute")])
async def save_account(
    request: Request, pool: Pool, settings: Configuration, form: FilledForm, page: Render, texts: ReaderTexts
) -> Response:
    """The first administrator, signed in at once; from here on the door is shut."""
    async with pool.reading() as reading:
        await _refuse_when_administered(reading)
    login, name = form.text("login", longest=LONGEST_LOGIN), form.text("name")
    password, serves = form.raw("password"), form.raw("serves") == "true"
    _check_password(form, password, login)
    if form.problems:
        return page("wizard/account.html", status_code=422, **_shown(Step.ACCOUNT, form=form, serves=serves))
    password_hash = await hash_password(password)
    async with pool.transaction() as tx:
        owner = await wizard.add_owner(
            tx,
            login=login,
            name=name,
            password_hash=password_hash,
            language=texts.language,
            serves=serves,
        )
    async with pool.transaction() as tx:
        made = await accounts.sign_in(tx, owner.id, user_agent=request.headers.get("user-agent", ""))
    response = RedirectResponse("/setup/hours", 303)
    response.set_cookie(
        session_cookie_name(settings),
        made.token,
        max_age=int(accounts.LIFE_LIMIT.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=settings.secure_cookies,
    )
    return response


def _check_password(form: Filled, password: str, login: str) -> None:
    try:
        check_new_password(password, login)
    except PasswordRefusedError as refused:
        form.problems["password"] = f"admin.password.{refused.problem.value}"


# With the owner signed in


async def _at(tx: Transaction, user: SignedIn) -> None:
    """Later steps are there for the owner until the first run is over."""
    if user.line_id != LINE or (await wizard.progress(tx)).step is None:
        raise NotFound


@router.get("/setup/hours")
async def hours_step(user: Configurer, tx: Reading, page: Render) -> Response:
    """When somebody is there."""
    await _at(tx, user)
    chosen = {"preset": "daily", "week": PRESETS["daily"], "china": is_chinese_zone(await _zone(tx))}
    return page("wizard/hours.html", **_shown(Step.HOURS, presets=PRESETS, weekdays=list(Weekday), **chosen))


async def _zone(tx: Transaction) -> str:
    row = await admin_reading.line(tx, LINE)
    zone: str = row.time_zone
    return zone


def is_chinese_zone(zone: str) -> bool:
    """Whether Chinese holidays suggest themselves."""
    return zone in ("Asia/Shanghai", "Asia/Urumqi", "PRC")


@router.post("/setup/hours")
async def save_hours(user: Configurer, tx: Tx, form: FilledForm, page: Render) -> Response:
    """A preset, or hours of one's own."""
    await _at(tx, user)
    preset = form.raw("preset")
    week = PRESETS.get(preset) or {day: form.raw(day.value) for day in Weekday}
    china = form.raw("china") == "true"
    values = {day.value: [week[day]] for day in Weekday}
    values |= {"time_zone": [await _zone(tx)], "public_days": ["china" if china else "none"]}
    filled = Filled(values)
    calendar = built(filled, None, (await tx.clock()).year)
    if calendar is None:
        filled.values = {**form.values}
        chosen = {"preset": preset, "week": week, "china": china}
        return page(
            "wizard/hours.html",
            status_code=422,
            **_shown(Step.HOURS, form=filled, presets=PRESETS, weekdays=list(Weekday), **chosen),
        )
    known = await admin.snapshot(tx, LINE, "calendars:hours") or {"name_zh": "工作时间", "name_en": "Hours"}
    await save(tx, user, "calendars:hours", known | {"definition": calendar.model_dump(mode="json")})
    return await _next(tx, Step.PEOPLE)


async def _next(tx: Transaction, step: Step) -> RedirectResponse:
    await wizard.keep_step(tx, step)
    return RedirectResponse(f"/setup/{step.value}", 303)


@router.get("/setup/people")
async def people_step(user: Configurer, tx: Reading, page: Render) -> Response:
    """Who serves customers."""
    await _at(tx, user)
    return page("wizard/people.html", **await _people(tx, Filled({}), suggested()))


async def _people(tx: Transaction, form: Filled, password: str) -> dict[str, Any]:
    return _shown(
        Step.PEOPLE,
        rows=await admin_reading.people(tx, LINE),
        skills=await admin_reading.skills(tx, LINE),
        agents=await wizard.agent_count(tx),
        form=form,
        password=password,
    )


@router.post("/setup/people")
async def add_colleague(user: Configurer, pool: Pool, form: FilledForm, page: Render) -> Response:
    """One more person, serving everything or chosen subjects."""
    async with pool.reading() as reading:
        await _at(reading, user)
        known = {row.key for row in await admin_reading.skills(reading, LINE)}
    name, login = form.text("name"), form.text("login", longest=LONGEST_LOGIN)
    password = form.raw("password")
    _check_password(form, password, login)
    chosen = sorted(set(form.all("skills")) & known)
    everything = form.raw("everything") == "true"
    if not everything and not chosen:
        form.problems["skills"] = "wizard.people.skills_needed"
    if not form.problems:
        password_hash = await hash_password(password)
        # Without a language nobody qualifies; which ones they speak is refined in administration.
        subjects = (*chosen, *sorted(LANGUAGE_SKILLS))
        skills = None if everything else dict.fromkeys(subjects, wizard.EVERYTHING_LEVEL)
        try:
            async with pool.transaction() as tx:
                await _add(tx, user, form, login, name, password_hash, skills)
            return RedirectResponse("/setup/people", 303)
        except LoginTakenError:
            form.problems["login"] = "admin.people.login_taken"
    async with pool.reading() as reading:
        return page("wizard/people.html", status_code=422, **await _people(reading, form, password))


async def _add(
    tx: Transaction,
    user: SignedIn,
    form: Filled,
    login: str,
    name: str,
    password_hash: str,
    skills: dict[str, int] | None,
) -> None:
    await tx.lock_routing(LINE)
    made = await accounts.add_user(
        tx, login=login, name=name, password_hash=password_hash, line_id=LINE, roles=[Role.AGENT]
    )
    after = await admin.snapshot(tx, LINE, subject("users", made.id))
    await admin.record(tx, LINE, user.id, subject("users", made.id), None, after)
    await wizard.give_seat(tx, user.id, made.id, nickname=form.raw("nickname") or name, skills=skills)


@router.post("/setup/people/done")
async def people_done(user: Configurer, tx: Tx) -> Response:
    """On to the knowledge; somebody must be there to serve."""
    await _at(tx, user)
    if not await wizard.agent_count(tx):
        raise Conflict("nobody_serves")
    return await _next(tx, Step.KNOWLEDGE)


@router.get("/setup/knowledge")
async def knowledge_step(user: Configurer, tx: Reading, page: Render) -> Response:
    """What the assistant knows at first."""
    await _at(tx, user)
    return page("wizard/knowledge.html", **_shown(Step.KNOWLEDGE, staged=None))


@router.post("/setup/knowledge")
async def choose_knowledge(
    user: Configurer, tx: Tx, choice: Annotated[str, Form(max_length=10)] = "none"
) -> Response:
    """The pack's articles, or none for now."""
    await _at(tx, user)
    if choice == "pack":
        await wizard.take_pack_articles(tx, await asyncio.to_thread(load_pack, _PACK))
    return await _next(tx, Step.WIDGET)


@router.post("/setup/knowledge/preview", max_body_size=11 * MEGABYTE)
async def preview_knowledge(
    user: Configurer,
    settings: Configuration,
    pool: Pool,
    texts: ReaderTexts,
    page: Render,
    sheet: Annotated[UploadFile, File()],
) -> Response:
    """What a spreadsheet holds and what is wrong with it, by row."""
    async with pool.reading() as reading:
        await _at(reading, user)
    staged = stage(settings, LINE, sheet.filename or "", await sheet.read(MAXIMUM_SHEET_BYTES + 1))
    return page("wizard/knowledge.html", **await _previewed(settings, pool, staged, texts))


async def _previewed(settings: Settings, pool: Any, staged: str, texts: Texts) -> dict[str, Any]:
    return _shown(Step.KNOWLEDGE, staged=staged, **await previewed(settings, pool, LINE, staged, texts))


@router.post("/setup/knowledge/import")
async def import_knowledge(
    user: Configurer, settings: Configuration, tx: Tx, staged: Annotated[str, Form(max_length=40)]
) -> Response:
    """Write the sound rows."""
    await _at(tx, user)
    drafts, _ = await read_staged(settings, LINE, staged)
    await wizard.take_drafts(tx, user.id, drafts)
    return await _next(tx, Step.WIDGET)


@router.get("/setup/widget")
async def widget_step(user: Configurer, tx: Reading, settings: Configuration, page: Render) -> Response:
    """The code for the shop's own pages."""
    await _at(tx, user)
    return page("wizard/widget.html", **await _widget(tx, settings, Filled({})))


async def _widget(tx: Transaction, settings: Settings, form: Filled) -> dict[str, Any]:
    row = await admin_reading.line(tx, LINE)
    return _shown(Step.WIDGET, form=form, row=row, snippet=snippet(settings.public_url, LINE))


@router.post("/setup/widget")
async def save_widget(
    user: Configurer, tx: Tx, settings: Configuration, form: FilledForm, page: Render
) -> Response:
    """Where the widget may run; none is fine, the chat has a page of its own."""
    await _at(tx, user)
    origins = origins_of(form)
    if form.problems:
        return page("wizard/widget.html", status_code=422, **await _widget(tx, settings, form))
    value = await admin.snapshot(tx, LINE, subject("business_lines", LINE)) or {}
    await save(tx, user, subject("business_lines", LINE), value | {"allowed_origins": origins})
    return await _next(tx, Step.TEST)


@router.get("/setup/test")
async def test_step(user: Configurer, tx: Reading, page: Render) -> Response:
    """Try it: a chat in another window, then the desk."""
    await _at(tx, user)
    agents = await wizard.agent_count(tx)
    return page("wizard/test.html", **_shown(Step.TEST, alone=agents == 1, line_id=LINE))


@router.post("/setup/test")
async def finish(request: Request, user: Configurer, tx: Tx) -> Response:
    """The shop is open."""
    await _at(tx, user)
    await wizard.finish(tx, user.id)
    works = await signed_in_user(request)
    return RedirectResponse(
        "/desk" if works and works.viewer.has(Role.AGENT, Role.SUPERVISOR) else "/admin", 303
    )

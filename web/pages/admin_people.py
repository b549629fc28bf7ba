"""Users and their roles, agents and their seats."""

import secrets
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form
from fastapi.responses import Response

from adapters.db import accounts, admin, admin_reading
from adapters.db.accounts import LoginTakenError
from adapters.db.engine import Transaction
from adapters.passwords import PasswordRefusedError, check_new_password, hash_password
from api.deps import Pool, Reading, SignedIn, Tx
from api.errors import Forbidden
from domain.roles import Role
from web.pages.admin_common import Configurer, Filled, FilledForm, back, menu, save, subject
from web.render import Render

router = APIRouter(prefix="/admin/people")

LONGEST_LOGIN = 64
HIGHEST_CAPACITY = 50
_SUGGESTED_BYTES = 9


@router.get("")
async def people_page(user: Configurer, tx: Reading, page: Render) -> Response:
    """Everybody of the line."""
    return page("admin/people.html", **menu("people", rows=await admin_reading.people(tx, user.line_id)))


@router.get("/new")
async def new_person(user: Configurer, tx: Reading, page: Render) -> Response:
    """The form of a new person, with a password that could be handed over as it is."""
    return page("admin/person_new.html", **await _new(tx, user, Filled({}), suggested()))


def suggested() -> str:
    """A password to hand over."""
    return secrets.token_urlsafe(_SUGGESTED_BYTES)


async def _new(tx: Transaction, user: SignedIn, form: Filled, password: str) -> dict[str, Any]:
    return menu(
        "people",
        form=form,
        password=password,
        roles=list(Role),
        chosen=form.all("roles") or ([] if form.values else [Role.AGENT.value]),
        problems=form.problems,
        details=form.details,
        **await _choices(tx, user.line_id),
    )


async def _choices(tx: Transaction, line_id: str) -> dict[str, Any]:
    return {
        "skills": await admin_reading.skills(tx, line_id),
        "queues": [queue for queue in await admin_reading.queues(tx, line_id) if queue.active],
        "highest_capacity": HIGHEST_CAPACITY,
    }


@router.post("")
async def add_person(user: Configurer, pool: Pool, form: FilledForm, page: Render) -> Response:
    """A new user; with the role of an agent or a supervisor also their seat."""
    login = form.text("login", longest=LONGEST_LOGIN)
    name = form.text("name")
    password = form.raw("password")
    roles = _roles(form)
    try:
        check_new_password(password, login)
    except PasswordRefusedError as refused:
        form.problems["password"] = f"admin.password.{refused.problem.value}"  # texts: admin.password.*
    if not form.problems:
        password_hash = await hash_password(password)
        try:
            async with pool.transaction() as tx:
                added = await add_user_with_seat(tx, user, form, login, name, password_hash, roles)
            return back(f"/admin/people/{added}")
        except LoginTakenError:
            form.problems["login"] = "admin.people.login_taken"
    async with pool.reading() as reading:
        return page("admin/person_new.html", status_code=422, **await _new(reading, user, form, password))


def _roles(form: Filled) -> list[Role]:
    roles = [Role(role) for role in form.all("roles") if role in set(Role)]
    if not roles:
        form.problems["roles"] = "admin.people.role_needed"
    return roles


async def add_user_with_seat(
    tx: Transaction,
    by: SignedIn,
    form: Filled,
    login: str,
    name: str,
    password_hash: str,
    roles: list[Role],
) -> UUID:
    """Write the user, put it on record, and give a seat to whoever takes work. Raises LoginTakenError."""
    await tx.lock_routing(by.line_id)
    made = await accounts.add_user(
        tx,
        login=login,
        name=name,
        password_hash=password_hash,
        line_id=by.line_id,
        roles=roles,
        actor=by.actor,
    )
    after = await admin.snapshot(tx, by.line_id, subject("users", made.id))
    await admin.record(tx, by.line_id, by.id, subject("users", made.id), None, after)
    if {Role.AGENT, Role.SUPERVISOR} & set(roles):
        queues = [queue.key for queue in await admin_reading.queues(tx, by.line_id) if queue.active]
        skills = {skill.key: 3 for skill in await admin_reading.skills(tx, by.line_id)}
        works = Role.AGENT in roles
        seat = {
            "nickname_zh": form.raw("nickname") or name,
            "nickname_en": form.raw("nickname") or name,
            "job_number": "",
            "capacity": 5,
            "skills": skills if works else {},
            "queues": queues if works else [],
        }
        await save(tx, by, subject("agents", made.id), seat)
    return made.id


@router.get("/{user_id}")
async def person_page(user_id: UUID, user: Configurer, tx: Reading, page: Render) -> Response:
    """One person: account, roles, seat."""
    return page("admin/person.html", **await _shown(tx, user, user_id, Filled({})))


async def _shown(tx: Transaction, user: SignedIn, user_id: UUID, form: Filled) -> dict[str, Any]:
    return menu(
        "people",
        person=await admin_reading.person(tx, user.line_id, user_id),
        roles=list(Role),
        form=form,
        problems=form.problems,
        details=form.details,
        suggested=suggested(),
        **await _choices(tx, user.line_id),
    )


@router.post("/{user_id}")
async def change_person(user_id: UUID, user: Configurer, tx: Tx, form: FilledForm, page: Render) -> Response:
    """Name, roles, and whether the person may sign in."""
    person = await admin_reading.person(tx, user.line_id, user_id)
    disabled = form.raw("disabled") == "true"
    if disabled != (person.disabled_at is not None):
        await _refuse_across_lines(tx, user, user_id)
    value = {
        "name": form.text("name"),
        "name_en": form.text("name_en", needed=False),
        "roles": sorted(_roles(form)),
        "disabled": disabled,
    }
    if form.problems:
        return page("admin/person.html", status_code=422, **await _shown(tx, user, user_id, form))
    await save(tx, user, subject("users", user_id), value)
    return back(f"/admin/people/{user_id}")


@router.post("/{user_id}/seat")
async def change_seat(user_id: UUID, user: Configurer, tx: Tx, form: FilledForm, page: Render) -> Response:
    """What customers call the agent, how much work at once, which queues and skills."""
    person = await admin_reading.person(tx, user.line_id, user_id)
    known_queues = {queue.key for queue in await admin_reading.queues(tx, user.line_id)}
    skills: dict[str, int] = {}
    for skill in await admin_reading.skills(tx, user.line_id):
        if form.raw(f"skill_{skill.key}") not in ("", "0"):
            skills[skill.key] = form.number(f"skill_{skill.key}", 1, 5)
    value = {
        "nickname_zh": form.text("nickname_zh", longest=40),
        "nickname_en": form.text("nickname_en", longest=40),
        "job_number": form.text("job_number", longest=16, needed=False),
        "capacity": form.number("capacity", 1, HIGHEST_CAPACITY),
        "skills": skills,
        "queues": sorted(set(form.all("queues")) & known_queues),
    }
    if "capacity" not in form.problems and person.load and value["capacity"] < person.load:
        form.problems["capacity"] = "admin.people.capacity_below_load"
        form.details["load"] = person.load
    if form.problems:
        return page("admin/person.html", status_code=422, **await _shown(tx, user, user_id, form))
    await save(tx, user, subject("agents", user_id), value)
    return back(f"/admin/people/{user_id}")


async def _refuse_across_lines(tx: Transaction, user: SignedIn, user_id: UUID) -> None:
    """Lines are walls: the account of somebody who works in another line too is not one line's to take."""
    if set((await accounts.get_user(tx, user_id)).roles) - {user.line_id}:
        raise Forbidden("works_in_other_line")


@router.post("/{user_id}/password")
async def reset_password(
    user_id: UUID,
    user: Configurer,
    pool: Pool,
    page: Render,
    password: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """A new password; all sign-ins of the person end. It is on record that, never what."""
    async with pool.reading() as reading:
        person = await admin_reading.person(reading, user.line_id, user_id)
        await _refuse_across_lines(reading, user, user_id)
        try:
            check_new_password(password, person.login)
        except PasswordRefusedError as refused:
            form = Filled({}, {"password": f"admin.password.{refused.problem.value}"})
            return page("admin/person.html", status_code=422, **await _shown(reading, user, user_id, form))
    password_hash = await hash_password(password)
    async with pool.transaction() as tx:
        await accounts.set_password(tx, user_id, password_hash, actor=user.actor)
        await admin.record(tx, user.line_id, user.id, subject("passwords", user_id), None, {"changed": True})
    return back(f"/admin/people/{user_id}")

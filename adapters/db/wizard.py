"""The first run: an empty database becomes a shop that can serve, step by step; where the owner stands is kept."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from adapters.db import accounts, admin
from adapters.db.accounts import UserView
from adapters.db.admin_articles import write_drafts
from adapters.db.admin_values import write_first
from adapters.db.company import apply_pack, write_articles
from adapters.db.config import touch_configuration
from adapters.db.engine import Transaction, as_json
from adapters.db.routing import refresh_qualifications
from adapters.db.upserts import PackWriter, subject_of
from domain.knowledge import ArticleDraft
from domain.pack import Pack
from domain.refusals import Refusal, RefusalCode
from domain.roles import Role

LINE = "shop"
"""The line that the first run makes."""
OWNERS_CAPACITY_UNITS = 5
EVERYTHING_LEVEL = 3
"""The level of somebody who serves «everything»."""


class Step(StrEnum):
    """The steps in order; texts under `wizard.step.<step>`."""

    LANGUAGE = "language"
    SHOP = "shop"
    ACCOUNT = "account"
    HOURS = "hours"
    PEOPLE = "people"
    KNOWLEDGE = "knowledge"
    WIDGET = "widget"
    TEST = "test"


@dataclass(frozen=True)
class Progress:
    """Where the first run stands; `step` None when it is over or never began."""

    step: Step | None
    administrator: bool


async def progress(tx: Transaction) -> Progress:
    """Whether somebody administers already, and which step comes next."""
    if await has_administrator(tx):
        kept = await tx.scalar(
            "select value from settings where line_id = :line and key = 'wizard'", line=LINE
        )
        done = kept is None or kept.get("done", False)
        return Progress(None if done else Step(kept["step"]), administrator=True)
    has_line = await tx.scalar("select 1 from business_lines where id = :line", line=LINE)
    return Progress(Step.ACCOUNT if has_line else Step.LANGUAGE, administrator=False)


async def has_administrator(tx: Transaction) -> bool:
    """Whether anybody may administer any line: then the first run's open door is shut."""
    found = await tx.scalar(
        """select 1 from user_roles r join users u on u.id = r.user_id
           where r.role = 'administrator' and u.disabled_at is null limit 1"""
    )
    return found is not None


async def open_shop(
    tx: Transaction,
    pack: Pack,
    *,
    name_zh: str,
    name_en: str,
    time_zone: str,
    language: str,
    week: dict[str, Any],
) -> None:
    """The line with the pack's words and rules, one queue and one plan for each language.

    Raises Refusal STALE when somebody administers already.
    """
    await tx.lock_routing(LINE)
    await _refuse_when_administered(tx)
    await apply_pack(tx, LINE, pack, with_people=False, with_company=False, with_articles=False)
    await tx.run(
        """update business_lines set name_zh = :zh, name_en = :en, time_zone = :zone, default_language = :language
           where id = :line""",
        line=LINE,
        zh=name_zh,
        en=name_en,
        zone=time_zone,
        language=language,
    )
    calendar = {
        "time_zone": time_zone,
        "versions": [{"version": 1, "effective_from": "2000-01-01", "week": week}],
        "days": [],
        "published_years": None,
    }
    await write_first(
        tx, LINE, "calendars:hours", {"name_zh": "工作时间", "name_en": "Hours", "definition": calendar}
    )
    await write_first(
        tx,
        LINE,
        "queues:general",
        {
            "name_zh": "客服",
            "name_en": "Customer service",
            "offer_seconds": 30,
            "acceptance": "offer",
            "calendar_key": "hours",
            "active": True,
        },
    )
    steps = [
        {"queues": ["general"], "wait_seconds": 60},
        {"queues": ["general"], "relax_levels": 1, "wait_seconds": 60},
        {"queues": ["general"], "drop_skills": True, "wait_seconds": 300},
    ]
    for key, name_of_zh, name_of_en in (("zh", "中文", "Chinese"), ("en", "英文", "English")):
        plan = {"name_zh": name_of_zh, "name_en": name_of_en, "steps": steps}
        await write_first(tx, LINE, f"routing_plans:{key}", plan)


async def _refuse_when_administered(tx: Transaction) -> None:
    if await has_administrator(tx):
        raise Refusal(RefusalCode.STALE)


async def add_owner(
    tx: Transaction, *, login: str, name: str, password_hash: str, language: str, serves: bool
) -> UserView:
    """The first administrator, who supervises too and, with `serves`, talks to customers.

    Raises Refusal STALE when somebody administers already, LoginTakenError.
    """
    await tx.lock_routing(LINE)
    await _refuse_when_administered(tx)
    roles = [Role.ADMINISTRATOR, Role.SUPERVISOR, *([Role.AGENT] if serves else [])]
    owner = await accounts.add_user(
        tx,
        login=login,
        name=name,
        password_hash=password_hash,
        line_id=LINE,
        roles=roles,
        language=language,
    )
    await give_seat(tx, owner.id, owner.id, nickname=name, skills=None if serves else {})
    await keep_step(tx, Step.HOURS)
    return owner


async def give_seat(
    tx: Transaction, by: UUID, user_id: UUID, *, nickname: str, skills: dict[str, int] | None
) -> None:
    """A seat in every queue; `skills` None stands for everything, an empty one for no queue at all."""
    every = {
        row.key: EVERYTHING_LEVEL
        for row in await tx.all("select key from skills where line_id = :line", line=LINE)
    }
    queues = [
        row.key for row in await tx.all("select key from queues where line_id = :line and active", line=LINE)
    ]
    seat = {
        "nickname_zh": nickname,
        "nickname_en": nickname,
        "job_number": "",
        "capacity": OWNERS_CAPACITY_UNITS,
        "skills": every if skills is None else skills,
        "queues": [] if skills == {} else queues,
    }
    await admin.change(tx, LINE, by, subject_of("agents", user_id), seat)


async def keep_step(tx: Transaction, step: Step, *, done: bool = False) -> None:
    """Remember where the owner goes on."""
    await tx.run(
        """insert into settings (line_id, key, value) values (:line, 'wizard', cast(:value as jsonb))
           on conflict (line_id, key) do update set value = excluded.value""",
        line=LINE,
        value=as_json({"step": step.value, "done": done}),
    )


async def take_pack_articles(tx: Transaction, pack: Pack) -> int:
    """Start from the pack's articles; how many."""
    written = await write_articles(await PackWriter.open(tx, LINE), pack)
    await touch_configuration(tx, LINE)
    return written


async def take_drafts(tx: Transaction, by: UUID, drafts: list[ArticleDraft]) -> int:
    """Start from a spreadsheet; how many."""
    return await write_drafts(tx, LINE, by, drafts)


async def agent_count(tx: Transaction) -> int:
    """How many people can be given work."""
    count: int = await tx.scalar(
        """select count(distinct m.agent_id) from queue_members m join users u on u.id = m.agent_id
           where m.line_id = :line and u.disabled_at is null""",
        line=LINE,
    )
    return count


async def finish(tx: Transaction, by: UUID) -> None:
    """The shop is open. One person alone gets contacts at once, so that no customer waits for a click."""
    await tx.lock_routing(LINE)
    if await agent_count(tx) == 1:
        queue = await admin.snapshot(tx, LINE, "queues:general")
        if queue is not None:
            await admin.change(tx, LINE, by, "queues:general", queue | {"acceptance": "automatic"})
    await keep_step(tx, Step.TEST, done=True)
    await refresh_qualifications(tx, LINE)
    await touch_configuration(tx, LINE)

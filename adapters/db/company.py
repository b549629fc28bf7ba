"""A loaded pack becomes rows: the business line with all that it needs to work.

    applied = await apply_pack(tx, line_id, pack, with_people=True, password_hash=…, member_secret=…,
                               allowed_origins=[…])

Applying again renews the pack's rows and leaves alone whatever people changed meanwhile. The settings it
writes, by key: `timing`, `priorities`, `tiers`, `urgencies`, `plan_choice` (which plan serves which
language, topics and tiers, the first that fits), `texts`, `privacy`, `reasons`, `intents`, `synonyms`, `pack`.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from adapters.db.company_people import write_customers, write_people
from adapters.db.config import touch_configuration
from adapters.db.engine import Transaction
from adapters.db.knowledge import search_tokens
from adapters.db.routing import refresh_qualifications
from adapters.db.upserts import PackWriter
from adapters.holidays_cn import chinese_days
from adapters.ids import new_id
from domain.calendar import Calendar
from domain.pack import Pack
from domain.pack_company import CalendarSpec, PlanSpec, PublicDays
from domain.roles import Role

_YEARS_AHEAD = 2


@dataclass(frozen=True)
class DemoPerson:
    """Somebody of the pack's company who can sign in."""

    login: str
    name: str
    roles: tuple[Role, ...]


@dataclass(frozen=True)
class Applied:
    """What applying a pack did."""

    line_id: str
    people: tuple[DemoPerson, ...]
    kept: tuple[str, ...]
    """Subjects (`table:key`) that people had changed and that were left alone."""


async def apply_pack(
    tx: Transaction,
    line_id: str,
    pack: Pack,
    *,
    with_people: bool,
    with_company: bool = True,
    with_articles: bool = True,
    password_hash: str | None = None,
    member_secret: str | None = None,
    allowed_origins: Sequence[str] = (),
) -> Applied:
    """Write a pack into a business line, which is made if it is new.

    `with_company` brings the pack's queues, plans and hours, `with_articles` its knowledge, `with_people` its
    people and customers (then `password_hash` is that of everybody's first password). `member_secret` and
    `allowed_origins` are set when given. The caller's transaction must not hold a lock yet.
    """
    await tx.lock_routing(line_id)
    await _write_line(tx, line_id, pack, member_secret, allowed_origins)
    writer = await PackWriter.open(tx, line_id)
    await _write_settings(writer, pack)
    await _write_bot(writer, pack)
    for skill in pack.company.skills:
        await writer.upsert(
            "skills", {"key": skill.key}, {"name_zh": skill.name.zh, "name_en": skill.name.en}, fixed={}
        )
    await _write_canned(writer, pack)
    if with_company:
        await _write_calendars(writer, pack)
        await _write_queues(writer, pack)
        await _write_plans(writer, pack)
    people: tuple[DemoPerson, ...] = ()
    if with_people:
        if password_hash is None:
            raise ValueError("people need a first password")
        await write_people(writer, pack, password_hash)
        await write_customers(writer, pack)
        people = tuple(
            DemoPerson(person.login, person.name.zh, (person.role,)) for person in pack.company.people
        )
    if with_articles:
        await write_articles(writer, pack)
    await refresh_qualifications(tx, line_id)
    await touch_configuration(tx, line_id)
    tx.subject_event(
        line_id,
        f"config:{line_id}",
        "pack_applied",
        "system",
        {"pack": pack.manifest.key, "version": pack.manifest.version, "kept": len(writer.kept)},
    )
    return Applied(line_id, people, tuple(writer.kept))


async def _write_line(
    tx: Transaction, line_id: str, pack: Pack, member_secret: str | None, allowed_origins: Sequence[str]
) -> None:
    line = pack.company.line
    await tx.run(
        """insert into business_lines (id, name_zh, name_en, time_zone, default_language, member_secret)
           values (:id, :zh, :en, :zone, :language, :secret) on conflict (id) do nothing""",
        id=line_id,
        zh=line.name.zh,
        en=line.name.en,
        zone=line.time_zone,
        language=line.default_language.value,
        secret=secrets.token_urlsafe(32),
    )
    if member_secret is not None:
        await tx.run(
            "update business_lines set member_secret = :secret where id = :id",
            secret=member_secret,
            id=line_id,
        )
    for origin in allowed_origins:
        await tx.run(
            """update business_lines set allowed_origins = allowed_origins || to_jsonb(cast(:origin as text))
               where id = :id and not jsonb_exists(allowed_origins, :origin)""",
            origin=origin,
            id=line_id,
        )


def settings_of_pack(pack: Pack) -> dict[str, Any]:
    """The pack's part of the settings, by key."""
    company, notice = pack.company, pack.texts.privacy_notice
    return {
        "timing": company.timing.model_dump(),
        "priorities": company.priorities.model_dump(),
        "tiers": [tier.model_dump() for tier in company.tiers],
        "urgencies": [urgency.model_dump(mode="json") for urgency in company.urgencies],
        "texts": {key.value: text.model_dump() for key, text in pack.texts.texts.items()},
        "privacy": {
            "version": notice.version,
            "title": notice.title.model_dump(),
            "body": notice.body.model_dump(),
        },
        "reasons": pack.reasons.model_dump(mode="json"),
        "intents": dict(pack.bot.intents),
        "synonyms": dict(pack.bot.synonyms),
        "pack": {"key": pack.manifest.key, "version": pack.manifest.version},
    }


async def _write_settings(writer: PackWriter, pack: Pack) -> None:
    for key, value in settings_of_pack(pack).items():
        await writer.upsert("settings", {"key": key}, {"value": value}, fixed={})


async def _write_bot(writer: PackWriter, pack: Pack) -> None:
    for key, definition in pack.bot.flows.items():
        await writer.upsert("flows", {"key": key}, {"definition": dict(definition)}, fixed={})


async def _write_canned(writer: PackWriter, pack: Pack) -> None:
    for reply in pack.canned:
        for language, title, body in (
            ("zh", reply.title.zh, reply.body.zh),
            ("en", reply.title.en, reply.body.en),
        ):
            await writer.upsert(
                "canned_replies",
                {"shortcut": reply.shortcut, "language": language},
                {"title": title, "body": body},
                fixed={"id": new_id()},
            )


async def _write_calendars(writer: PackWriter, pack: Pack) -> None:
    year = (await writer.tx.clock()).year
    for spec in pack.calendars:
        await writer.upsert(
            "calendars",
            {"key": spec.key},
            {
                "name_zh": spec.name.zh,
                "name_en": spec.name.en,
                "definition": calendar_of(spec, year).model_dump(mode="json"),
            },
            fixed={"id": new_id()},
        )


def calendar_of(spec: CalendarSpec, year: int) -> Calendar:
    """The pack's calendar with the public days around a year."""
    if spec.public_days is PublicDays.NONE:
        return spec.calendar()
    public = chinese_days(range(year - 1, year + _YEARS_AHEAD))
    return spec.calendar(public.days, public.published_years)


async def _write_queues(writer: PackWriter, pack: Pack) -> None:
    for queue in pack.company.queues:
        await writer.upsert(
            "queues",
            {"key": queue.key},
            {
                "name_zh": queue.name.zh,
                "name_en": queue.name.en,
                "offer_seconds": queue.offer_seconds,
                "acceptance": queue.acceptance.value,
                "calendar_key": queue.calendar,
            },
            fixed={"id": new_id(), "active": True},
        )


async def _write_plans(writer: PackWriter, pack: Pack) -> None:
    for plan in pack.company.plans:
        await writer.upsert(
            "routing_plans",
            {"key": plan_key(plan)},
            {
                "name_zh": plan.name.zh,
                "name_en": plan.name.en,
                "steps": [step.model_dump() for step in plan.steps],
            },
            fixed={},
        )
    choice = [
        {
            "key": plan_key(plan),
            "language": plan.language.value,
            "topics": list(plan.topics),
            "tiers": list(plan.tiers),
        }
        for plan in pack.company.plans
    ]
    await writer.upsert("settings", {"key": "plan_choice"}, {"value": choice}, fixed={})


def plan_key(plan: PlanSpec) -> str:
    """The plan's key in the ledger: the one that serves all topics and tiers of a language is named after it."""
    return plan.key if plan.topics or plan.tiers else plan.language.value


async def write_articles(writer: PackWriter, pack: Pack) -> int:
    """The pack's articles with their search tokens; how many were written."""
    rows = await writer.tx.all(
        """select login, id from users where id in (select user_id from user_roles where line_id = :line)""",
        line=writer.line_id,
    )
    owners = {row.login: row.id for row in rows}
    written = 0
    for article in pack.articles:
        new = await writer.upsert(
            "articles",
            {"key": article.key, "language": article.language.value},
            {
                "title": article.title,
                "questions": list(article.questions),
                "body": article.body,
                "category": article.category,
                "skill": article.skill,
                "valid_from": article.valid_from,
                "valid_until": article.valid_until,
                "review_at": article.review_at,
                "owner_id": owners.get(article.owner),
            },
            fixed={"id": new_id(), "status": "published"},
        )
        if new:
            written += 1
            await writer.tx.run(
                """update articles set tokens = array_to_tsvector(cast(:tokens as text[]))
                   where line_id = :line and key = :key and language = :language""",
                tokens=search_tokens(article.title, article.questions, article.body),
                line=writer.line_id,
                key=article.key,
                language=article.language.value,
            )
    return written

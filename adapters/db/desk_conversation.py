"""One contact as the desk shows it: head, messages with their files, quiet events, offers."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from adapters.db.engine import Transaction

MESSAGES_PER_PAGE = 60

INLINE_EVENTS = (
    "inbound_conflict",
    "human_wanted",
    "handed_over",
    "offer_made",
    "offer_accepted",
    "offer_declined",
    "offer_expired",
    "offer_withdrawn",
    "taken_over",
    "claimed",
    "assigned",
    "transferred",
    "given_back",
    "widened",
    "sticky_given_up",
    "exhausted",
    "out_of_hours",
    "opened_hours",
    "resumed",
    "ended",
    "wrapped_up",
    "wrap_up_unfinished",
    "survey_invited",
    "survey_answered",
    "place_kept",
    "matter_left",
    "customer_left",
    "classification_corrected",
    "phone_revealed",
    "nudged",
    "closed",
    "reopened",
)
"""Kinds shown between the messages; the whole story stands in the timeline."""


@dataclass(frozen=True)
class Conversation:
    """A stretch of a contact: messages in order, the events between them, files by message."""

    messages: list[Row[Any]]
    events: list[Row[Any]]
    files: dict[UUID, list[Row[Any]]]
    more: bool
    """Earlier messages exist."""


async def head(tx: Transaction, contact_id: UUID) -> Row[Any]:
    """The contact with its customer, owner, classification, summary. Raises NotFoundError."""
    return await tx.one(
        """
        select c.*, k.number, u.name as customer_name, u.city, u.phone_hint, u.tags, u.notes,
               u.language as customer_language, u.version as customer_version,
               u.tier as customer_tier, u.created_at as customer_since,
               i.verified_at, i.verified_until,
               (i.verified_at is not null
                and coalesce(i.verified_until > clock_timestamp(), true)) as verified,
               o.name as owner_name, o.name_en as owner_name_en,
               a.nickname_zh as owner_nickname_zh, a.nickname_en as owner_nickname_en,
               l.intent, l.urgency as classified_urgency, l.reason as classified_because,
               l.corrected_intent, l.corrected_urgency,
               w.category as wrap_category, w.subcategory as wrap_subcategory, w.solved as wrap_solved,
               w.next_step as wrap_next_step, w.finished as wrap_finished,
               s.invited_at as survey_invited_at, s.score as survey_score, s.answered_at as survey_answered_at,
               f.id as offer_id, f.agent_id as offered_to, f.expires_at as offer_expires_at,
               b.name_zh as shop_zh, b.name_en as shop_en
        from contacts c
        join cases k on k.id = c.id
        join customers u on u.id = c.customer_id
        join identities i on i.id = c.identity_id
        join business_lines b on b.id = c.line_id
        left join users o on o.id = c.owner_id
        left join agents a on a.user_id = c.owner_id
        left join classifications l on l.contact_id = c.id
        left join wrap_ups w on w.contact_id = c.id
        left join surveys s on s.contact_id = c.id
        left join offers f on f.case_id = c.id and f.state = 'pending'
        where c.id = :id
        """,
        id=contact_id,
    )


_MESSAGE = """
    select m.id, m.seq, m.author, m.user_id, m.kind, m.body, m.attrs, m.channel, m.state, m.at,
           u.name as user_name, u.name_en as user_name_en, a.nickname_zh, a.nickname_en
    from messages m left join users u on u.id = m.user_id left join agents a on a.user_id = m.user_id
"""


async def latest(tx: Transaction, contact_id: UUID, *, before_seq: int | None = None) -> Conversation:
    """The newest messages, or those before a sequence."""
    rows = await tx.all(
        f"""{_MESSAGE} where m.contact_id = :id and (cast(:before as integer) is null or m.seq < :before)
            order by m.seq desc limit :limit""",  # a constant of this module
        id=contact_id,
        before=before_seq,
        limit=MESSAGES_PER_PAGE + 1,
    )
    more = len(rows) > MESSAGES_PER_PAGE
    messages = rows[:MESSAGES_PER_PAGE][::-1]
    since = messages[0].at if more and messages else None
    until = None
    if before_seq is not None:
        until = await tx.scalar(
            "select at from messages where contact_id = :id and seq = :seq", id=contact_id, seq=before_seq
        )
    events = await _events_between(tx, contact_id, since, until)
    return Conversation(messages, events, await _files(tx, messages), more)


async def since(tx: Transaction, contact_id: UUID, *, after_seq: int, after_event: int) -> Conversation:
    """What came after: messages by sequence, events by id. At most a page; the next request reads on."""
    messages = await tx.all(
        f"{_MESSAGE} where m.contact_id = :id and m.seq > :after order by m.seq limit :limit",  # a constant of this module
        id=contact_id,
        after=after_seq,
        limit=MESSAGES_PER_PAGE,
    )
    events = await tx.all(
        f"""{_EVENT} where e.case_id = :id and e.id > :after and e.kind = any(:kinds)
            order by e.id limit 200""",  # a constant of this module
        id=contact_id,
        after=after_event,
        kinds=list(INLINE_EVENTS),
    )
    return Conversation(messages, events, await _files(tx, messages), more=False)


async def one_message(tx: Transaction, contact_id: UUID, seq: int) -> Row[Any]:
    """Raises NotFoundError."""
    return await tx.one(f"{_MESSAGE} where m.contact_id = :id and m.seq = :seq", id=contact_id, seq=seq)


_EVENT = "select e.id, e.seq, e.kind, e.actor, e.attrs, e.at from events e"


async def _events_between(
    tx: Transaction, contact_id: UUID, since_at: datetime | None, until_at: datetime | None
) -> list[Row[Any]]:
    return await tx.all(
        f"""{_EVENT} where e.case_id = :id and e.kind = any(:kinds)
            and (cast(:since as timestamptz) is null or e.at >= :since)
            and (cast(:until as timestamptz) is null or e.at < :until)
            order by e.id""",  # a constant of this module
        id=contact_id,
        kinds=list(INLINE_EVENTS),
        since=since_at,
        until=until_at,
    )


async def last_event_id(tx: Transaction, contact_id: UUID) -> int:
    """The newest event of the case: what a screen that was just drawn already shows."""
    newest: int | None = await tx.scalar("select max(id) from events where case_id = :id", id=contact_id)
    return newest or 0


async def _files(tx: Transaction, messages: list[Row[Any]]) -> dict[UUID, list[Row[Any]]]:
    with_files = [message.id for message in messages if message.attrs.get("attachments")]
    if not with_files:
        return {}
    found: dict[UUID, list[Row[Any]]] = {}
    for row in await tx.all(
        """select id, message_id, file_name, content_type, size_bytes, width, height
           from attachments where message_id = any(:ids) order by created_at, id""",
        ids=with_files,
    ):
        found.setdefault(row.message_id, []).append(row)
    return found


async def last_customer_text(tx: Transaction, contact_id: UUID) -> str:
    """What the customer said last, for suggesting articles."""
    body: str | None = await tx.scalar(
        """select body from messages where contact_id = :id and author = 'customer' and body <> ''
           order by seq desc limit 1""",
        id=contact_id,
    )
    return body or ""


async def drafts(tx: Transaction, me: UUID, contact_id: UUID) -> dict[str, str]:
    """My unsent texts in this contact, by kind (reply, note)."""
    rows = await tx.all(
        "select kind, body from drafts where user_id = :me and contact_id = :id", me=me, id=contact_id
    )
    return {row.kind: row.body for row in rows}


async def save_draft(tx: Transaction, line_id: str, me: UUID, contact_id: UUID, kind: str, body: str) -> None:
    """Keep an unsent text; an empty one is forgotten."""
    if not body.strip():
        await tx.run(
            "delete from drafts where user_id = :me and contact_id = :id and kind = :kind",
            me=me,
            id=contact_id,
            kind=kind,
        )
        return
    await tx.run(
        """insert into drafts (user_id, contact_id, line_id, kind, body, updated_at)
           values (:me, :id, :line, :kind, :body, clock_timestamp())
           on conflict (user_id, contact_id, kind) do update set body = excluded.body,
               updated_at = excluded.updated_at""",
        me=me,
        id=contact_id,
        line=line_id,
        kind=kind,
        body=body,
    )

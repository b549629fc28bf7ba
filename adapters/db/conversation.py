"""What agents and customers do within a conversation: each one transaction that checks the rule."""

from typing import Any
from uuid import UUID

from adapters.db.config import line_config
from adapters.db.engine import Transaction, as_json
from adapters.db.messages import NewMessage, insert_message
from adapters.db.notices import notice
from adapters.db.offers import locked_contact
from adapters.db.routing import free_capacity, held_weight, match_agent
from adapters.ids import new_id
from domain.contact import FactKind, Stage
from domain.refusals import Refusal, RefusalCode
from domain.routing import order_key
from domain.text import clean_text

LOW_SCORE = 2
"""A survey score up to this raises a task for the supervisor."""


async def reply(
    tx: Transaction,
    line_id: str,
    contact_id: UUID,
    user_id: UUID,
    body: str,
    *,
    attachments: list[UUID] | None = None,
) -> int:
    """The owner's reply to the customer; its sequence. It tells no workflow: nothing acts earlier for it.

    Raises Refusal: NOT_YOURS, CONTACT_CLOSED.
    """
    contact = await locked_contact(tx, line_id, contact_id)
    if contact.owner_id != user_id or contact.stage not in (Stage.TALKING, Stage.WRAP_UP):
        raise Refusal(RefusalCode.NOT_YOURS)
    attrs = {"attachments": [str(item) for item in attachments]} if attachments else {}
    message_id, seq = await insert_message(
        tx,
        line_id,
        contact_id,
        NewMessage(
            author="agent",
            user_id=user_id,
            kind="file" if attachments else "text",
            body=clean_text(body),
            attrs=attrs,
        ),
    )
    if attachments:
        claimed = await tx.run(
            """update attachments set message_id = :message, contact_id = :contact
               where id = any(:ids) and line_id = :line and uploaded_by = :by and message_id is null""",
            message=message_id,
            contact=contact_id,
            ids=attachments,
            line=line_id,
            by=f"user:{user_id}",
        )
        if claimed != len(attachments):
            raise Refusal(RefusalCode.STALE)
    await clear_draft(tx, user_id, contact_id, "reply")
    tx.event(line_id, contact_id, "message", f"user:{user_id}", {"message_id": message_id, "seq": seq})
    return seq


async def add_note(
    tx: Transaction, line_id: str, contact_id: UUID, user_id: UUID, body: str, mentions: list[UUID]
) -> int:
    """An internal note; mentioned colleagues get a task each. Never visible to the customer."""
    contact = await locked_contact(tx, line_id, contact_id)
    message_id, seq = await insert_message(
        tx,
        line_id,
        contact.id,
        NewMessage(
            author="agent",
            user_id=user_id,
            kind="note",
            body=clean_text(body),
            attrs={"mentions": [str(item) for item in mentions]},
        ),
    )
    for mentioned in mentions:
        await add_task(
            tx, line_id, contact_id, key=f"mention:{message_id}:{mentioned}", kind="mention", owner_id=mentioned,
            attrs={"message_id": str(message_id), "by": str(user_id)},
        )  # fmt: skip
    await clear_draft(tx, user_id, contact_id, "note")
    tx.event(
        line_id,
        contact_id,
        "note",
        f"user:{user_id}",
        {"message_id": message_id, "seq": seq, "mentions": mentions},
    )
    return seq


async def end(tx: Transaction, line_id: str, contact_id: UUID, user_id: UUID, *, seen_seq: int) -> None:
    """The owner ends the conversation: wrap-up begins, capacity stays held.

    `seen_seq` is the last message on the agent's screen. Raises Refusal: NOT_YOURS, UNREAD_MESSAGES.
    """
    contact = await locked_contact(tx, line_id, contact_id)
    if contact.owner_id != user_id or contact.stage != Stage.TALKING:
        raise Refusal(RefusalCode.NOT_YOURS)
    if contact.customer_seq > seen_seq:
        raise Refusal(RefusalCode.UNREAD_MESSAGES)
    config = await line_config(tx, line_id)
    await begin_wrap_up(tx, contact_id, seconds=config.timing.wrap_up_seconds)
    await tx.record_fact(contact_id, FactKind.ENDED)
    tx.event(line_id, contact_id, "ended", f"user:{user_id}", {})


async def begin_wrap_up(tx: Transaction, contact_id: UUID, *, seconds: int) -> None:
    """Stage wrap-up with its due time; what the customer wrote so far counts as seen."""
    await tx.run(
        """update contacts set stage = 'wrap_up', handled_seq = customer_seq,
                  wrap_up_due_at = ledger_now() + make_interval(secs => :seconds) where id = :id""",
        seconds=seconds,
        id=contact_id,
    )


async def wrap_up(
    tx: Transaction,
    line_id: str,
    contact_id: UUID,
    user_id: UUID,
    *,
    category: str,
    subcategory: str,
    solved: bool,
    next_step: str,
) -> None:
    """会话小结 done: capacity is freed, waiting work is offered at once, the survey goes out.

    Raises Refusal: NOT_YOURS, REASON_NEEDED.
    """
    if not category:
        raise Refusal(RefusalCode.REASON_NEEDED)
    await tx.lock_routing(line_id)
    contact = await locked_contact(tx, line_id, contact_id)
    if contact.owner_id != user_id or contact.stage != Stage.WRAP_UP:
        raise Refusal(RefusalCode.NOT_YOURS)
    await tx.run(
        """
        insert into wrap_ups (contact_id, line_id, user_id, category, subcategory, solved, next_step, finished)
        values (:id, :line, :user, :category, :subcategory, :solved, :next_step, true)
        on conflict (contact_id) do update set user_id = excluded.user_id, category = excluded.category,
            subcategory = excluded.subcategory, solved = excluded.solved, next_step = excluded.next_step,
            finished = true, at = ledger_now()
        """,
        id=contact_id,
        line=line_id,
        user=user_id,
        category=category,
        subcategory=subcategory,
        solved=solved,
        next_step=clean_text(next_step)[:2000],
    )
    await leave_wrap_up(tx, line_id, contact_id)
    await tx.record_fact(contact_id, FactKind.WRAPPED_UP)
    tx.event(
        line_id,
        contact_id,
        "wrapped_up",
        f"user:{user_id}",
        {"category": category, "subcategory": subcategory, "solved": solved},
    )


async def leave_wrap_up(tx: Transaction, line_id: str, contact_id: UUID) -> None:
    """Free the owner, invite to the survey, and let the freed capacity take the next customer."""
    config = await line_config(tx, line_id)
    contact = await tx.one("select * from contacts where id = :id", id=contact_id)
    weight = await held_weight(tx, contact_id, contact.owner_id)
    await free_capacity(tx, contact.owner_id, weight)
    await tx.run(
        """update contacts set stage = 'survey', last_owner_id = owner_id, owner_id = null,
                  wrap_up_due_at = null, owner_gone_at = null,
                  survey_due_at = ledger_now() + make_interval(secs => case when exists (
                      select 1 from surveys where contact_id = :id and answered_at is not null
                  ) then 0 else :seconds end) where id = :id""",
        seconds=config.timing.survey_seconds,
        id=contact_id,
    )
    invited = await tx.run(
        """insert into surveys (contact_id, line_id) values (:id, :line)
           on conflict (contact_id) do nothing""",
        id=contact_id,
        line=line_id,
    )
    if invited:
        await notice(tx, config, contact, "survey_invitation", attrs={"survey": True})
    await match_agent(tx, config, contact.owner_id)


async def invite_to_survey(tx: Transaction, line_id: str, contact_id: UUID, user_id: UUID) -> None:
    """邀评: the owner asks for a rating while talking, once. Raises Refusal: NOT_YOURS, ALREADY_INVITED."""
    contact = await locked_contact(tx, line_id, contact_id)
    if contact.owner_id != user_id:
        raise Refusal(RefusalCode.NOT_YOURS)
    invited = await tx.run(
        """insert into surveys (contact_id, line_id, invited_by) values (:id, :line, :user)
           on conflict (contact_id) do nothing""",
        id=contact_id,
        line=line_id,
        user=user_id,
    )
    if not invited:
        raise Refusal(RefusalCode.ALREADY_INVITED)
    config = await line_config(tx, line_id)
    await notice(tx, config, contact, "survey_invitation", attrs={"survey": True})
    tx.event(line_id, contact_id, "survey_invited", f"user:{user_id}", {})


async def answer_survey(
    tx: Transaction,
    line_id: str,
    contact_id: UUID,
    *,
    score: int,
    solved: bool | None,
    reasons: list[str],
    comment: str,
) -> None:
    """The customer's rating; a low one becomes the supervisor's task.

    Raises Refusal: WRONG_STAGE (never invited), ALREADY_ANSWERED, CONTACT_CLOSED.
    """
    contact = await locked_contact(tx, line_id, contact_id)
    answered = await tx.first(
        """
        update surveys set score = :score, solved = :solved, reasons = cast(:reasons as jsonb),
               comment = :comment, answered_at = ledger_now()
        where contact_id = :id and answered_at is null returning contact_id
        """,
        score=score,
        solved=solved,
        reasons=as_json(reasons),
        comment=clean_text(comment)[:2000],
        id=contact_id,
    )
    if answered is None:
        known = await tx.scalar("select 1 from surveys where contact_id = :id", id=contact_id)
        raise Refusal(RefusalCode.ALREADY_ANSWERED if known else RefusalCode.WRONG_STAGE)
    config = await line_config(tx, line_id)
    low = score <= LOW_SCORE
    await notice(tx, config, contact, "survey_thanks_low" if low else "survey_thanks")
    if low:
        await add_task(
            tx,
            line_id,
            contact_id,
            key="low_score",
            kind="low_score",
            role="supervisor",
            attrs={"score": score},
        )
    tx.event(
        line_id,
        contact_id,
        "survey_answered",
        "customer",
        {"score": score, "solved": solved, "reasons": reasons},
    )
    if contact.stage == Stage.SURVEY:
        await tx.run("update contacts set survey_due_at = ledger_now() where id = :id", id=contact_id)
        await tx.record_fact(contact_id, FactKind.SURVEY_ANSWERED)


async def choose_while_waiting(tx: Transaction, line_id: str, contact_id: UUID, *, leave: bool) -> None:
    """Nobody there: the customer keeps the place, or leaves the matter to be worked off without them."""
    contact = await locked_contact(tx, line_id, contact_id)
    if contact.stage not in (Stage.QUEUED, Stage.OFFERED):
        raise Refusal(RefusalCode.WRONG_STAGE)
    config = await line_config(tx, line_id)
    if leave:
        await tx.run("update contacts set left_matter_at = ledger_now() where id = :id", id=contact_id)
        await add_task(
            tx, line_id, contact_id, key="left_matter", kind="left_matter", role="supervisor", attrs={}
        )
    await notice(tx, config, contact, "matter_left" if leave else "place_kept")
    kind = FactKind.MATTER_LEFT if leave else FactKind.PLACE_KEPT
    await tx.record_fact(contact_id, kind)
    tx.event(line_id, contact_id, kind, "customer", {})


async def leave_contact(tx: Transaction, line_id: str, contact_id: UUID) -> None:
    """The customer ends the conversation; with a person in it, the person still wraps up."""
    contact = await locked_contact(tx, line_id, contact_id)
    if contact.stage in (Stage.WRAP_UP, Stage.SURVEY):
        return
    await tx.run("update contacts set close_asked = 'customer_left' where id = :id", id=contact_id)
    await tx.record_fact(contact_id, FactKind.CUSTOMER_LEFT)
    tx.event(line_id, contact_id, "customer_left", "customer", {})


async def mark_read(tx: Transaction, line_id: str, contact_id: UUID, seq: int, *, by_customer: bool) -> None:
    """How far somebody has read; never an event of the case, never a workflow's matter."""
    column = "customer_read_seq" if by_customer else "agent_read_seq"
    await tx.run(
        f"""update contacts set {column} = greatest({column}, least(:seq, message_seq))
            where id = :id and line_id = :line""",  # noqa: S608 # one of two constants
        seq=seq,
        id=contact_id,
        line=line_id,
    )


async def correct_classification(
    tx: Transaction, line_id: str, contact_id: UUID, user_id: UUID, *, intent: str, urgency: str
) -> None:
    """An agent says what it was really about; the share left uncorrected is the routing accuracy."""
    await tx.lock_routing(line_id)
    contact = await locked_contact(tx, line_id, contact_id)
    before = await tx.first(
        """update classifications set corrected_intent = :intent, corrected_urgency = :urgency,
                  corrected_by = :user, corrected_at = ledger_now()
           where contact_id = :id returning intent, urgency""",
        intent=intent,
        urgency=urgency,
        user=user_id,
        id=contact_id,
    )
    if before is None:
        await tx.run(
            """insert into classifications (contact_id, line_id, intent, urgency, reason, corrected_intent,
                                            corrected_urgency, corrected_by, corrected_at)
               values (:id, :line, '', 'normal', '[]', :intent, :urgency, :user, ledger_now())""",
            id=contact_id,
            line=line_id,
            intent=intent,
            urgency=urgency,
            user=user_id,
        )
    await tx.run("update contacts set urgency = :urgency where id = :id", urgency=urgency, id=contact_id)
    if contact.enqueued_at is not None:
        config = await line_config(tx, line_id)
        await tx.run(
            "update waiting_work set order_key = :key where case_id = :id",
            key=order_key(contact.enqueued_at, contact.tier, urgency, config.priorities),
            id=contact_id,
        )
    tx.event(
        line_id,
        contact_id,
        "classification_corrected",
        f"user:{user_id}",
        {"intent": intent, "urgency": urgency, "was": before.intent if before else None},
    )


async def add_task(
    tx: Transaction,
    line_id: str,
    case_id: UUID,
    *,
    key: str,
    kind: str,
    owner_id: UUID | None = None,
    role: str | None = None,
    due_in_seconds: int | None = None,
    attrs: dict[str, Any] | None = None,
) -> bool:
    """Await an act from a person or a role; one cause raises one task. True when it is new."""
    task_id = new_id()
    added = await tx.run(
        """
        insert into tasks (id, line_id, case_id, key, kind, owner_id, role, attrs, due_at)
        values (:id, :line, :case_id, :key, :kind, :owner, :role, cast(:attrs as jsonb),
                ledger_now() + make_interval(secs => :due))
        on conflict (case_id, key) do nothing
        """,
        id=task_id,
        line=line_id,
        case_id=case_id,
        key=key,
        kind=kind,
        owner=owner_id,
        role=role,
        attrs=as_json(attrs or {}),
        due=due_in_seconds,
    )
    if added:
        tx.event(
            line_id,
            case_id,
            "task_added",
            "system",
            {"task_id": task_id, "kind": kind, "owner": owner_id, "role": role},
        )
    return bool(added)


async def clear_draft(tx: Transaction, user_id: UUID, contact_id: UUID, kind: str) -> None:
    await tx.run(
        "delete from drafts where user_id = :user and contact_id = :contact and kind = :kind",
        user=user_id,
        contact=contact_id,
        kind=kind,
    )

"""One bot turn on the ledger: what the customer wrote, what the bot knows, what it answers, in one step."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from adapters.db.config import LineConfig
from adapters.db.contact_acts import ACTS
from adapters.db.engine import Transaction, as_json
from adapters.db.handover import say_handover, summary_document
from adapters.db.knowledge import NO_MEANING, Meaning, candidates_for
from adapters.db.messages import NewMessage, insert_message
from adapters.db.steps import Act
from adapters.ids import new_id
from domain.bot.decide import chosen_article_id, decide
from domain.bot.model import (
    BusinessCall,
    BusinessResult,
    BusinessStatus,
    Classification,
    Decision,
    HandoverReason,
    Memory,
    Reply,
    Turn,
    Urgency,
)
from domain.contact import Stage, StepIntent, StepKind
from domain.text import Language

logger = logging.getLogger("holdfast.bot")

SAID_AT_ONCE = 20
"""Messages of one turn that are read together, when a customer writes faster than the bot."""


@dataclass(frozen=True)
class Unanswered:
    """What a turn is about to read."""

    line_id: str
    language: str
    text: str


async def unanswered(tx: Transaction, case_id: UUID, step_no: int) -> Unanswered | None:
    """What this step's turn will search articles for; None if it will not, or was taken already."""
    contact = await tx.first(
        """select k.line_id, k.language, k.handled_seq from contacts k join cases c using (id)
           where k.id = :id and k.stage = 'bot' and k.speaker = 'bot' and k.handover_reason is null
             and c.step_no < :step_no
             and not exists (select 1 from business_calls b where b.id = k.call_id and b.state = 'finished')""",
        id=case_id,
        step_no=step_no,
    )
    if contact is None:
        return None
    said = await _said(tx, case_id, contact.handled_seq)
    if not said or any("choice" in row.attrs for row in said):
        return None
    return Unanswered(contact.line_id, contact.language, _text_of(said))


async def bot_turn(
    tx: Transaction,
    config: LineConfig,
    contact: Row[Any],
    intent: StepIntent,
    *,
    meaning: Meaning = NO_MEANING,
) -> None:
    """Answer what is unanswered. A turn that lost the speaking right is discarded.

    `meaning` is what the optional embeddings endpoint says of what `unanswered` returned.
    """
    if contact.stage != Stage.BOT or contact.speaker != "bot" or contact.handover_reason is not None:
        return
    if contact.greeted_at is None:
        await _greet(tx, config, contact)
    turn, read_seq = await _turn(tx, config, contact, meaning)
    if turn is None:
        return
    memory = Memory.model_validate(contact.bot_memory or {})
    try:
        decision = decide(turn, memory, config.book)
    except Exception:  # noqa: BLE001 # whatever is wrong in the bot, the customer gets a person
        logger.error("bot turn failed", extra={"case_id": str(contact.id)})  # noqa: TRY400 # no content in logs
        await _fail(tx, config, contact)
        return
    for reply in decision.replies:
        await _say(tx, contact, reply, turn)
    call_id = await _request_call(tx, contact, decision.call) if decision.call is not None else None
    await _remember(tx, config, contact, decision, call_id, read_seq)
    await _classify(tx, contact, decision.classification)
    _explain(tx, contact, decision)


async def _greet(tx: Transaction, config: LineConfig, contact: Row[Any]) -> None:
    body = config.text("greeting", contact.language)
    message_id, seq = await insert_message(
        tx, contact.line_id, contact.id, NewMessage(author="bot", body=body, attrs={"code": "greeting"})
    )
    tx.event(contact.line_id, contact.id, "message", "bot", {"message_id": message_id, "seq": seq})


async def _turn(
    tx: Transaction, config: LineConfig, contact: Row[Any], meaning: Meaning
) -> tuple[Turn | None, int]:
    """What the bot is asked to react to (None when nothing is left), and how far it has read."""
    language = Language(contact.language)
    common: dict[str, Any] = {
        "language": language,
        "now": tx.locked_cases[contact.id].locked_at,
        "verified": contact.proven,
        "member": contact.proven_member,
    }
    result = await _finished_call(tx, contact)
    if result is not None:
        # An answer to a call comes by itself; words written meanwhile wait for the turn after it.
        return Turn(result=result, **common), contact.handled_seq
    said = await _said(tx, contact.id, contact.handled_seq)
    if not said and not contact.bot_resume:
        return None, contact.handled_seq
    choice = next((row.attrs["choice"] for row in reversed(said) if "choice" in row.attrs), None)
    text = _text_of(said)
    found = await candidates_for(tx, config, text, language, chosen_article_id(choice), meaning)
    turn = Turn(
        text=text,
        choice=choice,
        candidates=tuple(found),
        resumed=bool(contact.bot_resume) and not said,
        attachments=sum(len(row.attrs.get("attachments", ())) for row in said),
        **common,
    )
    return turn, said[-1].seq if said else contact.handled_seq


async def _said(tx: Transaction, contact_id: UUID, handled_seq: int) -> list[Row[Any]]:
    """The customer's messages that no turn has read."""
    return await tx.all(
        """select seq, body, attrs from messages
           where contact_id = :id and author = 'customer' and seq > :handled order by seq limit :most""",
        id=contact_id,
        handled=handled_seq,
        most=SAID_AT_ONCE,
    )


def _text_of(said: Sequence[Row[Any]]) -> str:
    return "\n".join(row.body for row in said)


async def _finished_call(tx: Transaction, contact: Row[Any]) -> BusinessResult | None:
    """The answer that the bot waits for, taken once."""
    if contact.call_id is None:
        return None
    row = await tx.first(
        """update business_calls set state = 'used'
           where id = :id and state = 'finished' returning status, result""",
        id=contact.call_id,
    )
    if row is None:
        return None
    return BusinessResult(status=BusinessStatus(row.status), data=row.result or {})


async def _say(tx: Transaction, contact: Row[Any], reply: Reply, turn: Turn) -> None:
    attrs: dict[str, Any] = {}
    if reply.choices:
        attrs["choices"] = [{"id": choice.id, "label": choice.label} for choice in reply.choices]
    if reply.citations:
        titles = {candidate.article_id: candidate.title for candidate in turn.candidates}
        attrs["citations"] = [{"id": cited, "title": titles.get(cited, "")} for cited in reply.citations]
    message_id, seq = await insert_message(
        tx,
        contact.line_id,
        contact.id,
        NewMessage(author="bot", kind=reply.kind.value, body=reply.text, attrs=attrs),
    )
    tx.event(contact.line_id, contact.id, "message", "bot", {"message_id": message_id, "seq": seq})


async def _request_call(tx: Transaction, contact: Row[Any], call: BusinessCall) -> UUID:
    call_id = new_id()
    await tx.run(
        """insert into business_calls (id, line_id, contact_id, name, arguments, idempotency_key)
           values (:id, :line, :contact, :name, cast(:arguments as jsonb), :key)""",
        id=call_id,
        line=contact.line_id,
        contact=contact.id,
        name=call.name,
        arguments=as_json(call.arguments),
        key=f"{contact.id}:{call.sequence}",
    )
    return call_id


async def _remember(
    tx: Transaction,
    config: LineConfig,
    contact: Row[Any],
    decision: Decision,
    call_id: UUID | None,
    read_seq: int,
) -> None:
    handover = decision.handover
    found = handover.urgency if handover is not None else decision.classification.urgency
    # A turn that waits for the business system keeps its deadline: the customer's patience is one.
    await tx.run(
        """
        update contacts set greeted_at = coalesce(greeted_at, ledger_now()),
            bot_memory = cast(:memory as jsonb), handled_seq = :read_seq, bot_resume = false,
            call_id = :call_id,
            turn_deadline_at = case when cast(:call_id as uuid) is not null or customer_seq > :read_seq then
                    coalesce(turn_deadline_at, ledger_now() + make_interval(secs => :turn_seconds)) end,
            handover_reason = :reason, summary = coalesce(cast(:summary as jsonb), summary),
            required_skills = coalesce(cast(:skills as jsonb), required_skills),
            plan_key = coalesce(:plan, plan_key), urgency = :urgency
        where id = :id
        """,
        memory=decision.memory.model_dump_json(exclude_defaults=True),
        read_seq=read_seq,
        call_id=call_id,
        turn_seconds=config.timing.bot_turn_seconds,
        reason=handover.reason.value if handover is not None else None,
        summary=as_json(summary_document(handover)) if handover is not None else None,
        skills=as_json(handover.skills) if handover is not None else None,
        plan=handover.plan if handover is not None else None,
        urgency=Urgency.highest(Urgency(contact.urgency), found).value,
        id=contact.id,
    )


async def _classify(tx: Transaction, contact: Row[Any], classification: Classification) -> None:
    if classification.intent is None and not classification.reason:
        return
    await tx.run(
        """
        insert into classifications (contact_id, line_id, intent, urgency, skills, reason)
        values (:id, :line, :intent, :urgency, cast(:skills as jsonb), cast(:reason as jsonb))
        on conflict (contact_id) do update set intent = excluded.intent, urgency = excluded.urgency,
            skills = excluded.skills, reason = excluded.reason, at = ledger_now()
        where classifications.corrected_at is null
          and (excluded.intent <> '' or classifications.intent = '')
        """,
        id=contact.id,
        line=contact.line_id,
        intent=classification.intent or "",
        urgency=classification.urgency.value,
        skills=as_json(classification.skills),
        reason=as_json([evidence.model_dump() for evidence in classification.reason]),
    )


def _explain(tx: Transaction, contact: Row[Any], decision: Decision) -> None:
    """The turn's reasoning: codes, ids and numbers, never the customer's words."""
    tx.event(
        contact.line_id,
        contact.id,
        "bot_turn",
        "bot",
        {
            "answered": decision.answered,
            "intent": decision.classification.intent,
            "urgency": decision.classification.urgency.value,
            "evidence": [evidence.code for evidence in decision.classification.reason],
            "handover": decision.handover.reason.value if decision.handover is not None else None,
            "call": decision.call.name if decision.call is not None else None,
            "trace": [step.model_dump(mode="json") for step in decision.trace],
        },
    )


async def _fail(tx: Transaction, config: LineConfig, contact: Row[Any]) -> None:
    """The bot broke: it says so once, and the next step hands over."""
    await say_handover(tx, config, contact, HandoverReason.BOT_FAILURE)
    await tx.run(
        """update contacts set handover_reason = :reason, greeted_at = coalesce(greeted_at, ledger_now())
           where id = :id""",
        reason=HandoverReason.BOT_FAILURE,
        id=contact.id,
    )
    tx.event(contact.line_id, contact.id, "bot_failed", "bot", {"reason": HandoverReason.BOT_FAILURE})


CONTACT_ACTS: dict[StepKind, Act] = ACTS | {StepKind.BOT_TURN: bot_turn}
"""Every act a contact's workflow may ask of the ledger."""

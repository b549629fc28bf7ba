"""Ledger steps: compare-and-set under the case's lock (DESIGN §1).

A step that was already used answers with its recorded outcome, so a workflow task that is lost after its
activity committed does nothing twice, whatever branch its replay would have chosen.
"""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from adapters.db.config import LineConfig, line_config
from adapters.db.engine import Database, NotFoundError, Transaction
from domain.bot.model import HandoverReason
from domain.contact import ContactState, ContactTimes, Stage, StepIntent, StepKind, alarms

Act = Callable[[Transaction, LineConfig, Row[Any], StepIntent], Awaitable[None]]

ROUTED = frozenset(
    {
        StepKind.HAND_OVER,
        StepKind.WIDEN,
        StepKind.OPEN_HOURS,
        StepKind.EXPIRE_OFFER,
        StepKind.CHECK_OWNER,
        StepKind.CLOSE_IDLE,
        StepKind.FINISH_WRAP_UP,
        StepKind.REQUEUE,
    }
)
"""Acts that add waiting work or free capacity: they take the routing lock before anything else."""


_CONTACT = """
    select k.*, coalesce(held.proven, false) as proven,
           coalesce(held.proven, false) and exists (
               select 1 from identities m
               where m.customer_id = k.customer_id and m.channel = 'member' and m.verified_at is not null
           ) as proven_member
    from contacts k
    left join lateral (
        select true as proven from identities i
        where i.id = k.identity_id and i.customer_id = k.customer_id and i.verified_at is not null
          and (i.verified_until is null or i.verified_until > ledger_now())
    ) held on true
    where k.id = :id
"""
"""A contact, and whether the identity it is held through is proven now: typed words, and another browser's
proof, prove nothing (RELIABILITY rule 8)."""


async def load_contact(database: Database, case_id: UUID) -> ContactState:
    """The contact as it stands: how every run begins. Raises NotFoundError."""
    async with database.reading() as tx:
        case = await tx.first("select * from cases where id = :id", id=case_id)
        if case is None:
            raise NotFoundError("case")
        config = await line_config(tx, case.line_id)
        return await _present(tx, config, case)


async def take_step(database: Database, intent: StepIntent, act: Act) -> ContactState:
    """Do one act of a contact's workflow once; the state after it, or the recorded outcome."""
    case_id = UUID(intent.case_id)
    async with database.transaction() as tx:
        if intent.kind in ROUTED:
            line_id = await tx.scalar("select line_id from cases where id = :id", id=case_id)
            await tx.lock_routing(line_id)
        case = await tx.lock_case(case_id)
        if case.step_no == intent.step_no and case.last_outcome is not None:
            return ContactState.model_validate(case.last_outcome)
        config = await line_config(tx, case.line_id, case.config_version)
        if case.step_no > intent.step_no:
            # Only a task that lost its race can ask for an older step; what it gets is the truth of now.
            return await _present(tx, config, case)
        contact = await tx.one(_CONTACT, id=case_id)
        if contact.stage != Stage.CLOSED:
            await act(tx, config, contact, intent)
        return await _record(tx, config, case, intent.step_no)


async def _present(tx: Transaction, config: LineConfig, case: Row[Any]) -> ContactState:
    return await read_state(
        tx, config, case.id, step_no=case.step_no, fact_seq=case.fact_seq, folded_seq=case.folded_seq
    )


async def _record(tx: Transaction, config: LineConfig, case: Row[Any], step_no: int) -> ContactState:
    """The state after the act is the step's outcome; what it has read needs no signal any more."""
    fact_seq = tx.fact_seqs.get(case.id, case.fact_seq)
    state = await read_state(tx, config, case.id, step_no=step_no, fact_seq=fact_seq, folded_seq=fact_seq)
    await tx.run(
        """update cases set step_no = :step_no, folded_seq = :fact_seq, signalled_seq = :fact_seq,
                  last_outcome = cast(:outcome as jsonb) where id = :id""",
        step_no=step_no,
        fact_seq=fact_seq,
        outcome=state.model_dump_json(exclude_defaults=True),
        id=case.id,
    )
    return state


async def read_state(
    tx: Transaction, config: LineConfig, case_id: UUID, *, step_no: int, fact_seq: int, folded_seq: int
) -> ContactState:
    """The workflow's view of a contact, from rows alone."""
    row = await tx.one(
        """
        select k.*, o.expires_at as offer_expires_at, b.state as call_state,
               coalesce(h.seen_at, k.accepted_at) as owner_seen_at,
               ledger_now() as read_at
        from contacts k
        left join business_calls b on b.id = k.call_id
        left join offers o on o.case_id = k.id and o.state = 'pending'
        left join agent_heartbeats h on h.agent_id = k.owner_id
        where k.id = :id
        """,
        id=case_id,
    )
    unanswered = row.stage in (Stage.BOT, Stage.SURVEY) and row.customer_seq > row.handled_seq
    bot = row.stage == Stage.BOT
    wish = HandoverReason.CUSTOMER_REQUEST.value if row.human_wanted_at is not None else None
    values = row._asdict()
    values["bot_busy"] = bot and (unanswered or row.bot_resume or row.call_id is not None)
    return ContactState(
        case_id=str(case_id),
        step_no=step_no,
        seen_seq=fact_seq,
        folded_seq=folded_seq,
        stage=Stage(row.stage),
        message_seq=row.customer_seq if unanswered else 0,
        resume=bot and (row.bot_resume or row.call_state == "finished"),
        call_id=str(row.call_id) if bot and row.call_state == "requested" else None,
        handover_reason=(row.handover_reason or wish) if bot else None,
        alarms=alarms(ContactTimes.model_validate(values), config.timing, row.read_at),
    )

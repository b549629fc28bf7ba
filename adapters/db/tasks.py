"""Tasks: acts awaited from a person or a role, and how they are settled."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from adapters.db.engine import NotFoundError, Transaction
from domain.refusals import Refusal, RefusalCode

PAGE_SIZE = 50


class TaskKind(StrEnum):
    """What is awaited; each has its texts under `tasks.kind.<kind>`."""

    MENTION = "mention"
    LOW_SCORE = "low_score"
    LEFT_MATTER = "left_matter"
    NOBODY_AVAILABLE = "nobody_available"
    QUARANTINED = "quarantined"
    INBOUND_CONFLICT = "inbound_conflict"


class TaskOutcome(StrEnum):
    """What came of it; texts under `tasks.outcome.<outcome>`."""

    DONE = "done"
    SEEN = "seen"
    CALLED_BACK = "called_back"
    ANSWERED = "answered"
    STAFFED = "staffed"
    REPAIRED = "repaired"
    CHECKED = "checked"
    NOT_NEEDED = "not_needed"


_OUTCOMES = {
    TaskKind.MENTION: (TaskOutcome.SEEN, TaskOutcome.DONE),
    TaskKind.LOW_SCORE: (TaskOutcome.CALLED_BACK, TaskOutcome.NOT_NEEDED),
    TaskKind.LEFT_MATTER: (TaskOutcome.ANSWERED, TaskOutcome.NOT_NEEDED),
    TaskKind.NOBODY_AVAILABLE: (TaskOutcome.STAFFED, TaskOutcome.NOT_NEEDED),
    TaskKind.QUARANTINED: (TaskOutcome.REPAIRED, TaskOutcome.NOT_NEEDED),
    TaskKind.INBOUND_CONFLICT: (TaskOutcome.CHECKED, TaskOutcome.NOT_NEEDED),
}


def outcomes_of(kind: str) -> tuple[TaskOutcome, ...]:
    """What may come of a task of this kind, the usual first."""
    return _OUTCOMES[TaskKind(kind)] if kind in set(TaskKind) else (TaskOutcome.DONE, TaskOutcome.NOT_NEEDED)


class Whose(StrEnum):
    """Whose tasks are listed."""

    MINE = "mine"
    """Awaited from me by name."""
    ROLE = "role"
    """Awaited from a role of mine."""
    EVERYONE = "everyone"
    """All of the line; for supervisors."""


@dataclass(frozen=True)
class TaskPage:
    """Tasks in order, and where to read on (None at the end)."""

    rows: list[Row[Any]]
    after: UUID | None


@dataclass(frozen=True)
class TaskCounts:
    """Open tasks by whose they are."""

    mine: int
    role: int
    everyone: int


_OF = {
    Whose.MINE: "t.owner_id = :me",
    Whose.ROLE: "t.owner_id is null and t.role = any(:roles)",
    Whose.EVERYONE: "true",
}

_ROW = """
    select t.id, t.line_id, t.kind, t.case_id, t.owner_id, t.role, t.attrs, t.created_at, t.due_at, t.done_at,
           t.outcome, t.due_at < ledger_now() as overdue, k.number, k.kind as case_kind, c.stage,
           u.id as customer_id, u.name as customer_name, u.tier, c.preview,
           o.name as owner_name, o.name_en as owner_name_en, d.name as done_name, d.name_en as done_name_en,
           b.name as by_name, b.name_en as by_name_en, m.body as message_body, s.score, s.comment
    from tasks t
    left join cases k on k.id = t.case_id
    left join contacts c on c.id = t.case_id
    left join customers u on u.id = c.customer_id
    left join users o on o.id = t.owner_id
    left join users d on d.id = t.done_by
    left join users b on cast(b.id as text) = t.attrs ->> 'by'
    left join messages m on cast(m.id as text) = t.attrs ->> 'message_id' and m.contact_id = t.case_id
    left join surveys s on s.contact_id = t.case_id and t.kind = 'low_score'
"""


async def list_tasks(
    tx: Transaction,
    line_id: str,
    me: UUID,
    roles: Iterable[str],
    *,
    whose: Whose = Whose.MINE,
    settled: bool = False,
    kind: TaskKind | None = None,
    after: UUID | None = None,
) -> TaskPage:
    """Open tasks, what is due first; or settled ones, the newest first."""
    order = "t.done_at desc, t.id desc" if settled else "t.due_at nulls last, t.id"
    rows = await tx.all(
        f"""
        with placed as (
            select t.id, row_number() over (order by {order}) as place from tasks t
            where t.line_id = :line and (t.done_at is not null) = :settled and {_OF[whose]}
              and (cast(:kind as text) is null or t.kind = :kind)
        ), page as (
            select id, place from placed
            where place > coalesce((select place from placed where id = :after), 0)
            order by place limit :limit
        )
        select listed.* from page join lateral ({_ROW} where t.id = page.id) as listed on true
        order by page.place
        """,  # noqa: S608 - built from constants of this module
        line=line_id,
        me=me,
        roles=list(roles),
        settled=settled,
        kind=kind.value if kind else None,
        after=after,
        limit=PAGE_SIZE + 1,
    )
    more = len(rows) > PAGE_SIZE
    rows = rows[:PAGE_SIZE]
    return TaskPage(rows, rows[-1].id if more else None)


async def count_tasks(tx: Transaction, line_id: str, me: UUID, roles: Iterable[str]) -> TaskCounts:
    """How many are open."""
    row = await tx.one(
        f"""select count(*) filter (where {_OF[Whose.MINE]}) as mine,
                   count(*) filter (where {_OF[Whose.ROLE]}) as role, count(*) as everyone
            from tasks t where t.line_id = :line and t.done_at is null""",  # noqa: S608 - constants of this module
        line=line_id,
        me=me,
        roles=list(roles),
    )
    return TaskCounts(row.mine, row.role, row.everyone)


async def get_task(tx: Transaction, line_id: str, task_id: UUID) -> Row[Any]:
    """Raises NotFoundError."""
    return await tx.one(f"{_ROW} where t.id = :id and t.line_id = :line", id=task_id, line=line_id)


async def settle(
    tx: Transaction, line_id: str, task_id: UUID, user_id: UUID, outcome: TaskOutcome
) -> datetime:
    """The act is done, with this outcome; when. Raises NotFoundError, Refusal ALREADY_DONE, WRONG_STAGE."""
    task = await _locked(tx, line_id, task_id)
    if task.done_at is not None:
        raise Refusal(RefusalCode.ALREADY_DONE)
    if outcome not in outcomes_of(task.kind):
        raise Refusal(RefusalCode.WRONG_STAGE)
    done_at: datetime = await tx.scalar(
        """update tasks set done_at = ledger_now(), done_by = :user, outcome = :outcome
           where id = :id returning done_at""",
        user=user_id,
        outcome=outcome.value,
        id=task_id,
    )
    _tell(tx, task, "task_settled", user_id, {"outcome": outcome.value})
    return done_at


async def reopen(tx: Transaction, line_id: str, task_id: UUID, user_id: UUID) -> None:
    """It was not done after all. Raises NotFoundError, Refusal ALREADY_DONE when it is open."""
    task = await _locked(tx, line_id, task_id)
    if task.done_at is None:
        raise Refusal(RefusalCode.ALREADY_DONE)
    await tx.run("update tasks set done_at = null, done_by = null, outcome = null where id = :id", id=task_id)
    _tell(tx, task, "task_reopened", user_id, {})


async def _locked(tx: Transaction, line_id: str, task_id: UUID) -> Row[Any]:
    """The task under its case's lock, which its event needs."""
    found = await tx.first(
        "select case_id from tasks where id = :id and line_id = :line", id=task_id, line=line_id
    )
    if found is None:
        raise NotFoundError("task")
    if found.case_id is not None:
        await tx.lock_case(found.case_id)
    return await tx.one("select * from tasks where id = :id for update", id=task_id)


def _tell(tx: Transaction, task: Row[Any], kind: str, user_id: UUID, attrs: dict[str, Any]) -> None:
    said = {"task_id": task.id, "kind": task.kind} | attrs
    if task.case_id is not None:
        tx.event(task.line_id, task.case_id, kind, f"user:{user_id}", said)
    else:
        tx.subject_event(task.line_id, f"task:{task.id}", kind, f"user:{user_id}", said)

"""Everything awaited from me or my role, and the buttons that settle it."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form
from fastapi.responses import Response

from adapters.db import tasks
from adapters.db.engine import Transaction
from adapters.db.tasks import TaskKind, TaskOutcome, Whose
from adapters.ids import new_id
from api.access import may_settle_task
from api.deps import CurrentUser, Reading, SignedIn, Tx
from api.errors import NotFound
from domain.roles import Role
from web.i18n import Texts
from web.pages.desk_deps import CommandId, once, view_of
from web.render import ReaderTexts, Render

router = APIRouter()

UNDO_SECONDS = 10
"""How long the page offers to take a settlement back at once; afterwards it stands under «settled»."""


async def _listed(
    tx: Transaction,
    user: SignedIn,
    texts: Texts,
    whose: Whose,
    *,
    settled: bool,
    kind: TaskKind | None,
    after: UUID | None,
) -> dict[str, Any]:
    supervises = user.viewer.has(Role.SUPERVISOR)
    if whose is Whose.EVERYONE and not supervises:
        whose = Whose.ROLE
    listed = await tasks.list_tasks(
        tx, user.line_id, user.id, user.viewer.roles, whose=whose, settled=settled, kind=kind, after=after
    )
    return {
        "view": await view_of(tx, texts, user),
        "rows": listed.rows,
        "after": listed.after,
        "counts": await tasks.count_tasks(tx, user.line_id, user.id, user.viewer.roles),
        "whose": whose,
        "settled": settled,
        "kind": kind,
        "kinds": list(TaskKind),
        "everyones": supervises,
        "outcomes_of": tasks.outcomes_of,
        "may_settle": lambda task: may_settle_task(
            user.viewer, line_id=task.line_id, owner_id=task.owner_id, role=task.role
        ),
        "reads_cases": user.viewer.has(Role.AGENT, Role.SUPERVISOR),
        "undo": None,
        "undo_seconds": UNDO_SECONDS,
        "new_id": new_id,
    }


@router.get("/tasks")
async def tasks_page(
    user: CurrentUser,
    tx: Reading,
    texts: ReaderTexts,
    page: Render,
    whose: Whose | None = None,
    settled: bool = False,
    kind: TaskKind | None = None,
    after: UUID | None = None,
) -> Response:
    """The list; without a choice the first part that holds anything."""
    if whose is None:
        counts = await tasks.count_tasks(tx, user.line_id, user.id, user.viewer.roles)
        whose = Whose.ROLE if not counts.mine and counts.role else Whose.MINE
    shown = await _listed(tx, user, texts, whose, settled=settled, kind=kind, after=after)
    return page("tasks/index.html", **shown)


@router.get("/tasks/list")
async def tasks_list(
    user: CurrentUser,
    tx: Reading,
    texts: ReaderTexts,
    page: Render,
    whose: Whose = Whose.MINE,
    settled: bool = False,
    kind: TaskKind | None = None,
    after: UUID | None = None,
) -> Response:
    """The list as it is now."""
    shown = await _listed(tx, user, texts, whose, settled=settled, kind=kind, after=after)
    return page("tasks/list.html", **shown)


async def _settleable(tx: Transaction, user: SignedIn, task_id: UUID) -> None:
    """Raises NotFoundError, NotFound."""
    task = await tasks.get_task(tx, user.line_id, task_id)
    if not may_settle_task(user.viewer, line_id=task.line_id, owner_id=task.owner_id, role=task.role):
        raise NotFound


@router.post("/tasks/{task_id}/settle")
async def settle(
    task_id: UUID,
    user: CurrentUser,
    tx: Tx,
    texts: ReaderTexts,
    page: Render,
    command_id: CommandId,
    outcome: Annotated[TaskOutcome, Form()],
    whose: Annotated[Whose, Form()] = Whose.MINE,
    kind: Annotated[TaskKind | None, Form()] = None,
) -> Response:
    """Done, with this outcome; the list without it, and for a moment a button that takes it back."""

    async def act() -> None:
        await _settleable(tx, user, task_id)
        await tasks.settle(tx, user.line_id, task_id, user.id, outcome)

    await once(tx, user, command_id, f"settle:{task_id}", act)
    shown = await _listed(tx, user, texts, whose, settled=False, kind=kind, after=None)
    settled_task = await tasks.get_task(tx, user.line_id, task_id)
    return page("tasks/list.html", **(shown | {"undo": settled_task}))


@router.post("/tasks/{task_id}/reopen")
async def reopen(
    task_id: UUID,
    user: CurrentUser,
    tx: Tx,
    texts: ReaderTexts,
    page: Render,
    command_id: CommandId,
    whose: Annotated[Whose, Form()] = Whose.MINE,
    settled: Annotated[bool, Form()] = False,
    kind: Annotated[TaskKind | None, Form()] = None,
) -> Response:
    """It was not done after all."""

    async def act() -> None:
        await _settleable(tx, user, task_id)
        await tasks.reopen(tx, user.line_id, task_id, user.id)

    await once(tx, user, command_id, f"reopen:{task_id}", act)
    return page(
        "tasks/list.html", **await _listed(tx, user, texts, whose, settled=settled, kind=kind, after=None)
    )

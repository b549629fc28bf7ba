"""The supervisor's board: live figures, and the acts that put things right."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Query
from fastapi.responses import Response

from adapters.db import board, offers
from adapters.db.board import Slice
from adapters.db.engine import Transaction
from adapters.db.scopes import contact_scope
from adapters.ids import new_id
from api.access import ContactAct, may_act_on_contact, may_see_board
from api.deps import Editor, Reading, SignedIn, Supervisor, Tx
from api.errors import Forbidden, NotFound
from domain.contact import Stage
from domain.roles import Role
from web.i18n import Texts
from web.pages.desk_deps import CommandId, once, view_of
from web.render import ReaderTexts, Render

router = APIRouter()

_STAGES = (Stage.BOT, Stage.QUEUED, Stage.OFFERED, Stage.TALKING, Stage.WRAP_UP, Stage.SURVEY)
_PRESENCES = ("ready", "busy", "away", "offline")


async def _shown(tx: Transaction, user: SignedIn, texts: Texts) -> dict[str, Any]:
    if not may_see_board(user.viewer):
        raise Forbidden
    seen = await board.read_board(tx, user.line_id)
    waiting = [queue.longest_since for queue in seen.queues if queue.longest_since is not None]
    return {
        "view": await view_of(tx, texts, user),
        "board": seen,
        "stages": _STAGES,
        "presences": _PRESENCES,
        "waiting": sum(queue.waiting for queue in seen.queues),
        "longest_since": min(waiting, default=None),
        "ready": [agent for agent in seen.agents if agent.presence == "ready" and agent.screen_alive],
        "steers": user.viewer.has(Role.SUPERVISOR),
        "takes_work": await board.is_agent(tx, user.line_id, user.id),
        "new_id": new_id,
    }


@router.get("/board")
async def board_page(
    user: Editor, tx: Reading, texts: ReaderTexts, page: Render, tv: bool = False
) -> Response:
    """The board; with `tv` large, dark and without anything to press, for a screen on the wall."""
    shown = await _shown(tx, user, texts)
    if tv:
        return page("board/tv.html", tv=True, theme="dark", **shown)
    return page("board/index.html", tv=False, **shown)


@router.get("/board/live")
async def board_live(
    user: Editor, tx: Reading, texts: ReaderTexts, page: Render, tv: bool = False
) -> Response:
    """All that changes, as it is now."""
    return page("board/live.html", tv=tv, **await _shown(tx, user, texts))


@router.get("/board/contacts")
async def board_contacts(
    user: Supervisor,
    tx: Reading,
    texts: ReaderTexts,
    page: Render,
    part: Slice,
    key: Annotated[str, Query(max_length=80)],
) -> Response:
    """The contacts behind a figure, each with what a supervisor can do about it."""
    return page(
        "board/contacts.html",
        rows=await board.contacts_of(tx, user.line_id, part, key),
        part=part.value,
        key=key,
        agents=await board.agents_at_work(tx, user.line_id),
        most=board.LISTED_AT_MOST,
        open_stages=(Stage.BOT, Stage.QUEUED, Stage.OFFERED, Stage.TALKING),
        takes_work=await board.is_agent(tx, user.line_id, user.id),
        view=await view_of(tx, texts, user),
        new_id=new_id,
    )


@router.post("/board/contacts/{contact_id}/assign")
async def assign(
    contact_id: UUID,
    user: Supervisor,
    tx: Tx,
    texts: ReaderTexts,
    page: Render,
    command_id: CommandId,
    part: Annotated[Slice, Form()],
    key: Annotated[str, Form(max_length=80)],
    to: Annotated[UUID | None, Form()] = None,
    owner: Annotated[str | None, Form(max_length=36)] = None,
) -> Response:
    """Take a contact over, or give it to an agent; the list as it is afterwards."""
    taken_over = to is None or to == user.id
    wanted = ContactAct.TAKE_OVER if taken_over else ContactAct.REASSIGN

    async def act() -> None:
        if not may_act_on_contact(user.viewer, await contact_scope(tx, contact_id), wanted):
            raise NotFound
        how = "taken_over" if taken_over else "assigned"
        await offers.assign(
            tx, user.line_id, contact_id, to or user.id, by=user.id, how=how, seen_owner=owner
        )

    await once(tx, user, command_id, f"board.assign:{contact_id}", act)
    return await board_contacts(user, tx, texts, page, part, key)


@router.post("/board/agents/{agent_id}/presence", status_code=204)
async def set_presence(
    agent_id: UUID,
    user: Supervisor,
    tx: Tx,
    command_id: CommandId,
    presence: Annotated[Literal["ready", "busy", "away", "offline"], Form()],
) -> None:
    """A supervisor sets an agent's presence: somebody forgot to go offline, or must be freed."""

    async def act() -> None:
        if not await board.is_agent(tx, user.line_id, agent_id):
            raise NotFound
        await offers.set_presence(
            tx, user.line_id, agent_id, presence, reason="set_by_supervisor", actor=user.actor
        )

    await once(tx, user, command_id, f"board.presence:{agent_id}:{presence}", act)

"""Routing plans: ordered steps that widen until somebody takes the work."""

import re
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from adapters.db import admin_reading
from adapters.db.engine import NotFoundError, Transaction
from api.deps import Reading, SignedIn, Tx
from domain.routing import PlanStep
from web.pages.admin_common import Configurer, Filled, FilledForm, back, menu, save, subject
from web.render import Render

router = APIRouter(prefix="/admin/plans")

MOST_STEPS = 10
LONGEST_WAIT_SECONDS = 86_400
_DO = re.compile(r"(add|up|down|remove)-(\d{1,2})\Z")


@router.get("")
async def plans_page(user: Configurer, tx: Reading, page: Render) -> Response:
    """All plans with their steps in one line each."""
    return page(
        "admin/plans.html",
        **menu(
            "plans",
            rows=await admin_reading.plans(tx, user.line_id),
            **await _names(tx, user.line_id),
        ),
    )


async def _names(tx: Transaction, line_id: str) -> dict[str, Any]:
    return {
        "queues": await admin_reading.queues(tx, line_id),
        "skills": await admin_reading.skills(tx, line_id),
    }


@router.get("/{key}")
async def plan_page(key: str, user: Configurer, tx: Reading, page: Render) -> Response:
    """One plan's editor."""
    row = await _plan(tx, user, key)
    steps = [PlanStep.model_validate(step) for step in row.steps] if row else []
    return page("admin/plan.html", **await _editor(tx, user, key, Filled({}), steps))


async def _plan(tx: Transaction, user: SignedIn, key: str) -> Any:
    row = next((row for row in await admin_reading.plans(tx, user.line_id) if row.key == key), None)
    if row is None and key != "new":
        raise NotFoundError("plan")
    return row


async def _editor(
    tx: Transaction, user: SignedIn, key: str, form: Filled, steps: list[PlanStep]
) -> dict[str, Any]:
    return menu(
        "plans",
        row=await _plan(tx, user, key),
        steps=steps or [PlanStep.model_construct(queues=[], skills={}, wait_seconds=60)],
        form=form,
        problems=form.problems,
        details=form.details,
        most_steps=MOST_STEPS,
        **await _names(tx, user.line_id),
    )


@router.post("/{key}")
async def save_plan(key: str, user: Configurer, tx: Tx, form: FilledForm, page: Render) -> Response:
    """Save the plan; or only move, add or remove a step in the form, which saves nothing yet."""
    names = await _names(tx, user.line_id)
    steps = _steps(form, {row.key for row in names["queues"]}, {row.key for row in names["skills"]})
    moved = _DO.match(form.raw("do"))
    if moved:
        steps = _moved(steps, moved[1], int(moved[2]))
        form.problems.clear()
        return page("admin/plan.html", **await _editor(tx, user, key, form, steps))
    row = await _plan(tx, user, key)
    name = form.key() if row is None else key
    if row is None and name in {plan.key for plan in await admin_reading.plans(tx, user.line_id)} | {"new"}:
        form.problems["key"] = "admin.key_taken"
    value = {
        "name_zh": form.text("name_zh"),
        "name_en": form.text("name_en"),
        "steps": [step.model_dump() for step in steps],
    }
    if not steps:
        form.problems["steps"] = "admin.plans.step_needed"
    if form.problems:
        return page("admin/plan.html", status_code=422, **await _editor(tx, user, key, form, steps))
    await save(tx, user, subject("routing_plans", name), value)
    return back(f"/admin/plans/{name}")


def _steps(form: Filled, queues: set[str], skills: set[str]) -> list[PlanStep]:
    """The posted steps in order; what is wrong with one is noted by its number."""
    steps = []
    for number in range(MOST_STEPS):
        if not form.raw(f"step_{number}"):
            continue
        chosen = [queue for queue in dict.fromkeys(form.all(f"queues_{number}")) if queue in queues]
        first = form.raw(f"first_{number}")
        if first in queues:
            chosen = [first, *(queue for queue in chosen if queue != first)]
        if not chosen:
            form.problems[f"queues_{number}"] = "admin.plans.queue_needed"
        wanted = {
            skill: form.number(f"skill_{number}_{skill}", 1, 5)
            for skill in sorted(skills)
            if form.raw(f"skill_{number}_{skill}") not in ("", "0")
        }
        steps.append(
            PlanStep.model_construct(
                queues=chosen,
                skills=wanted,
                relax_levels=form.number(f"relax_{number}", 0, 4),
                drop_skills=form.raw(f"drop_{number}") == "true",
                wait_seconds=form.number(f"wait_{number}", 1, LONGEST_WAIT_SECONDS),
            )
        )
    return steps


def _moved(steps: list[PlanStep], how: str, number: int) -> list[PlanStep]:
    """The steps after one press of a button beside step `number`."""
    steps = list(steps)
    if how == "add" and len(steps) < MOST_STEPS:
        model = steps[-1] if steps else PlanStep.model_construct(queues=[], skills={}, wait_seconds=60)
        return [*steps, model]
    if number >= len(steps):
        return steps
    if how == "remove":
        del steps[number]
    other = number - 1 if how == "up" else number + 1
    if how in ("up", "down") and 0 <= other < len(steps):
        steps[number], steps[other] = steps[other], steps[number]
    return steps

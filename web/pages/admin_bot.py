"""What the bot follows: flows, intents and synonyms as YAML, checked with their lines before they count."""

from collections.abc import Mapping
from typing import Annotated, Any

import yaml
from fastapi import APIRouter, Form
from fastapi.responses import Response

from adapters.db import admin_reading
from adapters.db.engine import NotFoundError, Transaction
from adapters.pack_yaml import Document, read_yaml
from api.deps import Reading, SignedIn, Tx
from domain.bot.book import BookError, load_book
from domain.pack_base import Problem
from web.pages.admin_common import KEY, Configurer, back, menu, save, subject
from web.render import ReaderTexts, Render

router = APIRouter(prefix="/admin/bot")

DOCUMENTS = ("intents", "synonyms")
LONGEST_YAML = 400_000
_BODY_BYTES = 2_000_000


@router.get("")
async def bot_page(user: Configurer, tx: Reading, page: Render) -> Response:
    """Flows, on and off, and the two documents."""
    rows = await admin_reading.flows(tx, user.line_id)
    return page("admin/bot.html", **menu("bot", rows=rows, documents=DOCUMENTS))


@router.get("/{kind}/{key}")
async def document_page(kind: str, key: str, user: Configurer, tx: Reading, page: Render) -> Response:
    """One document as YAML; `flow/new` for a new flow."""
    value = await _value(tx, user, kind, key)
    text = "" if value is None else _as_yaml(value)
    return page("admin/bot_document.html", **_editor(kind, key, text, []))


def _editor(kind: str, key: str, text: str, faults: list[tuple[int, str]], name: str = "") -> dict[str, Any]:
    return menu("bot", kind=kind, key=key, text=text, faults=faults, name=name)


def _as_yaml(value: Any) -> str:
    return yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=110)


async def _value(tx: Transaction, user: SignedIn, kind: str, key: str) -> Any:
    """What the ledger holds; None for a new flow. Raises NotFoundError."""
    if kind == "document" and key in DOCUMENTS:
        return await admin_reading.setting(tx, user.line_id, key) or {}
    if kind == "flow":
        if key == "new":
            return None
        for row in await admin_reading.flows(tx, user.line_id):
            if row.key == key:
                return row.definition
    raise NotFoundError("document")


@router.post("/{kind}/{key}", max_body_size=_BODY_BYTES)
async def save_document(
    kind: str,
    key: str,
    user: Configurer,
    tx: Tx,
    texts: ReaderTexts,
    page: Render,
    text: Annotated[str, Form(max_length=LONGEST_YAML)] = "",
    name: Annotated[str, Form(max_length=64)] = "",
) -> Response:
    """Save it when the whole book still holds with it; else say what is wrong, line by line."""
    await _value(tx, user, kind, key)
    saved_as = name if (kind, key) == ("flow", "new") else key
    problems: list[Problem] = []
    document = read_yaml(text, saved_as, problems)
    if not KEY.match(saved_as):
        problems.append(
            Problem(
                saved_as,
                1,
                "the flow's key holds small letters, digits and _ only",
                "流程的标识只能包含小写字母、数字和下划线",
            )
        )
    if document is not None and not isinstance(document.value, dict):
        problems.append(
            Problem(saved_as, 1, "this must be a mapping of keys to values", "此处应为“键: 值”的形式")
        )
    if document is not None and not problems:
        problems = await _checked(tx, user, kind, saved_as, document)
    if problems or document is None:
        faults = [
            (each.line, each.message_zh if texts.language == "zh" else each.message) for each in problems
        ]
        return page(
            "admin/bot_document.html", status_code=422, **_editor(kind, key, text, sorted(faults), name)
        )
    if kind == "flow":
        rows = {row.key: row for row in await admin_reading.flows(tx, user.line_id)}
        enabled = rows[saved_as].enabled if saved_as in rows else True
        await save(
            tx, user, subject("flows", saved_as), {"definition": dict(document.value), "enabled": enabled}
        )
    else:
        await save(tx, user, subject("settings", key), {"value": dict(document.value)})
    return back("/admin/bot")


async def _checked(tx: Transaction, user: SignedIn, kind: str, key: str, document: Document) -> list[Problem]:
    """What is wrong with the whole book when this document takes its place."""
    flows: dict[str, Mapping[str, Any]] = {
        row.key: row.definition for row in await admin_reading.flows(tx, user.line_id) if row.enabled
    }
    parts = {name: await admin_reading.setting(tx, user.line_id, name) or {} for name in DOCUMENTS}
    if kind == "flow":
        flows[key] = document.value
    else:
        parts[key] = document.value
    own = f"flows/{key}" if kind == "flow" else key
    try:
        load_book(flows=flows, intents=parts["intents"], synonyms=parts["synonyms"])
    except BookError as error:
        return [
            Problem(
                key,
                document.line_of(problem.loc) if problem.document == own else 1,
                f"{problem.document}: {'.'.join(map(str, problem.loc))}: {problem.message}",
                f"{problem.document}：`{'.'.join(map(str, problem.loc))}` 的内容不正确（{problem.message}）",
            )
            for problem in error.problems
        ]
    return []


@router.post("/flow/{key}/switch")
async def switch_flow(
    key: str, user: Configurer, tx: Tx, page: Render, enabled: Annotated[bool, Form()] = False
) -> Response:
    """Turn a flow on or off; refused when something that stays on leads to it."""
    rows = await admin_reading.flows(tx, user.line_id)
    row = next((row for row in rows if row.key == key), None)
    if row is None:
        raise NotFoundError("flow")
    on = {each.key: each.definition for each in rows if each.enabled and each.key != key}
    if enabled:
        on[key] = row.definition
    parts = {name: await admin_reading.setting(tx, user.line_id, name) or {} for name in DOCUMENTS}
    try:
        load_book(flows=on, intents=parts["intents"], synonyms=parts["synonyms"])
    except BookError as error:
        found = "; ".join(problem.message for problem in error.problems)
        return page(
            "admin/bot.html",
            status_code=422,
            **menu("bot", rows=rows, documents=DOCUMENTS, refused=key, why=found),
        )
    await save(tx, user, subject("flows", key), {"definition": row.definition, "enabled": enabled})
    return back("/admin/bot")

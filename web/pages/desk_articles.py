"""Articles in the desk: looked up by all staff, edited by those with the right, searchable at once."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Query
from fastapi.responses import Response

from adapters.db import desk_articles
from adapters.db.desk_articles import ArticleText
from adapters.db.desk_search import search_tokens
from adapters.db.desk_words import line_words
from adapters.db.engine import Transaction
from api.access import may_edit_articles, may_see_articles
from api.deps import CurrentUser, Editor, Reading, SignedIn, Tx
from api.errors import Forbidden
from domain.pack_texts import article_slips
from domain.text import clean_text
from web.i18n import Texts
from web.pages.desk_deps import CommandId, once, view_of
from web.render import ReaderTexts, Render

router = APIRouter()

FEWEST_QUESTIONS = 1
LONGEST_TITLE = 200
LONGEST_BODY = 16_000
_STATES = ("all", "published", "draft", "archived", "review", "expired")


@router.get("/desk/articles")
async def articles(
    user: CurrentUser,
    tx: Reading,
    texts: ReaderTexts,
    page: Render,
    q: Annotated[str, Query(max_length=200)] = "",
    state: Literal["all", "published", "draft", "archived", "review", "expired"] = "all",
    language: Literal["zh", "en", ""] = "",
    after: str | None = None,
) -> Response:
    """The knowledge base: what is valid, what is due for review."""
    if not may_see_articles(user.viewer):
        raise Forbidden
    rows, following = await desk_articles.list_articles(
        tx, user.line_id, language=language or None, state=state, wanted=search_tokens(q), after=after
    )
    return page(
        "desk/articles.html",
        view=await view_of(tx, texts, user),
        rows=rows,
        following=following,
        query=q,
        state=state,
        states=_STATES,
        language=language,
        may_edit=may_edit_articles(user.viewer),
    )


@router.get("/desk/articles/new")
async def new_article(
    user: Editor,
    tx: Reading,
    texts: ReaderTexts,
    page: Render,
    key: str = "",
    language: Literal["zh", "en"] = "zh",
) -> Response:
    """An empty form; with a key, the other language of an article."""
    values = _empty(key, language)
    return page("desk/article.html", **await _form(tx, user, texts, values, article_id=None, version=0))


@router.get("/desk/articles/{article_id}")
async def article(
    article_id: UUID, user: CurrentUser, tx: Reading, texts: ReaderTexts, page: Render, saved: bool = False
) -> Response:
    """One article; a form for those who may edit it."""
    if not may_see_articles(user.viewer):
        raise Forbidden
    row = await desk_articles.get_article(tx, user.line_id, article_id)
    values = {
        "key": row.key,
        "language": row.language,
        "title": row.title,
        "questions": "\n".join(row.questions),
        "body": row.body,
        "category": row.category,
        "skill": row.skill,
        "status": row.status,
        "valid_from": row.valid_from.isoformat() if row.valid_from else "",
        "valid_until": row.valid_until.isoformat() if row.valid_until else "",
        "review_at": row.review_at.isoformat() if row.review_at else "",
    }
    shown = await _form(tx, user, texts, values, article_id=article_id, version=row.version)
    return page("desk/article.html", **shown | {"row": row, "saved": saved})


@router.post("/desk/articles")
async def save(
    user: Editor,
    tx: Tx,
    texts: ReaderTexts,
    page: Render,
    command_id: CommandId,
    key: Annotated[str, Form(max_length=60)],
    language: Annotated[Literal["zh", "en"], Form()],
    id: Annotated[UUID | None, Form()] = None,
    version: Annotated[int, Form()] = 0,
    title: Annotated[str, Form(max_length=LONGEST_TITLE)] = "",
    questions: Annotated[str, Form(max_length=6000)] = "",
    body: Annotated[str, Form(max_length=LONGEST_BODY)] = "",
    category: Annotated[str, Form(max_length=60)] = "",
    skill: Annotated[str, Form(max_length=60)] = "",
    status: Annotated[Literal["draft", "published", "archived"], Form()] = "published",
    valid_from: Annotated[str, Form(max_length=10)] = "",
    valid_until: Annotated[str, Form(max_length=10)] = "",
    review_at: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Save; with mistakes the form comes back as it was, saying what is wrong where."""
    values: dict[str, Any] = {
        "key": key.strip(),
        "language": language,
        "title": clean_text(title),
        "questions": clean_text(questions),
        "body": clean_text(body),
        "category": category.strip(),
        "skill": skill,
        "status": status,
        "valid_from": valid_from,
        "valid_until": valid_until,
        "review_at": review_at,
    }
    problems, days = _problems(texts, values)
    if problems:
        shown = await _form(tx, user, texts, values, article_id=id, version=version)
        return page("desk/article.html", status_code=422, **shown | {"problems": problems})
    text = ArticleText(
        key=values["key"],
        language=values["language"],
        title=values["title"],
        body=values["body"],
        category=values["category"],
        skill=values["skill"],
        status=values["status"],
        questions=_lines(values["questions"]),
        valid_from=days["valid_from"],
        valid_until=days["valid_until"],
        review_at=days["review_at"],
    )

    async def act() -> str:
        return str(await desk_articles.save_article(tx, user.line_id, user.id, text, id=id, version=version))

    if not may_edit_articles(user.viewer):
        raise Forbidden
    saved = await once(tx, user, command_id, f"article:{id or key}", act)
    return Response(status_code=204, headers={"HX-Redirect": f"/desk/articles/{saved}?saved=true"})


def _empty(key: str, language: str) -> dict[str, Any]:
    return {
        "key": key,
        "language": language,
        "title": "",
        "questions": "",
        "body": "",
        "category": "",
        "skill": "",
        "status": "published",
        "valid_from": "",
        "valid_until": "",
        "review_at": "",
    }


async def _form(
    tx: Transaction,
    user: SignedIn,
    texts: Texts,
    values: dict[str, Any],
    *,
    article_id: UUID | None,
    version: int,
) -> dict[str, Any]:
    words = await line_words(tx, user.line_id)
    other = await desk_articles.other_language(tx, user.line_id, values["key"], values["language"])
    return {
        "view": await view_of(tx, texts, user),
        "values": values,
        "article_id": article_id,
        "version": version,
        "skills": words.areas["skill"],
        "categories": await desk_articles.categories(tx, user.line_id),
        "other": other,
        "other_language": "en" if values["language"] == "zh" else "zh",
        "may_edit": may_edit_articles(user.viewer),
        "problems": {},
        "row": None,
        "saved": False,
    }


def _lines(text: str) -> list[str]:
    return list(dict.fromkeys(line.strip()[:200] for line in text.splitlines() if line.strip()))[:30]


def _problems(texts: Texts, values: dict[str, Any]) -> tuple[dict[str, str], dict[str, date | None]]:
    """What is wrong, by field, in the reader's words; and the dates read."""
    problems: dict[str, str] = {}
    days: dict[str, date | None] = {}
    for name in ("valid_from", "valid_until", "review_at"):
        try:
            days[name] = date.fromisoformat(values[name]) if values[name] else None
        except ValueError:
            problems[name] = texts("desk.article.problem.date")
    if not _is_key(values["key"]):
        problems["key"] = texts("desk.article.problem.key")
    for name in ("title", "body"):
        if not values[name]:
            problems[name] = texts("desk.article.problem.empty")
    if len(_lines(values["questions"])) < FEWEST_QUESTIONS:
        problems["questions"] = texts("desk.article.problem.questions")
    for name in ("title", "questions", "body"):
        if article_slips(values[name]):
            problems[name] = texts("desk.article.problem.template", found=_first_template(values[name]))
    start, until = days.get("valid_from"), days.get("valid_until")
    if start is not None and until is not None and until < start:
        problems["valid_until"] = texts("desk.article.problem.order")
    return problems, days


def _is_key(key: str) -> bool:
    return 0 < len(key) <= 60 and all(each.isascii() and (each.isalnum() or each in "._-") for each in key)


def _first_template(text: str) -> str:
    """The place that is wrong, as it stands."""
    at = min((at for at in (text.find("{{"), text.find("}}")) if at >= 0), default=0)
    return text[at : at + 40].splitlines()[0]

"""Who works here, what waits where, what the bot knows, what is awaited from whom."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query

from adapters.db import api_reading, desk_articles, tasks
from adapters.db.config import touch_configuration
from adapters.db.desk_articles import ArticleText
from adapters.db.desk_search import search_tokens
from adapters.db.engine import Transaction
from api.access import may_edit_articles, may_see_articles, may_settle_task
from api.deps import Reading, SignedIn, Tx
from api.errors import Forbidden, Invalid, NotFound
from api.v1.auth import ApiEditor, ApiUser, CommandId
from api.v1.once import once
from api.v1.shapes import (
    AgentList,
    AgentShown,
    ArticleChangeRequest,
    ArticleDetail,
    ArticleInList,
    ArticlePage,
    ArticleRequest,
    ArticleSaved,
    LanguageCode,
    NewArticleRequest,
    QueueList,
    QueueShown,
    SettleRequest,
    TaskList,
    TaskShown,
)
from domain.pack_texts import article_slips
from domain.roles import Role
from domain.text import clean_text

router = APIRouter()


@router.get("/agents", tags=["agents"])
async def list_agents(user: ApiUser, tx: Reading) -> AgentList:
    """The line's agents with presence, load, skills and queues."""
    rows = await api_reading.agents(tx, user.line_id)
    return AgentList(agents=[AgentShown.model_validate(row) for row in rows])


@router.get("/queues", tags=["queues"])
async def list_queues(user: ApiUser, tx: Reading) -> QueueList:
    """The line's queues with what waits in each and since when."""
    rows = await api_reading.queues(tx, user.line_id)
    return QueueList(queues=[QueueShown.model_validate(row) for row in rows])


# Articles


@router.get("/articles", tags=["articles"])
async def list_articles(
    user: ApiUser,
    tx: Reading,
    q: Annotated[str, Query(max_length=200)] = "",
    state: Literal["all", "published", "draft", "archived", "review", "expired"] = "all",
    language: LanguageCode | None = None,
    after: Annotated[str | None, Query(max_length=120)] = None,
) -> ArticlePage:
    """The knowledge base by key, 50 a page; `q` narrows it to articles that hold every word."""
    if not may_see_articles(user.viewer):
        raise Forbidden
    rows, following = await desk_articles.list_articles(
        tx, user.line_id, language=language, state=state, wanted=search_tokens(q), after=after
    )
    return ArticlePage(articles=[ArticleInList.model_validate(row) for row in rows], after=following)


@router.get("/articles/{article_id}", tags=["articles"])
async def get_article(article_id: UUID, user: ApiUser, tx: Reading) -> ArticleDetail:
    """One article in one language."""
    if not may_see_articles(user.viewer):
        raise Forbidden
    return ArticleDetail.model_validate(await desk_articles.get_article(tx, user.line_id, article_id))


@router.post("/articles", status_code=201, tags=["articles"])
async def create_article(
    user: ApiEditor, tx: Tx, command_id: CommandId, asked: NewArticleRequest
) -> ArticleSaved:
    """A new article; it is found at once. 409 when the key is taken in this language."""
    return await _save(tx, user, command_id, _text(asked, asked.key, asked.language), None, 0)


@router.put("/articles/{article_id}", tags=["articles"])
async def change_article(
    article_id: UUID, user: ApiEditor, tx: Tx, command_id: CommandId, asked: ArticleChangeRequest
) -> ArticleSaved:
    """A new version; 409 when somebody saved since you read it."""
    known = await desk_articles.get_article(tx, user.line_id, article_id)
    return await _save(
        tx, user, command_id, _text(asked, known.key, known.language), article_id, asked.version
    )


def _text(asked: ArticleRequest, key: str, language: str) -> ArticleText:
    if article_slips(asked.body):
        raise Invalid(fields={"body": "api.field.template"})
    if asked.valid_from and asked.valid_until and asked.valid_until < asked.valid_from:
        raise Invalid(fields={"valid_until": "api.field.days"})
    return ArticleText(
        key=key,
        language=language,
        title=clean_text(asked.title),
        questions=[clean_text(question) for question in asked.questions],
        body=clean_text(asked.body),
        category=asked.category,
        skill=asked.skill,
        status=asked.status,
        valid_from=asked.valid_from,
        valid_until=asked.valid_until,
        review_at=asked.review_at,
    )


async def _save(
    tx: Transaction,
    user: SignedIn,
    command_id: UUID,
    article: ArticleText,
    article_id: UUID | None,
    version: int,
) -> ArticleSaved:
    if not may_edit_articles(user.viewer):
        raise Forbidden

    async def act() -> str:
        saved = await desk_articles.save_article(
            tx, user.line_id, user.id, article, id=article_id, version=version
        )
        await touch_configuration(tx, user.line_id)
        return str(saved)

    name = f"article:{article_id or f'{article.key}.{article.language}'}"
    return ArticleSaved(id=UUID(await once(tx, user, command_id, name, act)))


# Tasks


@router.get("/tasks", tags=["tasks"])
async def list_tasks(
    user: ApiUser,
    tx: Reading,
    whose: tasks.Whose = tasks.Whose.MINE,
    settled: bool = False,
    kind: tasks.TaskKind | None = None,
    after: UUID | None = None,
) -> TaskList:
    """What is awaited: from me, from my role, or (supervisors) from everyone."""
    if whose is tasks.Whose.EVERYONE and not user.viewer.has(Role.SUPERVISOR):
        raise Forbidden
    page = await tasks.list_tasks(
        tx, user.line_id, user.id, user.viewer.roles, whose=whose, settled=settled, kind=kind, after=after
    )
    shown = [TaskShown.model_validate(row) for row in page.rows]
    return TaskList(
        tasks=[each.model_copy(update={"outcomes": list(tasks.outcomes_of(each.kind))}) for each in shown],
        after=page.after,
    )


async def _settleable(tx: Transaction, user: SignedIn, task_id: UUID) -> None:
    task = await tasks.get_task(tx, user.line_id, task_id)
    if not may_settle_task(user.viewer, line_id=task.line_id, owner_id=task.owner_id, role=task.role):
        raise NotFound


@router.post("/tasks/{task_id}/settle", status_code=204, tags=["tasks"])
async def settle_task(
    task_id: UUID, user: ApiUser, tx: Tx, command_id: CommandId, asked: SettleRequest
) -> None:
    """It is done, with this outcome."""

    async def act() -> None:
        await _settleable(tx, user, task_id)
        await tasks.settle(tx, user.line_id, task_id, user.id, asked.outcome)

    await once(tx, user, command_id, f"settle:{task_id}", act)


@router.post("/tasks/{task_id}/reopen", status_code=204, tags=["tasks"])
async def reopen_task(task_id: UUID, user: ApiUser, tx: Tx, command_id: CommandId) -> None:
    """It was not done after all."""

    async def act() -> None:
        await _settleable(tx, user, task_id)
        await tasks.reopen(tx, user.line_id, task_id, user.id)

    await once(tx, user, command_id, f"reopen:{task_id}", act)

"""What must be true of a pack besides the shape of each file: references, uniqueness, templates, coverage."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from domain.bot.book import Book
from domain.bot.model import Urgency
from domain.pack import ArticleSpec, CannedSpec, CustomerSpec, Reasons, Texts
from domain.pack_company import CalendarSpec, Company, PersonSpec, PlanSpec, SkillKind
from domain.pack_texts import (
    TemplateSlip,
    TextKey,
    article_slips,
    canned_slips,
    text_slips,
    text_variables,
)
from domain.roles import Role
from domain.routing import PlanStep, qualifies
from domain.text import Language

ANSWER_CHARACTERS_ZH = 120
ANSWER_WORDS_EN = 60

Location = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong at a place of a file; the loader turns the place into a line."""

    file: str
    location: Location
    message: str
    message_zh: str


def company_findings(company: Company, calendars: Sequence[CalendarSpec]) -> Iterator[Finding]:
    """Skills, queues, people, plans, tiers, urgencies and calendars that do not fit each other."""
    file = "company.yaml"
    for name, items in (
        ("skills", company.skills),
        ("queues", company.queues),
        ("plans", company.plans),
        ("tiers", company.tiers),
        ("urgencies", company.urgencies),
    ):
        yield from _repeated(file, (name,), "key", [str(item.key) for item in items])
    yield from _repeated(file, ("people",), "login", [person.login for person in company.people])
    yield from _repeated(file, ("people",), "job_number", [person.job_number for person in company.people])
    known_calendars = {calendar.key for calendar in calendars}
    places: list[tuple[Location, str]] = [(("line", "calendar"), company.line.calendar)]
    places += [(("queues", index, "calendar"), queue.calendar) for index, queue in enumerate(company.queues)]
    for place, calendar in places:
        yield from _unknown(file, place, calendar, known_calendars, ("calendar", "日历"))
    yield from _people_findings(file, company)
    for index, plan in enumerate(company.plans):
        yield from _plan_findings(file, ("plans", index), plan, company)
    yield from _coverage_findings(file, company)


def _people_findings(file: str, company: Company) -> Iterator[Finding]:
    skills = {skill.key for skill in company.skills}
    queues = {queue.key for queue in company.queues}
    for index, person in enumerate(company.people):
        place: Location = ("people", index)
        for position, queue in enumerate(person.queues):
            yield from _unknown(file, (*place, "queues", position), queue, queues, ("queue", "队列"))
        for skill in person.skills:
            yield from _unknown(file, (*place, "skills", skill), skill, skills, ("skill", "技能"))
    for role in (Role.AGENT, Role.SUPERVISOR, Role.ADMINISTRATOR):
        if all(person.role is not role for person in company.people):
            yield Finding(file, ("people",), f"nobody has the role {role.value}", f"没有人担任 {role.value}")


def _plan_findings(file: str, place: Location, plan: PlanSpec, company: Company) -> Iterator[Finding]:
    skills = {skill.key for skill in company.skills}
    topics = {skill.key for skill in company.skills if skill.kind is SkillKind.TOPIC}
    queues = {queue.key for queue in company.queues}
    tiers = {tier.key for tier in company.tiers}
    for index, topic in enumerate(plan.topics):
        yield from _unknown(file, (*place, "topics", index), topic, topics, ("topic skill", "业务技能"))
    for index, tier in enumerate(plan.tiers):
        yield from _unknown(file, (*place, "tiers", index), tier, tiers, ("tier", "会员等级"))
    for index, step in enumerate(plan.steps):
        here: Location = (*place, "steps", index)
        for position, queue in enumerate(step.queues):
            yield from _unknown(file, (*here, "queues", position), queue, queues, ("queue", "队列"))
        for skill in step.skills:
            yield from _unknown(file, (*here, "skills", skill), skill, skills, ("skill", "技能"))
        if index and not _is_wider(plan.steps[index - 1], step):
            yield Finding(
                file,
                here,
                "this step is narrower than the one before it",
                "这一步的范围比上一步更窄，客户会越等越难",
            )
    agents = [person for person in company.people if person.role is Role.AGENT]
    if not any(_can_take(agent, plan.steps[-1]) for agent in agents):
        yield Finding(
            file,
            (*place, "steps", len(plan.steps) - 1),
            "no agent meets the last step",
            "没有客服符合最后一步的要求",
        )


def _is_wider(before: PlanStep, after: PlanStep) -> bool:
    """Whether everybody who could take the work before still can."""
    levels_fit = all(level <= before.skills.get(skill, 0) for skill, level in after.skills.items())
    return (
        set(before.queues) <= set(after.queues)
        and levels_fit
        and after.relax_levels >= (0 if after.drop_skills else before.relax_levels)
        and after.drop_skills >= before.drop_skills
    )


def _can_take(agent: PersonSpec, step: PlanStep) -> bool:
    return bool(set(agent.queues) & set(step.queues)) and qualifies(agent.skills, step.skills)


def _coverage_findings(file: str, company: Company) -> Iterator[Finding]:
    for index, queue in enumerate(company.queues):
        if not any(queue.key in person.queues for person in company.people):
            yield Finding(
                file,
                ("queues", index),
                f"nobody serves the queue `{queue.key}`",
                f"没有人服务队列 `{queue.key}`",
            )
    for language in Language:
        if not any(
            plan.language is language and not plan.topics and not plan.tiers for plan in company.plans
        ):
            yield Finding(
                file,
                ("plans",),
                f"{language.value} has no plan for all topics and tiers",
                f"{language.value} 缺少适用于所有问题和等级的兜底方案",
            )
    missing = set(Urgency) - {urgency.key for urgency in company.urgencies}
    for urgency in sorted(missing):
        yield Finding(
            file,
            ("urgencies",),
            f"the urgency `{urgency.value}` is missing",
            f"缺少紧急程度 `{urgency.value}`",
        )


def calendar_findings(calendars: Sequence[CalendarSpec]) -> Iterator[Finding]:
    """Calendars that exist twice or contradict themselves."""
    file = "hours.yaml"
    yield from _repeated(file, ("calendars",), "key", [calendar.key for calendar in calendars])
    for index, spec in enumerate(calendars):
        try:
            spec.calendar()
        except ValidationError as error:
            for detail in error.errors():
                yield Finding(
                    file,
                    ("calendars", index, *_calendar_place(detail["loc"])),
                    detail["msg"],
                    "工作时间设置有误，请检查时段与日期",
                )


def _calendar_place(location: Location) -> Location:
    """Where a complaint about the built calendar stands in the pack."""
    match location:
        case ("versions", 0, "week", *rest):
            return ("weekly", *rest)
        case ("days", int() as index, *rest):
            return ("exceptions", index, *rest)
        case _:
            return location[:1]


def text_findings(texts: Texts) -> Iterator[Finding]:
    """Texts that are missing, or carry a variable they cannot have, or not the same in both languages."""
    file = "texts.yaml"
    for key in TextKey:
        text = texts.texts.get(key)
        if text is None:
            yield Finding(file, ("texts",), f"the text `{key.value}` is missing", f"缺少文案 `{key.value}`")
            continue
        place: Location = ("texts", key.value)
        for language in Language:
            slips = text_slips(text[language], key.variables)
            yield from _slips(file, (*place, language.value), slips)
        if text_variables(text.zh) != text_variables(text.en):
            yield Finding(file, place, "zh and en carry different variables", "中英文使用的变量不一致")


def canned_findings(canned: Sequence[CannedSpec]) -> Iterator[Finding]:
    """Canned replies with the same shortcut or a broken template."""
    file = "canned.yaml"
    yield from _repeated(file, ("canned",), "shortcut", [reply.shortcut for reply in canned])
    for index, reply in enumerate(canned):
        for language in Language:
            yield from _slips(
                file, ("canned", index, "body", language.value), canned_slips(reply.body[language])
            )


def reason_findings(reasons: Reasons) -> Iterator[Finding]:
    """Reasons with the same key."""
    file = "reasons.yaml"
    for name in ("decline", "transfer", "wrap_up", "survey"):
        yield from _repeated(file, (name,), "key", [item.key for item in getattr(reasons, name)])
    for index, category in enumerate(reasons.wrap_up):
        keys = [child.key for child in category.children]
        yield from _repeated(file, ("wrap_up", index, "children"), "key", keys)


def customer_findings(customers: Sequence[CustomerSpec], company: Company) -> Iterator[Finding]:
    """Customers who exist twice or have an unknown tier."""
    file = "customers.yaml"
    tiers = {tier.key for tier in company.tiers}
    yield from _repeated(file, ("customers",), "member_id", [customer.member_id for customer in customers])
    yield from _repeated(file, ("customers",), "phone", [customer.phone for customer in customers])
    for index, customer in enumerate(customers):
        yield from _unknown(file, ("customers", index, "tier"), customer.tier, tiers, ("tier", "会员等级"))


def article_findings(articles: Mapping[str, ArticleSpec], company: Company) -> Iterator[Finding]:
    """Articles (by file) with unknown owner or skill, too long an answer, or without their other language."""
    topics = {skill.key for skill in company.skills if skill.kind is SkillKind.TOPIC}
    logins = {person.login for person in company.people}
    by_language = {(article.key, article.language): article for article in articles.values()}
    asked: dict[tuple[Language, str], str] = {}
    for file, article in articles.items():
        yield from _unknown(file, ("skill",), article.skill, topics, ("skill", "技能"))
        yield from _unknown(file, ("owner",), article.owner, logins, ("login", "登录名"))
        yield from _slips(file, ("body",), article_slips(article.body))
        yield from _answer_findings(file, article)
        yield from _translation_findings(file, article, by_language)
        for index, question in enumerate(article.questions):
            known = asked.setdefault((article.language, question.casefold()), file)
            if known != file or question in article.questions[:index]:
                yield Finding(
                    file,
                    ("questions", index),
                    f"this question already leads to {known}",
                    f"这个问法已经指向 {known}",
                )


def book_findings(book: Book, company: Company, categories: Collection[str]) -> Iterator[Finding]:
    """Intents that name skills, plans or categories of articles that do not exist."""
    file = "intents.yaml"
    skills = {skill.key for skill in company.skills}
    plans = {plan.key for plan in company.plans}
    for name, intent in book.intents.items():
        place: Location = ("intents", name)
        for skill in intent.skills:
            yield from _unknown(file, (*place, "skills", skill), skill, skills, ("skill", "技能"))
        for index, category in enumerate(intent.categories):
            here = (*place, "categories", index)
            yield from _unknown(file, here, category, categories, ("article category", "文章分类"))
        if intent.plan is not None:
            yield from _unknown(file, (*place, "plan"), intent.plan, plans, ("plan", "路由方案"))


def _answer_findings(file: str, article: ArticleSpec) -> Iterator[Finding]:
    if article.language is Language.ZH and len(article.answer) > ANSWER_CHARACTERS_ZH:
        yield Finding(
            file,
            ("body",),
            f"the first paragraph has over {ANSWER_CHARACTERS_ZH} characters",
            f"第一段超过 {ANSWER_CHARACTERS_ZH} 字，不适合作为聊天回答",
        )
    if article.language is Language.EN and len(article.answer.split()) > ANSWER_WORDS_EN:
        yield Finding(
            file,
            ("body",),
            f"the first paragraph has over {ANSWER_WORDS_EN} words",
            f"第一段超过 {ANSWER_WORDS_EN} 个词，不适合作为聊天回答",
        )


def _translation_findings(
    file: str, article: ArticleSpec, by_language: Mapping[tuple[str, Language], ArticleSpec]
) -> Iterator[Finding]:
    other_language = Language.EN if article.language is Language.ZH else Language.ZH
    other = by_language.get((article.key, other_language))
    if other is None:
        yield Finding(
            file, ("key",), f"there is no {other_language.value} version", f"缺少 {other_language.value} 版本"
        )
    elif article.language is Language.EN:
        for name in ("category", "skill", "valid_from", "valid_until"):
            if getattr(article, name) != getattr(other, name):
                yield Finding(
                    file, (name,), f"`{name}` differs from the zh version", f"`{name}` 与中文版不一致"
                )


def _repeated(file: str, place: Location, name: str, values: Sequence[str]) -> Iterator[Finding]:
    counts = Counter(values)
    for index, value in enumerate(values):
        if counts[value] > 1 and value in values[:index]:
            yield Finding(
                file, (*place, index, name), f"{name} `{value}` is there twice", f"{name} `{value}` 重复"
            )


def _unknown(
    file: str, place: Location, value: str, known: Iterable[str], what: tuple[str, str]
) -> Iterator[Finding]:
    if value not in known:
        yield Finding(file, place, f"there is no {what[0]} `{value}`", f"没有名为 `{value}` 的{what[1]}")


def _slips(file: str, place: Location, slips: Iterable[TemplateSlip]) -> Iterator[Finding]:
    for slip in slips:
        if slip.variable is None:
            yield Finding(file, place, "a brace belongs to no variable", "有不成对或多余的花括号")
        else:
            yield Finding(
                file,
                place,
                f"there is no variable `{slip.variable}` here",
                f"这里没有变量 `{slip.variable}`",
            )

"""The repository's pack loads clean, and every kind of mistake is told by file and line."""

import re
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from adapters.pack_yaml import read_yaml
from adapters.packs import load_pack
from domain.bot.model import Urgency
from domain.pack import Pack
from domain.pack_base import PackError, Problem
from domain.pack_texts import CANNED_VARIABLES, TextKey, canned_slips, fill_canned, fill_text, text_slips
from domain.roles import Role
from domain.routing import qualifies
from domain.text import Language
from ops.demo_shop.seed import customers as shop_customers

ECOMMERCE = Path(__file__).parents[2] / "packs" / "ecommerce"
KEPT = {"refund_time.md", "warranty.md"}
BOT = {"flows", "intents.yaml", "synonyms.yaml"}
SKILLS = {
    "presale",
    "orders",
    "logistics",
    "refunds",
    "invoices",
    "payment",
    "account",
    "aftersales",
    "complaints",
}


@pytest.fixture(scope="module")
def pack() -> Pack:
    return load_pack(ECOMMERCE)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A pack to spoil, without the bot's files and with a few articles only."""

    def most_files(directory: str, names: list[str]) -> list[str]:
        in_articles = "articles" in Path(directory).parts
        return [
            name for name in names if name in BOT or (in_articles and name[-3:] == ".md" and name not in KEPT)
        ]

    return Path(shutil.copytree(ECOMMERCE, tmp_path / "pack", ignore=most_files))


def problems_of(directory: Path) -> list[Problem]:
    with pytest.raises(PackError) as caught:
        load_pack(directory)
    assert str(caught.value) == "\n".join(map(str, caught.value.problems))
    return caught.value.problems


def edit(directory: Path, file: str, before: str, after: str) -> int:
    """Replace the first occurrence; the line on which it stood."""
    path = directory / file
    text = path.read_text("utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), "utf-8")
    return text.count("\n", 0, text.index(before)) + 1


# The repository's pack


@pytest.mark.parametrize("language", list(Language))
def test_at_least_forty_articles_are_valid_today_in_each_language(pack: Pack, language: Language) -> None:
    written_on = date(2026, 11, 23)
    valid = [a for a in pack.articles if a.language is language and a.is_valid_on(written_on)]
    assert len(valid) >= 70
    assert {article.skill for article in valid} == SKILLS
    assert all(6 <= len(article.questions) <= 12 for article in valid)
    assert all(article.review_at > written_on for article in valid)


def test_some_articles_end_and_some_have_not_begun(pack: Pack) -> None:
    by_key = {article.key: article for article in pack.articles}
    assert by_key["promotion_rules"].is_valid_on(date(2026, 12, 31))
    assert not by_key["promotion_rules"].is_valid_on(date(2027, 1, 1))
    assert not by_key["spring_festival_delivery"].is_valid_on(date(2027, 1, 14))


def test_each_language_keeps_to_its_script(pack: Pack) -> None:
    han = re.compile("[\u3400-\u9fff\u3001\u3002\uff01\uff08\uff09\uff0c\uff1a\uff1b\uff1f]")
    half_width = re.compile("[\u3400-\u9fff] ?[,;:!?]|[,;:!?] ?[\u3400-\u9fff]")
    pairs = [(a.language, a.title + "\n" + "\n".join(a.questions) + "\n" + a.body) for a in pack.articles]
    texts = [
        pack.texts.privacy_notice.body,
        *pack.texts.texts.values(),
        *(reply.body for reply in pack.canned),
    ]
    pairs += [(language, text[language]) for text in texts for language in Language]
    for language, text in pairs:
        found = han.search(text) if language is Language.EN else half_width.search(text)
        assert found is None, (found, text)


def test_the_demonstration_company_is_complete(pack: Pack) -> None:
    roles = [person.role for person in pack.company.people]
    assert (roles.count(Role.AGENT), roles.count(Role.SUPERVISOR), roles.count(Role.ADMINISTRATOR)) == (
        8,
        1,
        1,
    )
    assert len(pack.company.queues) == 3
    assert {queue.acceptance.value for queue in pack.company.queues} == {"offer", "automatic"}
    assert len(pack.canned) >= 25
    assert len(pack.customers) >= 20
    assert {customer.language for customer in pack.customers} == set(Language)


def test_demonstration_customers_are_the_demonstration_shops(pack: Pack) -> None:
    shop = {customer.member_id: customer for customer in shop_customers(seed=1, now=1_795_000_000)}
    for customer in pack.customers:
        known = shop[customer.member_id]
        assert (customer.name, customer.language.value, customer.phone) == (
            known.name,
            known.language,
            known.phone,
        )


def test_every_subject_finds_an_agent_at_the_first_step_of_its_plan(pack: Pack) -> None:
    agents = [person for person in pack.company.people if person.role is Role.AGENT]
    for language in Language:
        for skill in sorted(SKILLS):
            step = pack.company.plan_for(language, [skill], "ordinary").steps[0]
            required = {skill: 2, **step.skills}
            able = [
                a.login for a in agents if set(a.queues) & set(step.queues) and qualifies(a.skills, required)
            ]
            if language is Language.ZH or skill in {"logistics", "refunds", "orders", "complaints"}:
                assert able, (language, skill)


def test_the_plan_depends_on_language_subject_and_tier(pack: Pack) -> None:
    plan_for = pack.company.plan_for
    assert plan_for(Language.ZH, ["refunds"], "ordinary").key == "zh_aftersales"
    assert plan_for(Language.ZH, ["refunds"], "vip").key == "zh_vip"
    assert plan_for(Language.ZH, ["complaints"], "vip").key == "zh_care"
    assert plan_for(Language.EN).key == "en_general"
    assert plan_for(Language.EN).routing_plan.steps[-1].drop_skills


def test_priorities_come_from_the_pack(pack: Pack) -> None:
    priorities = pack.company.priorities
    assert priorities.tier_minutes["vip"] > priorities.tier_minutes["gold"] > 0
    assert set(priorities.urgency_minutes) == {urgency.value for urgency in Urgency}
    assert priorities.channel_weights["voice"] == 100


def test_calendars_become_calendars_of_the_domain(pack: Pack) -> None:
    calendars = {spec.key: spec.calendar() for spec in pack.calendars}
    assert set(calendars) == {"hours", "always", "office"}
    hours, office = calendars["hours"], calendars["office"]
    day = hours.version_on(date(2026, 11, 23))
    assert day is not None
    assert [str(interval) for interval in day.week.sunday] == ["09:00-21:00"]
    assert hours.rule_by_date[date(2027, 2, 6)].intervals == ()
    two = office.version_on(date(2026, 11, 23))
    assert two is not None
    assert [str(interval) for interval in two.week.friday] == ["09:00-12:00", "13:30-18:00"]


def test_texts_fill_without_a_brace_left(pack: Pack) -> None:
    values = {name: "X" for key in TextKey for name in key.variables}
    for text in pack.texts.texts.values():
        for language in Language:
            assert not set("{}") & set(fill_text(text[language], values))
    accepted = pack.texts.texts[TextKey.ACCEPTED].zh
    assert fill_text(accepted, {"nickname": "佳佳"}) == "佳佳 已为您服务，无需重复描述问题。"
    with pytest.raises(KeyError):
        fill_text(accepted, {})


def test_a_canned_reply_keeps_what_is_not_known() -> None:
    assert (
        fill_canned("{{ customer_name }}: {{order_number}}", {"customer_name": "林"})
        == "林: {{order_number}}"
    )
    assert canned_slips("{{customer_name}} {order_number}")[0].variable is None
    assert [slip.variable for slip in canned_slips("{{phone}}")] == ["phone"]
    assert not canned_slips(" ".join("{{" + name + "}}" for name in CANNED_VARIABLES))
    assert text_slips("{a} {b", frozenset("a"))[0].variable is None


# Mistakes: (file, what stood there, what stands there now, part of the message, lines below the change)

MISTAKES = [
    (
        "company.yaml",
        "queues: [general]\n    skills: {zh: 3, presale",
        "queues: [generall]\n    skills: {zh: 3, presale",
        "no queue `generall`",
        0,
    ),
    ("company.yaml", "presale: 3, orders: 2", "presales: 3, orders: 2", "no skill `presales`", 0),
    ("company.yaml", "presale: 3, orders: 2", "presale: 9, orders: 2", "at most 5", 0),
    ("company.yaml", "login: lihang", "login: wangmin", "login `wangmin` is there twice", 0),
    ("company.yaml", 'job_number: "1003"', "job_number: 1003", "put numbers in quotes", 0),
    ("company.yaml", "name: {zh: 陈佳, en: Chen Jia}", "name: {zh: 陈佳}", "`en` is missing", 0),
    ("company.yaml", "capacity_units: 6", "capacity: 6", "`capacity` is not known", 0),
    ("company.yaml", "topics: [complaints]", "topics: [zh]", "no topic skill `zh`", 0),
    ("company.yaml", "tiers: [vip]", "tiers: [diamond]", "no tier `diamond`", 0),
    (
        "company.yaml",
        "{queues: [care, aftersales], skills: {zh: 2}, drop",
        "{queues: [aftersales], skills: {zh: 2}, drop",
        "narrower",
        0,
    ),
    (
        "company.yaml",
        "{queues: [general, aftersales, care], skills: {zh: 1}",
        "{queues: [general, aftersales, care], skills: {zh: 5}",
        "no agent meets",
        0,
    ),
    ("company.yaml", "acceptance: automatic", "acceptance: sometimes", "must be one of", 0),
    ("company.yaml", "calendar: hours", "calendar: nights", "no calendar `nights`", 0),
    ("company.yaml", "bot_turn_seconds: 15", "bot_turn_minutes: 15", "no timing", -1),
    ("company.yaml", "- {key: critical,", "- {key: normal,", "`normal` is there twice", 0),
    ("hours.yaml", '["09:00-21:00"]', '["9:00-21:00"]', "not a time of day", 0),
    ("hours.yaml", '["09:00-12:00", "13:30-18:00"]', '["09:00-14:00", "13:30-18:00"]', "overlap", 0),
    ("hours.yaml", "Asia/Shanghai", "Asia/Peking", "IANA", 0),
    ("texts.yaml", "{nickname} 已为您服务", "{name} 已为您服务", "no variable `name`", 0),
    ("texts.yaml", "{opens_at} 上线。您", "{opens_at 上线。您", "brace", 0),
    ("texts.yaml", "  bot_label:", "  bot_lable:", "must be one of", 0),
    ("texts.yaml", "    zh: 智能助手", "    zh: ''", "must not be empty", 0),
    ("texts.yaml", "    en: AI assistant\n", "", "`en` is missing", -2),
    ("canned.yaml", "{{agent_name}}，前面", "{{agent}}，前面", "no variable `agent`", 0),
    ("canned.yaml", "shortcut: wait", "shortcut: hi", "shortcut `hi` is there twice", 0),
    ("customers.yaml", "member_id: M1002", "member_id: M1001", "`M1001` is there twice", 0),
    ("customers.yaml", "tier: vip", "tier: vipp", "no tier `vipp`", 0),
    ("reasons.yaml", "key: cancel,", "key: change,", "`change` is there twice", 0),
    ("pack.yaml", 'version: "1.0.0"', "version: 1.0", "put numbers in quotes", 0),
    ("pack.yaml", "languages: [zh, en]", "languages: [zh]", "both", 0),
    ("articles/zh/refund_time.md", "skill: refunds", "skill: refund", "no skill `refund`", 0),
    ("articles/zh/refund_time.md", "owner: wangmin", "owner: nobody", "no login `nobody`", 0),
    ("articles/zh/refund_time.md", "key: refund_time", "key: refund_times", "file's name", 0),
    ("articles/zh/refund_time.md", "valid_from: 2026-01-01", "valid_from: 2026-13-01", "must be a date", 0),
    (
        "articles/en/refund_time.md",
        "valid_from: 2026-01-01",
        "valid_from: 2026-01-02",
        "differs from the zh",
        0,
    ),
    (
        "articles/zh/refund_time.md",
        "  - 退款要多久",
        "  - 多久能送到货\n  - 退款几天到账",
        "already leads to",
        1,
    ),
    (
        "articles/en/refund_time.md",
        "After submission",
        "Dear {{customer_name}}, after submission",
        "brace",
        0,
    ),
    ("articles/en/refund_time.md", "After submission", "word " * 60, "over 60 words", 0),
    ("articles/zh/refund_time.md", "退款提交后：", "退款" * 60, "over 120 characters", 0),
    (
        "company.yaml",
        "capacity_units: 6",
        "capacity_units: 6\n    capacity_units: 7",
        "here twice; the first is on line",
        1,
    ),
    ("company.yaml", "capacity_units: 6", "capacity_units: !!python/name:os.system 6", "tag", 0),
    ("company.yaml", "{zh: 陈佳, en: Chen Jia}", "{zh: &a 陈佳, en: *a}", "aliases", 0),
    ("company.yaml", "capacity_units: 6", "capacity_units: [6", "not valid YAML", None),
    ("company.yaml", "capacity_units: 6", "capacity_units: 6\x00", "control character", 0),
]


@pytest.mark.parametrize(("file", "before", "after", "words", "below"), MISTAKES)
def test_a_mistake_is_told_by_file_and_line(
    copy: Path, file: str, before: str, after: str, words: str, below: int | None
) -> None:
    line = edit(copy, file, before, after)
    found = [problem for problem in problems_of(copy) if words in problem.message]
    assert found, problems_of(copy)
    assert found[0].file == file
    if below is not None:
        assert found[0].line == line + below
    assert re.search("[\u3400-\u9fff]", found[0].message_zh)


def test_many_mistakes_are_told_at_once(copy: Path) -> None:
    lines = {
        ("company.yaml", edit(copy, "company.yaml", "offer_seconds: 20", "offer_seconds: soon")),
        ("texts.yaml", edit(copy, "texts.yaml", "    en: AI assistant", "    en: [a]")),
        ("canned.yaml", edit(copy, "canned.yaml", "{{order_number}}", "{{number}}")),
        (
            "articles/en/warranty.md",
            edit(copy, "articles/en/warranty.md", "category: aftersales", "topic: x"),
        ),
    }
    assert lines <= {(problem.file, problem.line) for problem in problems_of(copy)}


def remove(name: str) -> Callable[[Path], None]:
    return lambda directory: (directory / name).unlink()


def write(name: str, content: bytes) -> Callable[[Path], None]:
    def damage(directory: Path) -> None:
        (directory / name).write_bytes(content)

    return damage


def link(directory: Path) -> None:
    (directory / "articles/zh/secret.md").symlink_to(__file__)


@pytest.mark.parametrize(
    ("damage", "file", "words"),
    [
        (remove("pack.yaml"), "pack.yaml", "no pack.yaml"),
        (remove("hours.yaml"), "hours.yaml", "missing"),
        (remove("articles/en/refund_time.md"), "articles/zh/refund_time.md", "no en version"),
        (write("reason.yaml", b"a: 1"), "reason.yaml", "no file of a pack"),
        (write("articles/zh/note.txt", b"x"), "articles/zh/note.txt", "articles/zh/*.md"),
        (write("articles/zh/note.md", b"just text"), "articles/zh/note.md", "between two lines of ---"),
        (write("articles/zh/note.md", b"---\n---\ntext"), "articles/zh/note.md", "`category` is missing"),
        (write("canned.yaml", b"canned:\n  - \xff"), "canned.yaml", "not UTF-8"),
        (write("canned.yaml", b"#" * 1_000_001), "canned.yaml", "over 1000000 bytes"),
        (write("canned.yaml", b"[" * 5_000), "canned.yaml", "not valid YAML"),
        (write("canned.yaml", b"- a\n"), "canned.yaml", "must be a mapping"),
        (write("canned.yaml", b""), "canned.yaml", "`canned` is missing"),
        (write("flows/x.yaml", b"steps: 7\n"), "flows/x.yaml", "steps"),
        (write("flows/x.yaml", b"[1]\n"), "flows/x.yaml", "must be a mapping"),
        (write("flows/x.yml", b"a: 1\n"), "flows/x.yml", "*.yaml"),
        (write("intents.yaml", b"intents:\n  a:\n    title: {zh: x}\n"), "intents.yaml", "intents.a"),
        (link, "articles/zh/secret.md", "out of the pack"),
    ],
)
def test_files_that_are_missing_strange_or_damaged(
    copy: Path, damage: Callable[[Path], None], file: str, words: str
) -> None:
    (copy / "flows").mkdir(exist_ok=True)
    damage(copy)
    found = [problem for problem in problems_of(copy) if problem.file == file]
    assert found
    assert words in found[0].message


def test_an_intent_must_name_what_exists(copy: Path) -> None:
    lines = ["intents:", "  a:", "    title: {zh: 甲, en: A}", "    plan: none", "    skills: {cooking: 1}"]
    lines += ["    categories: [refunds, gardening]"]
    (copy / "intents.yaml").write_text("\n".join(lines), "utf-8")
    found = [(problem.line, problem.message) for problem in problems_of(copy)]
    expected = [(4, "no plan `none`"), (5, "no skill `cooking`"), (6, "no article category `gardening`")]
    assert found == [(line, f"there is {words}") for line, words in expected]


def test_a_file_with_windows_line_ends_and_a_mark_is_read_alike(copy: Path, pack: Pack) -> None:
    for path in (copy / "company.yaml", copy / "articles/zh/refund_time.md"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    again = load_pack(copy)
    assert again.company == pack.company
    assert set(again.articles) <= set(pack.articles)
    assert len(again.articles) == 2 * len(KEPT)


def test_yaml_guesses_nothing() -> None:
    problems: list[Problem] = []
    document = read_yaml(
        "no: on\ntime: 9:00\nday: 2026-01-01\nn: 3\nf: -0.5\nt: true\nz: ~\ne:\nid: 007", "f", problems
    )
    assert document is not None
    assert problems == []
    expected = {
        "no": "on",
        "time": "9:00",
        "day": "2026-01-01",
        "n": 3,
        "f": -0.5,
        "t": True,
        "z": None,
        "e": None,
    }
    assert document.value == {**expected, "id": "007"}
    assert document.line_of(("f", "deeper")) == 5


def test_loading_is_quick() -> None:
    started = datetime.now(UTC)
    load_pack(ECOMMERCE)
    assert (datetime.now(UTC) - started).total_seconds() < 3

"""Reads an industry pack from its folder, or says everything that is wrong with it, by file and line."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from adapters.pack_yaml import Document, Location, read_yaml
from domain import pack_checks
from domain.bot.book import Book, BookError, load_book
from domain.pack import (
    ArticleHead,
    ArticleSpec,
    BotSource,
    Canned,
    Customers,
    Manifest,
    Pack,
    Reasons,
    Texts,
)
from domain.pack_base import PackError, Problem
from domain.pack_company import Company, HoursFile
from domain.text import Language

MAXIMUM_FILE_BYTES = 1_000_000
MAXIMUM_ARTICLES = 5_000

_FILES: Mapping[str, type[BaseModel]] = {
    "pack.yaml": Manifest,
    "company.yaml": Company,
    "hours.yaml": HoursFile,
    "texts.yaml": Texts,
    "canned.yaml": Canned,
    "reasons.yaml": Reasons,
    "customers.yaml": Customers,
}
_BOT_FILES = ("intents.yaml", "synonyms.yaml")
_FOLDERS = ("articles", "flows")
_FENCE = "---"
_Model = TypeVar("_Model", bound=BaseModel)


def load_pack(directory: Path) -> Pack:
    """The pack in a folder. Raises PackError with every problem found; nothing outside the folder is read."""
    reader = _Reader(directory)
    if not (directory / "pack.yaml").is_file():
        raise PackError(
            [Problem("pack.yaml", 1, "there is no pack.yaml in this folder", "此目录中没有 pack.yaml")]
        )
    reader.refuse_strangers()
    parts = {name: reader.part(name, model) for name, model in _FILES.items()}
    articles = reader.articles()
    bot = reader.bot()
    company, hours = parts["company.yaml"], parts["hours.yaml"]
    texts, canned = parts["texts.yaml"], parts["canned.yaml"]
    reasons, customers = parts["reasons.yaml"], parts["customers.yaml"]
    calendars = hours.calendars if isinstance(hours, HoursFile) else ()
    reader.report(pack_checks.calendar_findings(calendars))
    if isinstance(texts, Texts):
        reader.report(pack_checks.text_findings(texts))
    if isinstance(canned, Canned):
        reader.report(pack_checks.canned_findings(canned.canned))
    if isinstance(reasons, Reasons):
        reader.report(pack_checks.reason_findings(reasons))
    if isinstance(company, Company):
        if hours is not None:
            reader.report(pack_checks.company_findings(company, calendars))
        reader.report(pack_checks.article_findings(articles, company))
        if isinstance(customers, Customers):
            reader.report(pack_checks.customer_findings(customers.customers, company))
        if bot is not None:
            reader.report(
                pack_checks.book_findings(bot.book, company, {a.category for a in articles.values()})
            )
    if reader.problems:
        raise PackError(reader.problems)
    assert isinstance(parts["pack.yaml"], Manifest)
    assert isinstance(company, Company)
    assert isinstance(texts, Texts)
    assert isinstance(canned, Canned)
    assert isinstance(reasons, Reasons)
    assert isinstance(customers, Customers)
    assert bot is not None
    return Pack(
        manifest=parts["pack.yaml"],
        company=company,
        calendars=calendars,
        texts=texts,
        canned=canned.canned,
        reasons=reasons,
        customers=customers.customers,
        articles=tuple(articles.values()),
        bot=bot,
        directory=directory,
    )


@dataclass
class _Reader:
    """Reads files, keeps where everything stands, and collects problems."""

    directory: Path
    problems: list[Problem] = field(default_factory=list)
    documents: dict[str, Document] = field(default_factory=dict)

    def refuse_strangers(self) -> None:
        """A misspelt file name would otherwise be silently ignored."""
        known = {*_FILES, *_BOT_FILES, *_FOLDERS, "README.md"}
        for entry in sorted(self.directory.iterdir()):
            if entry.name not in known and not entry.name.startswith("."):
                self.complain(entry.name, 1, "this is no file of a pack", "内容包中没有这样的文件")

    def part(self, file: str, model: type[_Model]) -> _Model | None:
        """One file as its model; None when something is wrong with it."""
        if not (self.directory / file).is_file():
            self.complain(file, 1, "this file is missing", "缺少此文件")
            return None
        document = self._yaml(file)
        return None if document is None else self._validated(document, model, document.value)

    def articles(self) -> dict[str, ArticleSpec]:
        """Articles by file, sorted by language and key; those with problems are left out."""
        found: dict[str, ArticleSpec] = {}
        folder = self.directory / "articles"
        files = sorted(folder.rglob("*")) if folder.is_dir() else []
        for path in files[:MAXIMUM_ARTICLES]:
            if path.is_dir():
                continue
            file = path.relative_to(self.directory).as_posix()
            language = path.parent.name
            if path.parent.parent != folder or language not in set(Language) or path.suffix != ".md":
                self.complain(
                    file,
                    1,
                    "articles are articles/zh/*.md and articles/en/*.md",
                    "文章应放在 articles/zh 或 articles/en 中，以 .md 结尾",
                )
                continue
            article = self._article(file, Language(language), path.stem)
            if article is not None:
                found[file] = article
        return found

    def bot(self) -> BotSource | None:
        """Flows, intents and synonyms, each of which a pack may lack."""
        before = len(self.problems)
        flows: dict[str, Any] = {}
        for path in sorted((self.directory / "flows").glob("*")):
            file = path.relative_to(self.directory).as_posix()
            if path.suffix != ".yaml":
                self.complain(file, 1, "flows are flows/*.yaml", "流程文件应以 .yaml 结尾")
                continue
            document = self._mapping(file)
            if document is not None:
                flows[path.stem] = document.value
        single: dict[str, Any] = {}
        for file in _BOT_FILES:
            document = self._mapping(file) if (self.directory / file).is_file() else None
            single[file] = {} if document is None else document.value
        if len(self.problems) > before:
            return None
        book = self._book(flows, single)
        return (
            None if book is None else BotSource(flows, single["intents.yaml"], single["synonyms.yaml"], book)
        )

    def report(self, findings: Iterable[pack_checks.Finding]) -> None:
        for finding in findings:
            line = self._line(finding.file, finding.location)
            self.complain(finding.file, line, finding.message, finding.message_zh)

    def complain(self, file: str, line: int, message: str, message_zh: str) -> None:
        self.problems.append(Problem(file, line, message, message_zh))

    def _line(self, file: str, location: Location) -> int:
        document = self.documents.get(file)
        return 1 if document is None else document.line_of(location)

    def _book(self, flows: Mapping[str, Any], single: Mapping[str, Any]) -> Book | None:
        try:
            return load_book(flows=flows, intents=single["intents.yaml"], synonyms=single["synonyms.yaml"])
        except BookError as error:
            for problem in error.problems:
                file = f"{problem.document}.yaml"
                place = ".".join(map(str, problem.loc))
                self.complain(
                    file,
                    self._line(file, problem.loc),
                    f"{place}: {problem.message}",
                    f"`{place}` 的内容不正确",
                )
            return None

    def _article(self, file: str, language: Language, stem: str) -> ArticleSpec | None:
        text = self._text(file)
        if text is None:
            return None
        lines = text.split("\n")
        fence = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip() == _FENCE), None)
        if lines[0].rstrip() != _FENCE or fence is None:
            self.complain(
                file,
                1,
                "an article begins with its data between two lines of ---",
                "文章开头应有两行 --- 之间的属性",
            )
            return None
        head = read_yaml("\n".join(lines[1:fence]), file, self.problems, first_line=2)
        if head is None:
            return None
        body_line = next(
            (n for n, line in enumerate(lines[fence + 1 :], fence + 2) if line.strip()), fence + 1
        )
        document = Document(file, head.value, {**head.lines, ("body",): body_line})
        self.documents[file] = document
        if self._validated(document, ArticleHead, head.value) is None:
            return None
        if head.value["key"] != stem:
            self.complain(
                file,
                document.line_of(("key",)),
                f"the key must be the file's name, `{stem}`",
                f"key 必须与文件名一致：`{stem}`",
            )
        content = {**head.value, "language": language, "body": "\n".join(lines[fence + 1 :]).strip()}
        return self._validated(document, ArticleSpec, content)

    def _mapping(self, file: str) -> Document | None:
        document = self._yaml(file)
        if document is not None and not isinstance(document.value, dict):
            self.complain(file, 1, "this must be a mapping of keys to values", "此文件应为“键: 值”的形式")
            return None
        return document

    def _yaml(self, file: str) -> Document | None:
        text = self._text(file)
        if text is None:
            return None
        before = len(self.problems)
        document = read_yaml(text, file, self.problems)
        if document is None:
            return None
        self.documents[file] = document
        # A value that was refused reads as null; checking on would only report it twice.
        return document if len(self.problems) == before else None

    def _text(self, file: str) -> str | None:
        path = self.directory / file
        if not path.resolve().is_relative_to(self.directory.resolve()):
            self.complain(file, 1, "this leads out of the pack's folder", "此文件指向内容包之外")
            return None
        data = path.read_bytes() if path.stat().st_size <= MAXIMUM_FILE_BYTES else None
        if data is None:
            self.complain(
                file,
                1,
                f"this file is over {MAXIMUM_FILE_BYTES} bytes",
                f"此文件超过 {MAXIMUM_FILE_BYTES} 字节",
            )
            return None
        try:
            return data.decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            self.complain(file, line, "this is not UTF-8", "此处不是 UTF-8 编码")
            return None

    def _validated(self, document: Document, model: type[_Model], value: Any) -> _Model | None:
        try:
            return model.model_validate(value)
        except ValidationError as error:
            for detail in error.errors():
                message, message_zh = _said(detail)
                line = document.line_of(tuple(detail["loc"]))
                self.complain(document.file, line, message, message_zh)
            return None


_SAID: Mapping[str, tuple[str, str]] = {
    "missing": ("`{name}` is missing", "缺少 `{name}`"),
    "extra_forbidden": ("`{name}` is not known here", "这里不能有 `{name}`"),
    "string_type": ("`{name}` must be text; put numbers in quotes", "`{name}` 应为文本，数字请加引号"),
    "string_too_short": ("`{name}` must not be empty", "`{name}` 不能为空"),
    "string_too_long": ("`{name}` has over {max_length} characters", "`{name}` 超过 {max_length} 个字符"),
    "string_pattern_mismatch": ("`{name}` does not have the right form", "`{name}` 的格式不正确"),
    "enum": ("`{name}` must be one of {expected}", "`{name}` 只能是：{expected}"),
    "int_type": ("`{name}` must be a whole number", "`{name}` 应为整数"),
    "int_parsing": ("`{name}` must be a whole number", "`{name}` 应为整数"),
    "bool_type": ("`{name}` must be true or false", "`{name}` 应为 true 或 false"),
    "bool_parsing": ("`{name}` must be true or false", "`{name}` 应为 true 或 false"),
    "greater_than_equal": ("`{name}` must be at least {ge}", "`{name}` 不能小于 {ge}"),
    "less_than_equal": ("`{name}` must be at most {le}", "`{name}` 不能大于 {le}"),
    "too_short": ("`{name}` needs at least {min_length} entries", "`{name}` 至少需要 {min_length} 项"),
    "too_long": ("`{name}` has over {max_length} entries", "`{name}` 超过 {max_length} 项"),
    "tuple_type": ("`{name}` must be a list", "`{name}` 应为列表"),
    "list_type": ("`{name}` must be a list", "`{name}` 应为列表"),
    "dict_type": ("`{name}` must be a mapping", "`{name}` 应为“键: 值”的形式"),
    "model_type": ("`{name}` must be a mapping", "`{name}` 应为“键: 值”的形式"),
    "date_type": ("`{name}` must be a date like 2026-01-31", "`{name}` 应为日期，如 2026-01-31"),
    "date_parsing": ("`{name}` must be a date like 2026-01-31", "`{name}` 应为日期，如 2026-01-31"),
    "date_from_datetime_parsing": (
        "`{name}` must be a date like 2026-01-31",
        "`{name}` 应为日期，如 2026-01-31",
    ),
}


def _said(detail: ErrorDetails) -> tuple[str, str]:
    """A validation error in both languages."""
    context = dict(detail.get("ctx", {}))
    if detail["type"] == "pack":
        return str(context["message"]), str(context["message_zh"])
    place = [part for part in detail["loc"] if part != "[key]"]
    name = next((part for part in reversed(place) if isinstance(part, str)), "content")
    if place and isinstance(place[-1], int) and len(place) > 1:
        name = f"{name}[{place[-1] + 1}]"
    said = _SAID.get(detail["type"])
    if said is None:
        return f"`{name}`: {re.sub('^Value error, ', '', detail['msg'])}", f"`{name}` 的内容不正确"
    values = {"name": name, **{key: str(value).replace("'", "`") for key, value in context.items()}}
    return said[0].format(**values), said[1].format(**values).replace(" or ", "、").replace(", ", "、")

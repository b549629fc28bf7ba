"""Knowledge in spreadsheets: reading what a shop's owner uploads, and writing templates and exports.

Files are hostile until read: sizes are bounded before anything is unpacked, formulas are never evaluated, and what
is written can start no formula in the program that opens it.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from openpyxl import Workbook
from openpyxl.cell import Cell as WorkbookCell
from openpyxl.styles import Alignment, Font
from openpyxl.worksheet.worksheet import Worksheet

from adapters.knowledge_cells import MAXIMUM_ROWS, Cell, SheetError, read_csv_rows, read_workbook_rows
from domain.knowledge import ArticleDraft
from domain.pack_base import Problem
from domain.pack_texts import article_slips
from domain.text import Language, clean_text, detect_language

MAXIMUM_SHEET_BYTES = 10_000_000
MAXIMUM_TITLE_CHARACTERS = 80
MAXIMUM_BODY_CHARACTERS = 16_000
MAXIMUM_QUESTIONS = 30
MAXIMUM_QUESTION_CHARACTERS = 200
HEADER_WITHIN_ROWS = 5
"""Some put a heading above the columns' names."""


class Column(StrEnum):
    KEY = "key"
    LANGUAGE = "language"
    CATEGORY = "category"
    TITLE = "title"
    QUESTIONS = "questions"
    BODY = "body"


_NAMES: Mapping[Column, Mapping[Language, str]] = {
    Column.KEY: {Language.ZH: "编号", Language.EN: "Key"},
    Column.LANGUAGE: {Language.ZH: "语言", Language.EN: "Language"},
    Column.CATEGORY: {Language.ZH: "分类", Language.EN: "Category"},
    Column.TITLE: {Language.ZH: "标题", Language.EN: "Title"},
    Column.QUESTIONS: {Language.ZH: "问法", Language.EN: "Questions"},
    Column.BODY: {Language.ZH: "内容", Language.EN: "Body"},
}
_ALIASES: Mapping[str, Column] = {
    "答案": Column.BODY,
    "回答": Column.BODY,
    "正文": Column.BODY,
    "answer": Column.BODY,
    "content": Column.BODY,
    "相似问": Column.QUESTIONS,
    "相似问法": Column.QUESTIONS,
    "question": Column.QUESTIONS,
    "标准问": Column.TITLE,
    "类别": Column.CATEGORY,
    **{name.casefold(): column for column, names in _NAMES.items() for name in names.values()},
}
_LANGUAGES: Mapping[str, Language] = {
    "zh": Language.ZH,
    "中文": Language.ZH,
    "chinese": Language.ZH,
    "zh-cn": Language.ZH,
    "en": Language.EN,
    "英文": Language.EN,
    "英语": Language.EN,
    "english": Language.EN,
}
_KEY = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
_QUESTION_BREAK = re.compile(r"[\n;；|]+")
_FORMULA_START = re.compile(r"^\s*[=+\-@＝＋－＠]|^[\t\r]")
_WIDTHS: Mapping[Column, int] = {Column.TITLE: 30, Column.QUESTIONS: 40, Column.BODY: 70}
_EXAMPLES = (
    ArticleDraft(
        0,
        Language.ZH,
        "多久发货",
        ("什么时候发货", "几天能发出"),
        "付款后 24 小时内发货，周末照常。\n\n预售商品以商品页的日期为准。",
        "配送",
    ),
    ArticleDraft(
        0,
        Language.EN,
        "When do you ship?",
        ("dispatch time", "how soon do you send it"),
        "We ship within 24 hours of payment, weekends included.\n\nPre-orders follow the date on the product page.",
        "Delivery",
    ),
)


def read_sheet(filename: str, data: bytes) -> tuple[list[ArticleDraft], list[Problem]]:
    """The articles of an .xlsx or .csv file, and what is wrong with it by row; sound rows come beside bad ones.

    A file that cannot be read at all gives no articles and one problem in row 1.
    """
    try:
        rows = _rows(filename, data)
        return _drafts(filename, rows)
    except SheetError as error:
        return [], [Problem(filename, error.row, error.message, error.message_zh)]


def export_sheet(articles: Iterable[ArticleDraft], language: Language) -> bytes:
    """An .xlsx file of the articles, with the columns named in `language`. Nothing in it is a formula."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "知识" if language is Language.ZH else "Knowledge"
    sheet.freeze_panes = "A2"
    for index, column in enumerate(Column):
        sheet.column_dimensions[chr(ord("A") + index)].width = _WIDTHS.get(column, 14)
    rows = [[_NAMES[column][language] for column in Column], *map(_values, articles)]
    for number, values in enumerate(rows):
        sheet.append([_text_cell(sheet, value, is_bold=number == 0) for value in values])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def template_sheet(language: Language) -> bytes:
    """An .xlsx file to fill in: the columns' names and one example in each language."""
    return export_sheet(_EXAMPLES, language)


def export_csv(articles: Iterable[ArticleDraft], language: Language) -> bytes:
    """The same as CSV in UTF-8 with a byte-order mark, so that Excel reads it; a leading `'` disarms formulas."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow([_NAMES[column][language] for column in Column])
    for article in articles:
        writer.writerow([_disarmed(value) for value in _values(article)])
    return buffer.getvalue().encode("utf-8-sig")


def _values(article: ArticleDraft) -> list[str]:
    values = {
        Column.KEY: article.key,
        Column.LANGUAGE: article.language.value,
        Column.CATEGORY: article.category,
        Column.TITLE: article.title,
        Column.QUESTIONS: "\n".join(article.questions),
        Column.BODY: article.body,
    }
    return [clean_text(values[column]) for column in Column]


def _text_cell(sheet: Worksheet, value: str, *, is_bold: bool) -> WorkbookCell:
    cell = WorkbookCell(sheet, row=1, column=1, value=value)  # `append` gives it its place
    # openpyxl takes a text that begins with `=` for a formula; say that it is text, also to whoever edits it.
    cell.data_type = "s"
    cell.number_format = "@"
    cell.quotePrefix = True
    cell.font = Font(bold=is_bold)
    cell.alignment = Alignment(wrap_text=True, vertical="top")
    return cell


def _disarmed(value: str) -> str:
    return f"'{value}" if _FORMULA_START.search(value) else value


def _armed(value: str) -> str:
    """Takes away the guard that `_disarmed` put before a text."""
    return value[1:] if value.startswith("'") and _FORMULA_START.search(value[1:]) else value


def _rows(filename: str, data: bytes) -> Iterator[tuple[int, Sequence[Cell]]]:
    if len(data) > MAXIMUM_SHEET_BYTES:
        limit = MAXIMUM_SHEET_BYTES // 1_000_000
        raise SheetError(f"the file is over {limit} MB", f"文件超过 {limit} MB")
    match filename.rsplit(".", 1)[-1].casefold():
        case "xlsx":
            return read_workbook_rows(data)
        case "csv":
            return read_csv_rows(data)
        case _:
            raise SheetError("please use an .xlsx or .csv file", "请使用 .xlsx 或 .csv 文件")


@dataclass
class _Row:
    """One row under way: its cells by column and what is wrong with it."""

    file: str
    number: int
    cells: Mapping[Column, Cell]
    problems: list[Problem]

    def complain(self, message: str, message_zh: str) -> None:
        self.problems.append(Problem(self.file, self.number, message, message_zh))

    def text(self, column: Column, maximum: int) -> str:
        cell = self.cells.get(column, Cell(""))
        zh, en = _NAMES[column][Language.ZH], _NAMES[column][Language.EN]
        if cell.is_formula:
            self.complain(
                f"{en}: formulas are not read; paste the text itself", f"{zh}：不读取公式，请粘贴文本内容"
            )
            return ""
        value = _armed(clean_text(cell.text))
        if len(value) > maximum:
            self.complain(f"{en}: over {maximum} characters", f"{zh}：超过 {maximum} 个字符")
        return value


def _drafts(
    file: str, rows: Iterator[tuple[int, Sequence[Cell]]]
) -> tuple[list[ArticleDraft], list[Problem]]:
    columns = _header(rows)
    drafts: list[ArticleDraft] = []
    problems: list[Problem] = []
    first_rows: dict[tuple[Language, str], int] = {}
    for number, cells in rows:
        found: list[Problem] = []
        row = _Row(file, number, {column: cells[i] for i, column in columns.items() if i < len(cells)}, found)
        draft = _draft(row)
        first = first_rows.setdefault((draft.language, draft.title.casefold()), number)
        if first != number and draft.title:
            row.complain(f"the title is already in row {first}", f"标题与第 {first} 行重复")
        problems.extend(found)
        if not found:
            drafts.append(draft)
        if len(drafts) > MAXIMUM_ROWS:
            raise SheetError(f"over {MAXIMUM_ROWS} articles", f"文章超过 {MAXIMUM_ROWS} 篇", number)
    if not drafts and not problems:
        problems.append(Problem(file, 1, "there is no article in this file", "文件中没有文章"))
    return drafts, problems


def _header(rows: Iterator[tuple[int, Sequence[Cell]]]) -> dict[int, Column]:
    """The columns by position, from the row that names them."""
    for number, cells in rows:
        columns: dict[int, Column] = {}
        for index, cell in enumerate(cells):
            column = _ALIASES.get(clean_text(cell.text).casefold())
            if column is None:
                continue
            if column in columns.values():
                raise SheetError(
                    f"two columns are named {_NAMES[column][Language.EN]}",
                    f"有两列都是“{_NAMES[column][Language.ZH]}”",
                    number,
                )
            columns[index] = column
        if {Column.TITLE, Column.BODY} <= set(columns.values()):
            return columns
        if number >= HEADER_WITHIN_ROWS:
            break
    raise SheetError(
        "the first row must name the columns; Title and Body are needed",
        "第一行应为列名，至少包含“标题”和“内容”",
    )


def _draft(row: _Row) -> ArticleDraft:
    title = row.text(Column.TITLE, MAXIMUM_TITLE_CHARACTERS)
    body = row.text(Column.BODY, MAXIMUM_BODY_CHARACTERS)
    if not title and not row.problems:
        row.complain("Title: empty", "标题：为空")
    if not body and not row.problems:
        row.complain("Body: empty", "内容：为空")
    if article_slips(body):
        row.complain(
            "Body: `{{…}}` would be shown to customers as it stands", "内容：`{{…}}` 会原样显示给客户，请删除"
        )
    key = row.text(Column.KEY, 64)
    if key and not _KEY.match(key):
        row.complain(
            "Key: only a-z, 0-9 and _, beginning with a letter",
            "编号：只能用小写字母、数字和下划线，以字母开头",
        )
    return ArticleDraft(
        row=row.number,
        language=_language(row, title, body),
        title=title,
        questions=_questions(row),
        body=body,
        category=row.text(Column.CATEGORY, MAXIMUM_TITLE_CHARACTERS),
        key=key,
    )


def _language(row: _Row, title: str, body: str) -> Language:
    named = row.text(Column.LANGUAGE, 20).casefold()
    if not named:
        return detect_language(f"{title}\n{body}", Language.ZH)
    if named not in _LANGUAGES:
        row.complain("Language: use zh or en", "语言：请填写中文或英文（zh 或 en）")
    return _LANGUAGES.get(named, Language.ZH)


def _questions(row: _Row) -> tuple[str, ...]:
    text = row.text(Column.QUESTIONS, MAXIMUM_QUESTIONS * (MAXIMUM_QUESTION_CHARACTERS + 1))
    questions = tuple(dict.fromkeys(part.strip() for part in _QUESTION_BREAK.split(text) if part.strip()))
    if len(questions) > MAXIMUM_QUESTIONS:
        row.complain(f"Questions: over {MAXIMUM_QUESTIONS}", f"问法：超过 {MAXIMUM_QUESTIONS} 条")
    if any(len(question) > MAXIMUM_QUESTION_CHARACTERS for question in questions):
        row.complain(
            f"Questions: one has over {MAXIMUM_QUESTION_CHARACTERS} characters",
            f"问法：有一条超过 {MAXIMUM_QUESTION_CHARACTERS} 个字符",
        )
    return questions

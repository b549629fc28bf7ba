"""Spreadsheets of knowledge: what people upload, and what attackers do."""

import io
import time
import zipfile
from datetime import date

import pytest
from openpyxl import Workbook, load_workbook

from adapters import knowledge_cells
from adapters.knowledge_sheet import export_csv, export_sheet, read_sheet, template_sheet
from domain.knowledge import ArticleDraft
from domain.text import Language


def workbook(*rows: tuple[object, ...]) -> bytes:
    book = Workbook()
    for row in rows:
        book.worksheets[0].append(list(row))
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def repacked(data: bytes, **changed: bytes) -> bytes:
    """The workbook with some parts replaced or added; `__` stands for `/` and `_dot_` for `.`."""
    names = {name.replace("__", "/").replace("_dot_", "."): content for name, content in changed.items()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            if part.filename not in names:
                new.writestr(part, old.read(part))
        for name, content in names.items():
            new.writestr(name, content)
    return buffer.getvalue()


HEADER_ZH = ("标题", "问法", "内容", "分类", "语言")
ROW_ZH = ("多久发货", "什么时候发\n几天发出；发货时间", "24 小时内发货。\n\n周末照常。", "配送", "中文")


def test_a_chinese_workbook_is_read() -> None:
    drafts, problems = read_sheet("知识.xlsx", workbook(HEADER_ZH, ROW_ZH))
    assert problems == []
    assert drafts == [
        ArticleDraft(
            row=2,
            language=Language.ZH,
            title="多久发货",
            questions=("什么时候发", "几天发出", "发货时间"),
            body="24 小时内发货。\n\n周末照常。",
            category="配送",
        )
    ]


def test_english_headers_in_any_order_case_and_below_a_heading() -> None:
    data = workbook(("Our knowledge",), (), ("ANSWER", " title "), ("We ship today.", "When do you ship?"))
    drafts, problems = read_sheet("k.XLSX", data)
    assert problems == []
    assert (drafts[0].row, drafts[0].language, drafts[0].title) == (4, Language.EN, "When do you ship?")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_in_every_usual_encoding(encoding: str, delimiter: str) -> None:
    text = f'标题{delimiter}内容\r\n多久发货{delimiter}"24 小时内，\n周末照常"\r\n'
    drafts, problems = read_sheet("a.csv", text.encode(encoding))
    assert problems == []
    assert (drafts[0].title, drafts[0].body) == ("多久发货", "24 小时内，\n周末照常")


def test_every_bad_row_is_told_and_good_rows_stay() -> None:
    data = workbook(
        HEADER_ZH,
        ROW_ZH,
        ("", "", "没有标题", "", ""),
        ("没有内容", "", "", "", ""),
        ("多久发货", "", "重复", "", "zh"),
        ("语言不对", "", "内容", "", "法语"),
        ("模板", "", "您好 {{customer_name}}", "", ""),
        ("太长" * 50, "", "内容", "", ""),
        ("好的", "", "内容", "", ""),
    )
    drafts, problems = read_sheet("a.xlsx", data)
    assert [draft.row for draft in drafts] == [2, 9]
    assert [problem.line for problem in problems] == [3, 4, 5, 6, 7, 8]
    assert "row 2" in problems[2].message
    assert all(problem.message and problem.message_zh for problem in problems)


def test_formulas_are_neither_evaluated_nor_taken_as_text() -> None:
    data = workbook(("title", "body"), ("Sum", '=HYPERLINK("http://x.example","y")'), ("Fine", "text"))
    drafts, problems = read_sheet("a.xlsx", data)
    assert [draft.title for draft in drafts] == ["Fine"]
    assert [(problem.line, problem.message) for problem in problems] == [
        (2, "Body: formulas are not read; paste the text itself")
    ]


def test_numbers_and_dates_become_the_text_people_see() -> None:
    drafts, _ = read_sheet("a.xlsx", workbook(("title", "body"), (12315, date(2026, 11, 23)), (2.5, True)))
    assert [(draft.title, draft.body) for draft in drafts] == [("12315", "2026-11-23"), ("2.5", "True")]


def test_hostile_characters_are_cleaned() -> None:
    drafts, problems = read_sheet(
        "a.csv", "title,body\nA\u202eB,x\x00y\u0301\u0301\u0301\u0301\u0301\u0301\n".encode()
    )
    assert problems == []
    assert drafts[0].title == "AB"
    assert "\x00" not in drafts[0].body
    assert drafts[0].body.count("\u0301") <= 4


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.exe", b"MZ", "xlsx or .csv"),
        ("a.xlsx", b"", "damaged"),
        ("a.xlsx", b"\x89PNG\r\n", "damaged"),
        ("a.csv", b"\xff\xff\xff", "neither UTF-8"),
        ("a.csv", b"", "name the columns"),
        ("a.csv", "标题,内容\n".encode(), "no article"),
        ("a.csv", b"question,foo\n1,2\n", "name the columns"),
        ("a.csv", b"title,body,answer\n1,2,3\n", "two columns"),
        ("a.csv", b'title,body\n"open,2\n', "not closed"),
        ("a.csv", b"title,body\n" + b"x" * 200_000 + b",2\n", "too long"),
        ("a.csv", b"x" * 10_000_001, "over 10 MB"),
        ("a.csv", b"title,body\n" + b"".join(b"%d,x\n" % n for n in range(5_001)), "over 5000 rows"),
    ],
)
def test_unusable_files_are_refused_with_a_reason(name: str, data: bytes, words: str) -> None:
    drafts, problems = read_sheet(name, data)
    assert drafts == []
    assert len(problems) == 1
    assert words in problems[0].message
    assert problems[0].message_zh


def test_a_png_that_is_a_zip_is_no_workbook() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("image.png", b"\x89PNG")
    assert "no .xlsx" in read_sheet("a.xlsx", buffer.getvalue())[1][0].message


def test_a_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = repacked(workbook(HEADER_ZH, ROW_ZH), xl__media__big_dot_bin=b"\0" * 61_000_000)
    assert len(bomb) < 200_000
    started = time.perf_counter()
    drafts, problems = read_sheet("a.xlsx", bomb)
    assert drafts == []
    assert "unpack" in problems[0].message
    assert time.perf_counter() - started < 0.5


def test_a_part_that_declares_too_little_is_damaged() -> None:
    data = bytearray(repacked(workbook(HEADER_ZH, ROW_ZH), xl__media__a_dot_xml=b"\0" * 1_000_000))
    size = (1_000_000).to_bytes(4, "little")
    while (place := data.find(size)) >= 0:
        data[place : place + 4] = (10).to_bytes(4, "little")
    assert "damaged" in read_sheet("a.xlsx", bytes(data))[1][0].message


def test_entities_are_refused() -> None:
    shared = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><sst xmlns="urn:x"><si><t>&a;</t></si></sst>'
    data = repacked(workbook(HEADER_ZH, ROW_ZH), xl__sharedStrings_dot_xml=shared)
    assert "document type" in read_sheet("a.xlsx", data)[1][0].message


def test_one_long_text_in_many_cells_is_too_much() -> None:
    data = workbook(("title", "body"), *((f"t{n}", "长" * 30_000) for n in range(200)))
    drafts, problems = read_sheet("a.xlsx", data)
    assert drafts == []
    assert "too much text" in problems[0].message
    assert problems[0].line > knowledge_cells.MAXIMUM_CHARACTERS // 30_000


def test_a_row_far_below_is_not_silently_lost() -> None:
    book = Workbook()
    book.worksheets[0].append(["title", "body"])
    book.worksheets[0].cell(9_000, 1, "far")
    buffer = io.BytesIO()
    book.save(buffer)
    problems = read_sheet("a.xlsx", buffer.getvalue())[1]
    assert [(problem.line, "over 5000 rows" in problem.message) for problem in problems] == [(9_000, True)]


EVIL = ("=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "＝1+1", " =1+1", "'=1", "plain")


def evil_drafts() -> list[ArticleDraft]:
    return [
        ArticleDraft(0, Language.EN, text, (text, "second way"), text, text, f"key_{index}")
        for index, text in enumerate(EVIL)
    ]


@pytest.mark.parametrize("language", list(Language))
def test_an_export_holds_no_formula_and_comes_back_whole(language: Language) -> None:
    data = export_sheet(evil_drafts(), language)
    cells = [cell for row in load_workbook(io.BytesIO(data)).worksheets[0].iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n"}
    assert not any(cell.data_type == "n" and cell.value is not None for cell in cells)
    assert all(cell.quotePrefix for cell in cells if cell.value)
    drafts, problems = read_sheet("a.xlsx", data)
    assert problems == []
    assert [draft.body for draft in drafts[:5]] == list(EVIL[:5])
    assert [draft.key for draft in drafts] == [f"key_{index}" for index in range(len(EVIL))]


def test_a_csv_export_is_disarmed_and_comes_back_whole() -> None:
    data = export_csv(evil_drafts(), Language.ZH)
    assert data.startswith(b"\xef\xbb\xbf")
    for line in data.decode("utf-8-sig").splitlines()[1:]:
        assert not any(field.lstrip('" ').startswith(tuple("=+-@＝＋－＠")) for field in line.split(","))
    drafts, problems = read_sheet("a.csv", data)
    assert problems == []
    assert [draft.body for draft in drafts[:5]] == list(EVIL[:5])
    assert drafts[1].questions == (EVIL[1], "second way")


@pytest.mark.parametrize("language", list(Language))
def test_the_template_can_be_uploaded_as_it_is(language: Language) -> None:
    drafts, problems = read_sheet("template.xlsx", template_sheet(language))
    assert problems == []
    assert [draft.language for draft in drafts] == [Language.ZH, Language.EN]

"""The cells of an uploaded .xlsx or .csv file, row by row, within bounds."""

import csv
import io
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from openpyxl import load_workbook

MAXIMUM_ROWS = 5_000
MAXIMUM_COLUMNS = 30
MAXIMUM_UNPACKED_BYTES = 60_000_000
MAXIMUM_PARTS = 500
MAXIMUM_CHARACTERS = 5_000_000
_NEEDED_PARTS = frozenset({"[Content_Types].xml", "xl/workbook.xml"})
_ENCRYPTED = 0x1
# An entity can stand for a gigabyte; no spreadsheet program writes a document type.
_DOCUMENT_TYPES = tuple("<!DOCTYPE".encode(encoding) for encoding in ("ascii", "utf-16-le", "utf-16-be"))


class SheetError(Exception):
    """The file cannot be read: why, in both languages, and at which row."""

    def __init__(self, message: str, message_zh: str, row: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.message_zh = message_zh
        self.row = row


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    is_formula: bool = False
    """A formula, or the error it left; its text is not to be used."""


def read_csv_rows(data: bytes) -> Iterator[tuple[int, Sequence[Cell]]]:
    """Rows that are not empty, numbered as a spreadsheet shows them. Raises SheetError."""
    text = _decoded(data)
    delimiter = max(",;\t", key=text.split("\n", 1)[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    bounds = _Bounds()
    number = 0
    try:
        for number, values in enumerate(reader, 1):
            if any(value.strip() for value in values):
                row = [Cell(value) for value in values[:MAXIMUM_COLUMNS]]
                bounds.check(number, row)
                yield number, row
    except csv.Error:
        raise SheetError(
            "a quotation mark is not closed, or a cell is too long", "引号没有成对，或单元格过长", number + 1
        ) from None


def _decoded(data: bytes) -> str:
    # GB18030 is what Excel writes in China without being asked.
    marked = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    encodings = ("utf-16",) if marked else ("utf-8-sig", "gb18030")
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise SheetError("the text is neither UTF-8 nor GB18030", "文件编码不是 UTF-8 或 GB18030")


def read_workbook_rows(data: bytes) -> Iterator[tuple[int, Sequence[Cell]]]:
    """Rows of the first sheet that are not empty. Raises SheetError; formulas are marked, never evaluated."""
    _check_archive(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # remarks about styles and extensions that we do not read
            return iter(_first_sheet(data))
    except SheetError:
        raise
    except Exception as error:  # openpyxl fails on damaged files in every way there is
        raise SheetError(
            "the file is damaged or is no .xlsx file", "文件已损坏，或不是 .xlsx 文件"
        ) from error


def _first_sheet(data: bytes) -> list[tuple[int, Sequence[Cell]]]:
    book = load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
    try:
        if not book.worksheets:
            raise SheetError("there is no sheet in this file", "文件中没有工作表")
        bounds = _Bounds()
        rows: list[tuple[int, Sequence[Cell]]] = []
        for number, cells in enumerate(book.worksheets[0].iter_rows(max_col=MAXIMUM_COLUMNS), 1):
            row = [_cell(cell.value, cell.data_type) for cell in cells]
            if any(cell.text.strip() for cell in row):
                bounds.check(number, row)
                rows.append((number, row))
        return rows
    finally:
        book.close()


def _check_archive(data: bytes) -> None:
    """Refuse what would unpack to more than is sensible, before anything of it is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            # zipfile never gives more bytes of a part than it declares, so the declared sizes are a true bound.
            if len(parts) > MAXIMUM_PARTS or sum(part.file_size for part in parts) > MAXIMUM_UNPACKED_BYTES:
                raise SheetError("the file would unpack to far too much", "文件解压后过大")
            if any(part.flag_bits & _ENCRYPTED for part in parts):
                raise SheetError("the file has a password", "文件有密码保护，请先取消")
            if not {part.filename for part in parts} >= _NEEDED_PARTS:
                raise SheetError("this is no .xlsx file", "这不是 .xlsx 文件")
            for part in parts:
                if part.filename.endswith((".xml", ".rels")):
                    _check_markup(archive.read(part))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError, ValueError) as error:
        raise SheetError(
            "the file is damaged or is no .xlsx file", "文件已损坏，或不是 .xlsx 文件"
        ) from error


def _check_markup(content: bytes) -> None:
    if any(mark in content for mark in _DOCUMENT_TYPES):
        raise SheetError(
            "the file contains a document type, which spreadsheets never do", "文件包含不允许的内容"
        )


@dataclass
class _Bounds:
    """Counts what is read: one long text can be shared by every cell of a small file."""

    characters: int = 0

    def check(self, number: int, row: Sequence[Cell]) -> None:
        if number > MAXIMUM_ROWS + 1:
            raise SheetError(
                f"over {MAXIMUM_ROWS} rows; please use several files",
                f"超过 {MAXIMUM_ROWS} 行，请分成几个文件",
                number,
            )
        self.characters += sum(len(cell.text) for cell in row)
        if self.characters > MAXIMUM_CHARACTERS:
            raise SheetError("too much text; please use several files", "文字过多，请分成几个文件", number)


def _cell(value: Any, data_type: str) -> Cell:
    if value is None:
        return Cell("")
    if data_type in {"f", "e"}:
        return Cell("=", is_formula=True)
    if isinstance(value, datetime) and value.time().isoformat() == "00:00:00":
        value = value.date()
    if isinstance(value, date):
        return Cell(value.isoformat())
    if isinstance(value, float) and value.is_integer():
        return Cell(str(int(value)))
    return Cell(str(value))

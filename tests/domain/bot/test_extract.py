import json
from datetime import date

import pytest

from domain.bot.dates import find_date
from domain.bot.extract import (
    find_address,
    find_amount,
    find_email,
    find_order_number,
    find_ordinal,
    find_phone,
    find_quantity,
    find_tax_number,
    find_tracking_number,
    find_yes_no,
    is_cancel,
    is_correction,
    means_other_one,
)
from domain.text import fold
from tests.shared_data import shared_data

TODAY = date(2026, 11, 23)  # a Monday


@pytest.mark.parametrize(
    "text",
    [
        "E20260223-0457",
        "e20260223 0457",
        "E202602230457",
        "订单号是E20260223—0457，谢谢",
        "my order is e 2026 0223 0457.",
        "Ｅ２０２６０２２３－０４５７",
        "20260223-0457",
        "订单E20260223-0457到哪了",
    ],
)
def test_order_number(text: str) -> None:
    assert find_order_number(text) == "E20260223-0457"


@pytest.mark.parametrize(
    "text", ["E20261323-0457", "E2026022-0457", "E20260223-04571", "13800138000", "order", ""]
)
def test_no_order_number(text: str) -> None:
    assert find_order_number(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("我的手机是13800138000", "+8613800138000"),
        ("138 0013 8000", "+8613800138000"),
        ("+86 138-0013-8000", "+8613800138000"),
        ("call +1 415 555 0132", "+14155550132"),
        ("0571-88888888", "057188888888"),
        ("(415) 555-0132", "4155550132"),
        ("打400-820-8820", "4008208820"),
    ],
)
def test_phone(text: str, expected: str) -> None:
    assert find_phone(text) == expected


@pytest.mark.parametrize("text", ["E20260223-0457", "199 元", "没有电话", "12345", "SF1234567890123"])
def test_no_phone(text: str) -> None:
    assert find_phone(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("199元", 199),
        ("¥1,299.50", 1299.5),
        ("三百五十块", 350),
        ("两千块钱", 2000),
        ("一万二", 12000),
        ("3 件一共 250 元", 250),
        ("$20", 20),
        ("twenty five dollars", 25),
        ("two hundred and five", 205),
        ("2.5万元", 25000),
    ],
)
def test_amount(text: str, expected: float) -> None:
    found = find_amount(text)
    assert found is not None
    assert float(found) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("两件", 2), ("I want three", 3), ("12 boxes", 12), ("很多", None)]
)
def test_quantity(text: str, expected: int | None) -> None:
    found = find_quantity(text)
    assert (None if found is None else int(found)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("今天", date(2026, 11, 23)),
        ("昨天下的单", date(2026, 11, 22)),
        ("大前天", date(2026, 11, 20)),
        ("3月5号", date(2026, 3, 5)),
        ("12月25日", date(2026, 12, 25)),
        ("去年十二月三十一号", date(2025, 12, 31)),
        ("2026年2月28日", date(2026, 2, 28)),
        ("上周三", date(2026, 11, 18)),
        ("下周一", date(2026, 11, 30)),
        ("三天前", date(2026, 11, 20)),
        ("两周后", date(2026, 12, 7)),
        ("15号", date(2026, 11, 15)),
        ("2026-11-02", date(2026, 11, 2)),
        ("yesterday", date(2026, 11, 22)),
        ("last Friday", date(2026, 11, 20)),
        ("next friday", date(2026, 11, 27)),
        ("3 days ago", date(2026, 11, 20)),
        ("a week ago", date(2026, 11, 16)),
        ("in two days", date(2026, 11, 25)),
        ("March 5th, 2026", date(2026, 3, 5)),
        ("5 March", date(2026, 3, 5)),
        ("11/02/2026", date(2026, 11, 2)),
        ("the day before yesterday", date(2026, 11, 21)),
        ("2月30日", None),
        ("no date here", None),
    ],
)
def test_date(text: str, expected: date | None) -> None:
    assert find_date(fold(text), TODAY) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *[
            (text, True)
            for text in (
                "是",
                "是的",
                "对",
                "好的，谢谢",
                "可以",
                "嗯嗯",
                "没问题",
                "确认",
                "yes",
                "Yes please",
                "yeah",
                "OK",
                "sure!",
                "that's right",
                "no problem",
            )
        ],
        *[
            (text, False)
            for text in (
                "不",
                "不是",
                "不对",
                "不用了",
                "没有",
                "no",
                "No.",
                "nope",
                "not yet",
                "no, wrong reason",
                "that's wrong",
            )
        ],
        *[(text, None) for text in ("", "？？？", "也许吧", "what do you mean", "我的订单到哪了", "asdf")],
    ],
)
def test_yes_no(text: str, expected: bool | None) -> None:
    assert find_yes_no(text) is expected


@pytest.mark.parametrize(
    "text",
    [
        "浙江省杭州市西湖区文三路 123 号 4 幢 501 室",
        "北京朝阳区建国路88号",
        "221B Baker Street, London",
        "Flat 3, 12 Queen's Road, Bristol",
    ],
)
def test_address(text: str) -> None:
    assert find_address(text) == text


@pytest.mark.parametrize(
    "text",
    ["家里", "我不知道", "随便", "asdfasdf", "你们在哪个路口吗？", "1234567890", "。。。。。。。。。。"],
)
def test_no_address(text: str) -> None:
    assert find_address(text) is None


def test_other_values() -> None:
    assert find_tracking_number("单号SF1234567890123") == "SF1234567890123"
    assert find_tracking_number("E20260223-0457") is None
    assert find_tracking_number("13800138000") is None
    assert find_email("发到 Name.X@Example.COM。") == "name.x@example.com"
    assert find_tax_number("税号91330106MA2ABCDE1X") == "91330106MA2ABCDE1X"
    assert find_tax_number("没有税号") is None


@pytest.mark.parametrize(
    ("text", "count", "expected"),
    [
        ("2", 3, 1),
        ("第二个", 3, 1),
        ("the second one", 3, 1),
        ("最后一个", 3, 2),
        ("last one", 4, 3),
        ("5", 3, None),
        ("选一", 2, 0),
        ("hello", 3, None),
        ("1", 0, None),
    ],
)
def test_ordinal(text: str, count: int, expected: int | None) -> None:
    assert find_ordinal(text, count) == expected


@pytest.mark.parametrize(
    "text",
    [
        "算了",
        "算了吧",
        "不办了",
        "取消",
        "never mind",
        "Nevermind.",
        "forget it",
        "cancel",
        "cancel this please",
        "stop",
    ],
)
def test_cancel(text: str) -> None:
    assert is_cancel(text)


@pytest.mark.parametrize("text", ["取消订单", "cancel my order", "不", "算一下多少钱", "stop the parcel"])
def test_no_cancel(text: str) -> None:
    assert not is_cancel(text)


def test_corrections() -> None:
    assert is_correction("不对，订单号是E20260223-0457")
    assert is_correction("no, the other one")
    assert means_other_one("no, the other one")
    assert means_other_one("是另一个")
    assert not is_correction("好的")
    assert not means_other_one("yes")


@pytest.mark.data
@pytest.mark.parametrize("language", ["zh", "en"])
def test_phones_of_the_public_set(language: str) -> None:
    """Most phone expressions of a public oracle are found; a plain baseline reaches .95."""
    path = shared_data("recognizers_zh_en") / "dev.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row["kind"] == "Sequence.PhoneNumberModel" and row["lang"] == language]
    rows = [row for row in rows if len(row["expected"]) == 1]
    assert rows
    found = sum(find_phone(row["text"]) is not None for row in rows)
    assert found / len(rows) >= 0.75, (found, len(rows))

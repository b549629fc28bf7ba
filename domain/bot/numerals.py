"""Numbers as people write them: digits, Chinese numerals, English number words."""

import re
from decimal import Decimal, InvalidOperation

_HAN_DIGIT = {
    "零": 0,
    "〇": 0,
    "一": 1,
    "二": 2,
    "两": 2,
    "三": 3,
    "四": 4,
    "五": 5,
    "六": 6,
    "七": 7,
    "八": 8,
    "九": 9,
}
_HAN_UNIT = {"十": 10, "百": 100, "千": 1_000}
_HAN_LARGE = {"万": 10_000, "亿": 100_000_000}
_SMALL = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_WORD_VALUE = {word: value for value, word in enumerate(_SMALL)} | {
    word: (index + 2) * 10
    for index, word in enumerate(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
    )
}
_SCALE = {"hundred": 100, "thousand": 1_000, "million": 1_000_000}

HAN_NUMBER = r"[零〇一二两三四五六七八九十百千万亿]+(?:点[零〇一二三四五六七八九]+)?"
_WORDS = "|".join([*_WORD_VALUE, *_SCALE])
WORD_NUMBER = rf"(?:{_WORDS})(?:(?:[ -]+and)?[ -]+(?:{_WORDS}))*"
DIGIT_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
NUMBER = re.compile(
    rf"(?P<digits>{DIGIT_NUMBER})(?:(?P<scale>[万亿千百k])|\s+(?P<word>thousand|million|billion)\b)?|(?P<han>{HAN_NUMBER})|\b(?P<words>{WORD_NUMBER})\b"
)


def number_value(match: re.Match[str]) -> Decimal | None:
    """The value of a match of `NUMBER` in folded text, or None when it is no number after all."""
    if match["digits"]:
        scale = {"万": 10_000, "亿": 100_000_000, "千": 1_000, "百": 100, "k": 1_000}.get(
            match["scale"] or "", 1
        )
        try:
            return Decimal(match["digits"].replace(",", "")) * scale
        except InvalidOperation:
            return None
    if match["han"]:
        return han_number(match["han"])
    return word_number(match["words"])


def han_number(text: str) -> Decimal | None:
    """The value of a Chinese numeral such as 三百五, 一万二 or 二〇二六; None when it is none."""
    whole, _, fraction = text.partition("点")
    if not any(character in _HAN_UNIT or character in _HAN_LARGE for character in whole):
        if not whole:
            return None
        value = Decimal(int("".join(str(_HAN_DIGIT[character]) for character in whole)))
    else:
        value = Decimal(_han_grouped(whole))
    if fraction:
        value += Decimal("0." + "".join(str(_HAN_DIGIT[character]) for character in fraction))
    return value


def _han_grouped(text: str) -> int:
    total = section = digit = 0
    last_unit = 1
    for character in text:
        if character in _HAN_DIGIT:
            digit = _HAN_DIGIT[character]
            if character in "零〇":
                last_unit = 10
        elif character in _HAN_UNIT:
            last_unit = _HAN_UNIT[character]
            section += (digit or (1 if character == "十" else 0)) * last_unit
            digit = 0
        else:
            last_unit = _HAN_LARGE[character]
            amount = (section + digit) or (0 if total else 1)
            total = (total + amount) * last_unit if character == "亿" else total + amount * last_unit
            section = digit = 0
    return total + section + digit * max(last_unit // 10, 1)


def word_number(text: str) -> Decimal:
    """The value of English number words such as "two hundred and five"."""
    total = current = 0
    for word in re.split(r"[ -]+", text):
        if word in _WORD_VALUE:
            current += _WORD_VALUE[word]
        elif word == "hundred":
            current = max(current, 1) * 100
        elif word in _SCALE:
            total += max(current, 1) * _SCALE[word]
            current = 0
    return Decimal(total + current)

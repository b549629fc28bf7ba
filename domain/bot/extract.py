"""Values in a customer's own words: order numbers, phones, amounts, days, yes and no, addresses, options.

Every reader takes the text as it came and returns the value in one canonical form, or None.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache

from domain.bot.dates import find_date
from domain.bot.flow_model import Slot, SlotOption, SlotType
from domain.bot.lexicon import MAXIMUM_TEXT_LENGTH, Prepared, Term, TermError, compile_term
from domain.bot.numerals import NUMBER, number_value
from domain.text import Language, clean_text, fold

_SEPARATOR = r"[\s\-\u2010-\u2015_.:#]*"
_ORDER = re.compile(rf"(?<![a-z0-9])e{_SEPARATOR}((?:\d{_SEPARATOR}){{11}}\d)(?!\d)")
_ORDER_BARE = re.compile(rf"(?<![a-z0-9])(20\d{{6}}){_SEPARATOR}(\d{{4}})(?![0-9])")
_TRACKING = re.compile(r"(?<![a-z0-9])([a-z]{0,4}\d{9,20}[a-z]{0,2})(?![a-z0-9])")
_EMAIL = re.compile(r"(?<![\w.+-])([\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5})", re.ASCII)
_TAX = re.compile(r"(?<![a-z0-9])([0-9a-z]{18}|[0-9a-z]{15}|[0-9a-z]{20})(?![a-z0-9])")
_PHONES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?<![\d])(?:(?:\+|00)?86[\s-]?)?(1[3-9]\d[\s-]?\d{4}[\s-]?\d{4})(?!\d)"), "+86"),
    (re.compile(r"(?<![\d+])((?:\+|00)[1-9]\d{0,2}[\s().-]{0,2}\d(?:[\s().-]{0,2}\d){6,12})(?!\d)"), "+"),
    (re.compile(r"(?<!\d)([48]00[\s-]?\d{3}[\s-]?\d{4})(?!\d)"), ""),
    (re.compile(r"(?<!\d)(0\d{2,3}[\s-]?\d{7,8}(?:[\s-]\d{1,5})?)(?!\d)"), ""),
    (re.compile(r"(?<![\d])(\(?[2-9]\d{2}\)?[\s.-]?\d{3}[\s.-]\d{4})(?!\d)"), ""),
    (
        re.compile(
            r"(?<![\d.,])(\d{3,4}[\s-]\d{3,4}[\s-]\d{3,5}|\(0?\d{2,4}\)\s?\d{3,4}[\s-]?\d{3,5})(?!\d)"
        ),
        "",
    ),
)
_SAID_PHONE = re.compile(
    r"(?:电话|手机|号码|联系方式|拨打|致电|\bphone\b|\btel\b|\bmobile\b|\bcell\b|\bcall\b|\bdial\b)[^\d+(]{0,24}"
    r"(\(?\+?\d[\d\s().\-/]{5,20}\d)(?!\d)"
)
"""Any long number that the text itself calls a phone number."""
_CURRENCY_BEFORE = r"(?:[¥￥$€£]|rmb|cny|usd|人民币|us\$)\s*$"
_CURRENCY_AFTER = (
    r"^\s*(?:元|块|圆|rmb|cny|usd|yuan|dollars?|bucks|euros?|pounds?|美元|美金|欧元|港币|人民币|[$€£])"
)
_ADDRESS_MARK = re.compile(
    r"[省市区县镇乡村路街道巷弄号栋幢楼室座苑园]|"
    r"\b(?:street|st|road|rd|avenue|ave|lane|drive|dr|court|boulevard|blvd|apartment|apt|flat|floor|suite|unit|"
    r"building|block|square|way|close|house|po box)\b"
)
_YES = re.compile(
    r"(?:是|是的|是啊|是呀|对|对的|对啊|对呀|没错|好|好的|好啊|好呀|好吧|好嘞|行|行的|行吧|可以|可以的|嗯|嗯嗯|恩|确认|确定|没问题|同意|要|要的|需要|"
    r"当然|当然可以|有|提交|办吧|就这样|yes|yeah|yep|yup|ya|y|ok|okay|k|sure|correct|right|that's right|confirm|confirmed|"
    r"of course|please do|go ahead|sounds good|absolutely|definitely|fine|do it|submit)"
)
_NO = re.compile(
    r"(?:不|不是|不是的|不对|不行|不要|不用|不用了|不可以|不好|不同意|不确认|不需要|不想|不了|没有|没|否|错|错了|别|还没|取消|no|nope|nah|n|not|no way|"
    r"don't|do not|wrong|incorrect|that's wrong|not correct|not right|not really|never|not yet)"
)
_PARTICLES = re.compile(r"[\s,.!?~。，！？～、…;；]+|(?:谢谢|麻烦|please|thanks|thank you|pls)")
_PICTURE = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf\ufe0f]")
_YES_PICTURES = "👌👍✅✔🆗"
_NO_PICTURES = "👎❌✖🙅"
_CANCEL = re.compile(
    r"(?:那)?(?:就)?(?:算了|不用了|不办了|不退了|不查了|不弄了|不改了|不要了|不想弄了|没事了|不需要了|先不办了|先不退了|取消|取消吧|退出|停|停止|结束|"
    r"放弃|不搞了|先这样)(?:吧|啦|了|哈|哦)?"
    r"|(?:ok |okay |oh )?(?:never ?mind|nvm|forget (?:it|about it|that)|cancel|cancel (?:it|this|that)|stop|stop (?:it|this)|quit|exit|"
    r"leave it|skip it|no longer needed|not needed(?: anymore)?|i(?: ha)?'?ve changed my mind|i changed my mind|"
    r"don't bother|no thanks|no thank you|i don't want (?:it|this|that)(?: anymore)?)(?: now| then| please)?"
)
_CORRECTION = re.compile(
    r"不对|错了|搞错|弄错|写错|说错|打错|输错|填错|应该是|不是.{0,30}[,，。 ]?(?:而)?是|改成|改为|换成|更正|另一个|另外(?:那|一)?个|"
    r"别的(?:订单|那个)|换(?:一)?个|\bno\b|\bnot\b|\bwrong\b|\bactually\b|\bi meant?\b|\bshould be\b|\binstead\b|\bcorrection\b|"
    r"\bmistake\b|\bchange (?:it|that|the)\b|\bthe other\b|\btypo\b|\bsorry\b"
)
_OTHER_ONE = re.compile(
    r"另一个|另外(?:那|一)?个|别的那个|换(?:一)?个|其他(?:的)?订单|\b(?:the )?other (?:one|order)\b|\banother (?:one|order)\b|\bdifferent (?:one|order)\b"
)
_ORDINAL_ZH = re.compile(r"第?([一二两三四五六七八九1-9])(?:个|条|项|单|笔)?(?:吧|呢|的|订单)?")
_ORDINALS = {
    "first": 1,
    "second": 2,
    "third": 3,
    "fourth": 4,
    "fifth": 5,
    "last": -1,
    "one": 1,
    "two": 2,
    "three": 3,
}
_HAN_DIGITS = "一二三四五六七八九"
_LETTER = re.compile(r"[^\W\d_]")


@dataclass(frozen=True)
class Reading:
    """What a reader needs besides the text."""

    language: Language
    today: date


def extract(slot: Slot, text: str, reading: Reading, *, asked: bool = True) -> str | None:
    """The slot's value in the text, canonical, within the slot's bounds; None when there is none.

    `asked` is False when the customer was not asked for it, and free text must not be taken for an answer.
    """
    short = text[:MAXIMUM_TEXT_LENGTH]
    if slot.type is SlotType.OPTION:
        return find_option(slot.options, short)
    if slot.type is SlotType.TEXT:
        return _free_text(slot, short) if asked else None
    if slot.type is SlotType.ADDRESS:
        return find_address(short) if asked else None
    if slot.type is SlotType.YES_NO:
        answer = find_yes_no(short) if asked else None
        return None if answer is None else ("yes" if answer else "no")
    if slot.type is SlotType.DATE:
        day = find_date(fold(short), reading.today)
        return day.isoformat() if day else None
    if slot.type in {SlotType.AMOUNT, SlotType.QUANTITY}:
        number = find_amount(short) if slot.type is SlotType.AMOUNT else find_quantity(short)
        return _bounded(slot, number) if asked or slot.type is SlotType.AMOUNT else None
    return _READERS[slot.type](short)


def find_order_number(text: str) -> str | None:
    """An order number `Eyyyymmdd-nnnn`, however spaced, cased or dashed."""
    folded = fold(text)
    for pattern in (_ORDER, _ORDER_BARE):
        for match in pattern.finditer(folded):
            digits = re.sub(r"\D", "", match.group())
            if len(digits) == 12 and _is_day(digits[:8]):
                return f"E{digits[:8]}-{digits[8:]}"
    return None


def _is_day(digits: str) -> bool:
    try:
        day = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return 2000 <= day.year < 2100


def find_tracking_number(text: str) -> str | None:
    """A parcel's number: up to four letters and 9 to 20 digits; neither an order number nor a mobile phone."""
    folded = re.sub(r"(?<=\d)[ -](?=\d{3,})", "", fold(text))
    for match in _TRACKING.finditer(folded):
        value = match.group(1).upper()
        if find_order_number(value) is None and not re.fullmatch(r"(?:86)?1[3-9]\d{9}", value):
            return value
    return None


def find_phone(text: str) -> str | None:
    """A phone number: Chinese mobile as +86…, others with the country code if it was given."""
    folded = fold(text)
    for pattern, prefix in _PHONES:
        match = pattern.search(folded)
        if match is None:
            continue
        raw = match.group(1)
        digits = re.sub(r"\D", "", raw)
        if prefix == "+":
            return "+" + (digits.removeprefix("00") if raw.startswith("00") else digits)
        return prefix + digits
    match = _SAID_PHONE.search(folded)
    digits = re.sub(r"\D", "", match.group(1)) if match else ""
    return digits if 7 <= len(digits) <= 15 and find_order_number(folded) is None else None


def find_email(text: str) -> str | None:
    """An e-mail address, lower-cased."""
    match = _EMAIL.search(fold(text))
    return match.group(1).rstrip(".") if match else None


def find_tax_number(text: str) -> str | None:
    """A Chinese taxpayer's number: 15, 18 or 20 letters and digits, mostly digits."""
    for match in _TAX.finditer(fold(text)):
        value = match.group(1).upper()
        if sum(character.isdigit() for character in value) >= 8 and find_order_number(value) is None:
            return value
    return None


def find_amount(text: str) -> Decimal | None:
    """An amount of money; a number beside a currency wins over a bare one."""
    folded = fold(text)
    bare: Decimal | None = None
    for match in NUMBER.finditer(folded):
        value = number_value(match)
        if value is None:
            continue
        if re.search(_CURRENCY_BEFORE, folded[: match.start()]) or re.search(
            _CURRENCY_AFTER, folded[match.end() :]
        ):
            return value
        bare = value if bare is None else bare
    return bare


def find_quantity(text: str) -> Decimal | None:
    """A whole number of pieces."""
    for match in NUMBER.finditer(fold(text)):
        value = number_value(match)
        if value is not None and value == value.to_integral_value():
            return value
    return None


def find_yes_no(text: str) -> bool | None:
    """True for yes, False for no, None when it is neither. A no inside wins."""
    folded = fold(text)
    bare = _PARTICLES.sub(" ", _PICTURE.sub(" ", folded)).strip()
    if not bare:
        shown = {
            "yes" if mark in _YES_PICTURES else "no" for mark in text if mark in _YES_PICTURES + _NO_PICTURES
        }
        return next(iter(shown)) == "yes" if len(shown) == 1 else None
    if len(bare) > 40:
        return None
    if re.match(r"(?:no problem|没问题)", folded):
        return True
    if (
        _NO.fullmatch(bare)
        or re.match(rf"{_NO.pattern}(?:[\s]|$)", bare)
        or re.match(r"不(?:是|对|要|用|行|可以|想|需要)", bare)
    ):
        return None if re.match(r"(?:no problem|not bad|不错)", bare) else False
    if re.search(r"不|没|别|\bnot\b|n't\b", bare) and not _YES.fullmatch(bare):
        return None
    if (
        _YES.fullmatch(bare)
        or re.match(rf"{_YES.pattern}\s", bare)
        or re.match(r"(?:是的|对的|好的|可以|确认|确定|同意)", bare)
    ):
        return True
    return None


def find_address(text: str) -> str | None:
    """A postal address: free text of some length that names a place; not a question."""
    cleaned = " ".join(clean_text(text).split())
    folded = fold(cleaned)
    if not 8 <= len(cleaned) <= 200 or folded.endswith(("?", "吗", "呢")):
        return None
    if len(_LETTER.findall(cleaned)) < 4:
        return None
    marks = {match.group() for match in _ADDRESS_MARK.finditer(folded)}
    has_digit = any(character.isdigit() for character in folded)
    if len(marks) >= 2 or (marks and has_digit):
        return cleaned
    return None


def find_option(options: tuple[SlotOption, ...], text: str) -> str | None:
    """The option whose label or synonym the text names; the longest wins; None when none or a tie."""
    prepared = Prepared(text)
    best: list[tuple[int, str]] = []
    for option in options:
        length = 0
        for source in (*option.label.values(), *option.synonyms):
            term = _term(source)
            span = term.find(prepared) if term else None
            if span:
                length = max(length, span[1] - span[0])
        if length:
            best.append((length, option.id))
    best.sort(reverse=True)
    if not best or (len(best) > 1 and best[0][0] == best[1][0]):
        return None
    return best[0][1]


@lru_cache(maxsize=4096)
def _term(source: str) -> Term | None:
    try:
        return compile_term(source)
    except TermError:
        return None


def find_ordinal(text: str, count: int) -> int | None:
    """Which of `count` shown things the text names ("2", "第二个", "the last one"), from 0; or None."""
    bare = _PARTICLES.sub(" ", fold(text)).strip()
    if count <= 0 or not bare or len(bare) > 24:
        return None
    index: int | None = None
    match = _ORDINAL_ZH.fullmatch(re.sub(r"^(?:我)?(?:选|要|就)(?:择)?", "", bare))
    if match:
        character = match.group(1)
        if character == "两":
            index = 2
        else:
            index = int(character) if character.isdigit() else _HAN_DIGITS.index(character) + 1
    elif re.fullmatch(r"最后(?:一)?(?:个|条|项|单)?", bare):
        index = -1
    else:
        words = re.fullmatch(r"(?:the |option |number |no |#)*(\w+?)(?: one| option| order)?", bare)
        if words:
            word = re.sub(r"^(\d)(?:st|nd|rd|th)$", r"\1", words.group(1))
            index = int(word) if re.fullmatch(r"[1-9]", word) else _ORDINALS.get(word)
    if index == -1:
        return count - 1
    return index - 1 if index is not None and 1 <= index <= count else None


def is_cancel(text: str) -> bool:
    """Whether the whole message says to stop what is being done ("算了", "never mind")."""
    bare = _PARTICLES.sub(" ", fold(text)).strip()
    return _CANCEL.fullmatch(re.sub(r"\s+", " ", bare)) is not None


def is_correction(text: str) -> bool:
    """Whether the message takes back something said before."""
    return _CORRECTION.search(fold(text[:MAXIMUM_TEXT_LENGTH])) is not None


def means_other_one(text: str) -> bool:
    """Whether the message asks for the other of two things."""
    return _OTHER_ONE.search(fold(text[:MAXIMUM_TEXT_LENGTH])) is not None


def _bounded(slot: Slot, number: Decimal | None) -> str | None:
    if number is None or number < 0:
        return None
    if (slot.least is not None and number < Decimal(str(slot.least))) or (
        slot.most is not None and number > Decimal(str(slot.most))
    ):
        return None
    return format(number.normalize(), "f")


def _free_text(slot: Slot, text: str) -> str | None:
    cleaned = clean_text(text)
    if len(_LETTER.findall(cleaned)) < 2:
        return None
    if len(cleaned) < (slot.least or 2) or len(cleaned) > (slot.most or 500):
        return None
    return cleaned


_READERS: dict[SlotType, Callable[[str], str | None]] = {
    SlotType.ORDER_NUMBER: find_order_number,
    SlotType.TRACKING_NUMBER: find_tracking_number,
    SlotType.PHONE: find_phone,
    SlotType.EMAIL: find_email,
    SlotType.TAX_NUMBER: find_tax_number,
}

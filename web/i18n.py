"""Texts, dates and numbers in the reader's language.

Catalogues are gettext files read and merged when the process starts: `catalogues/<language>/<area>.po`.
A message's id is a dotted key (`desk.offer.accept`), its placeholders are `{name}`.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale
from babel.dates import format_date, format_datetime, format_time, format_timedelta
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent
from fastapi import Request
from markupsafe import Markup, escape

LANGUAGES = ("zh", "en")
LANGUAGE_COOKIE = "hf_language"
ZONE_COOKIE = "hf_zone"
DEFAULT_ZONE = "Asia/Shanghai"
CATALOGUES = Path(__file__).parent / "catalogues"

_LOCALES = {"zh": Locale("zh", "CN", script="Hans"), "en": Locale("en")}
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_JUST_NOW_SECONDS = 10

Text = str | tuple[str, ...]
"""A message, or the plural forms of one."""


class MissingTextError(KeyError):
    """A key that no catalogue of the language has; `ops.catalogues` finds these before users do."""


def read_catalogue(folder: Path) -> dict[str, Text]:
    """All messages of one language; a plural message is a tuple of its forms."""
    messages: dict[str, Text] = {}
    for path in sorted(folder.glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, abort_invalid=True):
                if not message.id:
                    continue
                key = message.id if isinstance(message.id, str) else message.id[0]
                if key in messages:
                    raise ValueError(f"{path.name}: {key} is in two catalogues")
                messages[key] = (
                    message.string if isinstance(message.string, str) else tuple(message.string or ())
                )
    return messages


@cache
def catalogue(language: str) -> dict[str, Text]:
    """The merged catalogue of a language."""
    return read_catalogue(CATALOGUES / language)


@dataclass(frozen=True)
class Texts:
    """One reader's language and time zone: `texts("desk.offer.accept", name=name)`."""

    language: str
    zone: ZoneInfo
    strict: bool = False
    """Development: a missing key is an error; elsewhere the key itself is shown."""

    @property
    def locale(self) -> Locale:
        """For babel."""
        return _LOCALES[self.language]

    @property
    def html_lang(self) -> str:
        """For the `lang` attribute."""
        return "zh-CN" if self.language == "zh" else "en"

    def has(self, key: str) -> bool:
        """Whether there is such a text."""
        return key in catalogue(self.language)

    def __call__(self, key: str, **values: Any) -> str:
        """The text with its placeholders filled; `count` picks the plural form.

        With a `Markup` among the values the result is `Markup`, everything else in it escaped.
        """
        text = catalogue(self.language).get(key)
        if text is None:
            if self.strict:
                raise MissingTextError(f"{key} ({self.language})")
            return key
        if isinstance(text, tuple):
            form = self.locale.plural_form(values["count"])
            forms = sorted(self.locale.plural_form.tags | {"other"}, key=_PLURAL_ORDER.index)
            text = text[min(forms.index(form), len(text) - 1)]
        if any(isinstance(value, Markup) for value in values.values()):
            return Markup(  # noqa: S704 - every part is escaped here
                _PLACEHOLDER.sub(lambda found: str(escape(self._shown(values, found))), str(escape(text)))
            )
        return _PLACEHOLDER.sub(lambda found: str(self._shown(values, found)), text)

    def _shown(self, values: dict[str, Any], found: re.Match[str]) -> Any:
        value = values.get(found[1], found[0])
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return self.number(value) if is_number else value

    # Numbers, dates and times

    def number(self, value: float) -> str:
        """1234.5 → 1,234.5"""
        return str(format_decimal(value, locale=self.locale))

    def percent(self, share: float) -> str:
        """0.125 → 12.5%"""
        return str(format_percent(share, locale=self.locale, format="#,##0.#%"))

    def local(self, at: datetime) -> datetime:
        """The instant on the reader's wall clock."""
        return at.astimezone(self.zone)

    def clock(self, at: datetime) -> str:
        """14:02"""
        return str(format_time(self.local(at), "HH:mm", locale=self.locale))

    def day(self, at: datetime | date) -> str:
        """2月27日 / Feb 27, with the year where it is another."""
        local = self.local(at) if isinstance(at, datetime) else at
        this_year = local.year == datetime.now(self.zone).year
        pattern = {"zh": ("M月d日", "y年M月d日"), "en": ("MMM d", "MMM d, y")}[self.language]
        return str(format_date(local, pattern[0] if this_year else pattern[1], locale=self.locale))

    def moment(self, at: datetime) -> str:
        """The absolute time, to the second and with the zone: for hovering."""
        pattern = "y年M月d日 EEEE HH:mm:ss" if self.language == "zh" else "EEEE, MMM d, y, HH:mm:ss"
        text = format_datetime(self.local(at), pattern, locale=self.locale)
        return f"{text} ({self.zone.key})"

    def ago(self, at: datetime, now: datetime | None = None) -> str:
        """3分钟前 / 3 minutes ago; «just now» within ten seconds."""
        passed = at - (now or datetime.now(UTC))
        if abs(passed.total_seconds()) < _JUST_NOW_SECONDS:
            return self("common.time.now")
        return str(format_timedelta(passed, add_direction=True, locale=self.locale, threshold=0.95))

    def duration(self, span: timedelta | float) -> str:
        """A length of time (seconds or timedelta): 42秒, 3分钟, 2小时."""
        span = span if isinstance(span, timedelta) else timedelta(seconds=span)
        return str(format_timedelta(span, locale=self.locale, threshold=1.2))

    def when(self, at: datetime | None) -> Markup:
        """`<time>`: relative, kept fresh by the page, the absolute on hover. Nothing for None."""
        if at is None:
            return Markup("")
        return self._time(at, self.ago(at), Markup(" data-relative"))

    def at(self, at: datetime | None) -> Markup:
        """`<time>` showing the wall clock today, the day before that; the absolute on hover."""
        if at is None:
            return Markup("")
        local = self.local(at)
        is_today = local.date() == datetime.now(self.zone).date()
        return self._time(at, self.clock(at) if is_today else f"{self.day(at)} {self.clock(at)}")

    def _time(self, at: datetime, shown: str, more: str = "") -> Markup:
        iso = at.astimezone(UTC).isoformat(timespec="seconds")
        return Markup('<time datetime="{}" title="{}"{}>{}</time>').format(iso, self.moment(at), more, shown)

    def for_scripts(self, *areas: str) -> Markup:
        """A JSON block with the texts under `js.<area>.` for `static/js/texts.js`."""
        prefixes = tuple(f"js.{area}." for area in areas)
        texts = {key: text for key, text in catalogue(self.language).items() if key.startswith(prefixes)}
        data = json.dumps({"language": self.language, "texts": texts}, ensure_ascii=False)
        safe = data.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
        return Markup('<script type="application/json" id="hf-texts">') + Markup(safe) + Markup("</script>")  # noqa: S704 - «<» cannot occur


_PLURAL_ORDER = ("zero", "one", "two", "few", "many", "other")


def accepted_language(header: str) -> str | None:
    """The first of our languages by the weights of an Accept-Language header."""
    wishes: list[tuple[float, str]] = []
    for part in header.split(","):
        name, _, weight = part.partition(";q=")
        try:
            wishes.append((-float(weight or 1), name.strip().lower().split("-")[0]))
        except ValueError:
            continue
    return next((name for _, name in sorted(wishes, key=lambda wish: wish[0]) if name in LANGUAGES), None)


def language_of(request: Request) -> str:
    """`?lang=`, then the user's preference, then the cookie, then what the browser accepts, then zh."""
    signed_in = getattr(request.state, "signed_in", None)
    wishes = (
        request.query_params.get("lang"),
        signed_in.user.language if signed_in else None,
        request.cookies.get(LANGUAGE_COOKIE),
        accepted_language(request.headers.get("accept-language", "")),
    )
    return next((wish for wish in wishes if wish in LANGUAGES), "zh")


@cache
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def texts_of(request: Request) -> Texts:
    """The texts of this request's reader; the zone is what the browser told, else the default."""
    known = re.fullmatch(r"[A-Za-z0-9_+/-]{1,64}", request.cookies.get(ZONE_COOKIE, ""))
    zone = (_zone(known[0]) if known else None) or ZoneInfo(DEFAULT_ZONE)
    return Texts(language_of(request), zone, strict=request.app.state.settings.is_development)

"""Texts, plurals, dates; and the check of the catalogues finds what it must."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from markupsafe import Markup

from ops.catalogues import problems
from ops.vendor import LOCK
from ops.vendor import check as check_vendor
from web.i18n import MissingTextError, Texts, accepted_language
from web.icons import icon

ZH = Texts("zh", ZoneInfo("Asia/Shanghai"), strict=True)
EN = Texts("en", ZoneInfo("Europe/Berlin"), strict=True)


def test_plurals_and_numbers() -> None:
    assert EN("look.people_waiting", count=1) == "1 person waiting"
    assert EN("look.people_waiting", count=1200) == "1,200 people waiting"
    assert ZH("look.people_waiting", count=1) == "1 人等待"


def test_values_are_put_in_as_they_are_and_never_interpreted() -> None:
    assert ZH("common.me", name="{name.__class__}{0}") == "{name.__class__}{0} 的菜单"


def test_markup_among_the_values_escapes_all_else() -> None:
    made = EN("common.me", name=Markup("<b>x</b>"))
    assert made == Markup("Menu of <b>x</b>")
    assert isinstance(made, Markup)


def test_missing_texts_are_errors_in_development_and_their_key_elsewhere() -> None:
    with pytest.raises(MissingTextError):
        ZH("no.such")
    assert Texts("zh", ZoneInfo("UTC"))("no.such") == "no.such"


def test_times_are_the_readers() -> None:
    at = datetime(2024, 2, 29, 15, 30, tzinfo=UTC)
    assert ZH.clock(at) == "23:30"
    assert EN.clock(at) == "16:30"
    assert ZH.day(at) == "2024年2月29日"
    assert EN.day(at) == "Feb 29, 2024"
    assert "星期四" in ZH.moment(at)
    made = ZH.when(datetime.now(UTC) - timedelta(minutes=3))
    assert ">3分钟前</time>" in made
    assert "title=" in made
    assert ZH.when(None) == ""
    assert EN.ago(datetime.now(UTC)) == "just now"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("en-GB,en;q=0.9,zh;q=0.8", "en"),
        ("fr, zh-TW;q=0.5", "zh"),
        ("zh;q=0.1,en;q=0.2", "en"),
        ("", None),
        ("x;q=y", None),
    ],
)
def test_accept_language(header: str, language: str | None) -> None:
    assert accepted_language(header) == language


def test_a_script_block_cannot_be_ended_by_a_text() -> None:
    block = ZH.for_scripts("common")
    assert block.count("<") == 2
    assert "js.common.time.now" in block


def test_icons_are_decoration_unless_named() -> None:
    assert 'aria-hidden="true"' in icon("messages")
    assert 'aria-label="&lt;b&gt;"' in icon("messages", label="<b>")
    with pytest.raises(KeyError):
        icon("no-such-icon")


def test_vendored_files_are_the_pinned_ones() -> None:
    check_vendor(json.loads(LOCK.read_text()))


# The check itself is checked: each kind of mistake is found.

HEAD = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'


def written(folder: Path, zh: dict[str, str], en: dict[str, str], template: str) -> Path:
    for language, texts in (("zh", zh), ("en", en)):
        place = folder / "web" / "catalogues" / language
        place.mkdir(parents=True)
        entries = "\n".join(f'msgid "{key}"\nmsgstr "{text}"\n' for key, text in texts.items())
        (place / "a.po").write_text(HEAD + entries)
    (folder / "web" / "templates").mkdir()
    (folder / "web" / "templates" / "a.html").write_text(template)
    return folder


@pytest.mark.parametrize(
    ("zh", "en", "template", "expected"),
    [
        ("好", "Good", '{{ _("a.b") }}', None),
        ("", "Good", '{{ _("a.b") }}', "empty in zh"),
        ("好", "Good", "", "used nowhere"),
        ("好", "Good", '{{ _("a.b") }}{{ _("a.c") }}', "in no catalogue"),
        ("好{n}", "Good", '{{ _("a.b") }}', "placeholders differ"),
        ("好 friend", "Good", '{{ _("a.b") }}', "Latin left"),
        ("你好,世界", "Good", '{{ _("a.b") }}', "half-width"),
        ("你好(测试)", "Good", '{{ _("a.b") }}', "half-width"),
        ("你好，{n}:世界", "Good {n}", '{{ _("a.b") }}', "half-width"),
        ("好", "Good 好", '{{ _("a.b") }}', "Han left"),
        ("好", "Good。", '{{ _("a.b") }}', "full-width"),
        ("好", "Good", "{# texts: a.* #}", None),
        ("访问 API 的 3.5 版", "Good", '{{ _("a.b") }}', None),
    ],
)
def test_the_check_finds(tmp_path: Path, zh: str, en: str, template: str, expected: str | None) -> None:
    ours = {"error.x": "x", "refusal.x": "x", "js.common.x": "x"}
    zh_texts = dict.fromkeys(ours, "好") | {"a.b": zh}
    root = written(tmp_path, zh_texts, ours | {"a.b": en}, template)
    found = [str(problem) for problem in problems(root / "web" / "catalogues", root)]
    if expected is None:
        assert found == []
    else:
        assert len(found) == 1
        assert expected in found[0]


def test_the_check_finds_a_missing_language(tmp_path: Path) -> None:
    base = {"error.x": "x", "refusal.x": "x", "js.common.x": "x"}
    root = written(tmp_path, dict.fromkeys(base, "好") | {"a.b": "好"}, base, '{{ _("a.b") }}')
    assert [problem.what for problem in problems(root / "web" / "catalogues", root)] == ["missing in en"]

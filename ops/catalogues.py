"""Check the catalogues of the web: `python -m ops.catalogues`, part of `make check`.

Fails on texts that one language lacks, that are used and do not exist, that nobody uses, that are still in the
other language, whose placeholders differ, or that break the rules of Chinese punctuation.

A key built at run time is declared where it is built, in a comment: `texts: desk.stage.*`.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from web.i18n import CATALOGUES, LANGUAGES, Text, read_catalogue

ROOT = Path(__file__).parent.parent
_SOURCES = (("web/templates", "*.html"), ("web", "*.py"), ("api", "*.py"), ("web/static/js", "*.js"))

_KEY = r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+"
_CALLS = {
    ".html": re.compile(rf"""(?<![\w.])_\(\s*["']({_KEY})["']\s*[,)]"""),
    ".py": re.compile(rf"""(?<![\w.])(?:_|texts|self\._texts)\(\s*f?["']({_KEY})["']\s*[,)]"""),
    ".js": re.compile(rf"""(?<![\w.])t\(\s*["'`]({_KEY})["'`]\s*[,)]"""),
}
_LITERAL = re.compile(rf"""["'`]({_KEY})["'`]""")
_DECLARED = re.compile(r"texts: ((?:[a-z][a-z0-9_.]*\*?[ ,]*)+)")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_HAN = r"\u3400-\u9fff"
_HALF_WIDTH = re.compile(
    rf"[{_HAN}][,;:?!()]|[,;:?!()][{_HAN}]|[{_HAN}]\.(?![a-z0-9])|(?<![a-z0-9])\.[{_HAN}]"
)
_FULL_WIDTH = re.compile(r"[，。；：？！（）、“”]")
_LATIN_WORD = re.compile(r"[A-Za-z]{2,}")

BUILT_AT_RUN_TIME = ("error.*", "refusal.*", "js.common.*")
"""Codes of refusals (api.errors, domain.refusals), and what the shared scripts use."""

LATIN_IN_ZH = frozenset(
    """
    AI API CSS CSV CSAT Ctrl Enter Esc Excel FCR GB HTML HTTP HTTPS ID IP JPEG JPG JSON KB KPI MB PDF PNG SLA SMS
    Shift SKU Temporal URL UTF VIP WebP XLSX YAML holdfast migrate xlsx csv
    """.split()  # noqa: SIM905 - a list of words reads better as one
)
"""Names and units that Chinese people write in Latin letters."""

HAN_IN_EN = frozenset({"中文", "守诺"})
"""Names of languages and of the product."""


@dataclass(frozen=True)
class Problem:
    """One thing to put right."""

    key: str
    what: str

    def __str__(self) -> str:
        return f"{self.key}: {self.what}"


def main() -> None:
    """Print every problem; exit 1 if there is one."""
    found = sorted(problems(), key=lambda problem: (problem.what, problem.key))
    for problem in found:
        print(problem)
    count = len(read_catalogue(CATALOGUES / LANGUAGES[0]))
    print(f"{count} texts, {len(LANGUAGES)} languages, {len(found)} problems")
    sys.exit(1 if found else 0)


def problems(catalogues: Path = CATALOGUES, root: Path = ROOT) -> Iterator[Problem]:
    """Everything that is wrong."""
    texts = {language: read_catalogue(catalogues / language) for language in LANGUAGES}
    yield from _differences(texts)
    yield from _uses(set().union(*texts.values()), root)
    for key, text in texts["zh"].items():
        for form in _forms(text):
            yield from _chinese(key, form)
    for key, text in texts["en"].items():
        for form in _forms(text):
            yield from _english(key, form)


def _forms(text: Text) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else text


def _differences(texts: dict[str, dict[str, Text]]) -> Iterator[Problem]:
    zh, en = texts["zh"], texts["en"]
    for key in sorted(zh.keys() ^ en.keys()):
        yield Problem(key, f"missing in {'en' if key in zh else 'zh'}")
    for language in LANGUAGES:
        for key, text in texts[language].items():
            if not all(form.strip() for form in _forms(text)):
                yield Problem(key, f"empty in {language}")
    for key in sorted(zh.keys() & en.keys()):
        placeholders = [
            {name for form in _forms(text[key]) for name in _PLACEHOLDER.findall(form)} for text in (zh, en)
        ]
        if placeholders[0] != placeholders[1]:
            yield Problem(key, f"placeholders differ: {sorted(placeholders[0] ^ placeholders[1])}")


def _uses(known: set[str], root: Path) -> Iterator[Problem]:
    called: dict[str, str] = {}
    mentioned: set[str] = set()
    patterns = list(BUILT_AT_RUN_TIME)
    for folder, glob in _SOURCES:
        for path in sorted((root / folder).rglob(glob)):
            source = path.read_text()
            for key in _CALLS[path.suffix].findall(source):
                called.setdefault(key, path.relative_to(root).as_posix())
            mentioned.update(_LITERAL.findall(source))
            for declared in _DECLARED.findall(source):
                patterns += re.findall(r"[a-z][\w.]*\*?", declared)
    for key, place in called.items():
        if key not in known:
            yield Problem(key, f"used in {place} but in no catalogue")
    for pattern in patterns:
        if not any(_fits(key, pattern) for key in known):
            yield Problem(pattern, "declared but fits no text")
    for key in known - mentioned - called.keys():
        if not any(_fits(key, pattern) for pattern in patterns):
            yield Problem(key, "used nowhere")


def _fits(key: str, pattern: str) -> bool:
    return key.startswith(pattern[:-1]) if pattern.endswith("*") else key == pattern


def _chinese(key: str, text: str) -> Iterator[Problem]:
    plain = _PLACEHOLDER.sub("", text)
    left = {word for word in _LATIN_WORD.findall(plain) if word not in LATIN_IN_ZH}
    if left:
        yield Problem(key, f"Latin left in zh: {', '.join(sorted(left))}")
    # A placeholder stands for a word: punctuation beside it counts as beside Han.
    if half := _HALF_WIDTH.search(_PLACEHOLDER.sub("字", text)):
        yield Problem(key, f"half-width punctuation in zh: {half[0]}")


def _english(key: str, text: str) -> Iterator[Problem]:
    for name in HAN_IN_EN:
        text = text.replace(name, "")
    if re.search(f"[{_HAN}]", text):
        yield Problem(key, "Han left in en")
    if full := _FULL_WIDTH.search(text):
        yield Problem(key, f"full-width punctuation in en: {full[0]}")


if __name__ == "__main__":
    main()

"""The colours can be read: every pair of text and ground that the parts use reaches 4.5:1."""

import re
from pathlib import Path

import pytest

STYLES = Path(__file__).parents[2] / "web" / "static" / "css"
_PAIRS = [
    *(
        (text, ground)
        for text in ("ink", "ink-2", "ink-3", "accent")
        for ground in ("panel", "bg", "hover", "selected")
    ),
    *(
        (text, ground)
        for text in ("ink", "ink-2", "ink-3")
        for ground in ("soft", "mine", "theirs", "accent-weak")
    ),
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
    ("warn", "warn-bg"),
    ("warn", "note"),
    ("warn", "panel"),
    ("bad", "bad-bg"),
    ("bad", "panel"),
    ("on-bad", "bad"),
    ("vip", "vip-bg"),
    ("ink", "note"),
]


def tokens(theme: str) -> dict[str, str]:
    styles = (STYLES / "tokens.css").read_text()
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6});", styles.split("@media")[0]))
    if theme == "dark":
        found |= dict(
            re.findall(r"--([\w-]+): (#[0-9a-f]{3,6});", styles.split(':root[data-bs-theme="dark"] {')[1])
        )
    return found


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * each for each in colour[1:])
    parts = [int(digits[index : index + 2], 16) / 255 for index in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), _PAIRS)
def test_contrast(theme: str, text: str, ground: str) -> None:
    colours = tokens(theme)
    light, dark = sorted((luminance(colours[text]), luminance(colours[ground])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_both_ways_to_the_dark_theme_are_the_same() -> None:
    styles = (STYLES / "tokens.css").read_text()
    by_system = re.search(r':root:not\(\[data-bs-theme="light"\]\) \{(.*?)\}', styles, re.DOTALL)
    by_choice = re.search(r':root\[data-bs-theme="dark"\] \{\s*color-scheme: dark;(.*?)\}', styles, re.DOTALL)
    assert by_system
    assert by_choice
    assert by_system[1].split() == by_choice[1].split()


@pytest.mark.parametrize("path", sorted(STYLES.glob("*.css")), ids=lambda path: path.name)
def test_no_text_is_smaller_than_twelve_pixels(path: Path) -> None:
    sizes = re.findall(r"font(?:-size)?:[^;}]*?\b([\d.]+)px", path.read_text())
    assert [size for size in sizes if float(size) < 12] == []

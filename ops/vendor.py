"""Fetch what browsers need of other people's work into `web/static/vendor`, and prove it is what we chose.

    python -m ops.vendor            fetch and extract what `web/vendor.lock.json` pins
    python -m ops.vendor --check    see that the committed files are the pinned ones (no network)

Uses the ordinary npm client; users of the product need neither it nor Node. The stylesheet of Tabler is
trimmed to the rules whose classes we use (`_TABLER_CLASSES`).
"""

import base64
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "web" / "vendor.lock.json"
VENDOR = ROOT / "web" / "static" / "vendor"

_FILES = {
    "htmx.org": {"dist/htmx.min.js": "htmx.min.js", "LICENSE": "htmx.LICENSE"},
    "tinykeys": {"dist/tinykeys.module.js": "tinykeys.js", "LICENSE": "tinykeys.LICENSE"},
    "uplot": {
        "dist/uPlot.esm.js": "uplot.js",
        "dist/uPlot.min.css": "uplot.css",
        "LICENSE": "uplot.LICENSE",
    },
}
_TABLER_STYLES = "dist/css/tabler.css"
_TABLER_CLASSES = re.compile(
    r"form-(label|control|select|check|switch|hint|text|colorinput)|input-group|table|visually-hidden"
    r"|is-(in)?valid|(in)?valid-feedback|required|text-(truncate|nowrap)|progress"
)
"""Classes whose rules are kept, with the rules for plain elements; all else of the look is our own."""
_NOT_KEPT = re.compile(
    r"table-(?!responsive|sm|vcenter|nowrap|hover)|form-control-(?!sm|color)|form-(floating|imagecheck|selectgroup)"
    r"|progress-|-(inset|solid|light|dark|rounded|flush|multiline|highlight|pill|image|logo)"
)


class VendorError(Exception):
    """A file is not what the lock says."""


def main() -> None:
    """See the module."""
    lock = json.loads(LOCK.read_text())
    if "--check" in sys.argv[1:]:
        check(lock)
        return
    VENDOR.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, pinned in lock["packages"].items():
            _extract(name, _fetch(name, pinned, Path(folder)), lock["icons"])
    lock["files"] = _digests()
    LOCK.write_text(json.dumps(lock, indent=2) + "\n")
    for path in sorted(VENDOR.iterdir()):
        print(f"{path.stat().st_size:>8}  {path.name}")


def check(lock: dict[str, Any]) -> None:
    """Raises VendorError when the committed files differ from those the lock was written with."""
    found = _digests()
    differing = {
        name for name in found.keys() | lock["files"].keys() if found.get(name) != lock["files"].get(name)
    }
    if differing:
        raise VendorError(f"web/static/vendor differs from its lock: {', '.join(sorted(differing))}")


def _digests() -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(VENDOR.iterdir())}


def _fetch(name: str, pinned: dict[str, str], folder: Path) -> Path:
    """The package's archive, its content proven."""
    command = ["npm", "pack", "--silent", "--pack-destination", str(folder), f"{name}@{pinned['version']}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - pinned names
    archive = folder / done.stdout.strip().splitlines()[-1]
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != pinned["integrity"]:
        raise VendorError(f"{name}: the archive is not the pinned one")
    return archive


def _read(archive: tarfile.TarFile, name: str) -> str:
    file = archive.extractfile(f"package/{name}")
    assert file is not None, name
    return file.read().decode()


def _extract(package: str, path: Path, icons: list[str]) -> None:
    with tarfile.open(path) as archive:
        for source, target in _FILES.get(package, {}).items():
            text = _read(archive, source)
            (VENDOR / target).write_text(re.sub(r"\n?//# sourceMappingURL=.*\n?", "\n", text))
        if package == "@tabler/core":
            license_text = "/*! Tabler, MIT; trimmed to the rules in use by ops/vendor.py */\n"
            (VENDOR / "tabler.css").write_text(license_text + trimmed(_read(archive, _TABLER_STYLES)))
        if package == "@tabler/icons":
            paths = {name: _icon(archive, name) for name in icons}
            (VENDOR / "icons.json").write_text(json.dumps(paths, indent=0, sort_keys=True) + "\n")


def _icon(archive: tarfile.TarFile, name: str) -> str:
    is_filled = name.endswith("-filled")
    folder, file = ("filled", name.removesuffix("-filled")) if is_filled else ("outline", name)
    svg = _read(archive, f"icons/{folder}/{file}.svg")
    inner = re.sub(r"\s+", " ", re.sub(r"^.*?<svg[^>]*>|</svg>.*$", "", svg, flags=re.DOTALL)).strip()
    inner = re.sub(r'<path stroke="none" d="M0 0h24v24H0z" fill="none" ?/>\s*', "", inner).replace(
        " />", "/>"
    )
    return f'<g fill="currentColor" stroke="none">{inner}</g>' if is_filled else inner


def trimmed(styles: str) -> str:
    """The stylesheet without the rules of classes we do not use."""
    styles = re.sub(r"/\*.*?\*/", "", styles, flags=re.DOTALL).replace('@charset "UTF-8";', "")
    kept = "\n".join(_kept_rules(styles))
    used = _used_variables(kept)
    return re.sub(
        r"^\s*(--tblr-[\w-]+):[^;]*;\n?",
        lambda found: found[0] if found[1] in used else "",
        kept,
        flags=re.MULTILINE,
    )


def _used_variables(styles: str) -> set[str]:
    """Variables that something refers to; what only unused variables refer to stays too, harmlessly."""
    return set(re.findall(r"var\((--tblr-[\w-]+)", styles))


def _blocks(styles: str) -> Iterator[tuple[str, str]]:
    """(prelude, body) of each top-level rule."""
    position = 0
    while (opening := styles.find("{", position)) >= 0:
        depth, end = 1, opening + 1
        while depth:
            depth += {"{": 1, "}": -1}.get(styles[end], 0)
            end += 1
        yield styles[position:opening].strip(), styles[opening + 1 : end - 1].strip("\n")
        position = end


def _kept_rules(styles: str) -> Iterator[str]:
    for prelude, body in _blocks(styles):
        if prelude.startswith("@media"):
            inner = "\n".join(_kept_rules(body))
            if inner and "print" not in prelude:
                yield f"{prelude} {{\n{inner}\n}}"
        elif prelude.startswith("@"):
            continue  # animations and fonts are our own
        else:
            selectors = [each for each in _selectors(prelude) if _is_kept(each)]
            if selectors:
                yield f"{', '.join(selectors)} {{\n{body}\n}}"


def _selectors(prelude: str) -> list[str]:
    return [each.strip() for each in re.split(r",(?![^(]*\))", prelude)]


def _is_kept(selector: str) -> bool:
    if "data-bs-theme" in selector:
        return False  # both themes are our own tokens
    classes = re.findall(r"\.([\w-]+)", selector)
    return all(_TABLER_CLASSES.match(each) and not _NOT_KEPT.search(each) for each in classes)


if __name__ == "__main__":
    main()

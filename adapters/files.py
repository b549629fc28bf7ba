"""Files that people send: looked at, cleaned and kept under the hash of what we made of them.

A picture is decoded and written anew, so nothing but pixels survives; everything else comes from a short list
and is only ever handed out as a download. The name decides nothing until it is normalised.
"""

import asyncio
import io
import os
import re
import struct
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import puremagic
from PIL import Image, ImageOps, UnidentifiedImageError

from domain.text import clean_text

SIZE_LIMIT_BYTES = 10 * 1024 * 1024
PIXEL_LIMIT = 40_000_000
SIDE_LIMIT = 4096
"""Pictures larger than this are made smaller."""
NAME_LENGTH_LIMIT = 120

_PICTURES = {"JPEG": "image/jpeg", "PNG": "image/png", "GIF": "image/gif", "WEBP": "image/webp"}
_PICTURE_ENDINGS = frozenset({"jpg", "jpeg", "jpe", "jfif", "png", "gif", "webp"})
_TEXT_ENDINGS = {"txt": "text/plain", "log": "text/plain", "csv": "text/csv", "md": "text/plain"}
_JPEG_QUALITY = 85
_HEAD_BYTES = 4096
_RESERVED = re.compile(r'[\x00-\x1f\x7f<>:"|?*]')
_MARKUP = re.compile(rb"<\s*(?:!doctype|html|svg|script|\?xml)", re.IGNORECASE)


_DECODER_ERRORS = (
    UnidentifiedImageError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    struct.error,
    zlib.error,
    MemoryError,
)
"""All that Pillow's decoders raise for bytes that are no picture."""


class FileFault(StrEnum):
    """Why a file is refused; error code of the API."""

    TOO_LARGE = "file_too_large"
    EMPTY = "file_empty"
    REFUSED = "file_refused"
    """A kind of file that is not taken, or one that is not what its name says."""
    BROKEN = "file_broken"
    """A picture that cannot be decoded, or has too many pixels."""


class RefusedFileError(ValueError):
    """The file is not taken; nothing was kept."""

    def __init__(self, fault: FileFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True)
class StoredFile:
    """A file that was taken."""

    name: str
    content_type: str
    size_bytes: int
    sha256: str
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True)
class _Made:
    body: bytes
    content_type: str
    ending: str
    width: int | None = None
    height: int | None = None


def normal_name(declared: str) -> str:
    """The last part of a path, without controls, reserved characters, direction marks and outer dots."""
    last = re.split(r"[\\/]", declared)[-1]
    name = _RESERVED.sub("", clean_text(last)).strip(" .")
    stem, dot, ending = name.rpartition(".")
    if dot and len(name) > NAME_LENGTH_LIMIT:
        name = f"{stem[: NAME_LENGTH_LIMIT - len(ending) - 1]}.{ending}"
    return name[:NAME_LENGTH_LIMIT] or "file"


def is_picture(content_type: str) -> bool:
    """Whether it may be shown in place: our own rasters only."""
    return content_type in _PICTURES.values()


class FileStore:
    """The folder of files; each lies under its hash, the same bytes once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, digest: str) -> Path:
        """Where the bytes with this hash lie."""
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise ValueError("no sha256")
        return self._folder / digest[:2] / digest

    async def accept(self, source: BinaryIO, declared_name: str) -> StoredFile:
        """Look at a file, clean it, keep it. Raises RefusedFileError.

        `source` is read up to the limit only; the work is done outside the event loop.
        """
        return await asyncio.to_thread(self._accept, source, declared_name)

    def _accept(self, source: BinaryIO, declared_name: str) -> StoredFile:
        name = normal_name(declared_name)
        body = source.read(SIZE_LIMIT_BYTES + 1)
        if len(body) > SIZE_LIMIT_BYTES:
            raise RefusedFileError(FileFault.TOO_LARGE)
        if not body:
            raise RefusedFileError(FileFault.EMPTY)
        made = _cleaned(body, name.rpartition(".")[2].lower() if "." in name else "")
        digest = sha256(made.body).hexdigest()
        self._keep(digest, made.body)
        if not name.lower().endswith(f".{made.ending}"):
            stem = name.rpartition(".")[0] if "." in name else name
            name = f"{stem or 'file'}.{made.ending}"
        return StoredFile(name, made.content_type, len(made.body), digest, made.width, made.height)

    def _keep(self, digest: str, body: bytes) -> None:
        path = self.path(digest)
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, unfinished = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            Path(unfinished).replace(path)
        except OSError:
            Path(unfinished).unlink(missing_ok=True)
            raise


def _cleaned(body: bytes, ending: str) -> _Made:
    if zipfile.is_zipfile(io.BytesIO(body)):
        # An archive, or something else with an archive hung onto its end.
        raise RefusedFileError(FileFault.REFUSED)
    kinds = _kinds(body)
    if ending in _PICTURE_ENDINGS or (not ending and kinds & set(_PICTURES.values())):
        if not kinds & set(_PICTURES.values()):
            raise RefusedFileError(FileFault.REFUSED)
        return _redrawn(body)
    if ending == "pdf" and "application/pdf" in kinds and body.startswith(b"%PDF-"):
        return _Made(body, "application/pdf", "pdf")
    if ending in _TEXT_ENDINGS and _is_text(body):
        return _Made(body, _TEXT_ENDINGS[ending], ending)
    raise RefusedFileError(FileFault.REFUSED)


def _kinds(body: bytes) -> set[str]:
    """What the first bytes say it may be."""
    try:
        return {match.mime_type for match in puremagic.magic_string(body[:_HEAD_BYTES])}
    except (puremagic.PureError, ValueError):
        return set()


def _is_text(body: bytes) -> bool:
    if b"\0" in body or _MARKUP.search(body[:_HEAD_BYTES]):
        return False
    for encoding in ("utf-8", "gb18030"):
        try:
            body.decode(encoding)
        except UnicodeDecodeError:
            continue
        return True
    return False


def _redrawn(body: bytes) -> _Made:
    """The picture decoded and written anew: first frame, upright, no metadata."""
    try:
        with Image.open(io.BytesIO(body), formats=list(_PICTURES)) as opened:
            _refuse_bomb(opened)
            picture = ImageOps.exif_transpose(opened)
            is_photograph = opened.format == "JPEG" or (
                opened.format == "WEBP" and not picture.has_transparency_data
            )
            picture = picture.convert("RGB" if is_photograph else _mode_for_png(picture))
    except RefusedFileError:
        raise
    except _DECODER_ERRORS:
        raise RefusedFileError(FileFault.BROKEN) from None
    if max(picture.size) > SIDE_LIMIT:
        picture.thumbnail((SIDE_LIMIT, SIDE_LIMIT))
    picture.info.clear()
    out = io.BytesIO()
    if is_photograph:
        picture.save(out, "JPEG", quality=_JPEG_QUALITY)
        return _Made(out.getvalue(), "image/jpeg", "jpg", *picture.size)
    picture.save(out, "PNG")
    return _Made(out.getvalue(), "image/png", "png", *picture.size)


def _refuse_bomb(opened: Image.Image) -> None:
    """Only the header has been read: a picture that would unpack to too much is refused before that."""
    if opened.width * opened.height > PIXEL_LIMIT:
        raise RefusedFileError(FileFault.BROKEN)


def _mode_for_png(picture: Image.Image) -> str:
    return "RGBA" if picture.has_transparency_data else "RGB"

"""Files are looked at, cleaned and kept; hostile ones are refused."""

import io
import random
import struct
import zipfile
import zlib
from pathlib import Path

import pytest
from PIL import Image

from adapters.files import SIZE_LIMIT_BYTES, FileFault, FileStore, RefusedFileError, normal_name


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 30), **options: object) -> bytes:
    out = io.BytesIO()
    mode = "RGBA" if kind == "PNG" else "RGB"
    Image.new(mode, size, "teal").save(out, kind, **options)
    return out.getvalue()


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("bomb", b"0" * 100_000)
    return out.getvalue()


def bomb_png() -> bytes:
    """A header that promises 50,000 × 50,000 pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files")


@pytest.mark.parametrize(
    ("kind", "name", "content_type", "kept_name"),
    [
        ("PNG", "屏幕截图.png", "image/png", "屏幕截图.png"),
        ("JPEG", "photo.JPG", "image/jpeg", "photo.JPG"),
        ("JPEG", "photo.png", "image/jpeg", "photo.jpg"),
        ("GIF", "moving.gif", "image/png", "moving.png"),
        ("WEBP", "x.webp", "image/jpeg", "x.jpg"),
        ("PNG", "no ending", "image/png", "no ending.png"),
    ],
)
async def test_pictures_are_drawn_anew(
    store: FileStore, kind: str, name: str, content_type: str, kept_name: str
) -> None:
    kept = await store.accept(io.BytesIO(picture(kind)), name)
    assert (kept.content_type, kept.name) == (content_type, kept_name)
    assert (kept.width, kept.height) == (40, 30)
    assert store.path(kept.sha256).stat().st_size == kept.size_bytes


async def test_nothing_but_pixels_survives(store: FileStore) -> None:
    exif = Image.Exif()
    exif[0x010E] = "GPS of somebody's home"
    exif[0x0112] = 6  # lies on its side
    body = picture("JPEG", (40, 30), exif=exif, comment=b"<script>alert(1)</script>") + b"trailing"
    kept = await store.accept(io.BytesIO(body), "home.jpg")
    written = store.path(kept.sha256).read_bytes()
    assert (kept.width, kept.height) == (30, 40)
    for trace in (b"GPS", b"script", b"trailing", b"Exif"):
        assert trace not in written


async def test_a_huge_picture_is_made_smaller(store: FileStore) -> None:
    kept = await store.accept(io.BytesIO(picture("PNG", (6000, 300))), "wide.png")
    assert kept.width == 4096


@pytest.mark.parametrize(
    ("body", "name", "fault"),
    [
        (archive(), "picture.png", FileFault.REFUSED),
        (picture() + archive(), "polyglot.png", FileFault.REFUSED),
        (archive(), "files.zip", FileFault.REFUSED),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "x.svg", FileFault.REFUSED),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "x.png", FileFault.REFUSED),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "x.txt", FileFault.REFUSED),
        (b"<html><script>alert(1)</script>", "page.html", FileFault.REFUSED),
        (b"MZ\x90\x00" + b"\0" * 100, "setup.exe", FileFault.REFUSED),
        (b"MZ\x90\x00" + b"\0" * 100, "notes.txt", FileFault.REFUSED),
        (b"not a pdf", "bill.pdf", FileFault.REFUSED),
        (picture()[:60], "cut.png", FileFault.BROKEN),
        (bomb_png(), "bomb.png", FileFault.BROKEN),
        (b"", "nothing.txt", FileFault.EMPTY),
        (b"x" * (SIZE_LIMIT_BYTES + 1), "long.txt", FileFault.TOO_LARGE),
    ],
)
async def test_hostile_files_are_refused_and_not_kept(
    store: FileStore, tmp_path: Path, body: bytes, name: str, fault: FileFault
) -> None:
    with pytest.raises(RefusedFileError) as refused:
        await store.accept(io.BytesIO(body), name)
    assert refused.value.fault is fault
    assert not (tmp_path / "files").exists()


@pytest.mark.parametrize(
    ("body", "name", "content_type"),
    [
        (b"%PDF-1.7\n1 0 obj\n", "发票.pdf", "application/pdf"),
        ("订单号 123".encode(), "note.txt", "text/plain"),
        ("订单号 123".encode("gb18030"), "旧电脑.csv", "text/csv"),
    ],
)
async def test_documents_are_kept_as_they_are(
    store: FileStore, body: bytes, name: str, content_type: str
) -> None:
    kept = await store.accept(io.BytesIO(body), name)
    assert (kept.name, kept.content_type) == (name, content_type)
    assert store.path(kept.sha256).read_bytes() == body


async def test_the_same_bytes_lie_there_once(store: FileStore, tmp_path: Path) -> None:
    one = await store.accept(io.BytesIO(b"same"), "a.txt")
    other = await store.accept(io.BytesIO(b"same"), "b.txt")
    assert one.sha256 == other.sha256
    assert sum(1 for path in (tmp_path / "files").rglob("*") if path.is_file()) == 1


@pytest.mark.parametrize(
    ("declared", "name"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\Users\\me\\photo.png", "photo.png"),
        ("gpj.\u202eexe.png", "gpj.exe.png"),
        ("a\x00b\r\nc.txt", "abc.txt"),
        ("...", "file"),
        ("", "file"),
        (".htaccess", "htaccess"),
        ('x" onerror="alert(1).png', "x onerror=alert(1).png"),
        ("长" * 300 + ".png", "长" * 116 + ".png"),
    ],
)
def test_names_are_made_harmless_first(declared: str, name: str) -> None:
    assert normal_name(declared) == name


def test_a_digest_is_no_path(store: FileStore) -> None:
    with pytest.raises(ValueError, match="sha256"):
        store.path("../secret")


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's remarks on metadata that it cannot read
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
async def test_a_damaged_picture_is_refused_whatever_is_damaged(store: FileStore, kind: str) -> None:
    chance = random.Random(7261)
    details = Image.Exif()
    details[0x0112], details[0x010E] = 6, "x" * 40
    out = io.BytesIO()
    Image.effect_noise((40, 30), 50).convert("RGB").save(out, kind, exif=details)
    for number in range(250):
        body = bytearray(out.getvalue())
        for _ in range(chance.randint(1, 6)):
            body[chance.randrange(min(len(body), 300 if number % 2 else len(body)))] = chance.randrange(256)
        try:
            kept = await store.accept(io.BytesIO(bytes(body)), f"x.{kind.lower()}")
        except RefusedFileError:
            continue
        assert kept.content_type in ("image/jpeg", "image/png")

"""Static files under addresses that change with their content, so that browsers keep them for a year."""

from hashlib import sha256
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STATIC = Path(__file__).parent / "static"
_FOR_A_YEAR = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"


def tree_version(folder: Path) -> str:
    """One short hash over every file: scripts import each other relatively, so they change together."""
    total = sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            total.update(path.relative_to(folder).as_posix().encode() + b"\0")
            total.update(sha256(path.read_bytes()).digest())
    return total.hexdigest()[:12]


class Assets(StaticFiles):
    """`/static/<version>/css/x.css`; another version in the address gets today's file, uncached."""

    def __init__(self, folder: Path = STATIC, *, development: bool = False) -> None:
        super().__init__(directory=folder)
        self.folder = folder
        self.version = tree_version(folder)
        self._development = development

    def url(self, name: str) -> str:
        """The address of a file. Raises FileNotFoundError, so that a misspelled name shows at once."""
        if not (self.folder / name).is_file():
            raise FileNotFoundError(name)
        return f"/static/{self.version}/{name}"

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, without the version in front of its name."""
        version, _, name = path.partition("/")
        is_versioned = len(version) == len(self.version) and bool(name)
        response = await super().get_response(name if is_versioned else path, scope)
        keep = version == self.version and not self._development and response.status_code < 400
        response.headers["Cache-Control"] = _FOR_A_YEAR if keep else _ASK_AGAIN
        return response

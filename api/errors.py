"""What is refused and why. The web's root turns these into pages, fragments or JSON in the reader's language.

Texts stand in the catalogues under `error.<code>.title` and `error.<code>.text`; an area adds its own codes
in its own catalogue. What the rules of the domain refuse (`domain.refusals.Refusal`) is answered under
`refusal.<code>` without being caught by the routes.
"""

from http import HTTPStatus
from typing import Any


class RefusedRequest(Exception):  # noqa: N818 - a refusal is an answer, not a failure of ours
    """A request that is answered with an error; `code` names the text, `values` fill it.

    `fields` maps a form field to the key of the sentence that says what is wrong with it.
    """

    status = HTTPStatus.BAD_REQUEST

    def __init__(
        self,
        code: str | None = None,
        *,
        fields: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        **values: Any,
    ) -> None:
        self.code = code or self.default_code()
        self.fields = fields or {}
        self.headers = headers or {}
        self.values = values
        super().__init__(self.code)

    @classmethod
    def default_code(cls) -> str:
        """The code used when none is given."""
        return cls.status.name.lower()


class NotSignedIn(RefusedRequest):
    """401: pages go to the sign-in, everything else hears it."""

    status = HTTPStatus.UNAUTHORIZED


class Forbidden(RefusedRequest):
    """403: the viewer may know of it but not do it."""

    status = HTTPStatus.FORBIDDEN


class NotFound(RefusedRequest):
    """404: it does not exist, or the viewer may not know that it does."""

    status = HTTPStatus.NOT_FOUND


class Conflict(RefusedRequest):
    """409: somebody was faster, or the state does not allow it; nothing was changed."""

    status = HTTPStatus.CONFLICT


class TooLarge(RefusedRequest):
    """413: more than the place takes; `limit` is what it takes, for people."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE

    @classmethod
    def default_code(cls) -> str:
        return "too_large"


class Invalid(RefusedRequest):
    """422: the input cannot be used; `fields` says where."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY

    @classmethod
    def default_code(cls) -> str:
        return "invalid"


class TooMany(RefusedRequest):
    """429: wait for `seconds`."""

    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, seconds: int, code: str = "too_many") -> None:
        super().__init__(code, headers={"Retry-After": str(seconds)}, seconds=seconds)


class Unavailable(RefusedRequest):
    """503: a part of ours is away; nothing was accepted, so trying again is safe."""

    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, code: str = "unavailable", *, retry_seconds: int = 5) -> None:
        super().__init__(code, headers={"Retry-After": str(retry_seconds)}, seconds=retry_seconds)

"""The JSON API for programs: the same rules as the pages, described at `/api/v1/openapi.json`.

Errors are `{"error": {"code", "message", "fields"}}` with the message in the caller's language
(`Accept-Language`, or the user's own). Acts take an `Idempotency-Key`.
"""

from typing import Any

from fastapi import APIRouter

from api.v1 import auth, company, contacts, customers, work

_PROBLEM: dict[str, Any] = {
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["error"],
                "properties": {
                    "error": {
                        "type": "object",
                        "required": ["code", "message"],
                        "properties": {
                            "code": {"type": "string"},
                            "message": {"type": "string"},
                            "fields": {"type": "object", "additionalProperties": {"type": "string"}},
                        },
                    }
                },
            }
        }
    }
}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    400: {"description": "The request cannot be read."} | _PROBLEM,
    401: {"description": "Not signed in, or the token has ended."} | _PROBLEM,
    403: {"description": "Your roles do not allow it."} | _PROBLEM,
    404: {"description": "It does not exist, or you may not see it."} | _PROBLEM,
    409: {"description": "Somebody was faster, or the state does not allow it; nothing changed."} | _PROBLEM,
    413: {"description": "The body is too large."} | _PROBLEM,
    422: {"description": "Something in it cannot be used; `fields` says where."} | _PROBLEM,
    429: {"description": "Too often; wait as `Retry-After` says."} | _PROBLEM,
    503: {"description": "A part of ours is away; nothing was accepted."} | _PROBLEM,
}

router = APIRouter(prefix="/api/v1", responses=_ANSWERS)
for part in (auth, contacts, work, customers, company):
    router.include_router(part.router)

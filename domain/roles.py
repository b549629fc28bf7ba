"""What a user may do in a business line."""

from enum import StrEnum


class Role(StrEnum):
    """Held per line; one user may hold several."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMINISTRATOR = "administrator"

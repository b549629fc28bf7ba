"""What the rules refuse, by code; the pages and the API say it in the user's language."""

from enum import StrEnum


class RefusalCode(StrEnum):
    """Why an act cannot be done now; catalogue key `refusal.{code}`."""

    OFFER_GONE = "offer_gone"
    """Accepted, declined, expired or withdrawn a moment ago."""
    NOT_YOUR_OFFER = "not_your_offer"
    REASON_NEEDED = "reason_needed"
    NOT_YOURS = "not_yours"
    """Somebody else has the contact by now."""
    CONTACT_CLOSED = "contact_closed"
    WRONG_STAGE = "wrong_stage"
    UNREAD_MESSAGES = "unread_messages"
    """The customer wrote something that the agent has not seen yet."""
    NO_CAPACITY = "no_capacity"
    AGENT_NOT_READY = "agent_not_ready"
    NOT_AN_AGENT = "not_an_agent"
    UNKNOWN_QUEUE = "unknown_queue"
    CAPACITY_BELOW_LOAD = "capacity_below_load"
    ALREADY_INVITED = "already_invited"
    ALREADY_ANSWERED = "already_answered"
    ALREADY_DONE = "already_done"
    STALE = "stale"
    """Somebody changed it meanwhile."""
    BLOCKED = "blocked"


class Refusal(Exception):  # noqa: N818 # it is an answer, not a failure
    """An act that the rules refuse; nothing was changed."""

    def __init__(self, code: RefusalCode, **values: object) -> None:
        super().__init__(code.value)
        self.code = code
        self.values = values

"""The process texts a pack must bring, and the two kinds of templates in it.

Process texts carry `{variable}` and are filled by the product; canned replies carry `{{variable}}` and are filled
in the agent's composer. Which variables a text may carry is fixed here, so that a slip is found when the pack is
read and not in front of a customer.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class TextKey(StrEnum):
    """What the product itself says to a customer; the bot's own sentences are `domain.bot.texts.BotText`."""

    BOT_LABEL = "bot_label"
    GREETING = "greeting"
    WELCOME_BACK = "welcome_back"
    CONSENT_NEEDED = "consent_needed"
    BOT_SOURCE = "bot_source"
    BOT_STALLED = "bot_stalled"
    BUSINESS_SYSTEM_DOWN = "business_system_down"
    HANDED_OVER = "handed_over"
    QUEUE_POSITION = "queue_position"
    QUEUE_NEXT = "queue_next"
    QUEUE_POSITION_UNKNOWN = "queue_position_unknown"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    NOBODY_AVAILABLE = "nobody_available"
    CHOICE_KEEP_PLACE = "choice_keep_place"
    CHOICE_LEAVE_MATTER = "choice_leave_matter"
    PLACE_KEPT = "place_kept"
    LEAVE_MATTER_PROMPT = "leave_matter_prompt"
    MATTER_LEFT = "matter_left"
    OUT_OF_HOURS = "out_of_hours"
    OUT_OF_HOURS_KEPT = "out_of_hours_kept"
    OPENING_NOW = "opening_now"
    IDLE_NUDGE = "idle_nudge"
    IDLE_CLOSE = "idle_close"
    TRANSFERRED_TO_AGENT = "transferred_to_agent"
    TRANSFERRED_TO_QUEUE = "transferred_to_queue"
    SUPERVISOR_JOINED = "supervisor_joined"
    OWNER_GONE = "owner_gone"
    BOT_BACK = "bot_back"
    SURVEY_INVITATION = "survey_invitation"
    SURVEY_SOLVED_QUESTION = "survey_solved_question"
    SURVEY_REASONS_QUESTION = "survey_reasons_question"
    SURVEY_COMMENT_QUESTION = "survey_comment_question"
    SURVEY_THANKS = "survey_thanks"
    SURVEY_THANKS_LOW = "survey_thanks_low"
    CLOSED = "closed"
    MESSAGE_AFTER_CLOSE = "message_after_close"
    BLOCKED = "blocked"
    MESSAGE_EMPTY = "message_empty"
    MESSAGE_TOO_LONG = "message_too_long"
    MESSAGE_TOO_FAST = "message_too_fast"
    MESSAGE_UNREADABLE = "message_unreadable"
    FILE_TOO_LARGE = "file_too_large"
    FILE_REFUSED = "file_refused"
    VERIFY_NEEDED = "verify_needed"
    VERIFY_PHONE_PROMPT = "verify_phone_prompt"
    VERIFY_PHONE_INVALID = "verify_phone_invalid"
    VERIFY_CODE_SENT = "verify_code_sent"
    VERIFY_CODE_PROMPT = "verify_code_prompt"
    VERIFY_CODE_WRONG = "verify_code_wrong"
    VERIFY_CODE_EXPIRED = "verify_code_expired"
    VERIFY_LOCKED = "verify_locked"
    VERIFY_DONE = "verify_done"

    @property
    def variables(self) -> frozenset[str]:
        """The variables this text may carry; the product gives all of them whenever it uses the text."""
        return _VARIABLES.get(self, frozenset())


_VARIABLES: Mapping[TextKey, frozenset[str]] = {
    TextKey.GREETING: frozenset({"shop"}),
    TextKey.WELCOME_BACK: frozenset({"shop", "customer_name"}),
    TextKey.BOT_SOURCE: frozenset({"title"}),
    TextKey.QUEUE_POSITION: frozenset({"ahead", "minutes"}),
    TextKey.QUEUE_POSITION_UNKNOWN: frozenset({"ahead"}),
    TextKey.ACCEPTED: frozenset({"nickname"}),
    TextKey.OUT_OF_HOURS: frozenset({"opens_at"}),
    TextKey.OUT_OF_HOURS_KEPT: frozenset({"opens_at"}),
    TextKey.IDLE_NUDGE: frozenset({"minutes"}),
    TextKey.TRANSFERRED_TO_AGENT: frozenset({"nickname"}),
    TextKey.TRANSFERRED_TO_QUEUE: frozenset({"queue"}),
    TextKey.SUPERVISOR_JOINED: frozenset({"nickname"}),
    TextKey.MESSAGE_TOO_LONG: frozenset({"limit"}),
    TextKey.MESSAGE_TOO_FAST: frozenset({"seconds"}),
    TextKey.FILE_TOO_LARGE: frozenset({"limit"}),
    TextKey.VERIFY_CODE_SENT: frozenset({"phone", "minutes"}),
    TextKey.VERIFY_CODE_WRONG: frozenset({"attempts"}),
    TextKey.VERIFY_LOCKED: frozenset({"minutes"}),
}

CANNED_VARIABLES = frozenset({"customer_name", "agent_name", "order_number", "shop_name"})
"""What `{{…}}` in a canned reply may name."""

_TEXT_VARIABLE = re.compile(r"\{([a-z_]+)\}")
_CANNED_VARIABLE = re.compile(r"\{\{ *([a-z_]+) *\}\}")
_ANY_BRACE = re.compile(r"[{}]")


@dataclass(frozen=True, slots=True)
class TemplateSlip:
    """What is wrong with a template: an unknown variable, or a brace that belongs to none (`variable` None)."""

    variable: str | None = None


def text_slips(template: str, allowed: frozenset[str]) -> list[TemplateSlip]:
    """What is wrong with a process text that may carry the `allowed` variables."""
    return _slips(template, allowed, _TEXT_VARIABLE)


def canned_slips(template: str) -> list[TemplateSlip]:
    """What is wrong with a canned reply."""
    return _slips(template, CANNED_VARIABLES, _CANNED_VARIABLE)


def article_slips(body: str) -> list[TemplateSlip]:
    """What is wrong with an article: it is shown as it stands, so a `{{…}}` would reach the customer raw."""
    return [TemplateSlip()] if "{{" in body or "}}" in body else []


def text_variables(template: str) -> frozenset[str]:
    """The variables a process text carries."""
    return frozenset(_TEXT_VARIABLE.findall(template))


def fill_text(template: str, values: Mapping[str, object]) -> str:
    """The process text with its variables' values. Raises KeyError for a variable without a value."""
    return _TEXT_VARIABLE.sub(lambda found: str(values[found[1]]), template)


def fill_canned(template: str, values: Mapping[str, str]) -> str:
    """The canned reply with what is known; an unknown value stays `{{name}}` for the agent to see and replace."""
    return _CANNED_VARIABLE.sub(lambda found: values.get(found[1]) or "{{" + found[1] + "}}", template)


def _slips(template: str, allowed: frozenset[str], pattern: re.Pattern[str]) -> list[TemplateSlip]:
    named: list[str] = pattern.findall(template)
    slips = [TemplateSlip(name) for name in dict.fromkeys(named) if name not in allowed]
    if _ANY_BRACE.search(pattern.sub("", template)):
        slips.append(TemplateSlip())
    return slips

"""What became of each customer, judged by what they can see: pure functions over threads."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from math import ceil
from typing import Any

from ops.replay.chat_client import Accepted, Thread

_OF_A_HUMAN = frozenset({"queued", "offered", "talking", "wrap_up", "survey"})
_OF_NOBODY_YET = frozenset({"queued", "offered"})
_PERSON_BUTTON = "human"


class Outcome(StrEnum):
    """What the product did with a customer's message."""

    ANSWERED = "answered"
    OFFERED_CHOICES = "offered_choices"
    ASKED_TO_REPHRASE = "asked_to_rephrase"
    HANDED_OVER = "handed_over"
    SILENCE = "silence"
    """Neither an answer nor a person."""


@dataclass
class Visit:
    """One customer of a replay."""

    number: int
    client_id: str
    text: str
    accepted: Accepted | None = None
    refused: str | None = None
    """Why it was refused for good."""
    first_reply_ms: float | None = None
    """From the moment of sending to the moment the reply stood on the customer's screen."""
    thread: Thread | None = None
    """The history at the end."""


@dataclass(frozen=True)
class AgentReply:
    """What an agent wrote and was told is kept."""

    contact_id: str
    seq: int
    body: str


@dataclass
class Verdict:
    """The sums of a replay; ids of what went wrong, so that somebody can look."""

    sent: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    answered_by_agent: int = 0
    waiting: int = 0
    not_accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    out_of_order: list[str] = field(default_factory=list)
    first_reply_ms: list[float] = field(default_factory=list)


def outcome_of(thread: Thread) -> Outcome:
    """By the stage the conversation is in, else by what the bot said last."""
    if thread.state.get("stage") in _OF_A_HUMAN or any(_is_by(each, "agent") for each in thread.messages):
        return Outcome.HANDED_OVER
    said = [each for each in thread.messages if is_reply(each)]
    if not said:
        return Outcome.SILENCE
    if any(each.get("citations") for each in said):
        return Outcome.ANSWERED
    choices = [choice["id"] for each in said for choice in each.get("choices") or ()]
    if any(choice.startswith(("article:", "flow:")) for choice in choices):
        return Outcome.OFFERED_CHOICES
    if choices and all(choice.startswith(_PERSON_BUTTON) for choice in choices):
        return Outcome.ASKED_TO_REPHRASE
    return Outcome.ANSWERED


def is_reply(message: dict[str, Any]) -> bool:
    """Whether it answers the customer: a greeting does not."""
    return message["author"] in ("bot", "agent") and message.get("code") != "greeting"


def is_answered(thread: Thread, sent: Accepted) -> bool:
    """Whether somebody answered what was sent, or a person was sent for."""
    replied = any(is_reply(each) and each["seq"] > sent.seq for each in thread.messages)
    return replied or thread.state.get("stage") in _OF_A_HUMAN


def judge(visits: Iterable[Visit], agent_replies: Sequence[AgentReply] = ()) -> Verdict:
    """Add up what became of everybody."""
    verdict = Verdict()
    by_contact: dict[str, list[AgentReply]] = {}
    for reply in agent_replies:
        by_contact.setdefault(reply.contact_id, []).append(reply)
    for visit in visits:
        if visit.accepted is None:
            if visit.refused is not None:
                verdict.refused[visit.refused] += 1
            else:
                verdict.not_accepted += 1
            continue
        verdict.sent += 1
        if visit.first_reply_ms is not None:
            verdict.first_reply_ms.append(visit.first_reply_ms)
        _judge_one(visit, visit.accepted, by_contact, verdict)
    return verdict


def _judge_one(
    visit: Visit, accepted: Accepted, agent_replies: dict[str, list[AgentReply]], verdict: Verdict
) -> None:
    thread = visit.thread
    if thread is None:  # its history could not be read at all
        verdict.outcomes[Outcome.SILENCE] += 1
        verdict.lost.append(visit.client_id)
        return
    outcome = outcome_of(thread)
    verdict.outcomes[outcome] += 1
    if outcome is Outcome.HANDED_OVER:
        verdict.answered_by_agent += any(_is_by(each, "agent") for each in thread.messages)
        verdict.waiting += thread.state.get("stage") in _OF_NOBODY_YET
    contact_ids = {each["contact_id"] for each in thread.messages}
    replies = [reply for contact_id in contact_ids for reply in agent_replies.get(contact_id, ())]
    if is_missing(thread, visit.client_id) or outcome is Outcome.SILENCE or _misses(thread, replies):
        verdict.lost.append(visit.client_id)
    if is_doubled(thread, visit.client_id):
        verdict.doubled.append(visit.client_id)
    if not is_in_order(thread, accepted, visit.client_id):
        verdict.out_of_order.append(visit.client_id)


def is_missing(thread: Thread, client_id: str) -> bool:
    """Accepted, and not in the history."""
    return not any(each.get("client_id") == client_id for each in thread.messages)


def is_doubled(thread: Thread, client_id: str) -> bool:
    """The customer's one message stands there twice, or the same reply does."""
    own = [each for each in thread.messages if each["author"] == "customer"]
    if len(own) > 1 or sum(each.get("client_id") == client_id for each in own) > 1:
        return True
    replies = Counter(
        (each["author"], each["body"]) for each in thread.messages if each["author"] in ("bot", "agent")
    )
    return any(count > 1 for count in replies.values())


def is_in_order(thread: Thread, accepted: Accepted, client_id: str) -> bool:
    """Places rise, instants never fall, and the message stands where it was said to stand, its answers after it.

    Places may leave gaps: what colleagues note among themselves the customer does not see.
    """
    places = [each["seq"] for each in thread.messages]
    instants = [datetime.fromisoformat(each["at"]) for each in thread.messages]
    if instants != sorted(instants) or any(b <= a for a, b in pairwise(places)):
        return False
    own = [each["seq"] for each in thread.messages if each.get("client_id") == client_id]
    if accepted.seq not in own and own:
        return False
    first = min(own, default=accepted.seq)
    return not any(is_reply(each) and each["seq"] < first for each in thread.messages)


def _misses(thread: Thread, replies: Sequence[AgentReply]) -> bool:
    """Something an agent wrote, and was told is kept, is not there."""
    shown = Counter(each["body"] for each in thread.messages if _is_by(each, "agent"))
    return bool(Counter(reply.body for reply in replies) - shown)


def _is_by(message: dict[str, Any], author: str) -> bool:
    return bool(message["author"] == author)


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value that `share` (0 to 1) of the values do not exceed; None for no values."""
    if not values:
        return None
    return sorted(values)[max(0, ceil(round(share * len(values), 6)) - 1)]

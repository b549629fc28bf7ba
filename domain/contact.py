"""The contact's process as pure rules: what happened is folded, what comes next is asked.

Everything here is ids, codes and instants. The state is always what the ledger's last activity
returned; a fact that arrives in between either names an act at once (a customer's message, a wish for
a person) or marks the state unsettled, and the next act reads the rows again.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict


class Stage(StrEnum):
    """Where a contact stands (DESIGN §4)."""

    BOT = "bot"
    QUEUED = "queued"
    OFFERED = "offered"
    TALKING = "talking"
    WRAP_UP = "wrap_up"
    SURVEY = "survey"
    CLOSED = "closed"


class FactKind(StrEnum):
    """What a contact's workflow must hear of."""

    CUSTOMER_MESSAGE = "customer_message"
    """attrs: `seq` of the message, `stage` when it was recorded."""
    HUMAN_WANTED = "human_wanted"
    """The customer pressed «talk to a human»."""
    VERIFIED = "verified"
    """The customer proved who they are; the bot's flow may go on."""
    OFFERED = "offered"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    TRANSFERRED = "transferred"
    TAKEN_OVER = "taken_over"
    PLACE_KEPT = "place_kept"
    MATTER_LEFT = "matter_left"
    OWNER_GONE = "owner_gone"
    OWNER_BACK = "owner_back"
    ENDED = "ended"
    """The agent ended the conversation: wrap-up begins."""
    WRAPPED_UP = "wrapped_up"
    SURVEY_ANSWERED = "survey_answered"
    CUSTOMER_LEFT = "customer_left"
    """The customer ended the conversation."""
    ADOPTED = "adopted"
    """A start-up or `reconcile` found the case without its workflow."""


class Fact(BaseModel):
    """One fact as it travels in a signal: sequence, kind, reference, small decision."""

    model_config = ConfigDict(frozen=True)

    seq: int
    kind: str
    ref: str | None = None
    attrs: dict[str, Any] = {}


class Alarm(StrEnum):
    """Instants at which a contact acts by itself."""

    TURN_DEADLINE = "turn_deadline"
    IDLE_NUDGE = "idle_nudge"
    IDLE_CLOSE = "idle_close"
    WIDEN = "widen"
    OPENING = "opening"
    OFFER_EXPIRY = "offer_expiry"
    OWNER_CHECK = "owner_check"
    WRAP_UP_DUE = "wrap_up_due"
    SURVEY_DUE = "survey_due"


class ContactState(BaseModel):
    """The contact as the ledger had it at `step_no`, plus the facts folded since."""

    model_config = ConfigDict(frozen=True)

    case_id: str
    step_no: int
    """Number of the last ledger step."""
    seen_seq: int
    """Last fact that this state knows."""
    folded_seq: int
    """Last fact that the ledger knows to be folded."""
    stage: Stage
    message_seq: int = 0
    """The customer's last message that calls for a bot turn, or 0."""
    resume: bool = False
    """The bot must go on without a new message."""
    call_id: str | None = None
    """A business-system call that has been asked for and not been made."""
    handover_reason: str | None = None
    """Decided, not yet carried out."""
    alarms: dict[Alarm, datetime] = {}
    unsettled: bool = False
    """A fact came in whose effect stands only in the rows."""
    gap: bool = False
    """A fact is missing between `seen_seq` and the next one received."""


class StepKind(StrEnum):
    """The acts of a contact; each is one ledger activity, but for CALL."""

    WAIT = "wait"
    FINISH = "finish"
    RELOAD = "reload"
    SETTLE = "settle"
    BOT_TURN = "bot_turn"
    CALL = "call"
    HAND_OVER = "hand_over"
    NUDGE = "nudge"
    CLOSE_IDLE = "close_idle"
    WIDEN = "widen"
    OPEN_HOURS = "open_hours"
    EXPIRE_OFFER = "expire_offer"
    CHECK_OWNER = "check_owner"
    FINISH_WRAP_UP = "finish_wrap_up"
    REQUEUE = "requeue"
    CLOSE = "close"


class Step(BaseModel):
    """What to do now; `until` for WAIT, `reason` for a hand-over or a close."""

    model_config = ConfigDict(frozen=True)

    kind: StepKind
    until: datetime | None = None
    reason: str | None = None


class StepIntent(BaseModel):
    """What a workflow means to do on the ledger: the act, its number, and what it knows."""

    model_config = ConfigDict(frozen=True)

    case_id: str
    step_no: int
    """One more than the state's."""
    kind: StepKind
    seen_seq: int
    """Last fact the workflow knows of."""
    reason: str | None = None


_ALARM_STEPS: dict[Stage, tuple[tuple[Alarm, StepKind], ...]] = {
    Stage.BOT: ((Alarm.IDLE_CLOSE, StepKind.CLOSE_IDLE), (Alarm.IDLE_NUDGE, StepKind.NUDGE)),
    Stage.QUEUED: (
        (Alarm.IDLE_CLOSE, StepKind.CLOSE_IDLE),
        (Alarm.OPENING, StepKind.OPEN_HOURS),
        (Alarm.WIDEN, StepKind.WIDEN),
    ),
    Stage.OFFERED: (
        (Alarm.IDLE_CLOSE, StepKind.CLOSE_IDLE),
        (Alarm.OFFER_EXPIRY, StepKind.EXPIRE_OFFER),
    ),
    Stage.TALKING: (
        (Alarm.OWNER_CHECK, StepKind.CHECK_OWNER),
        (Alarm.IDLE_CLOSE, StepKind.CLOSE_IDLE),
        (Alarm.IDLE_NUDGE, StepKind.NUDGE),
    ),
    Stage.WRAP_UP: ((Alarm.WRAP_UP_DUE, StepKind.FINISH_WRAP_UP),),
    Stage.SURVEY: ((Alarm.SURVEY_DUE, StepKind.CLOSE),),
    Stage.CLOSED: (),
}
"""Which alarm leads to which act in which stage; the first that is due goes first."""


def fold(state: ContactState, fact: Fact) -> ContactState:
    """The state after a fact: a known one changes nothing, a gap asks for a reload."""
    if fact.seq <= state.seen_seq:
        return state
    if fact.seq > state.seen_seq + 1:
        return state.model_copy(update={"gap": True})
    changes: dict[str, Any] = {"seen_seq": fact.seq}
    if fact.kind == FactKind.CUSTOMER_MESSAGE and state.stage in (Stage.BOT, Stage.SURVEY):
        changes["message_seq"] = int(fact.attrs["seq"])
        if state.message_seq == 0 and "deadline_at" in fact.attrs:
            deadline = datetime.fromisoformat(fact.attrs["deadline_at"])
            # A turn that waits for the business system keeps its deadline.
            changes["alarms"] = {Alarm.TURN_DEADLINE: deadline, **state.alarms}
    elif fact.kind == FactKind.HUMAN_WANTED and state.stage == Stage.BOT:
        changes["handover_reason"] = "customer_request"
    elif fact.kind == FactKind.VERIFIED and state.stage == Stage.BOT:
        changes["resume"] = True
    else:
        changes["unsettled"] = True
    return state.model_copy(update=changes)


def next_step(state: ContactState, now: datetime) -> Step:
    """The one thing to do now."""
    if state.gap:
        return Step(kind=StepKind.RELOAD)
    if state.stage == Stage.CLOSED:
        return Step(kind=StepKind.FINISH)
    if state.unsettled:
        return Step(kind=StepKind.SETTLE)
    if state.stage == Stage.BOT and (step := _bot_step(state, now)) is not None:
        return step
    if state.stage == Stage.SURVEY and state.message_seq:
        return Step(kind=StepKind.REQUEUE)
    for alarm, kind in _ALARM_STEPS[state.stage]:
        due_at = state.alarms.get(alarm)
        if due_at is not None and due_at <= now:
            return Step(kind=kind)
    if state.folded_seq < state.seen_seq:
        return Step(kind=StepKind.SETTLE)
    return Step(kind=StepKind.WAIT, until=earliest_alarm(state))


def _bot_step(state: ContactState, now: datetime) -> Step | None:
    if state.handover_reason is not None:
        return Step(kind=StepKind.HAND_OVER, reason=state.handover_reason)
    if state.call_id is None and state.message_seq == 0 and not state.resume:
        return None
    deadline = state.alarms.get(Alarm.TURN_DEADLINE)
    if deadline is not None and deadline <= now:
        return Step(kind=StepKind.HAND_OVER, reason="deadline")
    if state.call_id is not None:
        return Step(kind=StepKind.CALL, until=deadline)
    return Step(kind=StepKind.BOT_TURN)


def is_alarm_step(kind: StepKind) -> bool:
    """Whether an act is taken because an alarm is due."""
    return any(kind is step for pairs in _ALARM_STEPS.values() for _, step in pairs)


def earliest_alarm(state: ContactState) -> datetime | None:
    """The next instant at which the contact must act by itself."""
    relevant = [alarm for alarm, _ in _ALARM_STEPS[state.stage]]
    instants = [state.alarms[alarm] for alarm in relevant if alarm in state.alarms]
    return min(instants) if instants else None


class Timing(BaseModel):
    """How long a line waits at each point, in seconds; a setting of the business line."""

    bot_turn_seconds: int = 15
    """A bot that has not answered by then hands over (DESIGN §4)."""
    bot_idle_nudge_seconds: int = 300
    bot_idle_close_seconds: int = 900
    talk_idle_nudge_seconds: int = 600
    talk_idle_close_seconds: int = 1800
    owner_gone_seconds: int = 120
    """An owner whose screen is gone, or who is offline, gives contacts back after this time."""
    owner_check_seconds: int = 300
    heartbeat_fresh_seconds: int = 90
    """A screen that was silent for longer gets no offers."""
    wrap_up_seconds: int = 120
    survey_seconds: int = 86400
    sticky_seconds: int = 30
    sticky_days: int = 7


class ContactTimes(BaseModel):
    """What a contact's alarms are reckoned from: its rows' instants, as the ledger has them."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    stage: Stage
    opened_at: datetime
    last_message_at: datetime
    last_agent_at: datetime | None = None
    waiting_since: datetime | None = None
    nudged_at: datetime | None = None
    turn_deadline_at: datetime | None = None
    bot_busy: bool = False
    """A message, a result or a verification waits for the bot."""
    close_asked: str | None = None
    widen_at: datetime | None = None
    opens_at: datetime | None = None
    offer_expires_at: datetime | None = None
    owner_gone_at: datetime | None = None
    owner_seen_at: datetime | None = None
    wrap_up_due_at: datetime | None = None
    survey_due_at: datetime | None = None


def alarms(times: ContactTimes, timing: Timing, now: datetime) -> dict[Alarm, datetime]:
    """When the contact must act by itself, given what stands in its rows.

    While an agent owes an answer no idleness runs; the nudge is then only a time to look again, since an
    agent's reply tells no workflow.
    """
    found: dict[Alarm, datetime | None] = {}
    match times.stage:
        case Stage.BOT:
            if times.bot_busy:
                found[Alarm.TURN_DEADLINE] = times.turn_deadline_at
            else:
                found |= _idle_alarms(
                    times.last_message_at,
                    times.nudged_at,
                    timing.bot_idle_nudge_seconds,
                    timing.bot_idle_close_seconds,
                )
        case Stage.QUEUED:
            found[Alarm.WIDEN] = times.widen_at
            found[Alarm.OPENING] = times.opens_at
        case Stage.OFFERED:
            found[Alarm.OFFER_EXPIRY] = times.offer_expires_at
        case Stage.TALKING:
            found |= _talking_alarms(times, timing, now)
        case Stage.WRAP_UP:
            found[Alarm.WRAP_UP_DUE] = times.wrap_up_due_at
        case Stage.SURVEY:
            found[Alarm.SURVEY_DUE] = times.survey_due_at
        case Stage.CLOSED:
            pass
    if times.close_asked is not None and times.stage not in (Stage.WRAP_UP, Stage.SURVEY, Stage.CLOSED):
        found[Alarm.IDLE_CLOSE] = times.opened_at
    return {alarm: at for alarm, at in found.items() if at is not None}


def _talking_alarms(times: ContactTimes, timing: Timing, now: datetime) -> dict[Alarm, datetime | None]:
    found: dict[Alarm, datetime | None] = {}
    if times.owner_gone_at is not None:
        found[Alarm.OWNER_CHECK] = times.owner_gone_at + timedelta(seconds=timing.owner_gone_seconds)
    elif times.owner_seen_at is not None:
        found[Alarm.OWNER_CHECK] = times.owner_seen_at + timedelta(seconds=timing.owner_check_seconds)
    if times.waiting_since is not None or times.last_agent_at is None:
        found[Alarm.IDLE_NUDGE] = now + timedelta(seconds=timing.talk_idle_nudge_seconds)
    else:
        found |= _idle_alarms(
            times.last_agent_at,
            times.nudged_at,
            timing.talk_idle_nudge_seconds,
            timing.talk_idle_close_seconds,
        )
    return found


def _idle_alarms(
    since: datetime, nudged_at: datetime | None, nudge_seconds: int, close_seconds: int
) -> dict[Alarm, datetime | None]:
    if nudged_at is None:
        return {Alarm.IDLE_NUDGE: since + timedelta(seconds=nudge_seconds)}
    return {Alarm.IDLE_CLOSE: nudged_at + timedelta(seconds=max(1, close_seconds - nudge_seconds))}

"""Routing as pure rules: waiting order, plans that widen, what an agent qualifies for."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256

from pydantic import BaseModel, ConfigDict, Field


class PlanStep(BaseModel):
    """One step of a routing plan: who may take the work, and for how long only they."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    queues: list[str] = Field(min_length=1)
    """Queue keys, the preferred one first."""
    skills: dict[str, int] = {}
    """Required skills and least levels besides those that the classifier asks for."""
    relax_levels: int = 0
    """Lower every required level by this much, down to 1."""
    drop_skills: bool = False
    """Require only what this step names (language skills stay)."""
    wait_seconds: int = Field(default=60, ge=1)


class RoutingPlan(BaseModel):
    """Ordered steps that widen until somebody takes the work."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    steps: list[PlanStep] = Field(min_length=1)


class Priorities(BaseModel):
    """How many minutes of waiting a tier and an urgency are worth."""

    tier_minutes: dict[str, int] = {"ordinary": 0, "silver": 2, "gold": 5, "vip": 15}
    urgency_minutes: dict[str, int] = {"low": -5, "normal": 0, "high": 10, "critical": 60}
    channel_weights: dict[str, int] = {"web": 1, "voice": 100}
    """Units of an agent's capacity a contact takes; a weight over the capacity takes all of it."""


LANGUAGE_SKILLS = frozenset({"zh", "en"})


def order_key(enqueued_at: datetime, tier: str, urgency: str, priorities: Priorities) -> datetime:
    """The static key of the waiting order: earlier is sooner (DESIGN §6).

    It ages by itself, since a later arrival has a later key, and it starves nobody, since the bonuses
    are bounded.
    """
    minutes = priorities.tier_minutes.get(tier, 0) + priorities.urgency_minutes.get(urgency, 0)
    return enqueued_at - timedelta(minutes=minutes)


def required_skills(step: PlanStep, needed: Mapping[str, int]) -> dict[str, int]:
    """The skills and levels a step asks for, given those that the work needs."""
    if step.drop_skills:
        kept = {skill: level for skill, level in needed.items() if skill in LANGUAGE_SKILLS}
    else:
        kept = {skill: max(1, level - step.relax_levels) for skill, level in needed.items()}
    return dict(sorted((kept | step.skills).items()))


def fingerprint(queues: Iterable[str], skills: Mapping[str, int]) -> bytes:
    """One name for one requirement."""
    text = "|".join(queues) + "#" + ",".join(f"{skill}={level}" for skill, level in sorted(skills.items()))
    return sha256(text.encode()).digest()


def qualifies(agent_skills: Mapping[str, int], required: Mapping[str, int]) -> bool:
    """Whether an agent has every required skill at its level."""
    return all(agent_skills.get(skill, 0) >= level for skill, level in required.items())


def estimated_wait_seconds(position: int, handled_per_minute: float) -> int | None:
    """An honest wait for a place in the queue, or None when nothing is known."""
    if handled_per_minute <= 0:
        return None
    return round(position / handled_per_minute * 60)

"""The demonstration company of a pack: people, skills, queues, plans, priorities and hours."""

from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StringConstraints, field_validator, model_validator

from domain.bot.model import Urgency
from domain.calendar.models import Calendar, DayKind, DayRule, Interval
from domain.contact import Timing
from domain.pack_base import Bilingual, Key, Named, Part, slip
from domain.roles import Role
from domain.routing import PlanStep, Priorities, RoutingPlan
from domain.text import Language

Level = Annotated[int, Field(ge=1, le=5)]


class SkillKind(StrEnum):
    TOPIC = "topic"
    """What a contact is about; the classifier asks for these."""
    LANGUAGE = "language"


class Acceptance(StrEnum):
    OFFER = "offer"
    AUTOMATIC = "automatic"


class LineSpec(Named):
    """The business line of the demonstration company."""

    time_zone: str
    calendar: Key
    default_language: Language


class SkillSpec(Named):
    kind: SkillKind


class QueueSpec(Named):
    acceptance: Acceptance
    calendar: Key
    offer_seconds: int = Field(ge=5, le=86_400)


class PersonSpec(Part):
    """Somebody who signs in. Agents also have capacity, queues and skills."""

    login: Key
    role: Role
    name: Bilingual
    nickname: Bilingual
    """What customers see."""
    job_number: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,16}$")]
    capacity_units: int = Field(default=0, ge=0, le=50)
    queues: tuple[Key, ...] = ()
    skills: dict[Key, Level] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _agents_can_work(self) -> "PersonSpec":
        if self.role is Role.AGENT and not (self.capacity_units and self.queues and self.skills):
            raise slip(
                "an agent needs capacity_units, queues and skills",
                "客服需要 capacity_units、queues 和 skills",
            )
        return self


class PlanSpec(Named):
    """A routing plan; chosen by `Company.plan_for`."""

    language: Language
    topics: tuple[Key, ...]
    """Skills of the classifier it serves; empty serves all."""
    tiers: tuple[Key, ...]
    """Customers' tiers it serves; empty serves all."""
    steps: tuple[PlanStep, ...] = Field(min_length=1)
    """Each at least as wide as the one before; the last is the overflow."""

    @property
    def routing_plan(self) -> RoutingPlan:
        return RoutingPlan(key=self.key, steps=list(self.steps))


class TierSpec(Named):
    bonus_minutes: int = Field(ge=-60, le=1_440)


class UrgencySpec(Part):
    key: Urgency
    name: Bilingual
    bonus_minutes: int = Field(ge=-60, le=1_440)


class Company(Part):
    """company.yaml."""

    line: LineSpec
    skills: tuple[SkillSpec, ...]
    queues: tuple[QueueSpec, ...] = Field(min_length=1)
    people: tuple[PersonSpec, ...] = Field(min_length=1)
    plans: tuple[PlanSpec, ...] = Field(min_length=1)
    tiers: tuple[TierSpec, ...] = Field(min_length=1)
    urgencies: tuple[UrgencySpec, ...]
    channel_weights: dict[Key, Annotated[int, Field(ge=1, le=100)]]
    timing: Timing = Timing()

    @field_validator("timing", mode="before")
    @classmethod
    def _known_timing(cls, value: Any) -> Any:
        unknown = sorted(set(value) - set(Timing.model_fields)) if isinstance(value, dict) else []
        if unknown:
            raise slip(f"`{unknown[0]}` is no timing", f"没有名为 `{unknown[0]}` 的时间设置")
        return value

    @property
    def priorities(self) -> Priorities:
        """What tiers, urgencies and channels are worth in routing."""
        return Priorities(
            tier_minutes={tier.key: tier.bonus_minutes for tier in self.tiers},
            urgency_minutes={urgency.key.value: urgency.bonus_minutes for urgency in self.urgencies},
            channel_weights=dict(self.channel_weights),
        )

    def plan_for(self, language: Language, topics: Iterable[str] = (), tier: str = "") -> PlanSpec:
        """The first plan that fits; the checks see to it that one always does."""
        wanted = set(topics)
        return next(
            plan
            for plan in self.plans
            if plan.language is language
            and (not plan.topics or wanted & set(plan.topics))
            and (not plan.tiers or tier in plan.tiers)
        )


def _interval(value: Any) -> Any:
    if isinstance(value, str) and value.count("-") == 1:
        start, end = value.split("-")
        return {"start": start.strip(), "end": end.strip()}
    return value


Hours = Annotated[Interval, BeforeValidator(_interval)]
"""Local hours of a day, written "09:00-21:00"."""


class Week(Part):
    """The hours of each weekday; every day is named, so that none is closed by forgetting it."""

    monday: tuple[Hours, ...]
    tuesday: tuple[Hours, ...]
    wednesday: tuple[Hours, ...]
    thursday: tuple[Hours, ...]
    friday: tuple[Hours, ...]
    saturday: tuple[Hours, ...]
    sunday: tuple[Hours, ...]


class PublicDays(StrEnum):
    """Whose national holidays and make-up working days (调休) a calendar follows."""

    NONE = "none"
    CHINA = "china"


class DayException(Part):
    """One date that differs from its weekday; no intervals means closed."""

    date: date
    intervals: tuple[Hours, ...]
    name: Bilingual


class CalendarSpec(Named):
    time_zone: str
    public_days: PublicDays
    weekly: Week
    exceptions: tuple[DayException, ...]

    def calendar(
        self, public_days: Iterable[DayRule] = (), published_years: tuple[int, ...] | None = None
    ) -> Calendar:
        """The calendar with the given public days, for `public_days: china`. Raises ValidationError."""
        return Calendar.model_validate(
            {
                "time_zone": self.time_zone,
                "versions": [
                    {"version": 1, "effective_from": "2000-01-01", "week": self.weekly.model_dump()}
                ],
                "days": [*(day.model_dump() for day in public_days), *map(_exception_rule, self.exceptions)],
                "published_years": published_years,
            }
        )


def _exception_rule(exception: DayException) -> dict[str, Any]:
    return {"kind": DayKind.EXCEPTION, **exception.model_dump()}


class HoursFile(Part):
    """hours.yaml."""

    calendars: tuple[CalendarSpec, ...] = Field(min_length=1)

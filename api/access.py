"""Who may see and do what: one function per kind of object, used by pages, API, live events and files alike.

Everything here is pure: a viewer, and what must be known of an object (`ContactScope`, …, read by
`adapters.db.scopes`). Business lines are walls: no rule below is reached across one.
"""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from adapters.db.scopes import ContactScope, CustomerScope, FileScope
from domain.contact import Stage
from domain.roles import Role


class ViewerKind(StrEnum):
    """Which side of the counter."""

    CUSTOMER = "customer"
    USER = "user"


@dataclass(frozen=True)
class Viewer:
    """Somebody who asks, in one business line."""

    kind: ViewerKind
    line_id: str
    id: UUID
    """The user's id, or the customer's."""
    roles: frozenset[Role] = frozenset()
    identity_id: UUID | None = None
    """A customer's identity, through which they are here."""
    verified: bool = False
    """The identity is proven by a member token or a code: only then the customer's other cases are theirs."""

    @classmethod
    def user(cls, user_id: UUID, line_id: str, roles: frozenset[Role]) -> "Viewer":
        """A user with the roles held in this line."""
        return cls(ViewerKind.USER, line_id, user_id, roles)

    @classmethod
    def customer(
        cls, customer_id: UUID, line_id: str, identity_id: UUID, *, verified: bool = False
    ) -> "Viewer":
        """A customer who came through this identity."""
        return cls(ViewerKind.CUSTOMER, line_id, customer_id, frozenset(), identity_id, verified)

    @property
    def actor(self) -> str:
        """As events name them."""
        return "customer" if self.kind is ViewerKind.CUSTOMER else f"user:{self.id}"

    def has(self, *roles: Role) -> bool:
        """Whether the viewer is a user with one of these roles."""
        return self.kind is ViewerKind.USER and not self.roles.isdisjoint(roles)


class ContactAct(StrEnum):
    """What can be done with a contact."""

    WRITE = "write"
    """A message to the other side; for customers a message at all."""
    NOTE = "note"
    CORRECT = "correct"
    """Intent, urgency, language, customer facts."""
    TRANSFER = "transfer"
    END = "end"
    WRAP_UP = "wrap_up"
    INVITE_SURVEY = "invite_survey"
    ANSWER_OFFER = "answer_offer"
    TAKE_OVER = "take_over"
    REASSIGN = "reassign"
    ASK_FOR_PERSON = "ask_for_person"
    ANSWER_SURVEY = "answer_survey"


_CUSTOMERS_ACTS = frozenset(
    {ContactAct.WRITE, ContactAct.ASK_FOR_PERSON, ContactAct.ANSWER_SURVEY, ContactAct.END}
)
_OWNERS_ACTS = frozenset(
    {
        ContactAct.WRITE,
        ContactAct.CORRECT,
        ContactAct.TRANSFER,
        ContactAct.END,
        ContactAct.WRAP_UP,
        ContactAct.INVITE_SURVEY,
    }
)
_SUPERVISORS_ACTS = frozenset(
    {ContactAct.CORRECT, ContactAct.TAKE_OVER, ContactAct.REASSIGN, ContactAct.TRANSFER}
)

CUSTOMERS_EVENTS = frozenset(
    {
        "message",
        "contact_opened",
        "verified",
        "merged",
        "human_wanted",
        "handed_over",
        "enqueued",
        "queued",
        "out_of_hours",
        "opened_hours",
        "exhausted",
        "place_kept",
        "matter_left",
        "offer_accepted",
        "transferred",
        "taken_over",
        "resumed",
        "ended",
        "customer_left",
        "survey_invited",
        "survey_answered",
        "closed",
        "typing",
    }
)
"""Kinds of events whose existence a customer may learn; internal notes, offers and tasks are not among them."""

CUSTOMERS_ATTRIBUTES = frozenset({"message_id", "seq"})
"""What a customer may learn of an event; who decided what and why stays inside."""


def may_see_contact(viewer: Viewer, contact: ContactScope) -> bool:
    """Customers: the contacts of their identity, all of theirs once proven. Agents read their whole line."""
    if viewer.line_id != contact.line_id:
        return False
    if viewer.kind is ViewerKind.CUSTOMER:
        return viewer.id == contact.customer_id and (
            viewer.verified or viewer.identity_id == contact.identity_id
        )
    return viewer.has(Role.AGENT, Role.SUPERVISOR)


def may_act_on_contact(viewer: Viewer, contact: ContactScope, act: ContactAct) -> bool:
    """Owners act on what is theirs, supervisors steer, other agents only read; offers are answered by whom
    they were made to.
    """
    if not may_see_contact(viewer, contact):
        return False
    if viewer.kind is ViewerKind.CUSTOMER:
        return act in _CUSTOMERS_ACTS and (contact.stage is not Stage.CLOSED or act is ContactAct.WRITE)
    if act is ContactAct.ANSWER_OFFER:
        return contact.offered_to == viewer.id and viewer.has(Role.AGENT)
    if act is ContactAct.NOTE:
        # A colleague who was mentioned answers where he was asked.
        return viewer.has(Role.AGENT, Role.SUPERVISOR)
    if act in _OWNERS_ACTS and contact.owner_id == viewer.id:
        return True
    return act in _SUPERVISORS_ACTS and viewer.has(Role.SUPERVISOR)


def may_see_notes(viewer: Viewer, contact: ContactScope) -> bool:
    """Internal notes, the bot's reasons and the timeline: staff only."""
    return viewer.kind is ViewerKind.USER and may_see_contact(viewer, contact)


def may_see_customer(viewer: Viewer, customer: CustomerScope) -> bool:
    """Customers themselves; agents and supervisors those of their line."""
    if viewer.line_id != customer.line_id:
        return False
    if viewer.kind is ViewerKind.CUSTOMER:
        return viewer.id == customer.id
    return viewer.has(Role.AGENT, Role.SUPERVISOR)


def may_edit_customer(viewer: Viewer, customer: CustomerScope) -> bool:
    """Profiles are edited by staff; a customer proves a number instead of editing one."""
    return viewer.kind is ViewerKind.USER and may_see_customer(viewer, customer)


def may_see_file(viewer: Viewer, file: FileScope) -> bool:
    """As the contact it belongs to; a customer never sees a file of an internal note."""
    if not may_see_contact(viewer, file.contact):
        return False
    return viewer.kind is ViewerKind.USER or not file.in_note


def may_see_event(viewer: Viewer, *, line_id: str, kind: str, contact: ContactScope | None) -> bool:
    """Live events: those of a contact as the contact; events without a case go to the line's staff."""
    if viewer.line_id != line_id:
        return False
    if contact is None:
        return viewer.kind is ViewerKind.USER and bool(viewer.roles)
    if viewer.kind is ViewerKind.CUSTOMER and kind not in CUSTOMERS_EVENTS:
        return False
    return may_see_contact(viewer, contact)


def may_see_articles(viewer: Viewer) -> bool:
    """The knowledge base with drafts and figures; customers see answers, not the base."""
    return viewer.kind is ViewerKind.USER and bool(viewer.roles)


def may_edit_articles(viewer: Viewer) -> bool:
    """Supervisors and administrators."""
    return viewer.has(Role.SUPERVISOR, Role.ADMINISTRATOR)


def may_see_board(viewer: Viewer) -> bool:
    """The line's live figures: supervisors and administrators."""
    return viewer.has(Role.SUPERVISOR, Role.ADMINISTRATOR)


def may_configure(viewer: Viewer, line_id: str) -> bool:
    """Users, queues, plans, hours, widget: administrators of that line."""
    return viewer.line_id == line_id and viewer.has(Role.ADMINISTRATOR)


def may_settle_task(viewer: Viewer, *, line_id: str, owner_id: UUID | None, role: str | None) -> bool:
    """A task is settled by its owner, by anybody of the role it awaits, or by a supervisor."""
    if viewer.kind is not ViewerKind.USER or viewer.line_id != line_id:
        return False
    return owner_id == viewer.id or role in viewer.roles or viewer.has(Role.SUPERVISOR)

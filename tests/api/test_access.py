"""Who may see and do what: the matrix of viewers and objects."""

from itertools import product
from uuid import UUID, uuid4

import pytest

from adapters.db.scopes import ContactScope, CustomerScope, FileScope
from api.access import (
    CUSTOMERS_EVENTS,
    ContactAct,
    Viewer,
    may_act_on_contact,
    may_configure,
    may_edit_articles,
    may_edit_customer,
    may_see_articles,
    may_see_board,
    may_see_contact,
    may_see_customer,
    may_see_event,
    may_see_file,
    may_see_notes,
    may_settle_task,
)
from domain.contact import Stage
from domain.roles import Role

OWNER, COLLEAGUE, OFFERED, CUSTOMER, IDENTITY, OTHER = (uuid4() for _ in range(6))


def user(who: UUID, *roles: Role, line: str = "shop") -> Viewer:
    return Viewer.user(who, line, frozenset(roles))


def contact(**changes: object) -> ContactScope:
    values = {
        "id": uuid4(),
        "line_id": "shop",
        "customer_id": CUSTOMER,
        "identity_id": IDENTITY,
        "stage": Stage.TALKING,
        "owner_id": OWNER,
        "offered_to": None,
    }
    return ContactScope(**(values | changes))  # type: ignore[arg-type] # the keys are the fields


AGENT = user(OWNER, Role.AGENT)
OTHER_AGENT = user(COLLEAGUE, Role.AGENT)
SUPERVISOR = user(OTHER, Role.SUPERVISOR)
ADMINISTRATOR = user(OTHER, Role.ADMINISTRATOR)
NOBODY = user(OTHER)
BANKER = user(OWNER, Role.AGENT, Role.SUPERVISOR, Role.ADMINISTRATOR, line="bank")
HERSELF = Viewer.customer(CUSTOMER, "shop", IDENTITY)
HERSELF_PROVEN = Viewer.customer(CUSTOMER, "shop", uuid4(), verified=True)
HERSELF_ELSEWHERE = Viewer.customer(CUSTOMER, "shop", uuid4())
STRANGER = Viewer.customer(uuid4(), "shop", IDENTITY, verified=True)
OTHER_LINES_CUSTOMER = Viewer.customer(CUSTOMER, "bank", IDENTITY, verified=True)
EVERYBODY = [
    AGENT, OTHER_AGENT, SUPERVISOR, ADMINISTRATOR, NOBODY, BANKER,
    HERSELF, HERSELF_PROVEN, HERSELF_ELSEWHERE, STRANGER, OTHER_LINES_CUSTOMER,
]  # fmt: skip


@pytest.mark.parametrize("stage", list(Stage))
def test_who_reads_a_contact(stage: Stage) -> None:
    one = contact(stage=stage)
    readers = [viewer for viewer in EVERYBODY if may_see_contact(viewer, one)]
    assert readers == [AGENT, OTHER_AGENT, SUPERVISOR, HERSELF, HERSELF_PROVEN]
    assert [viewer for viewer in EVERYBODY if may_see_notes(viewer, one)] == [AGENT, OTHER_AGENT, SUPERVISOR]


def test_who_does_what_with_a_contact() -> None:
    one = contact()
    done = {
        act: [viewer for viewer in EVERYBODY if may_act_on_contact(viewer, one, act)] for act in ContactAct
    }
    customers = [HERSELF, HERSELF_PROVEN]
    assert done[ContactAct.WRITE] == [AGENT, *customers]
    assert done[ContactAct.END] == [AGENT, *customers]
    assert done[ContactAct.CORRECT] == done[ContactAct.TRANSFER] == [AGENT, SUPERVISOR]
    assert done[ContactAct.NOTE] == [AGENT, OTHER_AGENT, SUPERVISOR]
    assert done[ContactAct.WRAP_UP] == done[ContactAct.INVITE_SURVEY] == [AGENT]
    assert done[ContactAct.TAKE_OVER] == done[ContactAct.REASSIGN] == [SUPERVISOR]
    assert done[ContactAct.ANSWER_OFFER] == []
    assert done[ContactAct.ASK_FOR_PERSON] == done[ContactAct.ANSWER_SURVEY] == customers


def test_an_offer_is_answered_by_whom_it_was_made_to() -> None:
    offered = contact(stage=Stage.OFFERED, owner_id=None, offered_to=OFFERED)
    chosen = user(OFFERED, Role.AGENT)
    assert [
        viewer
        for viewer in [*EVERYBODY, chosen]
        if may_act_on_contact(viewer, offered, ContactAct.ANSWER_OFFER)
    ] == [chosen]
    assert not may_act_on_contact(user(OFFERED, Role.AGENT, line="bank"), offered, ContactAct.ANSWER_OFFER)


def test_a_closed_contact_takes_only_a_new_message_of_its_customer() -> None:
    closed = contact(stage=Stage.CLOSED, owner_id=None)
    acts = {act for act in ContactAct if may_act_on_contact(HERSELF, closed, act)}
    assert acts == {ContactAct.WRITE}


def test_who_reads_a_customer() -> None:
    one = CustomerScope(CUSTOMER, "shop")
    assert [viewer for viewer in EVERYBODY if may_see_customer(viewer, one)] == [
        AGENT, OTHER_AGENT, SUPERVISOR, HERSELF, HERSELF_PROVEN, HERSELF_ELSEWHERE,
    ]  # fmt: skip
    assert [viewer for viewer in EVERYBODY if may_edit_customer(viewer, one)] == [
        AGENT,
        OTHER_AGENT,
        SUPERVISOR,
    ]


def test_files_follow_their_contact_and_notes_stay_inside() -> None:
    shared, internal = (
        FileScope(uuid4(), contact(), in_note=False),
        FileScope(uuid4(), contact(), in_note=True),
    )
    for viewer in EVERYBODY:
        assert may_see_file(viewer, shared) == may_see_contact(viewer, shared.contact)
        assert may_see_file(viewer, internal) == may_see_notes(viewer, internal.contact)


def test_events_follow_their_contact() -> None:
    one = contact()
    for viewer, kind in product(EVERYBODY, [*sorted(CUSTOMERS_EVENTS), "note_added", "offer_made", "rated"]):
        allowed = may_see_event(viewer, line_id="shop", kind=kind, contact=one)
        is_staff = viewer in (AGENT, OTHER_AGENT, SUPERVISOR)
        is_hers = viewer in (HERSELF, HERSELF_PROVEN) and kind in CUSTOMERS_EVENTS
        assert allowed == (is_staff or is_hers), (viewer, kind)


def test_events_without_a_case_go_to_the_lines_staff() -> None:
    assert [
        viewer for viewer in EVERYBODY if may_see_event(viewer, line_id="shop", kind="presence", contact=None)
    ] == [AGENT, OTHER_AGENT, SUPERVISOR, ADMINISTRATOR]


def test_configuration_articles_and_board() -> None:
    assert [viewer for viewer in EVERYBODY if may_configure(viewer, "shop")] == [ADMINISTRATOR]
    assert [viewer for viewer in EVERYBODY if may_configure(viewer, "bank")] == [BANKER]
    assert [viewer for viewer in EVERYBODY if may_edit_articles(viewer)] == [
        SUPERVISOR,
        ADMINISTRATOR,
        BANKER,
    ]
    assert [viewer for viewer in EVERYBODY if may_see_board(viewer)] == [SUPERVISOR, ADMINISTRATOR, BANKER]
    assert [viewer for viewer in EVERYBODY if may_see_articles(viewer)] == [
        AGENT, OTHER_AGENT, SUPERVISOR, ADMINISTRATOR, BANKER,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("owner", "role", "settlers"),
    [
        (OWNER, None, [AGENT, SUPERVISOR]),
        (None, "agent", [AGENT, OTHER_AGENT, SUPERVISOR]),
        (None, "administrator", [SUPERVISOR, ADMINISTRATOR]),
    ],
)
def test_who_settles_a_task(owner: UUID | None, role: str | None, settlers: list[Viewer]) -> None:
    assert [
        viewer for viewer in EVERYBODY if may_settle_task(viewer, line_id="shop", owner_id=owner, role=role)
    ] == settlers

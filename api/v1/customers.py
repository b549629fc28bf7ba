"""Customers: the profile that staff share."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from adapters.db import api_reading, desk_customer, desk_search
from adapters.db.engine import Transaction
from adapters.db.scopes import customer_scope
from api.access import may_edit_customer, may_see_customer
from api.deps import Reading, SignedIn, Tx
from api.errors import NotFound
from api.ratelimit import rate_limit
from api.v1.auth import ApiAgent, CommandId
from api.v1.once import once
from api.v1.shapes import (
    ContactOfCustomer,
    CustomerChangeRequest,
    CustomerDetail,
    CustomerFound,
    CustomerPage,
    CustomersFound,
    CustomerShown,
    IdentityShown,
)

router = APIRouter(prefix="/customers", tags=["customers"])


async def _seen(tx: Transaction, user: SignedIn, customer_id: UUID) -> None:
    if not may_see_customer(user.viewer, await customer_scope(tx, customer_id)):
        raise NotFound


@router.get("")
async def list_customers(
    user: ApiAgent,
    tx: Reading,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=api_reading.LONGEST_PAGE)] = 50,
) -> CustomerPage:
    """Customers in the order in which they came first."""
    rows = await api_reading.customers(tx, user.line_id, after=after, limit=limit)
    return CustomerPage(
        customers=[CustomerShown.model_validate(row) for row in rows],
        after=rows[-1].id if len(rows) == limit else None,
    )


@router.get("/search", dependencies=[rate_limit("search", "60/minute")])
async def search_customers(
    user: ApiAgent, tx: Reading, q: Annotated[str, Query(min_length=1, max_length=200)]
) -> CustomersFound:
    """By the beginning of the name, a phone number, a member id, or a contact's number."""
    found = await desk_search.search(tx, user.line_id, q)
    return CustomersFound(customers=[CustomerFound.model_validate(row) for row in found.customers])


@router.get("/{customer_id}")
async def get_customer(customer_id: UUID, user: ApiAgent, tx: Reading) -> CustomerDetail:
    """The profile, the channels that reach the customer, and the latest contacts."""
    await _seen(tx, user, customer_id)
    return await _detail(tx, customer_id)


async def _detail(tx: Transaction, customer_id: UUID) -> CustomerDetail:
    card = await desk_customer.card(tx, customer_id)
    return CustomerDetail(
        customer=CustomerShown.model_validate(card.customer),
        identities=[IdentityShown.model_validate(row) for row in card.identities],
        contacts=[ContactOfCustomer.model_validate(row) for row in card.contacts],
        contact_count=card.contact_count,
    )


@router.patch("/{customer_id}")
async def change_customer(
    customer_id: UUID, user: ApiAgent, tx: Tx, command_id: CommandId, asked: CustomerChangeRequest
) -> CustomerDetail:
    """Change what is given, all or nothing; the former values stay in the profile's history."""
    changes = asked.model_dump(exclude_none=True, exclude={"version"})

    async def act() -> None:
        if not may_edit_customer(user.viewer, await customer_scope(tx, customer_id)):
            raise NotFound
        version = asked.version
        for field, value in changes.items():
            text = ", ".join(value) if isinstance(value, list) else value
            version = await desk_customer.edit(
                tx, user.line_id, customer_id, user.id, field=field, value=text, version=version
            )

    await _seen(tx, user, customer_id)
    await once(tx, user, command_id, f"customer:{customer_id}", act)
    return await _detail(tx, customer_id)

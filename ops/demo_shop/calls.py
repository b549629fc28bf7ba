"""The calls of the contract: who may do what to which order, and what comes of it.

Every function gets the session, the customer for whom the call is made, the checked arguments and the time
(seconds since 1970, UTC), and returns the answer or raises Refusal.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from ops.demo_shop import views
from ops.demo_shop.catalogue import CARRIERS, city_of
from ops.demo_shop.local_time import evening_of, in_daytime, iso_utc, local_day
from ops.demo_shop.model import (
    DAY_S,
    HOUR_S,
    Customer,
    Order,
    OrderException,
    OrderState,
    exception_at,
    state_at,
)
from ops.demo_shop.store import Session
from ops.demo_shop.tracking import address_corrected, redelivered, usual_way

RETURN_TO_ZH = "请在截止时间前将商品连同配件寄回：浙江省杭州市余杭区守诺优选退货仓，退货单号写在面单备注里。运费由我们承担，签收后 3 个工作日内退款。"
RETURN_TO_EN = (
    "Please send the goods with all accessories before the deadline to: Holdfast Select returns, Yuhang, "
    "Hangzhou, Zhejiang, with the return number in the label's remarks. We pay the postage and refund within "
    "3 working days of receipt."
)

RETURN_DEADLINE_S = 7 * DAY_S
TRACE_TAKES_S = 2 * DAY_S


class Refusal(Exception):  # noqa: N818 - an answer by the contract, not an error of ours
    """A call that is not granted: the HTTP status and the code that stand in the contract."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("control characters are not allowed")
    return text


OrderNumber = Annotated[
    str, StringConstraints(strip_whitespace=True, to_upper=True, min_length=1, max_length=32)
]
Address = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=5, max_length=200), AfterValidator(_printable)
]
Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), AfterValidator(_printable)
]


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class NoArguments(_Arguments):
    """The call needs none."""


class OneOrder(_Arguments):
    number: OrderNumber


class AddressChange(OneOrder):
    address: Address


class ReturnRequest(OneOrder):
    reason: Reason = Field(default="unspecified")


@dataclass(frozen=True)
class Call:
    """How a call is checked and answered; a write needs an idempotency key."""

    arguments: type[_Arguments]
    answer: Callable[[Session, Customer, Any, int], dict[str, Any]]
    is_write: bool = False


def list_orders(session: Session, customer: Customer, _: NoArguments, now: int) -> dict[str, Any]:
    """The customer's newest orders."""
    orders = session.orders_of(customer.member_id)[: views.ORDERS_LISTED]
    return {"orders": [views.order_line(order, now) for order in orders]}


def get_order(session: Session, customer: Customer, arguments: OneOrder, now: int) -> dict[str, Any]:
    """Everything about one order."""
    return views.order_details(_own(session, customer, arguments), now)


def get_customer(session: Session, customer: Customer, _: NoArguments, now: int) -> dict[str, Any]:
    """Who the customer is to the shop."""
    return views.customer_details(customer, session.orders_of(customer.member_id), now)


def refund_status(session: Session, customer: Customer, arguments: OneOrder, now: int) -> dict[str, Any]:
    """Where the money is; `state` is `none` where none is due."""
    order = _own(session, customer, arguments)
    refund = views.refund(order, now) or {"state": "none", "amount": None, "expected_at": None}
    return {
        "number": order.number,
        "return_number": order.return_number,
        "currency": views.CURRENCY,
        **refund,
    }


def change_address(
    session: Session, customer: Customer, arguments: AddressChange, now: int
) -> dict[str, Any]:
    """Before shipping; after it only where the carrier holds the parcel for want of a right address."""
    order = _own(session, customer, arguments)
    held = exception_at(order, now) is OrderException.WRONG_ADDRESS
    if not held and state_at(order, now) not in {
        OrderState.PENDING_PAYMENT,
        OrderState.PAID,
        OrderState.PACKED,
    }:
        raise Refusal(409, "already_shipped")
    order.address = arguments.address
    if held:
        order.exception = None
        order.delivered_at = in_daytime(now + 30 * HOUR_S)
        order.promised_by = evening_of(order.delivered_at)
        order.events = [*order.events, address_corrected(now), redelivered(order.delivered_at)]
    session.save(order)
    return {
        "number": order.number,
        "address_masked": views.mask_address(order.address),
        "promised_by": iso_utc(order.promised_by),
    }


def create_return(session: Session, customer: Customer, arguments: ReturnRequest, now: int) -> dict[str, Any]:
    """Within seven days of delivery; the shop then waits for the goods."""
    order = _own(session, customer, arguments)
    state = state_at(order, now)
    if state in {OrderState.RETURNING, OrderState.REFUNDED}:
        raise Refusal(409, "already_returning")
    until = views.returnable_until(order, now)
    if until is None:
        raise Refusal(409, "not_delivered")
    if until < now:
        raise Refusal(409, "return_window_closed")
    order.return_number = _return_number(session, now)
    order.return_reason = arguments.reason
    order.return_requested_at = now
    order.goods_back_at = now + 4 * DAY_S
    order.refunded_at = order.goods_back_at + 2 * DAY_S
    session.save(order)
    return {
        "number": order.number,
        "return_number": order.return_number,
        "refund_amount": views.money(order.amount_fen),
        "currency": views.CURRENCY,
        "instructions_zh": RETURN_TO_ZH,
        "instructions_en": RETURN_TO_EN,
        "deadline_at": iso_utc(evening_of(now + RETURN_DEADLINE_S)),
    }


def trace_delivery(session: Session, customer: Customer, arguments: OneOrder, now: int) -> dict[str, Any]:
    """Have the carrier look for a parcel; a trace that is open already is the answer."""
    order = _own(session, customer, arguments)
    if state_at(order, now) not in {OrderState.SHIPPED, OrderState.DELIVERED}:
        raise Refusal(409, "not_in_delivery")
    if order.trace_opened_at is None:
        order.trace_opened_at, order.trace_expected_at = now, now + TRACE_TAKES_S
        session.save(order)
    return {
        "number": order.number,
        "opened_at": iso_utc(order.trace_opened_at),
        "expected_at": iso_utc(order.trace_expected_at),
    }


def reship(session: Session, customer: Customer, arguments: OneOrder, now: int) -> dict[str, Any]:
    """Send a lost parcel's goods once more: the order starts anew from packing."""
    order = _own(session, customer, arguments)
    if exception_at(order, now) not in {OrderException.LOST, OrderException.NOT_RECEIVED}:
        raise Refusal(409, "already_reshipped" if order.reshipped_at is not None else "not_lost")
    order.reshipped_at = now
    order.exception = None
    order.packed_at = now
    order.shipped_at = now + 6 * HOUR_S
    order.delivered_at = in_daytime(order.shipped_at + 48 * HOUR_S)
    order.promised_by = evening_of(order.delivered_at)
    order.tracking_number = _tracking_number(order, now)
    order.events = usual_way(order.shipped_at, order.delivered_at, city_of(order.address))
    order.trace_opened_at = order.trace_expected_at = None
    session.save(order)
    return {
        "number": order.number,
        "state": state_at(order, now).value,
        "promised_by": iso_utc(order.promised_by),
    }


CALLS: dict[str, Call] = {
    "customers.get": Call(NoArguments, get_customer),
    "orders.list": Call(NoArguments, list_orders),
    "orders.get": Call(OneOrder, get_order),
    "refunds.status": Call(OneOrder, refund_status),
    "orders.change_address": Call(AddressChange, change_address, is_write=True),
    "returns.create": Call(ReturnRequest, create_return, is_write=True),
    "delivery.trace": Call(OneOrder, trace_delivery, is_write=True),
    "delivery.reship": Call(OneOrder, reship, is_write=True),
}


def _own(session: Session, customer: Customer, arguments: OneOrder) -> Order:
    """The customer's order; to everybody else it does not exist."""
    order = session.order(customer.member_id, arguments.number)
    if order is None:
        raise Refusal(404, "order_not_found")
    return order


def _return_number(session: Session, now: int) -> str:
    """The first free number of the day."""
    for serial in range(1, 10_000):
        number = f"R{local_day(now)}-{serial:04d}"
        if not session.is_return_number(number):
            return number
    raise Refusal(503, "no_return_number_left")


def _tracking_number(order: Order, now: int) -> str:
    """A number of the carrier for the second parcel, unlike the first."""
    digest = hashlib.sha256(f"{order.number} {now}".encode()).hexdigest()
    return f"{CARRIERS[order.carrier].prefix}{int(digest[:12], 16) % 10**12:012d}"

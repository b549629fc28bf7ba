"""An order as the shop keeps it, and what it is at a given moment.

An order carries its whole planned course (paid, packed, shipped, delivered, refunded); what has happened is
what lies in the past. So parcels move on by themselves, and the shop makes sense on whatever day one looks.
All times are seconds since 1970, UTC.
"""

from dataclasses import dataclass, field
from enum import StrEnum

HOUR_S = 3600
DAY_S = 24 * HOUR_S

PAYMENT_WINDOW_S = DAY_S
RETURN_WINDOW_S = 7 * DAY_S


class OrderState(StrEnum):
    PENDING_PAYMENT = "pending_payment"
    PAID = "paid"
    PACKED = "packed"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    RETURNING = "returning"
    REFUNDED = "refunded"


class OrderException(StrEnum):
    DELAYED = "delayed"
    LOST = "lost"
    WRONG_ADDRESS = "wrong_address"
    NOT_RECEIVED = "not_received"


class RefundState(StrEnum):
    AWAITING_GOODS = "awaiting_goods"
    PROCESSING = "processing"
    REFUNDED = "refunded"


class Tier(StrEnum):
    REGULAR = "regular"
    SILVER = "silver"
    GOLD = "gold"
    DIAMOND = "diamond"


@dataclass(frozen=True)
class Customer:
    member_id: str
    name: str
    language: str
    phone: str
    tier: Tier
    registered_at: int
    tags: tuple[str, ...]


@dataclass(frozen=True)
class TrackingEvent:
    at: int
    text_zh: str
    text_en: str


@dataclass(frozen=True)
class Item:
    product_id: str
    quantity: int


@dataclass
class Order:
    """`amount_fen` is in hundredths of a yuan; a time of None is not planned."""

    number: str
    member_id: str
    items: list[Item]
    amount_fen: int
    address: str
    placed_at: int
    paid_at: int | None = None
    packed_at: int | None = None
    shipped_at: int | None = None
    delivered_at: int | None = None
    promised_by: int | None = None
    cancelled_at: int | None = None
    exception: OrderException | None = None
    carrier: int = 0
    tracking_number: str | None = None
    events: list[TrackingEvent] = field(default_factory=list)
    return_number: str | None = None
    return_reason: str | None = None
    return_requested_at: int | None = None
    goods_back_at: int | None = None
    refunded_at: int | None = None
    trace_opened_at: int | None = None
    trace_expected_at: int | None = None
    reshipped_at: int | None = None


def has_come(at: int | None, now: int) -> bool:
    """Whether a planned moment lies in the past."""
    return at is not None and at <= now


def state_at(order: Order, now: int) -> OrderState:
    """What the order is at `now`."""
    if has_come(order.cancelled_at, now):
        return OrderState.CANCELLED
    if order.return_number is not None and has_come(order.return_requested_at, now):
        return OrderState.REFUNDED if has_come(order.refunded_at, now) else OrderState.RETURNING
    if not has_come(order.paid_at, now):
        lapsed = now >= order.placed_at + PAYMENT_WINDOW_S
        return OrderState.CANCELLED if lapsed else OrderState.PENDING_PAYMENT
    if not has_come(order.packed_at, now):
        return OrderState.PAID
    if not has_come(order.shipped_at, now):
        return OrderState.PACKED
    if order.delivered_at is None or order.delivered_at > now:
        return OrderState.SHIPPED
    if order.exception is OrderException.NOT_RECEIVED or now < order.delivered_at + RETURN_WINDOW_S:
        return OrderState.DELIVERED
    return OrderState.COMPLETED


def exception_at(order: Order, now: int) -> OrderException | None:
    """What is wrong with the delivery at `now`: a parcel that was late and has come is not late any more."""
    state = state_at(order, now)
    if order.exception is OrderException.NOT_RECEIVED:
        return order.exception if state is OrderState.DELIVERED else None
    return order.exception if state is OrderState.SHIPPED else None


def refund_state_at(order: Order, now: int) -> RefundState | None:
    """How far the money is on its way back; None if none is due."""
    if order.refunded_at is None:
        return None
    if order.refunded_at <= now:
        return RefundState.REFUNDED
    if order.return_number is None or has_come(order.goods_back_at, now):
        return RefundState.PROCESSING
    return RefundState.AWAITING_GOODS

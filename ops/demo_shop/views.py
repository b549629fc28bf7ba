"""What the shop tells about an order or a customer: the answers of its reading calls, as plain JSON data."""

import re
from typing import Any

from ops.demo_shop.catalogue import CARRIERS, PRODUCTS_BY_ID
from ops.demo_shop.local_time import iso_utc
from ops.demo_shop.model import (
    PAYMENT_WINDOW_S,
    RETURN_WINDOW_S,
    Customer,
    Order,
    OrderState,
    exception_at,
    has_come,
    refund_state_at,
    state_at,
)

CURRENCY = "CNY"
ORDERS_LISTED = 10

_HAN = re.compile(r"[\u4e00-\u9fff]")
_HAN_AREA = re.compile(r"^.{2,}?(?:区|县|新区)")
_KEPT_WITHOUT_AREA = 6


def money(amount_fen: int) -> str:
    """Two decimals, as a string: money never travels as a binary fraction."""
    return f"{amount_fen // 100}.{amount_fen % 100:02d}"


def mask_address(address: str) -> str:
    """The area only: enough to recognise one's own address by, too little to find somebody's door."""
    if _HAN.search(address):
        area = _HAN_AREA.match(address)
        return (area.group() if area else address[:_KEPT_WITHOUT_AREA]) + "***"
    parts = [part.strip() for part in address.split(",")]
    return "***, " + ", ".join(parts[-2:]) if len(parts) > 2 else address[:_KEPT_WITHOUT_AREA] + "***"


def mask_phone(phone: str) -> str:
    """138****0001 for +8613800130001: the national number without its middle."""
    national = phone.removeprefix("+86")
    return f"{national[:3]}****{national[-4:]}"


def titles(order: Order) -> tuple[str, str]:
    """What the order is called, in Chinese and in English: its first product, and how many more."""
    first = PRODUCTS_BY_ID[order.items[0].product_id]
    more = len(order.items) - 1
    if not more:
        return first.title_zh, first.title_en
    return f"{first.title_zh} 等 {more + 1} 件", f"{first.title_en} and {more} more"


def order_line(order: Order, now: int) -> dict[str, Any]:
    """A row of `orders.list`."""
    title_zh, title_en = titles(order)
    return {
        "number": order.number,
        "title": title_zh,
        "title_en": title_en,
        "amount": money(order.amount_fen),
        "currency": CURRENCY,
        "placed_at": iso_utc(order.placed_at),
        "state": state_at(order, now).value,
    }


def order_details(order: Order, now: int) -> dict[str, Any]:
    """The answer of `orders.get`. What has not happened yet is null."""
    exception = exception_at(order, now)
    return {
        **order_line(order, now),
        "paid_at": _past(order.paid_at, now),
        "shipped_at": _past(order.shipped_at, now),
        "delivered_at": _past(order.delivered_at, now),
        "promised_by": iso_utc(order.promised_by),
        "pay_by": _pay_by(order, now),
        "exception": exception.value if exception else None,
        "tracking": tracking(order, now),
        "address_masked": mask_address(order.address),
        "returnable_until": iso_utc(returnable_until(order, now)),
        "refund": refund(order, now),
    }


def tracking(order: Order, now: int) -> dict[str, Any] | None:
    """The parcel's way so far, newest first; None before it is handed to the carrier."""
    if order.tracking_number is None or not has_come(order.shipped_at, now):
        return None
    carrier = CARRIERS[order.carrier]
    events = sorted((event for event in order.events if event.at <= now), key=lambda event: -event.at)
    return {
        "carrier": carrier.name_zh,
        "carrier_en": carrier.name_en,
        "number": order.tracking_number,
        "events": [
            {"at": iso_utc(event.at), "text_zh": event.text_zh, "text_en": event.text_en} for event in events
        ],
    }


def returnable_until(order: Order, now: int) -> int | None:
    """Seven days from delivery; None for what was not delivered or is on its way back."""
    if state_at(order, now) not in {OrderState.DELIVERED, OrderState.COMPLETED} or order.delivered_at is None:
        return None
    return order.delivered_at + RETURN_WINDOW_S


def refund(order: Order, now: int) -> dict[str, Any] | None:
    """Where the money is; None if none is due."""
    state = refund_state_at(order, now)
    if state is None:
        return None
    return {
        "state": state.value,
        "amount": money(order.amount_fen),
        "expected_at": iso_utc(order.refunded_at),
    }


def customer_details(customer: Customer, orders: list[Order], now: int) -> dict[str, Any]:
    """The answer of `customers.get`: nothing that identifies beyond what Holdfast has proven."""
    unpaid = {OrderState.PENDING_PAYMENT, OrderState.CANCELLED, OrderState.REFUNDED}
    spent = sum(order.amount_fen for order in orders if state_at(order, now) not in unpaid)
    return {
        "member_id": customer.member_id,
        "name": customer.name,
        "tier": customer.tier.value,
        "phone_masked": mask_phone(customer.phone),
        "language": customer.language,
        "orders_count": len(orders),
        "total_spent": money(spent),
        "currency": CURRENCY,
        "registered_at": iso_utc(customer.registered_at),
        "tags": list(customer.tags),
    }


def _past(at: int | None, now: int) -> str | None:
    return iso_utc(at) if has_come(at, now) else None


def _pay_by(order: Order, now: int) -> str | None:
    if state_at(order, now) is not OrderState.PENDING_PAYMENT:
        return None
    return iso_utc(order.placed_at + PAYMENT_WINDOW_S)

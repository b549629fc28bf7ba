"""The shop's first day: customers and orders, always the same for one seed, dated back from the day it opens."""

import random
from dataclasses import dataclass

from ops.demo_shop import catalogue
from ops.demo_shop.local_time import evening_of, in_daytime, is_shopping_hour, local_day
from ops.demo_shop.model import (
    DAY_S,
    HOUR_S,
    Customer,
    Item,
    Order,
    OrderException,
    OrderState,
    Tier,
    exception_at,
    state_at,
)
from ops.demo_shop.tracking import (
    lost_in_transit,
    return_to_hub,
    signed_elsewhere,
    stuck_in_transit,
    usual_way,
)

ORDERS_PER_CUSTOMER_MINIMUM = 4
ORDERS_PER_CUSTOMER_MAXIMUM = 8
SHIPPING_FEE_FEN = 1_000
FREE_SHIPPING_FROM_FEN = 9_900
YOUNG_HOURS = 10
"""What was placed in the last hours may have been placed at any time of the day."""


@dataclass(frozen=True)
class Fate:
    """A kind of order: what it shall be on the opening day, and how long ago it was placed, in hours."""

    state: OrderState
    age_hours: tuple[float, float]
    exception: OrderException | None = None
    weight: int = 1


@dataclass(frozen=True)
class _Home:
    """Where a customer lives."""

    member_id: str
    city: catalogue.City
    address: str


_FATES: tuple[Fate, ...] = (
    Fate(OrderState.PENDING_PAYMENT, (0.2, 10), weight=4),
    Fate(OrderState.PAID, (0.3, 5), weight=5),
    Fate(OrderState.PACKED, (9, 22), weight=5),
    Fate(OrderState.SHIPPED, (26, 80), weight=10),
    Fate(OrderState.SHIPPED, (140, 220), OrderException.DELAYED, weight=4),
    Fate(OrderState.SHIPPED, (290, 480), OrderException.LOST, weight=3),
    Fate(OrderState.SHIPPED, (110, 150), OrderException.WRONG_ADDRESS, weight=3),
    Fate(OrderState.DELIVERED, (96, 230), weight=12),
    Fate(OrderState.DELIVERED, (90, 150), OrderException.NOT_RECEIVED, weight=3),
    Fate(OrderState.COMPLETED, (300, 4300), weight=30),
    Fate(OrderState.CANCELLED, (48, 2900), weight=6),
    Fate(OrderState.RETURNING, (170, 300), weight=5),
    Fate(OrderState.REFUNDED, (420, 1500), weight=7),
)

_SHOWCASE_STATES = (
    OrderState.PENDING_PAYMENT,
    OrderState.PAID,
    OrderState.SHIPPED,
    OrderState.DELIVERED,
    OrderState.COMPLETED,
    OrderState.RETURNING,
)
_TIERS = (Tier.REGULAR, Tier.REGULAR, Tier.REGULAR, Tier.SILVER, Tier.SILVER, Tier.GOLD, Tier.DIAMOND)
_TAGS = ("new_customer", "frequent_buyer", "prefers_phone", "invoice_needed", "gift_buyer", "night_owl")


def customers(seed: int, now: int) -> list[Customer]:
    """M1001 onwards: Chinese first, except that M1002 is English, so that the first two show both languages."""
    rng = random.Random(f"customers-{seed}")  # noqa: S311 - made-up data, nothing is protected by it
    names = [(name, "zh") for name in catalogue.NAMES_ZH]
    english = [(name, "en") for name in catalogue.NAMES_EN]
    names[1:1] = english[:1]
    names += english[1:]
    people = []
    for index, (name, language) in enumerate(names):
        tier = {0: Tier.DIAMOND, 1: Tier.GOLD}.get(index) or rng.choice(_TIERS)
        people.append(
            Customer(
                member_id=f"M{1001 + index}",
                name=name,
                language=language,
                phone=f"+861380013{1 + index * 37:04d}",
                tier=tier,
                registered_at=now - rng.randint(190, 1500) * DAY_S - rng.randint(0, DAY_S),
                tags=tuple(sorted(rng.sample(_TAGS, rng.randint(0, 2)))),
            )
        )
    return people


def orders(seed: int, now: int, people: list[Customer]) -> list[Order]:
    """The orders of all customers, oldest first. The first two customers have every exception among theirs."""
    rng = random.Random(f"orders-{seed}")  # noqa: S311 - made-up data, nothing is protected by it
    result: list[Order] = []
    for index, customer in enumerate(people):
        fates = _showcase() if index < 2 else _some(rng)
        home = _home(rng, customer)
        result += [_order(rng, now, home, fate) for fate in fates]
    result.sort(key=lambda order: order.placed_at)
    for order, serial in zip(result, rng.sample(range(1, 10_000), len(result)), strict=True):
        order.number = f"E{local_day(order.placed_at)}-{serial:04d}"
    for order, serial in zip(result, rng.sample(range(1, 10_000), len(result)), strict=True):
        if order.return_requested_at is not None:
            order.return_number = f"R{local_day(order.return_requested_at)}-{serial:04d}"
    return result


def _showcase() -> list[Fate]:
    return [fate for fate in _FATES if fate.exception is not None or fate.state in _SHOWCASE_STATES]


def _some(rng: random.Random) -> list[Fate]:
    count = rng.randint(ORDERS_PER_CUSTOMER_MINIMUM, ORDERS_PER_CUSTOMER_MAXIMUM)
    return rng.choices(_FATES, weights=[fate.weight for fate in _FATES], k=count)


def _order(rng: random.Random, now: int, home: _Home, fate: Fate) -> Order:
    """One order with that fate: drawn until its planned course is at that point `now`."""
    for _ in range(2000):
        order = _draft(rng, now, fate, home.city)
        if (
            state_at(order, now) is fate.state
            and exception_at(order, now) is fate.exception
            and (is_shopping_hour(order.placed_at) or fate.age_hours[0] < YOUNG_HOURS)
        ):
            order.member_id, order.address = home.member_id, home.address
            return order
    raise AssertionError(f"no course leads to {fate.state} within {fate.age_hours} hours")


def _draft(rng: random.Random, now: int, fate: Fate, city: catalogue.City) -> Order:
    """A course that may or may not be at the wanted point."""
    youngest, oldest = fate.age_hours
    placed_at = now - int(rng.uniform(youngest, oldest) * HOUR_S)
    items = _items(rng)
    order = Order(
        number="",
        member_id="",
        items=items,
        amount_fen=_amount(items),
        address="",
        placed_at=placed_at,
        promised_by=evening_of(placed_at + rng.randint(4, 5) * DAY_S),
        carrier=rng.randrange(len(catalogue.CARRIERS)),
        exception=fate.exception,
    )
    if fate.state is OrderState.PENDING_PAYMENT:
        order.promised_by = None
        return order
    if fate.state is OrderState.CANCELLED:
        _cancel(rng, order)
        return order
    order.paid_at = placed_at + rng.randint(40, 900)
    order.packed_at = order.paid_at + rng.randint(5 * HOUR_S, 9 * HOUR_S)
    order.shipped_at = order.packed_at + rng.randint(3 * HOUR_S, 14 * HOUR_S)
    order.tracking_number = f"{catalogue.CARRIERS[order.carrier].prefix}{rng.randrange(10**11, 10**12)}"
    _send(rng, now, order, city)
    if fate.state in {OrderState.RETURNING, OrderState.REFUNDED}:
        _return(rng, order)
    return order


def _send(rng: random.Random, now: int, order: Order, city: catalogue.City) -> None:
    """Plan the parcel's way, with what goes wrong on it."""
    assert order.shipped_at is not None
    arrival = in_daytime(order.shipped_at + rng.randint(36 * HOUR_S, 60 * HOUR_S))
    match order.exception:
        case None:
            order.delivered_at = arrival
            order.events = usual_way(order.shipped_at, arrival, city)
        case OrderException.DELAYED:
            order.delivered_at = in_daytime(now + rng.randint(30 * HOUR_S, 70 * HOUR_S))
            order.events = stuck_in_transit(order.shipped_at, now, order.delivered_at, city)
        case OrderException.LOST:
            order.events = lost_in_transit(order.shipped_at, city)
        case OrderException.WRONG_ADDRESS:
            order.events = return_to_hub(order.shipped_at, arrival, city)
        case OrderException.NOT_RECEIVED:
            order.delivered_at = arrival
            order.events = signed_elsewhere(order.shipped_at, arrival, city)


def _cancel(rng: random.Random, order: Order) -> None:
    """Half of the cancelled orders had been paid, and the money went back."""
    order.promised_by = None
    order.cancelled_at = order.placed_at + rng.randint(HOUR_S, 4 * HOUR_S)
    if rng.random() < 0.5:
        order.paid_at = order.placed_at + rng.randint(40, 900)
        order.refunded_at = order.cancelled_at + rng.randint(20 * HOUR_S, 70 * HOUR_S)


def _return(rng: random.Random, order: Order) -> None:
    assert order.delivered_at is not None
    order.return_number = "-"  # numbered with all others at the end
    order.return_reason = rng.choice(("not_as_described", "defective", "wrong_size", "changed_mind"))
    order.return_requested_at = order.delivered_at + rng.randint(4 * HOUR_S, 5 * DAY_S)
    order.goods_back_at = order.return_requested_at + rng.randint(3 * DAY_S, 5 * DAY_S)
    order.refunded_at = order.goods_back_at + rng.randint(DAY_S, 3 * DAY_S)


def _items(rng: random.Random) -> list[Item]:
    products = rng.sample(catalogue.PRODUCTS, rng.choices((1, 2, 3), weights=(7, 2, 1))[0])
    return [Item(product.id, rng.choices((1, 2), weights=(9, 1))[0]) for product in products]


def _amount(items: list[Item]) -> int:
    goods = sum(catalogue.PRODUCTS_BY_ID[item.product_id].price_fen * item.quantity for item in items)
    return goods if goods >= FREE_SHIPPING_FROM_FEN else goods + SHIPPING_FEE_FEN


def _home(rng: random.Random, customer: Customer) -> _Home:
    city = rng.choice(catalogue.CITIES)
    return _Home(customer.member_id, city, _address(rng, customer.language, city))


def _address(rng: random.Random, language: str, city: catalogue.City) -> str:
    street_zh, street_en = rng.choice(city.streets)
    number, building, room = (
        rng.randint(1, 399),
        rng.randint(1, 18),
        rng.randint(1, 28) * 100 + rng.randint(1, 8),
    )
    if language == "zh":
        return f"{city.area_zh}{street_zh}{number}号{building}栋{room}室"
    return f"Room {room}, Building {building}, {number} {street_en}, {city.area_en}"

"""The storefront: a page of another origin than Holdfast's, with our widget on it by one script tag."""

from pathlib import Path
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ops.demo_shop import views
from ops.demo_shop.catalogue import CATEGORY_NAMES, PRODUCTS, Product
from ops.demo_shop.local_time import local
from ops.demo_shop.model import Customer, Order, exception_at, state_at
from ops.demo_shop.words import EXCEPTION_WORDS, PAGE_WORDS, STATE_WORDS, TIER_WORDS

PRODUCTS_SHOWN = 12

_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render_storefront(
    *,
    language: str,
    holdfast_url: str,
    line: str,
    members: list[Customer],
    customer: Customer | None,
    orders: list[Order],
    member_token: str | None,
    now: int,
) -> HTMLResponse:
    """The page, in `language`, for whoever is signed in."""
    which = 0 if language == "zh" else 1
    words = {key: both[which] for key, both in PAGE_WORDS.items()}
    html = _environment.get_template("storefront.html").render(
        language=language,
        other_language="en" if language == "zh" else "zh",
        words=words,
        holdfast_url=holdfast_url,
        line=line,
        member_token=member_token,
        customer=customer,
        tier=TIER_WORDS[customer.tier][which] if customer else "",
        members=[
            {"id": one.member_id, "name": one.name, "tier": TIER_WORDS[one.tier][which]} for one in members
        ],
        orders=[_order_row(order, which, now) for order in orders[: views.ORDERS_LISTED]],
        products=_products(which),
    )
    return HTMLResponse(html, headers=_headers(holdfast_url))


def _products(which: int) -> list[dict[str, str]]:
    """The first of each category, then the rest, as many as the page shows."""
    seen: set[str] = set()
    firsts: list[Product] = []
    rest: list[Product] = []
    for product in PRODUCTS:
        (rest if product.category in seen else firsts).append(product)
        seen.add(product.category)
    return [
        {
            "title": (product.title_zh, product.title_en)[which],
            "category": product.category.value,
            "category_name": CATEGORY_NAMES[product.category][which],
            "price": f"{product.price_fen / 100:,.0f}",
        }
        for product in (firsts + rest)[:PRODUCTS_SHOWN]
    ]


def _order_row(order: Order, which: int, now: int) -> dict[str, Any]:
    exception = exception_at(order, now)
    return {
        "number": order.number,
        "title": views.titles(order)[which],
        "amount": views.money(order.amount_fen),
        "placed_at": local(order.placed_at).strftime("%Y-%m-%d %H:%M"),
        "state": STATE_WORDS[state_at(order, now)][which],
        "exception": EXCEPTION_WORDS[exception][which] if exception else "",
    }


def _headers(holdfast_url: str) -> dict[str, str]:
    """What a careful host page sends; the widget must work under it."""
    policy = {
        "default-src": "'self'",
        "script-src": f"'self' {holdfast_url}",
        "connect-src": f"'self' {holdfast_url}",
        "frame-src": holdfast_url,
        "img-src": f"'self' data: {holdfast_url}",
        "style-src": f"'self' 'unsafe-inline' {holdfast_url}",
        "base-uri": "'none'",
        "form-action": "'self'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "strict-origin-when-cross-origin",
    }

"""What is said between Holdfast and a shop's own systems: the calls, who they are for, and the signature.

The contract is written out for those who build the other side in `docs/business-system.md`; the demonstration
shop implements it from there and shares no code with this module.
"""

import hashlib
import hmac
from enum import StrEnum
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, JsonValue

CALL_PATH_PREFIX = "/v1/calls/"

HEADER_TIMESTAMP = "Holdfast-Timestamp"
HEADER_MEMBER = "Holdfast-Member"
HEADER_PHONE = "Holdfast-Phone"
HEADER_IDEMPOTENCY_KEY = "Idempotency-Key"
HEADER_SIGNATURE = "Holdfast-Signature"

SIGNATURE_VERSION = "v1"


class CallName(StrEnum):
    """The calls a business system answers."""

    CUSTOMERS_GET = "customers.get"
    DELIVERY_RESHIP = "delivery.reship"
    DELIVERY_TRACE = "delivery.trace"
    ORDERS_CHANGE_ADDRESS = "orders.change_address"
    ORDERS_GET = "orders.get"
    ORDERS_LIST = "orders.list"
    REFUNDS_STATUS = "refunds.status"
    RETURNS_CREATE = "returns.create"

    @property
    def is_write(self) -> bool:
        """Whether the call changes something, and so needs an idempotency key."""
        return self in _WRITES


_WRITES = frozenset(
    {
        CallName.DELIVERY_RESHIP,
        CallName.DELIVERY_TRACE,
        CallName.ORDERS_CHANGE_ADDRESS,
        CallName.RETURNS_CREATE,
    }
)


class FailureCode(StrEnum):
    """Why a call gave no answer of the shop's own; the shop's own refusals have their own codes."""

    NOT_CONFIGURED = "not_configured"
    IDENTITY_MISSING = "identity_missing"
    UNKNOWN_CALL = "unknown_call"
    IDEMPOTENCY_KEY_MISSING = "idempotency_key_missing"
    ARGUMENTS_UNUSABLE = "arguments_unusable"
    NOT_CONNECTED = "not_connected"
    TIMED_OUT = "timed_out"
    CONNECTION_LOST = "connection_lost"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    REFUSED_SIGNATURE = "refused_signature"
    UNREADABLE_ANSWER = "unreadable_answer"
    BREAKER_OPEN = "breaker_open"


class Delivery(StrEnum):
    """Whether a call that failed can have reached the shop."""

    NOT_SENT = "not_sent"
    """The shop has certainly not acted on it."""
    UNKNOWN = "unknown"


class _Answer(BaseModel):
    """What must be there; more may be, and is passed on."""

    model_config = ConfigDict(extra="allow")


class OrderLine(_Answer):
    """One row of `orders.list`."""

    number: str
    title: str
    amount: str
    currency: str
    placed_at: str
    state: str


class OrdersListAnswer(_Answer):
    """The answer of `orders.list`."""

    orders: list[OrderLine]


class OrderAnswer(OrderLine):
    """The answer of `orders.get`; what is null is null on purpose."""

    exception: str | None
    tracking: dict[str, JsonValue] | None
    refund: dict[str, JsonValue] | None


class AddressAnswer(_Answer):
    """The answer of `orders.change_address`."""

    number: str
    address_masked: str


class ReturnAnswer(_Answer):
    """The answer of `returns.create`."""

    return_number: str
    refund_amount: str
    instructions_zh: str
    instructions_en: str
    deadline_at: str


class RefundAnswer(_Answer):
    """The answer of `refunds.status`."""

    number: str
    state: str


class TraceAnswer(_Answer):
    """The answer of `delivery.trace`."""

    opened_at: str
    expected_at: str


class ReshipAnswer(_Answer):
    """The answer of `delivery.reship`."""

    number: str
    promised_by: str


class CustomerAnswer(_Answer):
    """The answer of `customers.get`."""

    member_id: str
    name: str
    tier: str


ANSWER_SHAPES: dict[CallName, type[BaseModel]] = {
    CallName.CUSTOMERS_GET: CustomerAnswer,
    CallName.DELIVERY_RESHIP: ReshipAnswer,
    CallName.DELIVERY_TRACE: TraceAnswer,
    CallName.ORDERS_CHANGE_ADDRESS: AddressAnswer,
    CallName.ORDERS_GET: OrderAnswer,
    CallName.ORDERS_LIST: OrdersListAnswer,
    CallName.REFUNDS_STATUS: RefundAnswer,
    CallName.RETURNS_CREATE: ReturnAnswer,
}


def signed_headers(
    *,
    token: str,
    call: str,
    body: bytes,
    timestamp_s: int,
    member_id: str | None,
    phone: str | None,
    idempotency_key: str | None,
) -> dict[str, str]:
    """The headers that prove to the shop whom a call is for and that Holdfast made it.

    `timestamp_s` is seconds since 1970, UTC. Values are percent-encoded UTF-8, so that no value can break
    out of its header or its line. An absent value is an empty line of the signed text and has no header.
    """
    values = {
        HEADER_MEMBER: quote(member_id or "", safe="+", errors="replace"),
        HEADER_PHONE: quote(phone or "", safe="+", errors="replace"),
        HEADER_IDEMPOTENCY_KEY: quote(idempotency_key or "", safe="+", errors="replace"),
    }
    lines = [
        SIGNATURE_VERSION,
        str(timestamp_s),
        CALL_PATH_PREFIX + call,
        *values.values(),
        hashlib.sha256(body).hexdigest(),
    ]
    digest = hmac.new(token.encode(), "\n".join(lines).encode(), hashlib.sha256).hexdigest()
    return {
        HEADER_TIMESTAMP: str(timestamp_s),
        HEADER_SIGNATURE: f"{SIGNATURE_VERSION}={digest}",
        **{name: value for name, value in values.items() if value},
    }

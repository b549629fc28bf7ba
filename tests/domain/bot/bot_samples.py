"""The pack's own book, a shop's answers, and a conversation that goes through JSON between turns."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from adapters.pack_yaml import read_yaml
from domain.bot.book import Book, load_book
from domain.bot.decide import decide
from domain.bot.model import BusinessResult, BusinessStatus, Candidate, Decision, Memory, Turn
from domain.text import Language

PACK = Path(__file__).resolve().parents[3] / "packs" / "ecommerce"
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
ZH, EN = Language.ZH, Language.EN

NUMBER = "E20260223-0457"
OTHER_NUMBER = "E20260224-0001"


def document(path: Path) -> dict[str, Any]:
    problems: list[Any] = []
    found = read_yaml(path.read_text(encoding="utf-8"), path.name, problems)
    assert found is not None, problems
    return found.value


@cache
def pack_book() -> Book:
    return load_book(
        flows={path.stem: document(path) for path in sorted((PACK / "flows").glob("*.yaml"))},
        intents=document(PACK / "intents.yaml"),
        synonyms=document(PACK / "synonyms.yaml"),
    )


def order(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "number": NUMBER,
        "title": "保温杯",
        "title_en": "Thermos flask",
        "amount": "199.00",
        "currency": "CNY",
        "state": "shipped",
        "placed_at": "2026-11-18T01:00:00Z",
        "promised_by": "2026-11-22T12:00:00Z",
        "delivered_at": None,
        "exception": None,
        "tracking": {
            "carrier": "顺丰速运",
            "carrier_en": "SF Express",
            "number": "SF123456789012",
            "events": [
                {"at": "2026-11-21T01:00:00Z", "text_zh": "到达杭州", "text_en": "Arrived in Hangzhou"},
                {"at": "2026-11-20T01:00:00Z", "text_zh": "已揽收", "text_en": "Picked up"},
            ],
        },
        "address_masked": "杭州市西湖区***",
        "returnable_until": None,
        "refund": None,
    }
    return {**found, **changes}


DELIVERED = {
    "state": "delivered",
    "delivered_at": "2026-11-21T02:00:00Z",
    "returnable_until": "2026-11-28T02:00:00Z",
}
ORDERS = {"orders": [order(), order(number=OTHER_NUMBER, title="耳机", title_en="Headphones")]}


def candidate(key: str, score: float, language: Language = ZH, category: str = "") -> Candidate:
    return Candidate(
        article_id=f"id-{key}",
        key=key,
        title=f"title of {key}",
        answer=f"answer of {key}",
        score=score,
        language=language,
        category=category,
        skill="presale",
    )


@dataclass
class Conversation:
    """Turns one after another; memory passes through JSON as it does in the ledger."""

    language: Language = ZH
    verified: bool = True
    book: Book = field(default_factory=pack_book)
    memory: Memory = field(default_factory=Memory)
    last: Decision | None = None

    def turn(self, text: str = "", **given: Any) -> Decision:
        values = {"language": self.language, "now": NOW, "verified": self.verified, **given}
        self.last = decide(Turn(text=text, **values), self.memory, self.book)
        self.memory = Memory.model_validate_json(self.last.memory.model_dump_json(exclude_defaults=True))
        return self.last

    def press(self, choice: str, **given: Any) -> Decision:
        return self.turn(choice=choice, **given)

    def result(self, data: dict[str, Any] | None = None, status: str = "ok") -> Decision:
        """Answer the last call."""
        assert self.last is not None
        assert self.last.call is not None, self.last
        return self.turn(result=BusinessResult(status=BusinessStatus(status), data=data or {}))

    def say(self, *texts: str) -> Decision:
        for text in texts:
            self.turn(text)
        assert self.last is not None
        return self.last


def spoken(decision: Decision) -> str:
    return "\n".join(reply.text for reply in decision.replies)


def choice_ids(decision: Decision) -> list[str]:
    return [choice.id for reply in decision.replies for choice in reply.choices]


ASK = {ZH: f"帮我查一下订单 {NUMBER}", EN: f"where is my order {NUMBER}"}
RETURN = {ZH: f"我要退货，{NUMBER}", EN: f"I want to return {NUMBER}"}


def at_order(language: Language, **changes: Any) -> Conversation:
    talk = Conversation(language)
    decision = talk.turn(ASK[language])
    assert decision.call is not None
    assert (decision.call.name, decision.call.arguments) == ("orders.get", {"number": NUMBER})
    talk.result(order(**changes))
    return talk


def at_reason(language: Language = ZH) -> Conversation:
    talk = Conversation(language)
    talk.turn(RETURN[language])
    talk.result(order(**DELIVERED))
    return talk

"""The bot's hand-over: what it tells the customer, and the card it leaves for the agent."""

from typing import Any

from sqlalchemy import Row

from adapters.db.config import LineConfig
from adapters.db.engine import Transaction
from adapters.db.messages import NewMessage, insert_message
from domain.bot.model import Fact, Handover, HandoverReason
from domain.bot.summary import LABELS, summarise
from domain.bot.texts import handover_text


def plain_summary(config: LineConfig, contact: Row[Any], reason: str, intent: str) -> dict[str, Any]:
    """The hand-over card when the bot itself did not write one: the button, the deadline."""
    known = (contact.bot_memory or {}).get("facts", {})
    facts = [Fact(name=name, value=value, label=dict(LABELS.get(name, {}))) for name, value in known.items()]
    subject = config.book.intents[intent].title if intent in config.book.intents else None
    return summary_document(
        Handover(
            reason=HandoverReason(reason),
            facts=tuple(facts),
            summary=summarise(HandoverReason(reason), subject, facts),
        )
    )


def summary_document(handover: Handover) -> dict[str, Any]:
    """The hand-over card as `contacts.summary` keeps it."""
    return {
        "reason": handover.reason.value,
        "code": handover.code,
        "sentences": {language.value: text for language, text in handover.summary.items()},
        "facts": [
            {
                "name": fact.name,
                "value": fact.value,
                "label": {language.value: text for language, text in fact.label.items()},
            }
            for fact in handover.facts
        ],
    }


async def say_handover(
    tx: Transaction, config: LineConfig, contact: Row[Any], reason: HandoverReason
) -> None:
    """The bot's own words for why a person comes."""
    texts = config.book.texts[handover_text(reason)]
    body = next(text for language, text in texts.items() if language.value == contact.language)
    message_id, seq = await insert_message(
        tx, contact.line_id, contact.id, NewMessage(author="bot", body=body, attrs={"code": reason})
    )
    tx.event(contact.line_id, contact.id, "message", "bot", {"message_id": message_id, "seq": seq})

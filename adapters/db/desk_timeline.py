"""The events of one case with the proof of their chain, and the names of whom they mention."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from adapters.db.engine import Transaction, chain_hash


@dataclass(frozen=True)
class ChainProof:
    """Whether the events of a case are whole and unaltered."""

    events: int
    broken_at: int | None
    """The sequence of the first event that does not fit, None when all do."""
    head_fits: bool
    """Whether the case's own head is the last event's hash: nothing was cut off at the end."""

    @property
    def verified(self) -> bool:
        """Nothing is missing, changed, or cut off."""
        return self.broken_at is None and self.head_fits


async def events_of_case(tx: Transaction, case_id: UUID) -> list[Row[Any]]:
    """All events, in the order of the chain."""
    return await tx.all(
        """select id, seq, kind, actor, attrs, at, previous_hash, hash from events
           where subject = :subject order by seq""",
        subject=f"case:{case_id}",
    )


async def prove(tx: Transaction, case_id: UUID, events: Sequence[Row[Any]]) -> ChainProof:
    """Compute every hash again and compare it with what is stored, and with the case's head."""
    head = await tx.one("select event_seq, head_hash from cases where id = :id", id=case_id)
    previous: bytes | None = None
    for expected_seq, event in enumerate(events, start=1):
        computed = chain_hash(
            previous, seq=event.seq, kind=event.kind, actor=event.actor, attrs=event.attrs, at=event.at
        )
        stored_previous = bytes(event.previous_hash) if event.previous_hash is not None else None
        if event.seq != expected_seq or stored_previous != previous or computed != bytes(event.hash):
            return ChainProof(len(events), expected_seq, head_fits=False)
        previous = computed
    stored_head = bytes(head.head_hash) if head.head_hash is not None else None
    return ChainProof(len(events), None, stored_head == previous and head.event_seq == len(events))


async def people(tx: Transaction, events: Iterable[Row[Any]]) -> dict[str, tuple[str, str]]:
    """The names (zh, en) of the users whom events mention, by their id as text."""
    ids: set[UUID] = set()
    for event in events:
        ids.update(_user_ids([event.actor.removeprefix("user:"), *_values(event.attrs)]))
    rows = await tx.all("select id, name, name_en from users where id = any(:ids)", ids=list(ids))
    return {str(row.id): (row.name, row.name_en or row.name) for row in rows}


def _values(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in _values(item)]
    if isinstance(value, list):
        return [text for item in value for text in _values(item)]
    return [value] if isinstance(value, str) else []


def _user_ids(texts: Iterable[str]) -> set[UUID]:
    found = set()
    for text in texts:
        if len(text) == 36:
            try:
                found.add(UUID(text))
            except ValueError:
                continue
    return found

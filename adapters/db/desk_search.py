"""Search across messages and customers: newest first, without totals (DESIGN §10).

A common word is found by walking the newest messages; only a word that is rare among them is worth the
index, and then its hits are few. So neither costs more than a few thousand rows.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from adapters.db.engine import Transaction
from domain.text import is_han, tokens

RESULTS = 30
RECENT_WINDOW = 4000
LONGEST_QUERY = 200
"""Characters of a query that count."""
_MOST_TOKENS = 16


@dataclass(frozen=True)
class Found:
    """Messages and customers, the newest first; `more` when there are further messages."""

    messages: list[Row[Any]]
    customers: list[Row[Any]]
    more: bool


def search_tokens(query: str) -> list[str]:
    """What must all occur. A Han pair says its two characters too, so they are left out."""
    found = list(dict.fromkeys(tokens(query[:LONGEST_QUERY])))
    pairs = [token for token in found if len(token) > 1 and is_han(token)]
    covered = {character for pair in pairs for character in pair}
    return [token for token in found if token not in covered][:_MOST_TOKENS]


async def search(tx: Transaction, line_id: str, query: str) -> Found:
    """Messages that hold every word, and customers by name, number, phone or member id."""
    wanted = search_tokens(query)
    messages = await _messages(tx, line_id, wanted) if wanted else []
    customers = await _customers(tx, line_id, query.strip()[:LONGEST_QUERY])
    return Found(messages[:RESULTS], customers, len(messages) > RESULTS)


_SHOWN = """
    select m.id, m.contact_id, m.seq, m.author, m.kind, m.body, m.at, c.stage, c.channel,
           u.name as customer_name, k.number, w.name as user_name, w.name_en as user_name_en
    from hits join messages m on m.id = hits.id
    join contacts c on c.id = m.contact_id
    join cases k on k.id = m.contact_id
    join customers u on u.id = c.customer_id
    left join users w on w.id = m.user_id
    order by m.at desc, m.id desc
"""


async def _messages(tx: Transaction, line_id: str, wanted: list[str]) -> list[Row[Any]]:
    query = " & ".join("'" + token.replace("'", "''") + "'" for token in wanted)
    recent = await tx.all(
        f"""
        with newest as materialized (
            select id, at, tokens from messages where line_id = :line order by at desc limit :window
        ), hits as materialized (
            select id from newest where tokens @@ cast(:query as tsquery) order by at desc limit :limit
        ) {_SHOWN}
        """,  # noqa: S608 # a constant of this module
        line=line_id,
        query=query,
        window=RECENT_WINDOW,
        limit=RESULTS + 1,
    )
    if len(recent) > RESULTS:
        return recent
    return await tx.all(
        f"""
        with matching as materialized (
            select id, at, line_id from messages where tokens @@ cast(:query as tsquery)
        ), hits as materialized (
            select id from matching where line_id = :line order by at desc limit :limit
        ) {_SHOWN}
        """,  # noqa: S608 # a constant of this module
        line=line_id,
        query=query,
        limit=RESULTS + 1,
    )


async def _customers(tx: Transaction, line_id: str, query: str) -> list[Row[Any]]:
    if not query:
        return []
    digits = "".join(character for character in query if character.isascii() and character.isdigit())
    number = int(digits) if digits and len(digits) <= 12 and len(query) <= len(digits) + 2 else None
    pattern = query.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    return await tx.all(
        """
        with found as (
            (select id from customers where line_id = :line and lower(name) like :pattern
             order by lower(name) limit 10)
            union
            (select id from customers where line_id = :line and phone_hint = :query and phone_hint <> '')
            union
            (select customer_id from identities where line_id = :line
              and channel in ('member', 'phone', 'sms', 'email', 'wechat') and external_id = :query)
            union
            (select c.customer_id from cases k join contacts c on c.id = k.id
              where k.number = :number and k.line_id = :line)
        )
        select u.id, u.name, u.tier, u.city, u.created_at, last.id as contact_id, last.number, last.stage,
               last.last_message_at, last.channel
        from found join customers u on u.id = found.id
        left join lateral (
            select c.id, k.number, c.stage, c.last_message_at, c.channel
            from contacts c join cases k on k.id = c.id where c.customer_id = u.id
            order by (k.number = :number) is true desc, c.opened_at desc limit 1
        ) as last on true
        order by last.last_message_at desc nulls last limit 12
        """,
        line=line_id,
        pattern=pattern,
        query=query,
        number=number,
    )


def marks(query: str) -> list[str]:
    """The words of a query as typed, the longest first: what a result's excerpt marks."""
    words = {word.lower() for word in query[:LONGEST_QUERY].split() if word}
    return sorted(words, key=len, reverse=True)

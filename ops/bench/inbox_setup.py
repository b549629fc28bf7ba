"""A year of a busy desk, written in bulk: closed and open contacts, a million messages with their search tokens."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from pydantic import SecretStr

from adapters.db.engine import Database, Transaction
from adapters.packs import load_pack
from adapters.settings import DEVELOPMENT_SECRET, Environment, Settings
from domain.text import tokens
from ops.bench.texts import PACKS
from ops.demo import load_demo

LINE = "shop"
OPEN_CONTACTS = 2_000
TEXTS = 6_000
RARE = ("hf-rare-7731", "稀有词鹦鹉螺")
"""Words that a handful of messages hold, one in each language."""
_RARE_MESSAGES = 12
_BATCH_CONTACTS = 10_000
_SEED = 11


@dataclass(frozen=True)
class Desk:
    """What was written."""

    agent_id: UUID
    """Somebody with open contacts of their own."""
    open_contacts: list[UUID]


async def fill(database_url: str, *, contacts: int, messages: int) -> Desk:
    """Write it; contacts have `messages / contacts` messages each on average, the longest ten times as many."""
    settings = Settings(
        environment=Environment.DEVELOPMENT,
        database_url=database_url,
        secret_key=SecretStr(DEVELOPMENT_SECRET),
    )
    await load_demo(settings, "ecommerce")
    database = Database(database_url, pool_size=1, application="holdfast-bench")
    try:
        async with database.transaction() as tx:
            await _write_texts(tx)
            # Indexes are made once at the end: keeping them up for each row takes many times as long.
            await tx.run("drop index messages_search")
            await tx.run("set local synchronous_commit = off")
            for first in range(0, contacts, _BATCH_CONTACTS):
                await _write_contacts(tx, first, min(contacts, first + _BATCH_CONTACTS), contacts)
            await _write_messages(tx, contacts, messages)
            await _write_rare(tx)
            await _open_some(tx, min(OPEN_CONTACTS, contacts // 4))
            await tx.run("create index messages_search on messages using gin (tokens)")
        async with database.engine.connect() as connection:
            autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
            await autocommit.exec_driver_sql("vacuum analyze")
        async with database.reading() as tx:
            agent_id = await tx.scalar(
                """select owner_id from contacts where owner_id is not null
                   group by owner_id order by count(*) desc limit 1"""
            )
            rows = await tx.all(
                "select id from contacts where stage <> 'closed' order by md5(id::text) limit 400"
            )
    finally:
        await database.close()
    return Desk(agent_id, [row.id for row in rows])


async def _write_texts(tx: Transaction) -> None:
    """Distinct texts in both languages, put together from what the pack's customers and agents say."""
    chance = random.Random(_SEED)  # noqa: S311 - texts, not secrets
    pack = load_pack(PACKS / "ecommerce")
    sentences: dict[str, list[str]] = {"zh": [], "en": []}
    for article in pack.articles:
        sentences[article.language.value] += [*article.questions, article.title, *_sentences(article.body)]
    await tx.run(
        """create temporary table bench_texts (id integer primary key, language text, body text, tokens tsvector)
           on commit drop"""
    )
    texts = [_text(sentences[language], chance) for language in ("zh", "en") for _ in range(TEXTS // 2)]
    await tx.run(
        """insert into bench_texts
           select n - 1, case when n <= :half then 'zh' else 'en' end, body,
                  array_to_tsvector(array(select jsonb_array_elements_text(words)))
           from unnest(cast(:bodies as text[]), cast(:words as jsonb[])) with ordinality as t (body, words, n)""",
        half=TEXTS // 2,
        bodies=texts,
        words=[_words(text) for text in texts],
    )


def _sentences(body: str) -> list[str]:
    found = body.replace("。", "。\n").replace(". ", ".\n").splitlines()
    return [sentence.strip() for sentence in found if sentence.strip()]


def _text(sentences: Sequence[str], chance: random.Random) -> str:
    """One to three sentences, and an order number now and then: rare words are most of a real index."""
    words = chance.sample(sentences, k=min(len(sentences), chance.randint(1, 3)))
    if chance.random() < 0.3:
        words.append(f"HF{chance.randrange(10**9, 10**10)}")
    return " ".join(words)


def _words(text: str) -> str:
    return json.dumps(sorted(set(tokens(text))), ensure_ascii=False)


async def _write_contacts(tx: Transaction, first: int, end: int, total: int) -> None:
    """Closed contacts over the last year, one customer each."""
    await tx.run(
        """
        with numbered as (
            select n, gen_random_uuid() as customer, gen_random_uuid() as contact,
                   now() - interval '1 year' * (1 - cast(n as float) / :total) as at
            from generate_series(cast(:first as integer), cast(:last as integer)) n
        ), people as (
            insert into customers (id, line_id, name, language, phone_hint)
            select customer, :line, 'Bench ' || n, case n % 2 when 0 then 'zh' else 'en' end,
                   '1390000' || lpad(cast(n % 10000 as text), 4, '0') from numbered
        ), known as (
            insert into identities (id, line_id, channel, external_id, customer_id)
            select customer, :line, 'visitor', customer::text, customer from numbered
        ), spine as (
            insert into cases (id, line_id, kind, opened_at, touched_at, closed_at)
            select contact, :line, 'contact', at, at, at + interval '20 minutes' from numbered
        )
        insert into contacts (id, line_id, customer_id, identity_id, language, stage, opened_at, closed_at,
                              last_message_at, close_reason)
        select contact, :line, customer, customer, case n % 2 when 0 then 'zh' else 'en' end, 'closed', at,
               at + interval '20 minutes', at + interval '15 minutes', 'idle'
        from numbered
        """,
        first=first,
        last=end - 1,
        total=total,
        line=LINE,
    )


async def _write_messages(tx: Transaction, contacts: int, messages: int) -> None:
    """Most contacts are short, some are ten times as long; customer, bot and agent take turns."""
    average = messages / contacts
    await tx.run(
        """
        insert into messages (id, line_id, contact_id, seq, author, body, at, tokens)
        select gen_random_uuid(), :line, c.id, seq,
               case when seq % 2 = 1 then 'customer' when seq < 6 then 'bot' else 'agent' end,
               t.body, c.opened_at + seq * interval '40 seconds', t.tokens
        from (select id, opened_at, language, row_number() over (order by id) as n from contacts) c
        cross join lateral generate_series(1, case when c.n % 20 = 0 then :long else :short end) as seq
        join bench_texts t on t.id = (c.n * 7919 + seq * 104729) % :half
                                     + case when c.language = 'zh' then 0 else :half end
        order by c.opened_at + seq * interval '40 seconds'
        """,
        line=LINE,
        long=round(average * 5),
        short=max(1, round(average * 15 / 19)),
        half=TEXTS // 2,
    )
    await tx.run(
        """update contacts set message_seq = m.last, customer_seq = m.last - 1 + m.last % 2,
                  handled_seq = m.last, preview = 'bench', last_message_at = m.at
           from (select contact_id, max(seq) as last, max(at) as at from messages group by contact_id) m
           where m.contact_id = contacts.id"""
    )


async def _write_rare(tx: Transaction) -> None:
    for word in RARE:
        await tx.run(
            """update messages set body = body || ' ' || cast(:word as text),
                      tokens = array_to_tsvector(tsvector_to_array(tokens) || cast(:words as text[]))
               where id in (select id from messages order by md5(id::text || :word) limit :count)""",
            word=word,
            words=sorted(set(tokens(word))),
            count=_RARE_MESSAGES,
        )


async def _open_some(tx: Transaction, count: int) -> None:
    """The newest contacts are open: a third waits, the rest is shared out among the agents."""
    await tx.run(
        """
        with newest as (
            select id, row_number() over (order by last_message_at desc) as n from contacts
            order by last_message_at desc limit :count
        ), staff as (
            select user_id, row_number() over (order by user_id) as n, count(*) over () as number from agents
        )
        update contacts set closed_at = null, close_reason = null,
               stage = case when newest.n % 3 = 0 then 'queued' else 'talking' end,
               owner_id = case when newest.n % 3 = 0 then null else staff.user_id end,
               enqueued_at = last_message_at, waiting_since = last_message_at
        from newest join staff on staff.n = 1 + newest.n % staff.number
        where contacts.id = newest.id
        """,
        count=count,
    )
    await tx.run(
        "update cases set closed_at = null from contacts c where c.id = cases.id and c.stage <> 'closed'"
    )

"""Two business lines in one product: a shop in which people ask, and a bank whose things they must not reach."""

from dataclasses import dataclass
from hashlib import md5
from uuid import UUID

from sqlmodel import SQLModel

from adapters.db import conversation, desk_articles
from adapters.db.admin import record
from adapters.db.desk_articles import ArticleText
from adapters.db.desk_conversation import save_draft
from adapters.db.engine import Database
from adapters.ids import new_id
from tests.support.line import Line, open_line

CANARY = "ZEBRA7261"
"""A word in everything the bank has; no answer to the shop's people may hold it."""
BANK = "bank"


@dataclass(frozen=True)
class Bank:
    """One of each kind of object."""

    line: Line
    ids: dict[str, str]
    """By the name that routes give the parameter."""


async def make_bank(database: Database) -> Bank:
    """A line with an agent, a talk in progress, an offer, and a thing of every kind, all marked."""
    line = await open_line(database, line_id=BANK)
    teller = await line.agent(f"teller {CANARY}")
    identity = await line.customer()
    contact_id = (await line.say(identity, f"My account {CANARY}")).contact_id
    waiting_id = (await line.say(await line.customer(), f"Waiting {CANARY}")).contact_id
    contact = await line.contact(contact_id)
    ids: dict[str, UUID] = {"contact_id": contact_id, "customer_id": contact.customer_id}
    ids |= {"user_id": teller, "agent_id": teller}
    ids |= {name: new_id() for name in ("attachment_id", "canned_id", "offer_id")}
    async with database.transaction() as tx:
        await tx.run(
            """update contacts set stage = 'talking', speaker = 'agent', owner_id = :agent,
                      summary = jsonb_build_object('code', cast(:canary as text)) where id = :id""",
            agent=teller,
            canary=CANARY,
            id=contact_id,
        )
        await tx.run(
            "update customers set name = :name, phone_hint = '+8613800009999' where id = :id",
            name=f"{CANARY} Wang",
            id=contact.customer_id,
        )
        await tx.lock_case(contact_id)
        await conversation.add_note(tx, BANK, contact_id, teller, f"A note {CANARY}", [teller])
        await save_draft(tx, BANK, teller, contact_id, "reply", f"A draft {CANARY}")
        await tx.run(
            """insert into attachments (id, line_id, contact_id, message_id, uploaded_by, file_name, content_type,
                                        size_bytes, sha256)
               select :id, :line, :contact, id, 'identity:x', :name, 'text/plain', 3, repeat('a', 64)
               from messages where contact_id = :contact limit 1""",
            id=ids["attachment_id"],
            line=BANK,
            contact=contact_id,
            name=f"{CANARY}.txt",
        )
        await tx.run(
            """insert into canned_replies (id, line_id, shortcut, language, title, body)
               values (:id, :line, 'vault', 'en', :text, :text)""",
            id=ids["canned_id"],
            line=BANK,
            text=CANARY,
        )
        await tx.run(
            """insert into offers (id, line_id, case_id, agent_id, queue_id, expires_at)
               select :id, :line, :contact, :agent, q.id, now() + interval '1 hour'
               from queues q where q.line_id = :line and q.key = 'general'""",
            id=ids["offer_id"],
            line=BANK,
            contact=waiting_id,
            agent=teller,
        )
        article = ArticleText(
            key="vault",
            language="en",
            title=CANARY,
            questions=[CANARY],
            body=CANARY,
            category=CANARY,
            skill="",
            status="published",
            valid_from=None,
            valid_until=None,
            review_at=None,
        )
        ids["article_id"] = await desk_articles.save_article(tx, BANK, teller, article, id=None, version=0)
        before = {"value": CANARY}
        ids["change_id"] = await record(tx, BANK, teller, "settings:timing", before, before)
        for table, columns, values in (
            ("queues", "id, key, name_zh, name_en, offer_seconds", ":new, 'vault', :text, :text, 9"),
            ("skills", "key, name_zh, name_en", "'vault', :text, :text"),
            ("routing_plans", "key, name_zh, name_en, steps", "'vault', :text, :text, '[]'"),
        ):
            await tx.run(
                f"insert into {table} (line_id, {columns}) values (:line, {values})",
                line=BANK,
                text=CANARY,
                **({"new": new_id()} if ":new" in values else {}),
            )
        ids["task_id"] = await tx.scalar("select id from tasks where line_id = :line limit 1", line=BANK)
    shown = {name: str(value) for name, value in ids.items()}
    return Bank(line, shown | {"key": "vault", "shortcut": "vault", "kind": "flow", "path": "x"})


async def prints(database: Database, line_id: str) -> dict[str, str]:
    """A fingerprint of each table's rows of a line: what was not touched is the same afterwards."""
    found: dict[str, str] = {}
    async with database.reading() as tx:
        for name, table in SQLModel.metadata.tables.items():
            if "line_id" not in table.columns:
                continue
            rows = await tx.all(
                f"select cast(t as text) as said from {name} t where line_id = :line", line=line_id
            )
            found[name] = md5("\n".join(sorted(row.said for row in rows)).encode()).hexdigest()
    return found

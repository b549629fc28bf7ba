"""A working desk for tests: the e-commerce pack, people at their screens, customers played through the ledger.

No engine runs: `drive` does what the contact's workflow would do, one ledger step after another.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from adapters.db import conversation, offers
from adapters.db.bot_turn import CONTACT_ACTS
from adapters.db.company import apply_pack
from adapters.db.engine import Database, as_json
from adapters.db.intake import Inbound, receive, want_human
from adapters.db.steps import load_contact, take_step
from adapters.ids import new_id
from adapters.packs import load_pack
from adapters.passwords import hash_password
from domain.contact import StepIntent, StepKind, next_step
from domain.text import Language

PACK = Path(__file__).parents[2] / "packs" / "ecommerce"
PASSWORD = "correct horse battery"
LINE = "shop"


@dataclass
class World:
    """The database and who is in it."""

    database: Database
    users: dict[str, UUID]

    async def ready(self, *logins: str) -> None:
        """These agents are at their screens and ready; everybody else is offline."""
        for login, user_id in self.users.items():
            presence = "ready" if login in logins else "offline"
            async with self.database.transaction() as tx:
                known = await tx.scalar("select 1 from agents where user_id = :id", id=user_id)
                if known:
                    await offers.set_presence(tx, LINE, user_id, presence)

    async def customer(
        self, name: str = "", *, tier: str = "ordinary", language: str = "zh", phone: str = ""
    ) -> UUID:
        """A new customer with a visitor's identity; the identity's id."""
        customer_id, identity_id = new_id(), new_id()
        async with self.database.transaction() as tx:
            await tx.run(
                """insert into customers (id, line_id, name, language, tier, phone_hint)
                   values (:id, :line, :name, :language, :tier, :phone)""",
                id=customer_id,
                line=LINE,
                name=name,
                language=language,
                tier=tier,
                phone=phone,
            )
            await tx.run(
                """insert into identities (id, line_id, channel, external_id, customer_id)
                   values (:id, :line, 'visitor', :external, :customer)""",
                id=identity_id,
                line=LINE,
                external=str(identity_id),
                customer=customer_id,
            )
        return identity_id

    async def say(self, identity_id: UUID, body: str, *, drive: bool = True) -> UUID:
        """The customer writes; the contact's id."""
        async with self.database.transaction() as tx:
            received = await receive(
                tx, Inbound(LINE, identity_id, str(new_id()), body, language=Language.ZH)
            )
        if drive:
            await self.drive(received.contact_id)
        return received.contact_id

    async def ask_for_person(self, contact_id: UUID) -> None:
        """«Talk to a human», up to the first offer."""
        async with self.database.transaction() as tx:
            await want_human(tx, LINE, contact_id)
        await self.drive(contact_id)

    async def drive(self, contact_id: UUID) -> None:
        """What the workflow does until it would wait."""
        for _ in range(20):
            state = await load_contact(self.database, contact_id)
            step = next_step(state, datetime.now(UTC))
            if step.kind in (StepKind.WAIT, StepKind.FINISH, StepKind.CALL, StepKind.RELOAD):
                return
            intent = StepIntent(
                case_id=str(contact_id),
                step_no=state.step_no + 1,
                kind=step.kind,
                seen_seq=state.seen_seq,
                reason=step.reason,
            )
            await take_step(self.database, intent, CONTACT_ACTS[step.kind])
        raise AssertionError("the contact never comes to rest")

    async def give(self, contact_id: UUID, login: str) -> None:
        """Straight into somebody's hands."""
        async with self.database.transaction() as tx:
            agent = self.users[login]
            await offers.assign(tx, LINE, contact_id, agent, by=agent, how="assigned")

    async def talking(
        self, login: str, name: str = "林晓峰", body: str = "我的快递显示签收了，但我没有收到"
    ) -> UUID:
        """A contact in an agent's hands, with one message of the customer; its id."""
        contact_id = await self.say(await self.customer(name), body, drive=False)
        await self.give(contact_id, login)
        return contact_id

    async def reply(self, contact_id: UUID, login: str, body: str) -> None:
        async with self.database.transaction() as tx:
            await conversation.reply(tx, LINE, contact_id, self.users[login], body)

    async def summarise(self, contact_id: UUID) -> None:
        """The bot's hand-over summary, as its turn writes it."""
        summary = {
            "reason": "customer_request",
            "code": "",
            "sentences": {
                "zh": "订单 3 天前显示签收，客户否认。机器人已核对地址无误、询问过代收点，未找到包裹。",
                "en": "The order was signed for three days ago; the customer denies it. The address is right.",
            },
            "facts": [
                {"name": "order_number", "value": "E20260223-0457", "label": {"zh": "订单", "en": "Order"}},
                {"name": "tracking", "value": "SF1432889021", "label": {"zh": "运单", "en": "Tracking"}},
                {"name": "wish", "value": "补发或退款", "label": {"zh": "诉求", "en": "Wish"}},
            ],
        }
        async with self.database.transaction() as tx:
            await tx.run(
                "update contacts set summary = cast(:summary as jsonb) where id = :id",
                summary=as_json(summary),
                id=contact_id,
            )


async def make_world(database: Database) -> World:
    """The pack's company in an empty database; its queues never close and everybody has one password."""
    async with database.transaction() as tx:
        applied = await apply_pack(
            tx,
            LINE,
            load_pack(PACK),
            with_people=True,
            password_hash=await hash_password(PASSWORD),
            member_secret="a member secret of thirty-two letters",
        )
        await tx.run("update queues set calendar_key = 'always', offer_seconds = 60")
    async with database.reading() as tx:
        rows = await tx.all("select id, login from users")
    assert applied.line_id == LINE
    return World(database, {row.login: row.id for row in rows})

"""The people of a pack's demonstration company: staff who sign in, and customers with member identities."""

from uuid import UUID

from adapters.db import accounts
from adapters.db.engine import as_json
from adapters.db.upserts import PackWriter, subject_of
from adapters.ids import new_id
from domain.pack import CustomerSpec, Pack
from domain.pack_company import PersonSpec
from domain.roles import Role

SUPERVISOR_CAPACITY_UNITS = 4
"""What a supervisor without work of their own may still take over."""
CHINESE_COUNTRY_CODE = "+86"


async def write_people(writer: PackWriter, pack: Pack, password_hash: str) -> None:
    """Users, roles, agents, skills and queue members; somebody who exists keeps their sign-in."""
    for person in pack.company.people:
        known = await accounts.find_user(writer.tx, person.login)
        if known is None:
            known = await accounts.add_user(
                writer.tx,
                login=person.login,
                name=person.name.zh,
                password_hash=password_hash,
                line_id=writer.line_id,
                roles=[person.role],
            )
            await writer.tx.run(
                "update users set name_en = :name where id = :id", name=person.name.en, id=known.id
            )
        if person.role is not Role.ADMINISTRATOR and writer.may_write(subject_of("agents", known.id)):
            await _write_agent(writer, person, known.id)


async def _write_agent(writer: PackWriter, person: PersonSpec, user_id: UUID) -> None:
    await writer.tx.run(
        """insert into agents (user_id, line_id, nickname_zh, nickname_en, job_number, capacity)
           values (:id, :line, :zh, :en, :number, :capacity)
           on conflict (user_id) do update set nickname_zh = excluded.nickname_zh,
               nickname_en = excluded.nickname_en, job_number = excluded.job_number,
               capacity = greatest(excluded.capacity, agents.load)""",
        id=user_id,
        line=writer.line_id,
        zh=person.nickname.zh,
        en=person.nickname.en,
        number=person.job_number,
        capacity=person.capacity_units or SUPERVISOR_CAPACITY_UNITS,
    )
    await writer.tx.run("delete from agent_skills where agent_id = :id", id=user_id)
    await writer.tx.run("delete from queue_members where agent_id = :id", id=user_id)
    await writer.tx.run(
        """insert into agent_skills (agent_id, line_id, skill, level)
           select :id, :line, key, value::int from jsonb_each_text(cast(:skills as jsonb))""",
        id=user_id,
        line=writer.line_id,
        skills=as_json(person.skills),
    )
    await writer.tx.run(
        """insert into queue_members (queue_id, agent_id, line_id)
           select id, :id, line_id from queues where line_id = :line and key = any(:queues)""",
        id=user_id,
        line=writer.line_id,
        queues=list(person.queues),
    )


async def write_customers(writer: PackWriter, pack: Pack) -> None:
    """Customers whom the shop knows, each with a member identity and a phone; known ones are left alone."""
    for customer in pack.customers:
        known = await writer.tx.scalar(
            """select 1 from identities
               where line_id = :line and channel = 'member' and external_id = :member""",
            line=writer.line_id,
            member=customer.member_id,
        )
        if not known:
            await _write_customer(writer, customer)


async def _write_customer(writer: PackWriter, customer: CustomerSpec) -> None:
    customer_id = new_id()
    await writer.tx.run(
        """insert into customers (id, line_id, name, language, tier, tags, notes, city)
           values (:id, :line, :name, :language, :tier, cast(:tags as jsonb), :notes, :city)""",
        id=customer_id,
        line=writer.line_id,
        name=customer.name,
        language=customer.language.value,
        tier=customer.tier,
        tags=as_json(list(customer.tags)),
        notes="\n".join(customer.notes),
        city=customer.city,
    )
    phone = customer.phone if customer.phone.startswith("+") else f"{CHINESE_COUNTRY_CODE}{customer.phone}"
    for channel, external_id in (("member", customer.member_id), ("phone", phone)):
        await writer.tx.run(
            """insert into identities (id, line_id, channel, external_id, customer_id, verified_at)
               values (:id, :line, :channel, :external, :customer, ledger_now())
               on conflict (line_id, channel, external_id) do nothing""",
            id=new_id(),
            line=writer.line_id,
            channel=channel,
            external=external_id,
            customer=customer_id,
        )

"""The invariants of RELIABILITY as questions to the ledger: every row of an answer is a violation.

Each question is one statement over sets, so that a ledger of millions of rows is judged by PostgreSQL and
only what is wrong travels. `subject` names what is concerned, `a` and `b` say what was found.
"""

from dataclasses import dataclass
from enum import StrEnum


class Invariant(StrEnum):
    """What must hold (RELIABILITY); the numbers are the document's."""

    ONCE = "I1"
    ORDER = "I2"
    ONE_OWNER = "I3"
    CAPACITY = "I4"
    NOT_FORGOTTEN = "I7"
    SIGNALLED = "I8"
    CHAINED = "I9"
    HEALTHY = "I10"


@dataclass(frozen=True)
class Rule:
    """One way in which an invariant can be broken."""

    invariant: Invariant
    code: str
    sql: str


_HELD = """
    select agent_id, sum(weight) as held from (
        select agent_id, weight from offers where state = 'pending'
        union all
        select k.owner_id, o.weight from contacts k cross join lateral (
            select weight from offers where case_id = k.id and agent_id = k.owner_id and state = 'accepted'
            order by settled_at desc limit 1) o
        where k.owner_id is not null
    ) each group by agent_id
"""

_MOVES = """
    select e.at, e.attrs ->> 'agent' as agent, o.weight as units
    from events e join offers o on cast(o.id as text) = e.attrs ->> 'offer_id'
    where e.kind = 'offer_made' or (e.kind = 'offer_accepted' and e.attrs ? 'automatic')
    union all
    select e.at, cast(o.agent_id as text), -o.weight
    from events e join offers o on cast(o.id as text) = e.attrs ->> 'offer_id'
    where e.kind in ('offer_declined', 'offer_expired', 'offer_withdrawn')
    union all
    select e.at, e.attrs ->> 'agent', o.weight
    from events e cross join lateral (
        select weight from offers where case_id = e.case_id and state = 'accepted'
          and cast(agent_id as text) = e.attrs ->> 'agent' order by settled_at desc limit 1) o
    where e.kind in ('taken_over', 'assigned', 'claimed')
    union all
    select e.at, g.agent, -o.weight
    from events e cross join lateral (
        select case
            when e.kind in ('wrap_up_unfinished', 'given_back') then e.attrs ->> 'agent'
            when e.kind = 'wrapped_up' then substr(e.actor, 6)
            else e.attrs ->> 'from' end as agent) g
    cross join lateral (
        select weight from offers where case_id = e.case_id and state = 'accepted'
          and cast(agent_id as text) = g.agent order by settled_at desc limit 1) o
    where e.kind in ('wrap_up_unfinished', 'given_back', 'wrapped_up', 'transferred', 'taken_over',
                     'assigned', 'claimed')
"""
"""What each event takes of or gives back to an agent; events of one transaction bear one instant."""

_CAPACITY = """
    select a.user_id, greatest(a.capacity, coalesce((
        select max(greatest(coalesce(cast(c.before ->> 'capacity' as integer), 0),
                            coalesce(cast(c.after ->> 'capacity' as integer), 0)))
        from configuration_changes c where c.subject = 'agent:' || a.user_id), 0)) as most
    from agents a
"""
"""The most an agent was ever allowed to hold."""

RULES: tuple[Rule, ...] = (
    # Every accepted inbound message exists once
    Rule(
        Invariant.ONCE,
        "message_without_event",
        """select 'contact:' || m.contact_id as subject, m.seq as a, null as b from messages m
           where m.author = 'customer' and not exists (
               select 1 from events e where e.case_id = m.contact_id and e.kind = 'message'
                 and e.attrs ->> 'message_id' = cast(m.id as text))""",
    ),
    Rule(
        Invariant.ONCE,
        "event_without_message",
        """select 'contact:' || e.case_id as subject, e.seq as a, null as b from events e
           where e.kind in ('message', 'note') and not exists (
               select 1 from messages m where m.contact_id = e.case_id
                 and cast(m.id as text) = e.attrs ->> 'message_id')""",
    ),
    Rule(
        Invariant.ONCE,
        "message_twice",
        """select 'contact:' || min(cast(m.contact_id as text)) as subject, min(m.seq) as a, count(*) as b
           from messages m where m.external_id is not null
           group by m.line_id, m.channel, m.external_id having count(*) > 1""",
    ),
    Rule(
        Invariant.ONCE,
        "fact_without_message",
        """select 'contact:' || f.case_id as subject, f.seq as a, f.attrs ->> 'seq' as b from facts f
           where f.kind = 'customer_message' and not exists (
               select 1 from messages m where m.contact_id = f.case_id and m.author = 'customer'
                 and cast(m.seq as text) = f.attrs ->> 'seq')""",
    ),
    # Sequences without gaps, in accepted order
    Rule(
        Invariant.ORDER,
        "message_gap",
        """select 'contact:' || k.id as subject, k.message_seq as a, coalesce(m.number, 0) as b
           from contacts k left join (
               select contact_id, count(distinct seq) as number, min(seq) as first, max(seq) as last
               from messages group by contact_id) m on m.contact_id = k.id
           where coalesce(m.number, 0) <> k.message_seq or coalesce(m.last, 0) <> k.message_seq
              or coalesce(m.first, 1) <> 1""",
    ),
    Rule(
        Invariant.ORDER,
        "fact_gap",
        """select c.kind || ':' || c.id as subject, c.fact_seq as a, coalesce(f.number, 0) as b
           from cases c left join (
               select case_id, count(*) as number, min(seq) as first, max(seq) as last
               from facts group by case_id) f on f.case_id = c.id
           where coalesce(f.number, 0) <> c.fact_seq or coalesce(f.last, 0) <> c.fact_seq
              or coalesce(f.first, 1) <> 1""",
    ),
    Rule(
        Invariant.ORDER,
        "message_out_of_order",
        """select 'contact:' || m.contact_id as subject, m.seq as a, e.attrs ->> 'seq' as b
           from events e join messages m on cast(m.id as text) = e.attrs ->> 'message_id'
           where e.kind in ('message', 'note') and cast(m.seq as text) is distinct from e.attrs ->> 'seq'
           union all
           select 'contact:' || case_id, told, cast(before as text) from (
               select m.contact_id as case_id, m.seq as told,
                      lag(m.seq) over (partition by m.contact_id order by e.seq) as before
               from events e join messages m on m.contact_id = e.case_id
                                            and cast(m.id as text) = e.attrs ->> 'message_id'
               where e.kind in ('message', 'note')) o
           where told <= before""",
    ),
    # At most one owner
    Rule(
        Invariant.ONE_OWNER,
        "owner_against_stage",
        """select 'contact:' || id as subject, stage as a, cast(owner_id as text) as b from contacts
           where (stage in ('talking', 'wrap_up')) <> (owner_id is not null)""",
    ),
    Rule(
        Invariant.ONE_OWNER,
        "owner_without_offer",
        """select 'contact:' || k.id as subject, cast(k.owner_id as text) as a,
                  cast(o.agent_id as text) as b
           from contacts k left join lateral (
               select agent_id from offers where case_id = k.id and state = 'accepted'
               order by settled_at desc limit 1) o on true
           where k.owner_id is not null and o.agent_id is distinct from k.owner_id""",
    ),
    Rule(
        Invariant.ONE_OWNER,
        "offer_against_stage",
        """select 'contact:' || k.id as subject, k.stage as a, cast(count(o.id) as text) as b
           from contacts k left join offers o on o.case_id = k.id and o.state = 'pending'
           group by k.id, k.stage
           having count(o.id) <> case when k.stage = 'offered' then 1 else 0 end""",
    ),
    Rule(
        Invariant.ONE_OWNER,
        "two_open_contacts",
        """select 'customer:' || customer_id as subject, line_id as a, cast(count(*) as text) as b
           from contacts where stage <> 'closed' group by line_id, customer_id having count(*) > 1""",
    ),
    # Capacity, now and at every event
    Rule(
        Invariant.CAPACITY,
        "load_over_capacity",
        "select 'agent:' || user_id as subject, load as a, capacity as b from agents where load > capacity",
    ),
    Rule(
        Invariant.CAPACITY,
        "load_differs",
        f"""select 'agent:' || a.user_id as subject, a.load as a, coalesce(h.held, 0) as b
           from agents a left join ({_HELD}) h on h.agent_id = a.user_id
           where a.load <> coalesce(h.held, 0)""",  # noqa: S608 - a constant of this module
    ),
    Rule(
        Invariant.CAPACITY,
        "over_capacity_once",
        f"""select 'agent:' || c.user_id as subject, l.most as a, c.most as b
           from ({_CAPACITY}) c
           join (
               select agent, min(units) as least, max(units) as most from (
                   select agent, sum(sum(units)) over (partition by agent order by at) as units
                   from moves group by agent, at) each
               group by agent) l on l.agent = cast(c.user_id as text)
           where l.most > c.most or l.least < 0""",  # noqa: S608 - the same
    ),
    # Nobody is forgotten
    Rule(
        Invariant.NOT_FORGOTTEN,
        "queued_without_entry",
        """select 'contact:' || k.id as subject, k.stage as a, null as b from contacts k
           left join waiting_work w on w.case_id = k.id
           where k.stage = 'queued' and k.opens_at is null and (w.case_id is null or w.offered)""",
    ),
    Rule(
        Invariant.NOT_FORGOTTEN,
        "entry_without_waiting",
        """select 'contact:' || w.case_id as subject, coalesce(k.stage, '') as a, null as b
           from waiting_work w left join contacts k on k.id = w.case_id
           where k.stage is null or k.stage not in ('queued', 'offered')
              or (k.stage = 'offered') <> w.offered""",
    ),
    Rule(
        Invariant.NOT_FORGOTTEN,
        "no_alarm",
        """select 'contact:' || k.id as subject, k.stage as a, null as b from contacts k
           left join business_calls b on b.id = k.call_id
           where (k.stage = 'wrap_up' and k.wrap_up_due_at is null)
              or (k.stage = 'survey' and k.survey_due_at is null)
              or (k.stage = 'bot' and k.call_id is not null
                  and coalesce(b.state, '') not in ('requested', 'finished'))
              or (k.stage = 'queued' and k.exhausted_at is null and k.widen_at is null
                  and k.opens_at is null)
              or (k.stage = 'queued' and k.exhausted_at is not null and k.widen_at is null and exists (
                  select 1 from waiting_work w where w.case_id = k.id and w.refused_by <> '[]'))""",
    ),
    Rule(
        Invariant.NOT_FORGOTTEN,
        "case_against_contact",
        """select c.kind || ':' || c.id as subject, coalesce(k.stage, '') as a,
                  cast(c.closed_at as text) as b
           from cases c left join contacts k on k.id = c.id
           where c.kind = 'contact'
             and (k.id is null or (c.closed_at is null) <> (k.stage <> 'closed'))""",
    ),
    # Every fact signalled and folded at rest
    Rule(
        Invariant.SIGNALLED,
        "fact_not_signalled",
        """select kind || ':' || id as subject, fact_seq as a, signalled_seq as b from cases
           where signalled_seq < fact_seq and quarantined_at is null""",
    ),
    Rule(
        Invariant.SIGNALLED,
        "fact_not_folded",
        """select kind || ':' || id as subject, signalled_seq as a, folded_seq as b from cases
           where folded_seq < signalled_seq and quarantined_at is null""",
    ),
    Rule(
        Invariant.SIGNALLED,
        "case_quarantined",
        """select kind || ':' || id as subject, quarantine_reason as a, null as b from cases
           where quarantined_at is not null and closed_at is null""",
    ),
    # Each state change has its event (the chains themselves are verified row by row)
    Rule(
        Invariant.CHAINED,
        "event_of_another_case",
        """select e.subject, e.seq as a, cast(e.case_id as text) as b from events e
           left join cases c on c.id = e.case_id
           where (e.subject like 'case:%' or e.case_id is not null)
             and (e.subject is distinct from 'case:' || e.case_id or c.line_id is distinct from e.line_id)""",
    ),
    Rule(
        Invariant.CHAINED,
        "said_without_event",
        """select 'contact:' || m.contact_id as subject, m.seq as a, m.author as b from messages m
           where m.author <> 'customer' and not exists (
               select 1 from events e where e.case_id = m.contact_id and e.kind in ('message', 'note')
                 and e.attrs ->> 'message_id' = cast(m.id as text))""",
    ),
    Rule(
        Invariant.CHAINED,
        "opened_or_closed_without_event",
        """select 'contact:' || k.id as subject, k.stage as a, 'opened ' || e.opened || ', closed ' || e.closed as b
           from contacts k cross join lateral (
               select count(*) filter (where kind = 'contact_opened') as opened,
                      count(*) filter (where kind = 'closed') as closed
               from events where case_id = k.id) e
           where e.opened <> 1 or e.closed <> case when k.stage = 'closed' then 1 else 0 end""",
    ),
    Rule(
        Invariant.CHAINED,
        "offer_without_event",
        """select 'contact:' || o.case_id as subject, o.state as a, cast(o.id as text) as b from offers o
           where not exists (
               select 1 from events e where e.case_id = o.case_id and (
                   (e.attrs ->> 'offer_id' = cast(o.id as text)
                    and e.kind = case when o.state = 'pending' then 'offer_made' else 'offer_' || o.state end)
                   or (o.why ? 'by' and e.kind = o.why ->> 'how'
                       and e.attrs ->> 'agent' = cast(o.agent_id as text))))""",
    ),
    Rule(
        Invariant.CHAINED,
        "presence_without_event",
        """select 'agent:' || a.user_id as subject, a.presence as a, coalesce(e.told, 'offline') as b
           from agents a left join lateral (
               select attrs ->> 'to' as told from events
               where subject = 'agent:' || a.user_id and kind = 'presence' order by seq desc limit 1) e on true
           where a.presence <> coalesce(e.told, 'offline')""",
    ),
)

COMMON = f"with moves as materialized ({_MOVES}) "
"""What `over_capacity_once` reads; computed once."""

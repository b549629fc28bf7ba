"""What a contact's workflow may ask of the world: its ledger, and the shop's business system."""

from functools import partial
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from temporalio import activity

from adapters.business_system import BusinessSystem
from adapters.db.bot_turn import CONTACT_ACTS, bot_turn
from adapters.db.business_calls import finish_call, requested_call
from adapters.db.engine import Database
from adapters.db.meaning import meaning_of_turn
from adapters.db.steps import load_contact, take_step
from adapters.embeddings import Embeddings
from domain.contact import ContactState, StepIntent, StepKind


class CallRequest(BaseModel):
    """One call to the business system, by its row."""

    model_config = ConfigDict(frozen=True)

    case_id: str
    call_id: str


class ContactLedger:
    """Ledger activities: each one short compare-and-set transaction, run as local activities."""

    def __init__(self, database: Database, embeddings: Embeddings | None = None) -> None:
        self._database = database
        self._embeddings = embeddings

    @activity.defn(name="contact_load")
    async def load(self, case_id: str) -> ContactState:
        """The contact as it stands."""
        return await load_contact(self._database, UUID(case_id))

    @activity.defn(name="contact_step")
    async def step(self, intent: StepIntent) -> ContactState:
        """One act, once; the state after it."""
        act = CONTACT_ACTS[intent.kind]
        if intent.kind is StepKind.BOT_TURN and self._embeddings is not None:
            # Before the step's transaction opens: none spans an outside call.
            act = partial(bot_turn, meaning=await meaning_of_turn(self._database, self._embeddings, intent))
        return await take_step(self._database, intent, act)


class ContactWorld:
    """World activities: one call to the outside each."""

    def __init__(self, database: Database, business_system: BusinessSystem) -> None:
        self._database = database
        self._business_system = business_system

    @activity.defn(name="contact_call")
    async def call(self, request: CallRequest) -> str:
        """Make a call that the bot asked for and write its answer into the ledger; the answer's status.

        A repeated try of a call that is already answered changes nothing.
        """
        call_id = UUID(request.call_id)
        call = await requested_call(self._database, call_id)
        if call is None:
            return "known"
        result = await self._business_system.call(
            call.name,
            call.arguments,
            member_id=call.member_id,
            phone=call.phone,
            idempotency_key=call.idempotency_key,
        )
        await finish_call(self._database, call_id, result.status.value, result.data)
        return result.status.value

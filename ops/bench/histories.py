"""What a contact's messages cost the engine, counted from the workflows' histories."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

LOAD_ACTIVITY = "contact_load"
_LOCAL_ACTIVITY = "core_local_activity"


@dataclass(frozen=True)
class EngineCost:
    """Sums over all contacts that were looked at."""

    contacts: int
    messages: int
    signals: int
    workflow_tasks: int
    local_activities: Counter[str]
    """By the activity's name."""
    activities: int
    timers: int
    events: int

    def per_message(self, count: float) -> float | None:
        """A sum divided by the customers' messages."""
        return count / self.messages if self.messages else None


async def count_histories(client: Client, messages_by_contact: Sequence[tuple[str, int]]) -> EngineCost:
    """Read the histories of these contacts; with each, how many messages its customer wrote."""
    kinds: Counter[int] = Counter()
    local: Counter[str] = Counter()
    for contact_id, _ in messages_by_contact:
        async for event in client.get_workflow_handle(f"contact/{contact_id}").fetch_history_events():
            kinds[event.event_type] += 1
            if event.event_type == EventType.EVENT_TYPE_MARKER_RECORDED:
                local[_activity_of(event.marker_recorded_event_attributes)] += 1
    return EngineCost(
        contacts=len(messages_by_contact),
        messages=sum(count for _, count in messages_by_contact),
        signals=kinds[EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED],
        workflow_tasks=kinds[EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED],
        local_activities=local,
        activities=kinds[EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED],
        timers=kinds[EventType.EVENT_TYPE_TIMER_STARTED],
        events=kinds.total(),
    )


def _activity_of(marker: Any) -> str:
    if marker.marker_name != _LOCAL_ACTIVITY or "data" not in marker.details:
        return str(marker.marker_name)
    return str(json.loads(marker.details["data"].payloads[0].data)["activity_type"])

"""Histories of every release must replay through the code of today (`docs/changing-a-workflow.md`)."""

from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from workflows.contact import ContactWorkflow

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*/*.json"))


def test_there_are_histories() -> None:
    assert len(HISTORIES) >= 6


@pytest.mark.parametrize("file", HISTORIES, ids=lambda file: f"{file.parent.name}/{file.stem}")
async def test_a_stored_history_replays(file: Path) -> None:
    replayer = Replayer(workflows=[ContactWorkflow], data_converter=pydantic_data_converter)
    history = WorkflowHistory.from_json(f"contact/{file.stem}", file.read_text("utf-8"))
    await replayer.replay_workflow(history)

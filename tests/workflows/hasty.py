"""The contact's workflow with a tiny history limit: the same story, told in many short runs."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.contact import ContactWorkflow

TINY_LIMIT = 25


@workflow.defn(name="ContactWorkflow")
class HastyContactWorkflow(ContactWorkflow):
    """Continues as new whenever it rests after a few events."""

    @workflow.init
    def __init__(self, case_id: str) -> None:
        super().__init__(case_id)
        self.history_limit = TINY_LIMIT

    @workflow.run
    async def run(self, case_id: str) -> None:
        await super().run(case_id)

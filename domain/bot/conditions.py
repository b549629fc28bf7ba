"""The tests of a flow's branches: what the business system said decides where the flow goes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.bot.flow_model import Case, Operator
from domain.bot.template import instant, lookup


def choose_case(cases: tuple[Case, ...], values: Mapping[str, Any], now: datetime) -> tuple[Case, list[int]]:
    """The first case whose conditions all hold, and the numbers of those rejected before it."""
    rejected: list[int] = []
    for index, case in enumerate(cases):
        if all(holds(wanted, lookup(path, values), now) for path, wanted in case.when.items()):
            return case, rejected
        rejected.append(index)
    return cases[-1], rejected[:-1]


def holds(wanted: Any, value: Any, now: datetime) -> bool:
    """Whether one condition holds for a value; a missing value is None."""
    if isinstance(wanted, list):
        return value in wanted
    if not isinstance(wanted, Mapping):
        return bool(value == wanted)
    ((name, operand),) = wanted.items()
    match Operator(name):
        case Operator.PRESENT:
            return (value not in (None, "", [], {})) is bool(operand)
        case Operator.AFTER_NOW:
            moment = instant(value)
            return moment is not None and (moment > now) is bool(operand)
        case Operator.COUNT:
            return isinstance(value, list) and len(value) == operand
        case Operator.COUNT_LEAST:
            return isinstance(value, list) and len(value) >= operand
        case Operator.AT_LEAST:
            return isinstance(value, int | float) and value >= operand

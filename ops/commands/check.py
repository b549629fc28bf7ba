"""`holdfast check`: does everything that must hold hold (RELIABILITY's invariants)?"""

import asyncio
import os
import sys
from enum import Enum
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy.exc import OperationalError

from adapters.db.checking import Violation, check_ledger, wait_for_rest
from adapters.db.checking_rules import Invariant
from adapters.db.engine import Database
from adapters.settings import Settings
from ops.checking import EngineAwayError, check_engine
from ops.messages import Language, OperatorError, Text, language_of
from ops.options import AsJson, TargetFolder
from ops.output import Output
from ops.target import resolve

CONNECTIONS = 2


class Title(Enum):
    """What each invariant says."""

    I1 = ("Every accepted message exists once", "每条已接收的消息恰好存在一次")
    I2 = ("Sequences without gaps, in accepted order", "序号连续，且与接收顺序一致")
    I3 = ("At most one owner", "每个会话至多一位负责人")
    I4 = ("Capacity is never exceeded", "座席容量从未超出")
    I7 = ("Nobody is forgotten", "没有会话被遗忘")
    I8 = ("Every fact is signalled and folded", "每条事实都已通知并处理")
    I9 = ("The hash chains verify", "哈希链校验通过")
    I10 = ("No workflow is stuck", "没有卡住的流程")


class Finding(Enum):
    """What was found: (English, Chinese); the members' names are the codes."""

    MESSAGE_WITHOUT_EVENT = ("message {a} was accepted without an event", "消息 {a} 没有对应的接收事件")
    EVENT_WITHOUT_MESSAGE = ("event {a} tells of a message that is gone", "事件 {a} 所指的消息已不存在")
    MESSAGE_TWICE = ("message {a} exists {b} times", "消息 {a} 重复存在 {b} 次")
    FACT_WITHOUT_MESSAGE = (
        "fact {a} refers to message {b}, which is gone",
        "事实 {a} 所指的消息 {b} 已不存在",
    )
    MESSAGE_GAP = ("{a} messages counted, {b} present", "应有 {a} 条消息，实有 {b} 条")
    FACT_GAP = ("{a} facts counted, {b} present", "应有 {a} 条事实，实有 {b} 条")
    MESSAGE_OUT_OF_ORDER = ("message {a} stands where {b} was accepted", "消息 {a} 与接收时的位置 {b} 不符")
    OWNER_AGAINST_STAGE = ("stage {a} with owner «{b}»", "阶段为 {a}，负责人为“{b}”")
    OWNER_WITHOUT_OFFER = (
        "owner {a}, but the last accepted offer is of «{b}»",
        "负责人为 {a}，但最近接受的派单属于“{b}”",
    )
    OFFER_AGAINST_STAGE = ("stage {a} with {b} pending offers", "阶段为 {a}，却有 {b} 个待接派单")
    TWO_OPEN_CONTACTS = ("{b} open contacts in the line {a}", "业务线 {a} 中有 {b} 个未结束的会话")
    LOAD_OVER_CAPACITY = ("load {a}, capacity {b}", "负载为 {a}，容量为 {b}")
    LOAD_DIFFERS = ("load {a}, but {b} units are held", "负载记为 {a}，实际占用 {b}")
    OVER_CAPACITY_ONCE = ("once held {a} units of {b}, by the events", "按事件回放，曾占用 {a}（上限 {b}）")
    QUEUED_WITHOUT_ENTRY = ("waits without a place in any queue", "在等待，却不在任何队列中")
    ENTRY_WITHOUT_WAITING = ("has a place in a queue in the stage «{a}»", "阶段为“{a}”，却仍在队列中")
    NO_ALARM = ("nothing will ever move it on (stage {a})", "没有任何时限会推动它（阶段 {a}）")
    CASE_AGAINST_CONTACT = ("stage «{a}», case closed at «{b}»", "会话阶段“{a}”与案件关闭时间“{b}”矛盾")
    FACT_NOT_SIGNALLED = ("fact {a} recorded, {b} signalled", "已记录到事实 {a}，只通知到 {b}")
    FACT_NOT_FOLDED = ("fact {a} signalled, {b} folded", "已通知到事实 {a}，只处理到 {b}")
    CASE_QUARANTINED = ("set aside: {a}", "已被搁置：{a}")
    EVENT_OF_ANOTHER_CASE = ("event {a} belongs to the case «{b}»", "事件 {a} 属于另一案件“{b}”")
    SAID_WITHOUT_EVENT = ("message {a} of the {b} has no event", "{b} 的消息 {a} 没有对应事件")
    OPENED_OR_CLOSED_WITHOUT_EVENT = ("stage {a}, but the events say: {b}", "阶段为 {a}，但事件记录为：{b}")
    OFFER_WITHOUT_EVENT = ("the offer {b} is {a} without an event", "派单 {b} 的状态 {a} 没有对应事件")
    PRESENCE_WITHOUT_EVENT = ("presence {a}, but the last event says {b}", "在线状态为 {a}，但最近事件为 {b}")
    EVENT_GAP = ("event {a} follows a gap", "事件 {a} 之前有缺失")
    CHAIN_BROKEN = ("event {a} does not fit its hash", "事件 {a} 与其哈希不符")
    CHAIN_CUT = ("the events end at {a}, the head is at {b}", "事件止于 {a}，链头在 {b}")
    CASE_WITHOUT_WORKFLOW = ("open, but its workflow is {a}", "未关闭，但其流程状态为 {a}")
    WORKFLOW_WITHOUT_CASE = ("runs without an open case", "流程仍在运行，却没有未关闭的案件")
    FAILED_TASK = ("its workflow task is at attempt {a}", "流程任务已重试到第 {a} 次")
    LONG_HISTORY = ("its history has {a} events", "流程历史已有 {a} 个事件")
    ENGINE_AWAY = ("Temporal cannot be asked ({a})", "无法查询 Temporal（{a}）")


_CLEAN = ("Everything holds.", "全部检查通过。")
_FOUND = ("{count} violations.", "发现 {count} 处违例。")
_COLUMNS = (("Invariant", "不变式"), ("Subject", "对象"), ("Found", "发现"))


def register(application: typer.Typer) -> None:
    """Add the command."""

    @application.command("check")
    def check(
        *,
        data_dir: TargetFolder = None,
        wait_seconds: Annotated[
            float, typer.Option("--wait", min=0, help="Wait up to so many seconds until all work is at rest.")
        ] = 0,
        as_json: AsJson = False,
    ) -> None:
        """Verify what must hold of every contact, agent and workflow; status 1 when something does not."""
        violations = _run(resolve(data_dir), wait_seconds)
        output = Output(as_json=as_json)
        _show(output, violations)
        output.result(
            {
                "violations": [
                    {"invariant": each.invariant.value, "subject": each.subject, "detail": each.detail}
                    for each in violations
                ]
            }
        )
        if violations:
            sys.exit(1)


def _run(settings: Settings, wait_seconds: float) -> list[Violation]:
    try:
        return asyncio.run(_check(settings, wait_seconds))
    except OperationalError as error:
        raise OperatorError(Text.DATABASE_AWAY) from error


async def _check(settings: Settings, wait_seconds: float) -> list[Violation]:
    database = Database(settings.database_url, pool_size=CONNECTIONS, application="holdfast-check")
    try:
        await wait_for_rest(database, wait_seconds)
        found = await check_ledger(database)
        try:
            found += await check_engine(settings, database)
        except EngineAwayError as error:
            found.append(Violation(Invariant.NOT_FORGOTTEN, "temporal", "engine_away", str(error)))
    finally:
        await database.close()
    return found


def _show(output: Output, violations: list[Violation]) -> None:
    column = 1 if language_of(os.environ) is Language.ZH else 0
    if not violations:
        output.console.print(_CLEAN[column])
        return
    table = Table(*(names[column] for names in _COLUMNS), box=None)
    for each in violations:
        title = Title[each.invariant.value].value[column]
        sentence = Finding[each.code.upper()].value[column].format(a=each.a, b=each.b)
        table.add_row(f"{each.invariant.value} {title}", escape(each.subject), escape(sentence))
    output.console.print(table)
    output.console.print(_FOUND[column].format(count=len(violations)))

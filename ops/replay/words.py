"""What `replay` and `bench` say at a terminal, in both languages, side by side."""

import os
from enum import Enum

from ops.messages import Language, OperatorError, language_of


class Word(Enum):
    """One sentence or label each: (English, Chinese)."""

    # what went wrong, and what to do
    FILE_UNREADABLE = (
        "The file {path} cannot be read ({reason}); give a file with one JSON object a line.",
        "无法读取文件 {path}（{reason}）；请提供每行一个 JSON 对象的文件。",
    )
    FILE_EMPTY = (
        "The file {path} has no line with a text; each line needs a `text`.",
        "文件 {path} 中没有可用的行；每行都需要有 text 字段。",
    )
    LINE_SKIPPED = ("Line {number} skipped: {reason}.", "已跳过第 {number} 行：{reason}。")
    LINES_SKIPPED_MORE = ("{count} more lines skipped.", "另有 {count} 行已跳过。")
    REASON_NO_JSON = ("no JSON object", "不是 JSON 对象")
    REASON_NO_TEXT = ("no text", "没有文本")
    PRODUCT_AWAY = (
        "Holdfast does not answer at {url}; start it with `holdfast up`, or give another --url.",
        "{url} 没有响应；请用 holdfast up 启动 Holdfast，或用 --url 指定其他地址。",
    )
    SIGN_INS_MISSING = (
        "Playing agents needs the demonstration's sign-ins; give --data-dir of a running demonstration.",
        "模拟座席需要演示账号；请用 --data-dir 指定正在运行的演示环境的数据目录。",
    )
    SIGN_INS_FEW = (
        "The demonstration has {known} agents with its own password; --agents can be at most that.",
        "演示环境中可用的座席账号只有 {known} 个；--agents 不能超过这个数。",
    )
    BENCH_UNKNOWN = (
        "There is no bench named {name}; choose one of {known}.",
        "不存在名为 {name} 的测试；可选：{known}。",
    )
    PACK_SILENT = (
        "The pack {pack} has no articles to ask about, so the bench has nothing to send.",
        "行业包 {pack} 中没有知识文章，测试没有可发送的内容。",
    )

    # while it runs
    PLAYING = ("Customers", "客户消息")
    CHECKING = ("Checking every history", "核对全部会话记录")
    PROGRESS = (
        "answered {answered} · handed over {handed_over} · retries {retries}",
        "已答复 {answered} · 已转人工 {handed_over} · 重试 {retries}",
    )

    # the summary of a replay
    SUMMARY = ("What became of them", "结果")
    SENT = ("sent", "已发送")
    ANSWERED = ("answered by the bot", "智能助手已答复")
    OFFERED_CHOICES = ("offered choices", "给出选项")
    ASKED_TO_REPHRASE = ("asked to rephrase", "请客户换个说法")
    HANDED_OVER = ("handed over", "已转人工")
    ANSWERED_BY_AGENT = ("of these, answered by an agent", "其中座席已答复")
    WAITING = ("of these, waiting", "其中等待中")
    CLOSED = ("conversations ended by agents", "座席已结束的会话")
    NOT_ACCEPTED = ("never accepted", "始终未被接收")
    REFUSED = ("refused", "被拒绝")
    LOST = ("lost", "丢失")
    DOUBLED = ("doubled", "重复")
    OUT_OF_ORDER = ("out of order", "乱序")
    RETRIES = ("retries after a lost answer or a failure", "因应答丢失或故障而重试")
    THROTTLED = ("asked to slow down (429)", "被限流（429）")
    FIRST_REPLY = ("first reply p50 / p95", "首次响应 p50 / p95")
    NO_REPLY = ("—", "—")
    MILLISECONDS = ("{p50} ms / {p95} ms", "{p50} 毫秒 / {p95} 毫秒")
    LOST_ONES = ("Lost: {ids}", "丢失的消息：{ids}")

    # a bench
    STARTING_COPY = (
        "Starting a copy of the product for the measurement …",
        "正在启动用于测量的产品副本……",
    )
    STARTING_DATABASE = ("Starting a database for the measurement …", "正在启动用于测量的数据库……")
    FILLING = (
        "Writing {contacts} contacts and {messages} messages …",
        "正在写入 {contacts} 个会话和 {messages} 条消息……",
    )
    MEASURING = ("Measuring: {what} …", "正在测量：{what}……")
    FIGURE = ("Figure", "指标")
    VALUE = ("Value", "结果")
    GOAL = ("Goal", "目标")
    MET = ("met", "达标")
    MISSED = ("missed", "未达标")
    NOT_JUDGED = ("", "")
    MACHINE = (
        "{cores} cores, {busy} of them busy on average, others' work included; load {load_before} before, {load_after} after; {stolen} % of the time stolen.",
        "{cores} 核，平均占用 {busy} 核（含其他程序）；负载由 {load_before} 变为 {load_after}；被宿主机占用的时间为 {stolen}%。",
    )

    def __str__(self) -> str:
        return tell(self)


def tell(word: Word, **values: object) -> str:
    """The sentence in the language of the terminal."""
    english, chinese = word.value
    text: str = chinese if language_of(os.environ) is Language.ZH else english
    return text.format(**values)


class PlayError(OperatorError):
    """Something the operator can put right, said in one sentence."""

    def __init__(self, word: Word, **values: object) -> None:
        Exception.__init__(self, tell(word, **values))
        self.text = word  # type: ignore[assignment] # only its name is used, as the error's code
        self.values = values

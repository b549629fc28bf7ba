"""What the operator reads at a terminal, in both languages, side by side."""

import os
from collections.abc import Mapping
from enum import Enum, StrEnum


class Language(StrEnum):
    """The languages of the command line."""

    EN = "en"
    ZH = "zh"


def language_of(environment: Mapping[str, str]) -> Language:
    """The language the terminal asks for, by the usual variables in their usual order; else English."""
    for name in ("HOLDFAST_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = environment.get(name, "")
        if value:
            return Language.ZH if value.lower().startswith("zh") else Language.EN
    return Language.EN


class Text(Enum):
    """One sentence each: (English, Chinese)."""

    # what went wrong, and what to do
    PORT_TAKEN = (
        "Port {port} is taken by another program; stop it or choose another with --port.",
        "端口 {port} 已被其他程序占用；请停止该程序，或用 --port 换一个端口。",
    )
    FOLDER_IN_USE = (
        "The data folder {folder} is in use by a running Holdfast (process {pid}); stop that one first or choose another with --data-dir.",
        "数据目录 {folder} 正被另一个运行中的 Holdfast（进程 {pid}）使用；请先停止它，或用 --data-dir 换一个目录。",
    )
    FOLDER_NEWER = (
        "The data folder {folder} was written by a newer Holdfast (format {found}, this one knows {known}); upgrade Holdfast or choose another with --data-dir.",
        "数据目录 {folder} 由更新版本的 Holdfast 写入（格式 {found}，当前版本只认识 {known}）；请升级 Holdfast，或用 --data-dir 换一个目录。",
    )
    FOLDER_NOT_OURS = (
        "The folder {folder} holds something other than Holdfast's data; choose an empty one with --data-dir.",
        "目录 {folder} 里存放的不是 Holdfast 的数据；请用 --data-dir 指定一个空目录。",
    )
    FOLDER_NOT_WRITABLE = (
        "The data folder {folder} cannot be written to ({reason}); change its permissions or choose another with --data-dir.",
        "数据目录 {folder} 无法写入（{reason}）；请调整权限，或用 --data-dir 换一个目录。",
    )
    DISK_FULL = (
        "The disk that holds {folder} is full ({free_megabytes} MB free, {needed_megabytes} MB needed); make room and start again.",
        "{folder} 所在的磁盘空间不足（剩余 {free_megabytes} MB，需要 {needed_megabytes} MB）；请清理后重新启动。",
    )
    PACK_UNKNOWN = (
        "There is no industry pack named {pack}; choose one of {known} with --pack.",
        "不存在名为 {pack} 的行业包；请用 --pack 从以下选项中选择：{known}。",
    )
    PACK_WRONG = (
        "The industry pack {pack} cannot be used: {problem} (problems in all: {count}).",
        "行业包 {pack} 无法使用：{problem}（共 {count} 处问题）。",
    )
    DATABASE_OTHER_VERSION = (
        "The database in {folder} was made by PostgreSQL {found}, but the installed one is {known}; install the package holdfast used before, or restore from a backup.",
        "{folder} 中的数据库由 PostgreSQL {found} 创建，而当前安装的是 {known}；请装回之前使用的版本，或从备份恢复。",
    )
    PROGRAM_MISSING = (
        "The program {program} is missing; install it with `make setup` (the package is {package}).",
        "缺少程序 {program}；请运行 make setup 安装（所属软件包为 {package}）。",
    )
    DATABASE_USER_REFUSED = (
        "PostgreSQL does not run as root and this machine lets us become no other user ({reason}); start Holdfast as an ordinary user.",
        "PostgreSQL 不能以 root 身份运行，而本机不允许切换为其他用户（{reason}）；请用普通用户启动 Holdfast。",
    )
    DATABASE_INIT_FAILED = (
        "PostgreSQL could not make its database in {folder}: {reason}.",
        "PostgreSQL 无法在 {folder} 中建立数据库：{reason}。",
    )
    PART_GAVE_UP = (
        "{part} did not stay up after {attempts} attempts (last: {reason}); the full log is in {log}.",
        "{part}连续 {attempts} 次未能正常运行（最后一次：{reason}）；完整日志见 {log}。",
    )
    PART_NOT_READY = (
        "{part} was not ready within {seconds} s; the full log is in {log}.",
        "{part}在 {seconds} 秒内没有就绪；完整日志见 {log}。",
    )
    STEP_FAILED = (
        "{part} failed ({reason}); the full log is in {log}.",
        "{part}失败（{reason}）；完整日志见 {log}。",
    )
    SETTINGS_WRONG = (
        "The setting {name} cannot be used: {reason}.",
        "配置项 {name} 无法使用：{reason}。",
    )
    SETTING_MISSING = (
        "The setting {name} is missing; set it in the environment, or give --data-dir of a running Holdfast.",
        "缺少配置项 {name}；请在环境变量中设置，或用 --data-dir 指定正在运行的 Holdfast 的数据目录。",
    )
    NOT_RUNNING = (
        "No Holdfast is running with the data folder {folder}; start it with `holdfast up --data-dir {folder}`.",
        "数据目录 {folder} 没有正在运行的 Holdfast；请用 holdfast up --data-dir {folder} 启动。",
    )
    DATABASE_NEWER = (
        "The database was written by a newer Holdfast; upgrade Holdfast, or restore a backup made by this release.",
        "数据库由更新版本的 Holdfast 写入；请升级 Holdfast，或恢复由当前版本制作的备份。",
    )
    DATABASE_AWAY = (
        "The database cannot be reached; check that it runs and that DATABASE_URL is right.",
        "无法连接数据库；请确认数据库正在运行，且 DATABASE_URL 正确。",
    )
    TEMPORAL_AWAY = (
        "Temporal cannot be reached at {address}; check that it runs and that TEMPORAL_ADDRESS is right.",
        "无法连接 Temporal（{address}）；请确认它正在运行，且 TEMPORAL_ADDRESS 正确。",
    )
    LINE_UNKNOWN = ("There is no business line named {line}.", "不存在名为 {line} 的业务线。")
    LOGIN_TAKEN = ("The login {login} exists already.", "登录名 {login} 已存在。")
    LOGIN_UNKNOWN = ("There is no user with the login {login}.", "不存在登录名为 {login} 的用户。")
    ROLE_UNKNOWN = ("{role} is no role; the roles are {roles}.", "角色 {role} 不存在；可用角色：{roles}。")
    PASSWORD_SHORT = (
        "The password is too short; use at least {minimum} characters.",
        "密码太短；请至少使用 {minimum} 个字符。",
    )
    PASSWORD_LONG = (
        "The password is too long; use at most {maximum} characters.",
        "密码太长；请最多使用 {maximum} 个字符。",
    )
    PASSWORD_IS_LOGIN = ("The password is the login; choose another.", "密码不能与登录名相同；请换一个。")
    PASSWORD_SIMPLE = (
        "The password is too easy to guess; choose another.",
        "密码过于简单，容易被猜到；请换一个。",
    )
    PASSWORDS_DIFFER = ("The two passwords differ.", "两次输入的密码不一致。")
    PASSWORD_NEEDED = (
        "A password is needed; type it when asked, or pass it on standard input with --password-stdin.",
        "需要密码；请按提示输入，或加 --password-stdin 从标准输入传入。",
    )

    # the parts
    PART_POSTGRES = ("Database", "数据库")
    PART_TEMPORAL = ("Workflow engine", "流程引擎")
    PART_PREPARE = ("Tables and first data", "数据表与初始数据")
    PART_WORKER = ("Worker", "流程工作进程")
    PART_WEB = ("Web", "网页服务")
    PART_SHOP = ("Demonstration shop", "演示商城")

    # what happens
    STATE_WAITING = ("waiting", "等待中")
    STATE_STARTING = ("starting", "启动中")
    STATE_READY = ("ready", "已就绪")
    STATE_FAILED = ("failed", "失败")
    EVENT_READY = ("ready after {seconds:.1f} s", "用时 {seconds:.1f} 秒，已就绪")
    EVENT_DONE = ("done after {seconds:.1f} s", "用时 {seconds:.1f} 秒，已完成")
    EVENT_ENDED = (
        "stopped unexpectedly ({reason}); starting it again in {seconds:.1f} s",
        "意外停止（{reason}），{seconds:.1f} 秒后重新启动",
    )
    EVENT_BACK = ("is back after {seconds:.1f} s", "用时 {seconds:.1f} 秒，已恢复")
    EVENT_STOPPING = ("Stopping; press Ctrl-C again to end at once.", "正在停止；再按一次 Ctrl-C 立即结束。")
    EVENT_FORCED = ("had to be ended by force", "未能按时退出，已强制结束")
    EVENT_STOPPED = ("Stopped. The data stays in {folder}.", "已停止。数据保留在 {folder}。")
    REASON_EXIT = ("exit status {status}", "退出码 {status}")
    REASON_SIGNAL = ("ended by signal {signal}", "被信号 {signal} 终止")
    REASON_SLOW = ("not ready in time", "未按时就绪")
    STARTING_TITLE = ("Starting Holdfast", "正在启动 Holdfast 守诺")

    # the addresses
    UP_TITLE = ("Holdfast is running", "Holdfast 守诺已启动")
    UP_READY = ("Ready after {seconds:.1f} s.", "启动用时 {seconds:.1f} 秒。")
    ADDRESS_CHAT = ("Customer's chat", "客户会话")
    ADDRESS_DESK = ("Agent's desk", "座席工作台")
    ADDRESS_BOARD = ("Supervisor's board", "主管看板")
    ADDRESS_ADMIN = ("Administration", "系统管理")
    ADDRESS_OUTBOX = ("Development outbox", "开发用发件箱")
    ADDRESS_TEMPORAL = ("Temporal's own UI", "Temporal 控制台")
    SIGN_INS = ("Demonstration sign-ins", "演示账号")
    UP_HINT = (
        "Ctrl-C stops everything; the data stays in {folder}.",
        "按 Ctrl-C 停止全部服务；数据保留在 {folder}。",
    )
    PASSWORD_PROMPT = ("Password", "密码")
    PASSWORD_AGAIN = ("Once more", "再次输入")

    # the commands
    USER_ADDED = ("User {login} added.", "已添加用户 {login}。")
    USER_DISABLED = ("User {login} disabled.", "已停用用户 {login}。")
    USER_PASSWORD_SET = ("Password of {login} set.", "已更新 {login} 的密码。")
    USER_NONE = ("There are no users yet.", "还没有用户。")
    MIGRATED = ("The database is up to date.", "数据库已是最新版本。")
    COLUMN_LOGIN = ("Login", "登录名")
    COLUMN_NAME = ("Name", "姓名")
    COLUMN_ROLES = ("Roles", "角色")
    COLUMN_STATE = ("State", "状态")
    COLUMN_ADDRESS = ("Address", "地址")
    USER_ACTIVE = ("active", "启用")
    USER_INACTIVE = ("disabled", "停用")

    def in_language(self, language: Language, **values: object) -> str:
        """The sentence with its values in place."""
        english, chinese = self.value
        return (chinese if language is Language.ZH else english).format(**values)


def say(text: Text, **values: object) -> str:
    """The sentence in the language of the terminal."""
    return text.in_language(language_of(os.environ), **values)


class OperatorError(Exception):
    """Something the operator can put right, said in one sentence; the command ends with status 1."""

    def __init__(self, text: Text, **values: object) -> None:
        self.text = text
        self.values = values
        super().__init__(say(text, **values))

"""`holdfast user`: who may sign in."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy.exc import IntegrityError, OperationalError

from adapters.db import accounts
from adapters.db.accounts import LoginTakenError, UserView
from adapters.db.engine import Database, Transaction
from adapters.passwords import (
    LENGTH_MAXIMUM,
    LENGTH_MINIMUM,
    PasswordProblem,
    PasswordRefusedError,
    check_new_password,
    hash_password,
)
from adapters.settings import Settings
from domain.roles import Role
from ops.messages import OperatorError, Text, say
from ops.options import AsJson, TargetFolder
from ops.output import Output
from ops.target import resolve

ACTOR = "operator"
DEFAULT_LINE = "shop"
"""The line of the demonstration pack."""

_REFUSALS = {
    PasswordProblem.TOO_SHORT: Text.PASSWORD_SHORT,
    PasswordProblem.TOO_LONG: Text.PASSWORD_LONG,
    PasswordProblem.SAME_AS_LOGIN: Text.PASSWORD_IS_LOGIN,
    PasswordProblem.TOO_SIMPLE: Text.PASSWORD_SIMPLE,
}

_Result = TypeVar("_Result")

Login = Annotated[str, typer.Argument(help="What the person types to sign in.")]
FromInput = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


def register(application: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="Add, list, disable users and set passwords.", no_args_is_help=True)
    application.add_typer(group, name="user")
    group.command("add")(_add)
    group.command("list")(_list)
    group.command("disable")(_disable)
    group.command("password")(_password)


def _add(
    login: Login,
    *,
    line: Annotated[str, typer.Option(help="Business line of the roles.")] = DEFAULT_LINE,
    name: Annotated[str, typer.Option(help="Name shown to colleagues; the login if left out.")] = "",
    role: Annotated[
        list[str] | None, typer.Option(help="agent, supervisor or administrator; repeatable.")
    ] = None,
    password_stdin: FromInput = False,
    data_dir: TargetFolder = None,
    as_json: AsJson = False,
) -> None:
    """Add a user with roles in one business line; asks for the password."""
    roles = [_role(each) for each in role or [Role.AGENT.value]]
    settings = resolve(data_dir)
    password = _new_password(login, from_input=password_stdin)

    async def add(tx: Transaction, password_hash: str) -> UserView:
        try:
            return await accounts.add_user(
                tx,
                login=login,
                name=name,
                password_hash=password_hash,
                line_id=line,
                roles=roles,
                actor=ACTOR,
            )
        except LoginTakenError as error:
            raise OperatorError(Text.LOGIN_TAKEN, login=login) from error
        except IntegrityError as error:  # roles refer to a line
            raise OperatorError(Text.LINE_UNKNOWN, line=line) from error

    user = asyncio.run(_with_password(settings, password, add))
    _tell(as_json, Text.USER_ADDED, user)


def _list(*, data_dir: TargetFolder = None, as_json: AsJson = False) -> None:
    """List all users with their roles."""
    users = asyncio.run(_in_transaction(resolve(data_dir), accounts.list_users))
    output = Output(as_json=as_json)
    if users:
        table = Table(box=None, pad_edge=False)
        for column in (Text.COLUMN_LOGIN, Text.COLUMN_NAME, Text.COLUMN_ROLES, Text.COLUMN_STATE):
            table.add_column(say(column))
        for user in users:
            state = Text.USER_INACTIVE if user.disabled_at else Text.USER_ACTIVE
            table.add_row(escape(user.login), escape(user.name), _roles_text(user), say(state))
        output.console.print(table)
    else:
        output.say(Text.USER_NONE)
    output.result({"users": [_as_json(user) for user in users]})


def _disable(login: Login, *, data_dir: TargetFolder = None, as_json: AsJson = False) -> None:
    """Disable a user: every sign-in ends, the history stays."""

    async def disable(tx: Transaction) -> UserView:
        return await accounts.disable_user(tx, (await _existing(tx, login)).id, actor=ACTOR)

    _tell(as_json, Text.USER_DISABLED, asyncio.run(_in_transaction(resolve(data_dir), disable)))


def _password(
    login: Login, *, password_stdin: FromInput = False, data_dir: TargetFolder = None, as_json: AsJson = False
) -> None:
    """Set a user's password; every sign-in ends."""
    settings = resolve(data_dir)
    password = _new_password(login, from_input=password_stdin)

    async def change(tx: Transaction, password_hash: str) -> UserView:
        return await accounts.set_password(tx, (await _existing(tx, login)).id, password_hash, actor=ACTOR)

    _tell(as_json, Text.USER_PASSWORD_SET, asyncio.run(_with_password(settings, password, change)))


async def _existing(tx: Transaction, login: str) -> UserView:
    user = await accounts.find_user(tx, login)
    if user is None:
        raise OperatorError(Text.LOGIN_UNKNOWN, login=login)
    return user


async def _with_password(
    settings: Settings, password: str, work: Callable[[Transaction, str], Awaitable[UserView]]
) -> UserView:
    password_hash = await hash_password(password)  # slow on purpose, so before the transaction
    return await _in_transaction(settings, lambda tx: work(tx, password_hash))


async def _in_transaction(settings: Settings, work: Callable[[Transaction], Awaitable[_Result]]) -> _Result:
    database = Database(settings.database_url, pool_size=1, application="holdfast user")
    try:
        async with database.transaction() as tx:
            return await work(tx)
    except OperationalError as error:
        raise OperatorError(Text.DATABASE_AWAY) from error
    finally:
        await database.close()


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError as error:
        raise OperatorError(Text.ROLE_UNKNOWN, role=text, roles=", ".join(Role)) from error


def _new_password(login: str, *, from_input: bool) -> str:
    """Typed twice at a terminal, or one line of standard input; never an argument, which others can see."""
    if from_input:
        password = sys.stdin.readline().rstrip("\r\n")
    elif sys.stdin.isatty():
        password = typer.prompt(say(Text.PASSWORD_PROMPT), hide_input=True)
        if typer.prompt(say(Text.PASSWORD_AGAIN), hide_input=True) != password:
            raise OperatorError(Text.PASSWORDS_DIFFER)
    else:
        raise OperatorError(Text.PASSWORD_NEEDED)
    try:
        check_new_password(password, login)
    except PasswordRefusedError as error:
        raise OperatorError(
            _REFUSALS[error.problem], minimum=LENGTH_MINIMUM, maximum=LENGTH_MAXIMUM
        ) from error
    return str(password)


def _tell(as_json: bool, text: Text, user: UserView) -> None:
    output = Output(as_json=as_json)
    output.say(text, login=user.login)
    output.result({"user": _as_json(user)})


def _roles_text(user: UserView) -> str:
    return "; ".join(f"{line}: {', '.join(sorted(roles))}" for line, roles in sorted(user.roles.items()))


def _as_json(user: UserView) -> dict[str, Any]:
    return {
        "id": user.id,
        "login": user.login,
        "name": user.name,
        "roles": {line: sorted(roles) for line, roles in user.roles.items()},
        "created_at": user.created_at.isoformat(),
        "disabled_at": user.disabled_at.isoformat() if user.disabled_at else None,
    }

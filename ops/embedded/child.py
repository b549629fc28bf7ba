"""The last step before a supervised program begins: become its user, and die with the supervisor.

Run as a program of its own (`python -I -S child.py OPTIONS -- PROGRAM ARGUMENTS`), because what it does
is not safe between fork and exec in a process with threads. It ends by becoming PROGRAM, so the process
id the supervisor knows is the program's own.

Standard library only, and quick to start: it stands before every child.
"""

import argparse
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Sequence

_CLONE_NEWUSER = 0x10000000
_PR_SET_PDEATHSIG = 1

CANNOT_BECOME_USER = 125
"""Exit status: the user namespace or the change of user was refused."""

CANNOT_EXECUTE = 126
"""Exit status: the program could not be started."""

_PARENT_IS_GONE = 124


def enter_user_namespace(uid: int, gid: int) -> None:
    """Appear as `uid`:`gid` to ourselves while staying who we are to the file system.

    PostgreSQL refuses to run as root; inside such a namespace it is not root, and still may use our files.
    Raises OSError where namespaces are barred.
    """
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWUSER) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{uid} {outer_uid} 1")
    _write("/proc/self/gid_map", f"{gid} {outer_gid} 1")


def become_user(uid: int, gid: int) -> None:
    """Give up being root for good. Raises OSError if we may not."""
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def die_with_parent(parent_pid: int, signal_number: int) -> None:
    """Ask the kernel to send us `signal_number` when the supervisor ends, even by kill -9 (Linux only)."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
    if os.getppid() != parent_pid:  # it went before we asked
        os._exit(_PARENT_IS_GONE)


def arguments_for(
    command: Sequence[str],
    *,
    death_signal: signal.Signals = signal.SIGKILL,
    namespace_user: tuple[int, int] | None = None,
    real_user: tuple[int, int] | None = None,
) -> list[str]:
    """The command line that runs `command` as a child of this process through this module."""
    line = [
        sys.executable,
        "-I",
        "-S",
        __file__,
        "--parent",
        str(os.getpid()),
        "--death-signal",
        str(int(death_signal)),
    ]
    if namespace_user is not None:
        line += ["--namespace-user", f"{namespace_user[0]}:{namespace_user[1]}"]
    if real_user is not None:
        line += ["--real-user", f"{real_user[0]}:{real_user[1]}"]
    return [*line, "--", *command]


def main(arguments: Sequence[str]) -> None:
    """Prepare, then become the program. Returns never."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--death-signal", type=int, required=True)
    parser.add_argument("--namespace-user")
    parser.add_argument("--real-user")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args(arguments)
    with contextlib.suppress(PermissionError):  # already the leader of a session of our own
        os.setsid()
    try:
        if options.namespace_user:
            enter_user_namespace(*_user(options.namespace_user))
        if options.real_user:
            become_user(*_user(options.real_user))
    except OSError as error:
        print(f"cannot change user: {error.strerror}", file=sys.stderr)
        sys.exit(CANNOT_BECOME_USER)
    die_with_parent(options.parent, options.death_signal)  # last: a change of user would undo it
    try:
        os.execvp(options.command[0], options.command)  # noqa: S606 - becoming the program is the purpose
    except OSError as error:
        print(f"cannot run {options.command[0]}: {error.strerror}", file=sys.stderr)
        sys.exit(CANNOT_EXECUTE)


def _user(text: str) -> tuple[int, int]:
    uid, gid = text.split(":")
    return int(uid), int(gid)


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:  # noqa: PTH123 - pathlib would double the start-up time of each child
        file.write(text)


if __name__ == "__main__":
    main(sys.argv[1:])

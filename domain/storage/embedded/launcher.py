"""Turns itself into a server that dies with its owner; run as a program of its own, never imported.

What must happen between fork and exec (drop root, ask the kernel for a signal at the owner's end) cannot be done safely
inside a process that has threads, and the kernel forgets the death signal when the user changes, so it is asked for
last. Only the standard library is used: the interpreter starts with `-I -S`.

Arguments: owner's pid, death signal, uid, gid (-1 keeps both), then the program's absolute path and its arguments.
"""

import os
import signal
import sys

# Imported before root is dropped: the account of the server need not be able to read this interpreter's library.
try:
    import ctypes
except ImportError:
    # An interpreter without libffi still runs the service; the next start clears what a killed owner left.
    ctypes = None  # type: ignore[assignment]

PR_SET_PDEATHSIG = 1


def restore_signals() -> None:
    """Undo what an owner may have ignored or blocked: a server must hear the signals that stop it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def become(uid: int, gid: int) -> None:
    """Drop root for good."""
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def die_with(owner: int, death_signal: int) -> None:
    """Have the kernel send `death_signal` when the thread that started us ends."""
    if sys.platform != "linux" or ctypes is None:
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    # The owner may have died before the request: then the kernel will never send anything.
    if os.getppid() != owner:
        sys.exit("the owner ended before its child started")


def main() -> None:
    """Prepare, then be replaced by the program."""
    owner, death_signal, uid, gid = (int(argument) for argument in sys.argv[1:5])
    program = sys.argv[5:]
    restore_signals()
    if uid >= 0:
        become(uid, gid)
    die_with(owner, death_signal)
    os.execv(program[0], program)  # noqa: S606 - replacing ourselves by the program, without a shell, is the point


if __name__ == "__main__":
    main()

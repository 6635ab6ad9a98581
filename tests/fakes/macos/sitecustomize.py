"""What our modules would find on macOS: names that Linux alone has are gone, ``/proc`` and ``/sys`` are not there.

On the path of a Python program this is loaded at its start, so all that it starts in turn has it too. Other packages
see Linux as it is: on macOS they see a macOS that they know.
"""

from __future__ import annotations

import builtins
import ctypes
import fcntl
import os
import resource
import select
import signal
import socket
import sys
import time
import types

GONE: dict[types.ModuleType, str] = {
    os: "sched_getaffinity sched_setaffinity pidfd_open memfd_create copy_file_range O_PATH O_TMPFILE posix_fallocate "
    "posix_fadvise pipe2 splice eventfd unshare setns getrandom getxattr setxattr listxattr getresuid setresuid "
    "getresgid setresgid fdatasync process_cpu_count",
    signal: "pidfd_send_signal sigtimedwait sigwaitinfo SIGRTMIN SIGRTMAX SIGPWR SIGPOLL SIGSTKFLT",
    select: "epoll EPOLLIN",
    resource: "RUSAGE_THREAD RLIMIT_MSGQUEUE RLIMIT_NICE RLIMIT_RTPRIO RLIMIT_RTTIME RLIMIT_SIGPENDING prlimit",
    socket: "SOCK_CLOEXEC SOCK_NONBLOCK SO_PEERCRED SO_PASSCRED AF_NETLINK MSG_CMSG_CLOEXEC",
    time: "CLOCK_BOOTTIME CLOCK_TAI",
    fcntl: "F_ADD_SEALS F_SETPIPE_SZ F_GETPIPE_SZ F_OFD_SETLK F_NOTIFY",
}
OURS = "ptx_prefect"
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


class Fewer(types.ModuleType):
    """A module less some of its names, with others in their place."""

    def __init__(self, real: types.ModuleType, gone: str = "", **instead: object) -> None:
        super().__init__(real.__name__)
        self.__dict__.update(_real=real, _gone=frozenset(gone.split()), **instead)

    def __getattr__(self, name: str) -> object:
        if name in self.__dict__["_gone"]:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r} on macOS")
        return getattr(self.__dict__["_real"], name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self.__dict__["_real"], name, value)


class Library:
    """The C library of macOS, as far as we call it."""

    def __init__(self, *_: object, **__: object) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)

    def renamex_np(self, one: bytes, other: bytes, flags: int) -> int:
        """Exchanges two paths."""
        assert flags == _RENAME_EXCHANGE
        return int(self._libc.renameat2(_AT_FDCWD, one, _AT_FDCWD, other, flags))


_modules = {real.__name__: Fewer(real, gone) for real, gone in GONE.items()}
_modules["sys"] = Fewer(sys, platform="darwin")
_modules["ctypes"] = Fewer(ctypes, CDLL=Library)
_import = builtins.__import__


def _import_here(name, globals=None, locals=None, fromlist=(), level=0):  # type: ignore[no-untyped-def]  # as the builtin
    found = _import(name, globals, locals, fromlist, level)
    is_ours = globals is not None and str(globals.get("__name__", "")).partition(".")[0] == OURS
    return _modules.get(name, found) if is_ours and level == 0 else found


def _hide(event: str, arguments: tuple[object, ...]) -> None:
    if event not in ("open", "os.listdir", "os.scandir") or not isinstance(arguments[0], str):
        return
    if not arguments[0].startswith(("/proc/", "/sys/")):
        return
    frame = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in ("pathlib", "io", "_pyio"):
        frame = frame.f_back
    if frame is not None and str(frame.f_globals.get("__name__", "")).partition(".")[0] == OURS:
        raise FileNotFoundError(2, "No such file or directory", arguments[0])


builtins.__import__ = _import_here
sys.addaudithook(_hide)

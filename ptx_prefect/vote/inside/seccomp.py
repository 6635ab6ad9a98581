"""A seccomp filter: the system calls that no program under test needs and that walls alone do not stop.

They end in "not permitted", as on a locked-down machine: sockets (pairs are fine), signals to strangers, memory that no
limit counts (System V segments, memfd), other processes' memory, new namespaces, mounts, the kernel's own machinery.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct

_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_DENIED = (  # numbers on x86_64 and on aarch64
    (41, 198),  # socket
    (101, 117),  # ptrace
    (310, 270),  # process_vm_readv
    (311, 271),  # process_vm_writev
    (29, 194),  # shmget
    (68, 186),  # msgget
    (64, 190),  # semget
    (319, 279),  # memfd_create
    (250, 219),  # keyctl
    (248, 217),  # add_key
    (249, 218),  # request_key
    (321, 280),  # bpf
    (298, 241),  # perf_event_open
    (323, 282),  # userfaultfd
    (425, 425),  # io_uring_setup
    (165, 40),  # mount
    (166, 39),  # umount2
    (155, 41),  # pivot_root
    (272, 97),  # unshare
    (308, 268),  # setns
    (303, 264),  # name_to_handle_at
    (304, 265),  # open_by_handle_at
    (175, 105),  # init_module
    (313, 273),  # finit_module
    (246, 104),  # kexec_load
)
_SIGNALS = ((200, 130), (129, 138), (297, 240), (424, 424))  # tkill, rt_sigqueueinfo, rt_tgsigqueueinfo, pidfd_send
_KILL, _TGKILL = (62, 129), (234, 131)
_CLONE, _CLONE3 = (56, 220), (435, 435)
_NEW_NAMESPACES = 0x7E020080  # every CLONE_NEW… flag
_X32 = 0x40000000
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCH, _FIRST_ARGUMENT = 0, 4, 16
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2

_libc = ctypes.CDLL(None, use_errno=True)


def filter_calls(*, signals_only_to: int | None) -> None:
    """Filter this process's system calls and those of all that it starts, for good.

    Args:
        signals_only_to: the one process that may be signalled; None: a namespace sees to that.

    Raises:
        OSError: the kernel has no filters, or this kind of processor is unknown to us.
    """
    if platform.machine() not in _ARCHITECTURES:
        raise OSError(errno.ENOSYS, f"no filter for {platform.machine()}")
    arch, column = _ARCHITECTURES[platform.machine()]
    rules = _program(arch, column, signals_only_to)
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(rules), ctypes.addressof(code)))
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if _libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, header, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def can_filter() -> bool:
    """Whether this kernel takes the filter; tried in a child."""
    child = os.fork()
    if child == 0:
        try:
            filter_calls(signals_only_to=os.getpid())
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def _program(arch: int, column: int, signals_only_to: int | None) -> list[tuple[int, int, int, int]]:
    """Berkeley packet filter instructions: code, jump if true, jump if false, operand."""
    denied = (_RETURN, 0, 0, _ERRNO | errno.EPERM)
    rules = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 1, 0, arch),
        denied,
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        denied,
    ]
    numbers = [row[column] for row in _DENIED]
    if signals_only_to is not None:
        numbers += [row[column] for row in _SIGNALS]
    for number in numbers:
        rules += [(_EQUAL, 0, 1, number), denied]
    # The newer form hides its flags behind a pointer: libraries fall back to the older one where there is none.
    rules += [(_EQUAL, 0, 1, _CLONE3[column]), (_RETURN, 0, 0, _ERRNO | errno.ENOSYS)]
    first = (_LOAD, 0, 0, _FIRST_ARGUMENT)
    allowed = (_RETURN, 0, 0, _ALLOW)
    rules += [(_EQUAL, 0, 4, _CLONE[column]), first, (_ANY_BIT, 0, 1, _NEW_NAMESPACES), denied, allowed]
    if signals_only_to is not None:
        for call in (_KILL, _TGKILL):
            rules += [(_EQUAL, 0, 4, call[column]), first, (_EQUAL, 0, 1, signals_only_to), allowed, denied]
    return [*rules, allowed]

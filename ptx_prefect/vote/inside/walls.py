"""The walls around a candidate: namespaces where the kernel grants them, Landlock and limits where it does not."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from dataclasses import dataclass

from ptx_prefect.vote.inside import kernel, seccomp
from ptx_prefect.vote.inside.processes import tasks_of_user

_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
_SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/share/zoneinfo")
_SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/localtime")
# A user of our own, so that limits on processes count nobody else's.
_FIRST_UID = 1_900_000_000
_ROOM_FOR_OTHERS = 48
"""What this user may start meanwhile: other candidates, and whatever else goes on."""
_SCRATCH = ("/tmp", "/var/tmp", "/scratch")  # inside the candidate's own root; `tempfile` finds the first two


@dataclass
class Walls:
    """Which walls stand. What could not be raised is in ``missing``, in words for the rationale.

    ``processes`` is a descriptor of /proc, to look at candidates from outside. ``scratch`` is where each candidate
    gets an empty directory of its own. ``counted``: the kernel's limit on processes counts nobody but candidates.
    """

    pids: bool = False
    files: bool = False
    net: bool = False
    filtered: bool = False
    counted: bool = False
    processes: int | None = None
    uid: int | None = None
    scratch: str = _SCRATCH[0]
    missing: tuple[str, ...] = ()


def raise_walls(root: str, readable: list[str], *, namespaces: bool = True) -> Walls:
    """Enter namespaces of our own, once for all candidates; a kernel that refuses is taken as it is.

    Args:
        root: an empty directory to build the candidates' file system on.
        readable: directories they may import from.
        namespaces: whether to try them at all.
    """
    walls = Walls(filtered=seccomp.can_filter(), processes=_open_directory("/proc"))
    is_root = os.geteuid() == 0
    flags = kernel.CLONE_NEWNS | kernel.CLONE_NEWNET | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS
    try:
        if not namespaces:
            raise OSError("not wanted")
        _enter(flags, is_root)
        walls.net = True
        walls.scratch = _scratch_beside(readable)
        _new_root(root, readable, walls.scratch)
        walls.files = walls.pids = True
    except (OSError, KeyError, AttributeError) as error:
        landlock = kernel.landlock_version()
        stands = ["Landlock"] * (landlock > 0) + ["a filter of system calls"] * walls.filtered + ["limits"]
        walls.missing = (f"no namespaces ({error}); instead: {', '.join(stands)}", *_still_open(walls, landlock))
    if is_root:
        walls.uid = _FIRST_UID + os.getpid()
    walls.counted = is_root or _counts_us_alone()
    if walls.processes is None:
        walls.missing += ("memory and number of a candidate's processes have no common limit (no /proc)",)
    return walls


def _counts_us_alone() -> bool:
    """Whether the limit on processes leaves out this user's others: in a user namespace, since Linux 5.14."""
    child = os.fork()
    if child == 0:
        try:
            resource.setrlimit(resource.RLIMIT_NPROC, (4, 4))
            grandchild = os.fork()
            if grandchild:
                os.waitpid(grandchild, 0)
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def _open_directory(path: str) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None


def _still_open(walls: Walls, landlock: int) -> tuple[str, ...]:
    found = []
    if not walls.files and landlock < 1:
        found.append("files that this user may read are open to candidates")
    if not walls.net and not walls.filtered:
        found.append("the network is open to candidates" if landlock < 4 else "UDP is open to candidates")
    if not walls.pids and landlock < 6 and not walls.filtered:
        found.append("candidates may signal this user's processes")
    return tuple(found)


def _enter(flags: int, is_root: bool) -> None:
    if is_root:
        try:
            kernel.unshare(flags)
            return
        except OSError:
            pass  # root in a container: a user namespace may still be granted
    uid, gid = os.geteuid(), os.getegid()
    kernel.unshare(flags | kernel.CLONE_NEWUSER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        _write(f"/proc/self/{name}", text)


def _scratch_beside(readable: list[str]) -> str:
    """A place that hides none of the libraries: a virtual environment may lie below /tmp."""
    return next(
        place
        for place in _SCRATCH
        if not any(path == place or path.startswith(place + "/") for path in readable) or place == _SCRATCH[-1]
    )


def _new_root(root: str, readable: list[str], scratch: str) -> None:
    """A file system that holds the libraries, read-only, and nothing else."""
    kernel.mount("none", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("tmpfs", root, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "size=1m,mode=755")
    for path in _outermost([*_SYSTEM, *readable]):
        os.makedirs(root + path, exist_ok=True)  # noqa: PTH103
        _bind(path, root + path, kernel.MS_RDONLY | kernel.MS_NOSUID)
    for path in (*_DEVICES, *_SYSTEM_FILES):
        if os.path.exists(path):  # noqa: PTH110  # pathlib is not loaded in the sandbox
            os.makedirs(os.path.dirname(root + path), exist_ok=True)  # noqa: PTH103, PTH120
            _write(root + path, "")
            _bind(path, root + path, kernel.MS_NOSUID | (0 if path in _DEVICES else kernel.MS_RDONLY))
    os.makedirs(root + scratch, exist_ok=True)  # noqa: PTH103
    # It belongs to whoever runs us, and so to candidates where they have no user id of their own.
    sealed = kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV
    kernel.mount("none", root, "", kernel.MS_BIND | kernel.MS_REMOUNT | sealed)
    kernel.enter_root(root)


def _outermost(paths: list[str]) -> list[str]:
    """The real directories among the paths, without those that lie in another of them."""
    kept: list[str] = []
    for path in sorted(path for path in paths if os.path.isdir(path)):  # noqa: PTH112
        if not any(path == other or path.startswith(other + "/") for other in kept):
            kept.append(path)
    return kept


def _bind(source: str, target: str, flags: int) -> None:
    kernel.mount(source, target, "", kernel.MS_BIND | kernel.MS_REC)
    locked = os.statvfs(source).f_flag & (kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
    kernel.mount("none", target, "", kernel.MS_BIND | kernel.MS_REMOUNT | flags | locked)


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:  # noqa: PTH123
        file.write(text)


def seclude(walls: Walls) -> None:
    """Namespaces of one candidate: its processes, its scratch directory. Called before its process is forked."""
    if walls.pids:
        kernel.unshare(kernel.CLONE_NEWPID | kernel.CLONE_NEWNS | kernel.CLONE_NEWIPC)
        kernel.mount("tmpfs", walls.scratch, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "size=32m,mode=777")
    else:
        kernel.adopt_orphans()


def lock_in(walls: Walls, scratch: str, readable: list[str], limits: dict[str, int]) -> None:
    """Called in the candidate's own process, last thing before its code: nothing here can be undone.

    Args:
        scratch: where it may write, if there is no file system of its own.
        limits: ``cpu_s``, ``memory_mb``, ``file_mb``, ``processes``, ``files``.
    """
    os.setsid()
    os.umask(0o077)
    os.chdir(walls.scratch if walls.files else scratch)
    if not walls.files:
        with contextlib.suppress(OSError):  # `Walls.missing` has said so
            kernel.landlock([*readable, *_SYSTEM, *_DEVICES, *_SYSTEM_FILES], [scratch])
    if walls.uid is not None:
        _become(walls.uid)
    kernel.drop_capabilities()
    kernel.no_new_privileges()
    _limit(limits)
    if walls.filtered:
        seccomp.filter_calls(signals_only_to=None if walls.pids else os.getpid())


def _become(uid: int) -> None:
    for number in (uid, 65534):
        try:
            os.setgroups([])
            os.setresgid(number, number, number)
            os.setresuid(number, number, number)
        except OSError:
            continue
        return


def kernel_limit_on(processes: int, walls: Walls) -> int:
    """The limit to set so that a candidate may have so many processes.

    A kernel that counts all of this user's leaves room for theirs and ends only what multiplies; the keeper holds a
    candidate to its own number, a quarter of a second late.
    """
    if walls.counted:
        return processes
    if walls.processes is None:
        return resource.getrlimit(resource.RLIMIT_NPROC)[0]
    return tasks_of_user(os.getuid(), walls.processes) + processes + _ROOM_FOR_OTHERS


def _limit(limits: dict[str, int]) -> None:
    for name, size in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, limits["cpu_s"]),
        (resource.RLIMIT_AS, limits["memory_mb"] << 20),
        (resource.RLIMIT_FSIZE, limits["file_mb"] << 20),
        (resource.RLIMIT_NPROC, limits["processes"]),
        (resource.RLIMIT_NOFILE, limits["files"]),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
    ):
        _, hard = resource.getrlimit(name)
        if size == resource.RLIM_INFINITY:
            continue
        wanted = size if hard == resource.RLIM_INFINITY else min(size, hard)
        resource.setrlimit(name, (wanted, wanted))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file too large is an OSError, not a death

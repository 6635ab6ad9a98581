"""The work of one reading process: scan a share of the files, then resolve them once all interfaces are known."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import tokenize
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

from ptx_prefect.plan.references.facts import FileFacts
from ptx_prefect.plan.references.records import BROKEN, Record, Stamp, record_of_facts, with_references
from ptx_prefect.plan.references.resolve import Resolved, Resolver
from ptx_prefect.plan.references.scan import scan_file

try:
    from ast_serialize import parse as _fast_parse
except ImportError:  # the check is then made by ast alone, about six times slower
    _fast_parse = None  # type: ignore[assignment]

CLOCK_DOUBT_NS = 2_000_000_000
"""What changed less than this before it was read may have changed again within the same tick of the clock."""
_CODING = re.compile(rb"coding[:=]")


def digest_of(content: bytes) -> bytes:
    """Sixteen bytes that identify a file's content."""
    return hashlib.blake2b(content, digest_size=16).digest()


def scan_share(root: Path, files: Iterable[tuple[str, str, bool]]) -> list[tuple[Record, FileFacts | None]]:
    """Records without references, and the facts to resolve them from; no facts for a file that does not parse.

    Args:
        files: (path relative to the root, module name, whether it is a package).
    """
    found: list[tuple[Record, FileFacts | None]] = []
    for path, module, is_package in files:
        try:
            with (root / path).open("rb") as file:
                stamp = stamp_of(os.fstat(file.fileno()))
                content = file.read()
        except OSError as error:
            found.append((Record(path, b"", f"1: cannot be read: {error.strerror}", BROKEN), None))
            continue
        record, facts = _scan_one(content, path, module, is_package)
        found.append((record._replace(stamp=stamp), facts))
    return found


def stamp_of(status: os.stat_result) -> Stamp:
    """Changes whenever the content does, except within the clock's granularity."""
    return status.st_ctime_ns, status.st_size, status.st_ino


def _scan_one(content: bytes, path: str, module: str, is_package: bool) -> tuple[Record, FileFacts | None]:
    digest = digest_of(content)
    try:
        source = decode(content)
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        return Record(path, digest, f"1: {_one_line(error)}", BROKEN), None
    if message := syntax_error(source):
        return Record(path, digest, message, BROKEN), None
    try:
        facts = scan_file(source, path=path, module=module, is_package=is_package)
    except (LookupError, ValueError, RecursionError) as error:  # one odd file must not end the reading of thousands
        return Record(path, digest, f"1: valid, but not understood here: {error!r}", BROKEN), None
    return record_of_facts(facts, digest), facts


def decode(content: bytes) -> str:
    """Source text with ``\\n`` line ends, by the file's own declaration of its encoding."""
    encoding = "utf-8-sig"
    if _CODING.search(content, 0, 300):
        encoding, _ = tokenize.detect_encoding(BytesIO(content).readline)
    source = content.decode(encoding)
    return source.replace("\r\n", "\n").replace("\r", "\n") if "\r" in source else source


def syntax_error(source: str) -> str:
    """``line: message`` when Python cannot parse the source, else nothing.

    A compiled parser looks first; only where it objects is Python's own asked, whose word counts.
    """
    if _fast_parse is not None:
        try:
            if not any(error.get("blocker", True) for error in _fast_parse("", source)[1]):
                return ""
        except Exception:
            pass
    try:
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return f"{getattr(error, 'lineno', None) or 1}: {_one_line(error)}"
    return ""


def resolve_share(resolver: Resolver, share: Iterable[tuple[Record, FileFacts | None]]) -> list[Record]:
    """The records with their references."""
    return [record if facts is None else _resolve_one(resolver, record, facts) for record, facts in share]


def _resolve_one(resolver: Resolver, record: Record, facts: FileFacts) -> Record:
    try:
        return with_references(record, resolver.resolve_file(facts), resolver)
    except (LookupError, ValueError, RecursionError) as error:  # as in `_scan_one`
        odd = Resolved(unresolved={(0, facts.module, f"not understood here: {error!r}"): [1]})
        return with_references(record, odd, resolver)


def _one_line(error: BaseException) -> str:
    message = getattr(error, "msg", None) or str(error)
    return " ".join(str(message).split())

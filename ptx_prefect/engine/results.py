"""A finished (or failed) section as one piece of data: its outcome and the files that its worker left.

JSON inside, compressed, with a digest: nothing is unpickled, and what is damaged counts as absent.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ptx_prefect.engine.keys import canonical_json
from ptx_prefect.engine.storage import Storage
from ptx_prefect.engine.store import Store
from ptx_prefect.errors import RunError
from ptx_prefect.run.outcomes import Done, Outcome, outcome_from_json, outcome_to_json
from ptx_prefect.tree.paths import check_path

LOG = logging.getLogger(__name__)


def pack_result(outcome: Outcome, directory: Path, *, section: str, parts: Mapping[str, str] | None = None) -> bytes:
    """The outcome with the files in ``directory``."""
    files = {
        path.relative_to(directory).as_posix(): base64.b64encode(path.read_bytes()).decode("ascii")
        for path in sorted(directory.rglob("*"))
        if path.is_file() and not path.is_symlink() and not path.name.startswith((".result", "result.json"))
    }
    body = {"section": section, "outcome": outcome_to_json(outcome), "files": files, "parts": dict(parts or {})}
    text = canonical_json({**body, "place": str(directory)})
    return zlib.compress(hashlib.sha256(text.encode()).hexdigest().encode() + text.encode(), 1)


def unpack_result(data: bytes, store: Store, key: str) -> Outcome:
    """The outcome, its files in ``store`` under ``key``; one that is done is kept there as finished.

    Raises:
        RunError: the data is damaged, or the disk is full.
    """
    body = _body(data)
    directory = store.directory(key)
    for name, content in body["files"].items():
        place = directory / check_path(name)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(base64.b64decode(content))
        except OSError as error:
            raise RunError(
                f"cannot write {str(place)!r} ({error.strerror}); free space or set PTX_STATE_DIR"
            ) from error
    # What the outcome says of its files holds here: it named them where the worker had them.
    text = json.dumps(body["outcome"]).replace(json.dumps(body["place"])[1:-1], json.dumps(str(directory))[1:-1])
    outcome = outcome_from_json(json.loads(text))
    if isinstance(outcome, Done):
        store.put(key, outcome, section=body["section"], parts=body["parts"])
    return outcome


def keep_shared(storage: Storage, key: str, data: bytes) -> None:
    """Keep a result in a shared storage. One that cannot be reached costs the sharing, not the work."""
    try:
        storage.write(f"results/{key}", data)
    except Exception as error:
        LOG.warning("the result %s could not be kept in the shared storage: %s", key[:12], error)


def fetch_shared(storage: Storage, store: Store, key: str) -> bool:
    """Bring a result from a shared storage into ``store``; False where there is none that can be trusted."""
    data = storage.read(f"results/{key}")
    if data is None:
        return False
    try:
        return isinstance(unpack_result(data, store, key), Done)
    except RunError:
        store.forget(key)
        return False


def _body(data: bytes) -> dict[str, Any]:
    try:
        text = zlib.decompress(data)
        digest, content = text[:64].decode("ascii"), text[64:]
        if hashlib.sha256(content).hexdigest() != digest:
            raise ValueError("it does not match its digest")
        body: dict[str, Any] = json.loads(content)
    except (zlib.error, ValueError, UnicodeDecodeError) as error:
        raise RunError(f"a result arrived damaged ({error}); run the same task again") from error
    return body

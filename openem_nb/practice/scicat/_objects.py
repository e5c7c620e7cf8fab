"""The object stores behind the archives: presigned addresses, ranges, errors in XML."""

from __future__ import annotations

import datetime as dt
import email.utils
import uuid
from collections import OrderedDict
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote
from xml.sax.saxutils import escape

from openem_nb.practice._answer import Answer, Question
from openem_nb.practice.scicat._hostile import spoiled
from openem_nb.practice.scicat._results import secret_of
from openem_nb.practice.scicat._signing import Ask, Denied, Lent, check
from openem_nb.practice.scicat._store import blocks_of
from openem_nb.practice.scicat._tapes import (
    BUCKETS,
    has_folders,
    located,
    named,
    object_name,
    stored_files,
)
from openem_nb.practice.scicat._tars import TarSource, entries_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from openem_nb.practice._answer import Source
    from openem_nb.practice.scicat.service import ScicatService

__all__ = ["ObjectStore"]

_XML: Final = "application/xml"
_REMEMBERED: Final = 256
"""Layouts of tars that are kept."""
_READING: Final = ("GET", "HEAD")


class ObjectStore:
    """All buckets of a facility.

    Parameters
    ----------
    services :
        The instances whose data sets lie in them.
    """

    def __init__(self, services: Iterable[ScicatService]) -> None:
        self._services = tuple(services)
        self._layouts: OrderedDict[tuple[str, str, str], tuple[Source, str, dict[str, Any]]]
        self._layouts = OrderedDict()

    def answer(self, question: Question) -> Answer:
        """Answer a request below ``/s3/``."""
        try:
            return self._object(question)
        except Denied as denied:
            return _refusal(denied)

    def _object(self, question: Question) -> Answer:
        bucket, _, key = question.raw_path.removeprefix("/s3/").partition("/")
        bucket, key = unquote(bucket), unquote(key)
        if question.method not in _READING:
            raise Denied(405, "MethodNotAllowed", "The method is not allowed here.")
        if bucket not in BUCKETS.values():
            raise Denied(404, "NoSuchBucket", "The specified bucket does not exist.")
        asked = key or question.parameters.get("prefix", "")
        service = self._service_of(bucket, asked)
        ask = Ask(
            question.method, question.raw_path, question.target.partition("?")[2], question.headers
        )
        lent = check(secret_of(service), ask, now=service.clock())
        service.robot.settle()
        if not key:
            return self._listing(service, bucket, asked, lent)
        found = named(bucket, key)
        if found is None:
            raise _no_such_key(key)
        archiver, pid, name = found
        if lent is not None and (lent.pid != pid or lent.operation != "read"):
            raise Denied(403, "AccessDenied", "Access Denied")
        self._check_restored(service, archiver, pid, key)
        source, etag, block = self._layout(service, pid, name, key)
        changed = dt.datetime.fromisoformat(block["createdAt"])
        validators = (etag, email.utils.format_datetime(changed.astimezone(dt.UTC), usegmt=True))
        known = question.headers.get("if-match")
        if known is not None and known.strip() not in ("*", etag):
            words = "At least one of the pre-conditions you specified did not hold"
            raise Denied(412, "PreconditionFailed", words)
        return Answer(200, b"", "application/x-tar", {}, validators, source)

    def _service_of(self, bucket: str, key: str) -> ScicatService:
        prefix = "openem-network/datasets/" if bucket == BUCKETS["ETHZ"] else ""
        for service in self._services:
            if key.startswith(f"{prefix}{service.prefix}/"):
                return service
        raise _no_such_key(key)

    def _check_restored(self, service: ScicatService, archiver: str, pid: str, key: str) -> None:
        state = service.robot.restored(archiver, pid)
        if state == "ready":
            return
        if archiver == "PSI":  # nothing is there before it is retrieved, nor after a month
            raise _no_such_key(key)
        words = "The operation is not valid for the object's storage class"
        raise Denied(403, "InvalidObjectState", words, {"StorageClass": "GLACIER"})

    def _layout(
        self, service: ScicatService, pid: str, name: str, key: str
    ) -> tuple[Source, str, dict[str, Any]]:
        """Return an object's bytes, its tag and its block."""
        place = (service.name, pid, name)
        if place in self._layouts:
            return self._layouts[place]
        block = next(
            (
                block
                for block in blocks_of(service.store, "datablocks", pid, checks=False)
                if object_name(block) == name
            ),
            None,
        )
        if block is None:
            raise _no_such_key(key)
        tar = TarSource(entries_of(pid, stored_files(block), folders=has_folders(block)))
        kind = (service.store.peek("hostile", block["archiveId"]) or {}).get("kind", "")
        source = spoiled(tar, kind) if kind else tar
        found = source, tar.etag, block
        self._layouts[place] = found
        while len(self._layouts) > _REMEMBERED:
            self._layouts.popitem(last=False)
        return found

    def _listing(
        self, service: ScicatService, bucket: str, prefix: str, lent: Lent | None
    ) -> Answer:
        """List the objects of one data set, as far as lent keys reach."""
        pid = prefix.rstrip("/")
        if lent is None or prefix != f"{lent.pid}/" or bucket != BUCKETS["PSI"]:
            raise Denied(403, "AccessDenied", "Access Denied")
        rows = []
        if service.robot.restored("PSI", pid) == "ready":
            for block in blocks_of(service.store, "datablocks", pid, checks=False):
                source, etag, _ = self._layout(service, pid, object_name(block), prefix)
                rows.append(
                    f"<Contents><Key>{escape(located('PSI', block)[1])}</Key>"
                    f"<LastModified>{block['createdAt']}</LastModified>"
                    f"<ETag>{escape(etag)}</ETag><Size>{source.size}</Size>"
                    "<StorageClass>STANDARD</StorageClass></Contents>"
                )
        text = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>{bucket}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(rows)}"
            f"</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>{''.join(rows)}"
            "</ListBucketResult>"
        )
        return Answer(200, text.encode(), _XML)


def _no_such_key(key: str) -> Denied:
    return Denied(404, "NoSuchKey", "The specified key does not exist.", {"Key": key})


def _refusal(denied: Denied) -> Answer:
    elements: Mapping[str, str] = {
        "Code": denied.code,
        "Message": denied.message,
        **denied.details,
        "RequestId": uuid.uuid4().hex[:16].upper(),
        "HostId": "practice",
    }
    inner = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in elements.items())
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>'
    return Answer(denied.status, text.encode(), _XML)

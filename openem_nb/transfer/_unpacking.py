"""One archive on its way: what of it is there already, and what comes next."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from openem_nb.errors import BadAnswer, ChecksumMismatch
from openem_nb.transfer._admission import Admission, Claims, Refused
from openem_nb.transfer._checksum import Checksum, Digest
from openem_nb.transfer._disk import writing
from openem_nb.transfer._journal import Journal
from openem_nb.transfer._names import inside, plain
from openem_nb.transfer._source import Source
from openem_nb.transfer._stream import Changed, Stream, wrong_size
from openem_nb.transfer._tar import Damaged, Header, read_header, said

if TYPE_CHECKING:
    from io import FileIO
    from pathlib import Path

    from openem_nb.transfer._meter import Meter
    from openem_nb.transfer._source import Patience
    from openem_nb.transfer.archives import Archive
    from openem_nb.transfer.manifest import Manifest

__all__ = ["Brought", "Unpacking"]

_TRIES: Final = 2
"""How often a header or a member is fetched before it is taken for what the archive really has."""
_CHANGES: Final = 3
"""How often an archive may turn out to be another one before it is given up."""
_FLAGS: Final = (
    os.O_RDWR
    | os.O_CREAT
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


@dataclass(frozen=True, slots=True)
class Brought:
    """One file that is there and verified."""

    path: Path
    size: int
    checksum: Checksum | None


class Unpacking:
    """The unpacking of one archive; :meth:`run` does it, or goes on with it."""

    def __init__(
        self,
        archive: Archive,
        meter: Meter,
        manifest: Manifest,
        claims: Claims,
        patience: Patience | None = None,
    ) -> None:
        self.archive = archive
        self.meter = meter
        self.manifest = manifest
        self.admission = Admission(archive, claims)
        self.received = 0
        """Bytes that came over the network."""
        self._source = Source(archive.url, archive.name, meter, patience)
        self._title = manifest.name(self.admission.root / archive.name)
        self._counted = 0
        self._done: dict[str, Brought] = {}
        self._faults: Counter[str] = Counter()
        self._fault: ChecksumMismatch | None = None

    @property
    def expected(self) -> int | None:
        """Bytes that will be counted for this archive."""
        wanted = self.admission.wanted()
        if wanted is None:
            return self.archive.packed_size
        return sum(member.size for member in wanted.values())

    def missing(self) -> int:
        """Return the bytes that are not on disk yet, as far as that is known without asking."""
        wanted = self.admission.wanted()
        if wanted is None:
            return 0 if self._all_known() else self.archive.packed_size or 0
        return sum(one.size for name, one in wanted.items() if not self._is_known(name, one.size))

    def _is_known(self, name: str, size: int) -> bool:
        path, promised = self.admission.path(name), self.admission.promised(name)
        return self.manifest.knows(path, promised, size=size)

    def _all_known(self) -> list[Brought] | None:
        """Return all files if nothing has to be fetched."""
        wanted = self.admission.wanted()
        if wanted is not None:
            if not all(self._is_known(name, one.size) for name, one in wanted.items()):
                return None
            return [
                Brought(self.admission.path(name), one.size, one.checksum)
                for name, one in wanted.items()
            ]
        found = self.manifest.members(self._title)
        if found is None or not self.admission.everything:
            return None
        files = [Brought(self.manifest.folder / one.path, one.size, None) for one in found]
        return files if all(self.manifest.knows(file.path) for file in files) else None

    def run(self) -> list[Brought]:
        """Bring all wanted files and return them."""
        self.meter.check()
        try:
            self.admission.check_list()
            known = self._all_known()
            if known is not None:
                Journal.clear(self.admission.root, self.archive.name)
                self._count(sum(file.size for file in known), earlier=True)
                self.meter.finished(len(known))
                return known
            with Journal.opened(self.admission.root, self.archive.name) as journal:
                self._run(journal)
        except Refused as refused:
            raise refused.error from None
        if self.expected is not None:
            self._count(self.expected - self._counted, earlier=True)  # headers, where they count
        return list(self._done.values())

    def _run(self, journal: Journal) -> None:
        for _ in range(_CHANGES):
            try:
                self._work(journal)
            except Changed:
                self._forget(journal)
            except Refused:
                journal.remove()
                raise
            else:
                break
        else:
            raise BadAnswer(
                f"{self.archive.name} is another archive each time it is asked for.",
                hint="Somebody may be writing it; try again later.",
            )
        if self._fault is not None:  # what is known of the archive helps to fetch it again
            self._fault.hint = "Run it again; only what is wrong is fetched anew."
            raise self._fault
        if self.admission.listed is None and self.admission.everything:
            self.manifest.finish(self._title, len(self._done))
        else:
            self.manifest.flush()
        journal.remove()

    def _forget(self, journal: Journal) -> None:
        journal.reset()
        self.admission.forget()
        self._count(-self._counted)
        self.meter.finished(-len(self._done))
        self._done.clear()

    def _work(self, journal: Journal) -> None:
        if journal.key not in (None, self._source.key):
            raise Changed
        for header in journal.headers.values():
            self.admission.admit(header)
        self._recall(journal)
        total = journal.total if self.archive.packed_size is None else self.archive.packed_size
        if journal.total not in (None, total):  # what is known of the archive stays for better days
            raise wrong_size(self.archive.name, journal.total, total)
        with Stream(self._source, journal.known, total) as stream:
            try:
                parts = journal.parts()
                # in the order of the archive, so that nothing of it has to come twice
                for at, header in sorted(journal.headers.items()):
                    if self._is_due(header):  # the last one flows into what was not read yet
                        alone = header.next < journal.front
                        self._bring(header, stream, journal, alone=alone)
                    elif at in parts:
                        with writing(journal.path):
                            parts[at].unlink()
                self._scan(stream, journal)
                self._fetch_again(stream, journal)
            finally:
                self.received += stream.received
        self.admission.check_whole()

    def _recall(self, journal: Journal) -> None:
        """Find out which members are there, from the manifest or by reading them again."""
        for header in journal.headers.values():
            if not self._is_due(header):
                continue
            name = plain(header.name)
            if self._is_known(name, header.size):
                self._finish(header)
            elif header.at in journal.whole and self._is_same(header):
                self.manifest.add(
                    self.admission.path(name), self.admission.promised(name), archive=self._title
                )
                self._finish(header)

    def _is_due(self, header: Header) -> bool:
        """Whether a member is wanted and not there yet."""
        name = plain(header.name)
        return header.kind == "file" and self.admission.wants(name) and name not in self._done

    def _is_same(self, header: Header) -> bool:
        """Whether a file that got its name shortly before a crash is what it should be."""
        name = plain(header.name)
        path, promised = self.admission.path(name), self.admission.promised(name)
        try:
            found = path.lstat()
        except OSError:
            return False
        if (found.st_size, found.st_mtime_ns) != (header.size, _nanoseconds(header.mtime)):
            return False
        return promised is None or promised == Checksum.of(
            path, algorithm=promised.algorithm, check=self.meter.check
        )

    def _scan(self, stream: Stream, journal: Journal) -> None:
        """Go through the archive from where the last call stopped."""
        while not journal.ended:
            stream.seek(journal.front)
            header = self._header(stream, journal)
            if header is None:
                journal.end()
                return
            self.admission.admit(header, stream.total)
            journal.member(header)
            name = plain(header.name)
            if header.kind == "folder":
                if self.admission.everything and name:
                    inside(self.admission.root, f"{name}/below")
            elif self.admission.wants(name):
                if self._is_known(name, header.size):
                    self._finish(header)
                else:
                    self._bring(header, stream, journal)

    def _header(self, stream: Stream, journal: Journal) -> Header | None:
        """Read the next header; None at the end of the archive."""
        if stream.total is not None and 0 < stream.total <= journal.front:
            if self.admission.listed is None:
                raise self.admission.refusal("it has no end and may be cut off")
            return None
        for left in reversed(range(_TRIES)):
            try:
                header = read_header(stream.read, journal.front)
            except Damaged as error:
                if not left:
                    raise Refused(
                        BadAnswer(
                            f"{self.archive.name} is no whole tar archive. {error}",
                            hint="Ask the archive to make it again.",
                        )
                    ) from error
                stream.again(journal.front)  # it may have been damaged on its way
            else:
                if journal.key is None:
                    journal.begin(self._source.key, stream.known, stream.total)
                return header
        raise AssertionError("the last attempt returns or raises")

    def _fetch_again(self, stream: Stream, journal: Journal) -> None:
        """Fetch what is not there although the archive was gone through, each file alone."""
        for _ in range(_TRIES):
            for header in list(journal.headers.values()):
                if self._is_due(header) and self._faults[plain(header.name)] < _TRIES:
                    self._bring(header, stream, journal, alone=True)

    def _bring(
        self, header: Header, stream: Stream, journal: Journal, *, alone: bool = False
    ) -> None:
        """Bring one member to disk, from where its part ends."""
        name = plain(header.name)
        promised, part = self.admission.promised(name), journal.part(header)
        target = self.admission.path(name)
        inside(self.admission.root, target.relative_to(self.admission.root).as_posix())
        before = self._counted
        with Digest(promised.algorithm if promised else None) as digest:
            with writing(part):
                descriptor = os.open(part, _FLAGS, 0o666)
            with os.fdopen(descriptor, "r+b", buffering=0) as handle:
                self._receive(header, stream, handle, digest, alone=alone)
            try:
                digest.demand(promised, f"{self.archive.name}, member {said(header.name)},")
            except ChecksumMismatch as error:
                self._faults[name] += 1
                if self._faults[name] >= _TRIES and self._fault is None:
                    self._fault = error
                self._count(before - self._counted)
                with writing(part):
                    part.unlink()
                return
        with writing(target):
            moment = _nanoseconds(header.mtime)
            os.utime(part, ns=(moment, moment))
            journal.verified(header)
            part.replace(target)
        self.manifest.add(target, promised, archive=self._title)
        self._done[name] = Brought(target, header.size, promised)
        self.meter.finished()

    def _receive(
        self, header: Header, stream: Stream, handle: FileIO, digest: Digest, *, alone: bool
    ) -> None:
        have = handle.seek(0, os.SEEK_END)
        if have > header.size:
            have = 0
            handle.truncate(0)
        digest.catch_up(handle, have, self.meter.check)
        self._count(have, earlier=True)
        handle.seek(have)

        def write(piece: memoryview) -> None:
            digest.update(piece)
            size, rest = len(piece), piece
            with writing(self.admission.path(plain(header.name))):
                while rest:
                    rest = rest[handle.write(rest) :]
            self._count(size)

        stream.seek(header.data + have, until=header.data + header.size if alone else None)
        left = header.size - have
        if stream.copy(left, write) < left:
            raise self.admission.refusal(f"it ends within its member {said(header.name)}")

    def _finish(self, header: Header) -> None:
        """Note that a member was there already."""
        name = plain(header.name)
        promised = self.admission.promised(name)
        self._done[name] = Brought(self.admission.path(name), header.size, promised)
        self._count(header.size, earlier=True)
        self.meter.finished()

    def _count(self, size: int, *, earlier: bool = False) -> None:
        self._counted += size
        self.meter.add(size, earlier=earlier)


def _nanoseconds(seconds: float) -> int:
    """Return a time as the file system keeps it; whole seconds exactly."""
    return round(seconds * 1_000_000_000)

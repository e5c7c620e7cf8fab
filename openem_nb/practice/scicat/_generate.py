"""Draw the data sets of an EM facility: each from its number alone, when it is first looked at."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from openem_nb.practice._volumes import png
from openem_nb.practice.scicat._metadata import metadata
from openem_nb.practice.scicat._micrographs import checksum
from openem_nb.practice.scicat._tars import Entry, packed_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Generator", "Shape", "moment", "shape_of"]

_LAST: Final = dt.datetime(2026, 11, 20, 18, tzinfo=dt.UTC)
_INSTRUMENTS: Final = ("KRIOS1", "KRIOS2", "GLACIOS1", "TALOS1", "TITAN1", "AQUILOS2")
_SPECIMENS: Final = (
    *("apoferritin", "ribosome 70S", "TMEM16F", "GPCR complex", "ATP synthase", "proteasome"),
    *("tubulin", "adenovirus", "spliceosome", "photosystem II", "yeast lamella", "zeolite"),
)
_PEOPLE: Final = ("Ada Keller", "Ben Rossi", "Chiara Meier", "Jonas Zürcher", "Élodie Favre")
_PARTS: Final = ("origdatablocks", "datablocks", "attachments")
_SAMPLES: Final = 300
_DIRTY: Final = (
    "<script>alert('name')</script> grid",
    "../../outside the folder",
    "right to left \u202egnp.exe",
    "two\nlines\r\nand a tab\t",
)
_DIRTY_PATHS: Final = (
    "../outside_{:03d}.mrc",
    "<b>bold</b>_{:03d}.mrc",
    "line\nbreak_{:03d}.mrc",
    "\u202egpj_{:03d}.mrc",
)


def moment(when: dt.datetime) -> str:
    """Return a moment as the services write it."""
    return when.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class Shape:
    """The files of a data set: how many, how large, how they lie in blocks and on tape."""

    files: int
    size: int
    """Bytes of each file."""
    blocks: int = 1
    """Orig data blocks."""
    tars: int = 0
    """Data blocks on tape; 0 where nothing is archived."""
    path: str = "Images/micrograph_{:06d}.mrc"
    checks: bool = True
    """Whether the data blocks hold checksums of the files."""

    @property
    def packed(self) -> int:
        """Return the bytes of all tars: a header before each file, whole records of 10 KiB."""
        return sum(
            self.packed_size(*self.span(number, self.tars or 1)) for number in range(self.tars or 1)
        )

    def span(self, number: int, of: int) -> tuple[int, int]:
        """Return the first file of a block and the one behind its last."""
        return self.files * number // of, self.files * (number + 1) // of

    def packed_size(self, first: int, end: int) -> int:
        """Return the bytes of a tar of some of the files."""
        if not self.path.isascii():  # such names need a longer header
            paths = (self.path.format(number) for number in range(first, end))
            return packed_size(((path, self.size, 0) for path in paths), folders=False)
        header = Entry(self.path.format(first), self.size).header_size
        each = header + -(-self.size // 512) * 512
        return -(-((end - first) * each + 1024) // 10240) * 10240


def shape_of(dataset: Mapping[str, Any]) -> Shape:
    """Return how the files of a data set lie; it is part of the stored document."""
    return Shape(**dataset["_shape"]) if "_shape" in dataset else Shape(0, 0, 0)


class _Blocks(Sequence[dict[str, Any]]):
    """Blocks that are made when they are read."""

    def __init__(self, dataset: Mapping[str, Any], make: Any, length: int) -> None:
        self._dataset, self._make, self._length = dataset, make, length

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [self._make(self._dataset, number) for number in range(len(self))[at]]
        return self._make(self._dataset, range(self._length)[at])


class Generator:
    """The documents of one instance as drawn from a seed.

    Parameters
    ----------
    instance :
        Name of the instance; two of the same seed hold different data sets.
    count :
        Number of data sets.
    seed :
        The same seed gives the same data sets.
    prefix :
        What PIDs begin with.
    letter :
        What the names of the groups begin with.
    storage :
        Name of the archive.
    """

    def __init__(
        self, *, instance: str, count: int, seed: int, prefix: str, letter: str, storage: str
    ) -> None:
        self.count = count
        self._prefix, self._letter, self._storage = prefix, letter, storage
        self._seed = f"{instance} {seed}"
        self._site = "PSI/EMF" if storage == "PSI" else "ETHZ/SCOPEM"
        self._made: list[tuple[str, dict[str, Any]]] = []
        self._making = threading.Lock()

    def pid(self, index: int) -> str:
        """Return the PID of a data set; its number can be read from it."""
        digest = hashlib.sha1(f"{self._seed} {index}".encode()).hexdigest()  # noqa: S324
        return (
            f"{self._prefix}/{digest[:4]}{index:04x}-{digest[4:8]}-4{digest[8:11]}-"
            f"a{digest[11:14]}-{digest[14:26]}"
            if index < 65536
            else f"{self._prefix}/{digest[:2]}{index:06x}-{digest[4:8]}-4{digest[8:11]}-"
            f"b{digest[11:14]}-{digest[14:26]}"
        )

    def get(self, collection: str, key: str) -> dict[str, Any] | None:
        """Return a drawn document, None where there is none."""
        if collection == "datasets":
            index = self._index(key)
            return None if index is None else self._upto(index + 1)[index][1]
        if collection in ("instruments", "proposals", "samples"):
            return dict(self.all(collection)).get(key)
        if collection in _PARTS and key[:8].isalnum():
            found = self._numbers(key)
            if found is None:
                return None
            blocks = self.blocks(collection, self._upto(found[0] + 1)[found[0]][1])
            if found[1] < len(blocks) and blocks[found[1]]["_id"] == key:
                return dict(blocks[found[1]])
        return None

    def all(self, collection: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield key and document of what was drawn, in the order of creation."""
        if collection == "datasets":
            yield from self._upto(self.count)[: self.count]
        elif collection in _PARTS:
            for _, dataset in self._upto(self.count)[: self.count]:
                for block in self.blocks(collection, dataset):
                    yield block["_id"], block
        elif collection == "instruments":
            for name in _INSTRUMENTS:
                yield name, _instrument(name, self._site)
        elif collection == "proposals":
            for number in range(20001, 20013):
                yield f"{self._letter}{number}", _proposal(f"{self._letter}{number}", number)
        elif collection == "samples":
            for number in range(_SAMPLES):
                group = f"{self._letter}{20001 + number % 12}"
                yield f"sample-{number:03d}", _sample(number, group)

    def blocks(self, collection: str, dataset: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
        """Return the blocks of a data set, each made when it is read."""
        shape = shape_of(dataset)
        if collection == "origdatablocks":
            return _Blocks(dataset, self._orig_block, shape.blocks)
        if collection == "datablocks":
            return _Blocks(dataset, self._tape_block, shape.tars)
        if collection == "attachments":
            return _Blocks(dataset, self._attachment, dataset.get("_pictures", 0))
        return []

    def _index(self, pid: str) -> int | None:
        digits = pid.removeprefix(f"{self._prefix}/")[:8]
        for text in (digits[4:], digits[2:]):
            try:
                index = int(text, 16)
            except ValueError:
                return None
            if index < self.count and self.pid(index) == pid:
                return index
        return None

    @staticmethod
    def _numbers(key: str) -> tuple[int, int] | None:
        try:
            return int(key[:8], 16), int(key[8:16], 16)
        except ValueError:
            return None

    def _upto(self, count: int) -> list[tuple[str, dict[str, Any]]]:
        made = self._made
        if len(made) < count:
            with self._making:
                for index in range(len(made), min(count, self.count)):
                    made.append((self.pid(index), self._dataset(index)))
        return made

    def draw(self, pid: str, shape: Shape, group: str, now: str) -> dict[str, Any]:
        """Return a further data set of a given shape, as one of now."""
        document = self._dataset(0, shape)
        document |= {"_id": pid, "pid": pid, "ownerGroup": group, "proposalIds": [group]}
        document |= dict.fromkeys(("creationTime", "endTime", "createdAt", "updatedAt"), now)
        document |= {"datasetName": f"added {pid[-12:]}", "accessGroups": [], "sharedWith": []}
        document["sourceFolder"] = f"/data/added/{group}/{pid[-12:]}"
        return document

    def _dataset(self, index: int, given: Shape | None = None) -> dict[str, Any]:
        rng = random.Random(f"{self._seed} {index}")
        drawn, published = _special(index, rng)
        shape = given or drawn
        instrument = rng.choice(_INSTRUMENTS)
        specimen = "apoferritin" if index == 0 else rng.choice(_SPECIMENS)
        method = rng.choices(("SPA", "tomography", "STEM"), (6, 3, 2))[0]
        derived = index % 5 == 4
        group = f"{self._letter}{20001 + (index % 3 if index < 12 else rng.randrange(12))}"
        # evenly over three years, some at the very same moment as their neighbours
        minutes = (self.count - index - (index % 17 == 3)) * 1_500_000 // max(1, self.count)
        created = _LAST - dt.timedelta(minutes=minutes)
        when = moment(created)
        stored = moment(min(_LAST, created + dt.timedelta(hours=rng.randrange(2, 900))))
        name = f"{specimen} {method} {instrument} {index:05d}"
        if index % 97 == 11:
            name = f"{_DIRTY[index % 4]} {index}"
        owner = rng.choice(_PEOPLE)
        pid = self.pid(index)
        document: dict[str, Any] = {
            "_id": pid,
            "pid": pid,
            "type": "derived" if derived else "raw",
            "datasetName": name,
            "description": f"{method} of {specimen} on {instrument}. Practice data.",
            "owner": owner,
            "ownerEmail": f"{owner.split()[0].lower()}@practice.example",
            "contactEmail": f"{owner.split()[0].lower()}@practice.example",
            "ownerGroup": group,
            "accessGroups": ["emf-krios"] if rng.random() < 0.2 else [],
            "sharedWith": ["ben@practice.example"] if rng.random() < 0.02 else [],
            "isPublished": published,
            "sourceFolder": f"/data/{instrument.lower()}/{group}/{created:%Y%m%d}_{index:05d}",
            "size": shape.files * shape.size,
            "packedSize": shape.packed if shape.tars else 0,
            "numberOfFiles": shape.files,
            "numberOfFilesArchived": shape.files if shape.tars else 0,
            "creationTime": when,
            "endTime": moment(min(_LAST, created + dt.timedelta(hours=rng.randrange(1, 30)))),
            "keywords": [method, specimen, *(("cryo-EM",) if method != "STEM" else ("EDX",))],
            "principalInvestigators": [rng.choice(_PEOPLE)],
            "proposalIds": [None] if index % 41 == 5 else [group],
            "sampleIds": [f"sample-{index % _SAMPLES:03d}"],
            "instrumentIds": [instrument],
            "inputDatasets": [self.pid(index - 1)] if derived else [],
            "usedSoftware": ["RELION 5.0"] if derived else [],
            "techniques": [{"pid": f"practice/{method}", "name": method}],
            "classification": "IN=medium,AV=low,CO=low",
            "license": "CC BY-SA 4.0",
            "dataFormat": "mrc",
            "relationships": [self._relation(index - 1)] if derived else [],
            "scientificMetadata": metadata(rng, method, instrument, specimen),
            "datasetlifecycle": self._lifecycle(index, rng, stored, on_tape=shape.tars > 0),
            "createdBy": "ingestor",
            "updatedBy": "ingestor",
            "createdAt": stored,
            "updatedAt": stored,
            "version": "3",
            "__v": 0,
            "_shape": vars(shape),
            "_pictures": 0 if given else 12 if index == 4 else int(index % 3 == 0),
        }
        if derived:
            document["investigator"] = document["principalInvestigators"][0]
        else:
            document["creationLocation"] = f"/{self._site}/{instrument}"
        if index % 53 == 7:  # not all who ingest fill in everything
            for missing in ("description", "ownerEmail", "endTime", "license"):
                del document[missing]
        return document

    def _relation(self, index: int) -> dict[str, Any]:
        """Return a reference to another data set; the schema of these has changed."""
        pid = self.pid(index)
        if self._storage == "ETHZ":
            return {"pid": pid, "relationship": "IsDerivedFrom"}
        kind = {"identifierType": "Other", "relationship": "IsDerivedFrom", "entityType": "Other"}
        return {"identifier": pid, **kind}

    def _lifecycle(
        self, index: int, rng: random.Random, stored: str, *, on_tape: bool
    ) -> dict[str, Any]:
        location = rng.choice((None, self._storage)) if on_tape else None
        failed = not on_tape and index % 29 == 13
        busy = not on_tape and index % 31 == 17
        archived = "scheduledForArchiving" if busy else "datasetCreated"
        if on_tape:
            archived = "datasetOnArchiveDisk"
        elif failed:
            archived = "scheduleArchiveJobFailed"
        return {
            "archivable": not on_tape and not busy,
            "retrievable": on_tape,
            "publishable": False,
            "isOnCentralDisk": not on_tape,
            "archiveStatusMessage": archived,
            "retrieveStatusMessage": "",
            "retrieveIntegrityCheck": False,
            "publishedOn": "2026-11-02T04:00:00.000Z",
            "dateOfDiskPurging": "2026-11-02T04:00:00.000Z",
            "archiveRetentionTime": "2036-11-02T00:00:00.000Z",
            "dateOfPublishing": "2029-11-02T00:00:00.000Z",
            **({"storageLocation": location} if location else {}),
        }

    def _files(self, dataset: Mapping[str, Any], first: int, end: int) -> list[dict[str, Any]]:
        shape = shape_of(dataset)
        return [
            {"path": shape.path.format(number), "size": shape.size, "time": dataset["creationTime"]}
            for number in range(first, end)
        ]

    def _block(self, dataset: Mapping[str, Any], number: int, kind: str) -> dict[str, Any]:
        start = hashlib.sha1(f"{dataset['pid']} {kind}".encode()).hexdigest()  # noqa: S324
        index = self._index(dataset["pid"])
        return {
            "_id": f"{0xFFFFFFFF if index is None else index:08x}{number:08x}{start[:8]}",
            "datasetId": dataset["pid"],
            "ownerGroup": dataset["ownerGroup"],
            "accessGroups": dataset["accessGroups"],
            "isPublished": False,  # never set when the data set is published
            "createdBy": "ingestor",
            "updatedBy": "ingestor",
            "createdAt": dataset["createdAt"],
            "updatedAt": dataset["createdAt"],
        }

    def _attachment(self, dataset: Mapping[str, Any], number: int) -> dict[str, Any]:
        pid, block = dataset["pid"], self._block(dataset, number, "attachments")
        target = {"targetId": pid, "targetType": "dataset", "relationType": "is attached to"}
        index = self._index(pid) or 0
        return {
            **block,
            "id": block["_id"],
            "aid": block["_id"],
            "caption": f"Average of picked particles {number + 1}",
            "thumbnail": _picture((index + number) % 16),
            "relationships": [target],
        }

    def _orig_block(self, dataset: Mapping[str, Any], number: int) -> dict[str, Any]:
        shape = shape_of(dataset)
        first, end = shape.span(number, shape.blocks)
        return {
            **self._block(dataset, number, "origdatablocks"),
            "size": (end - first) * shape.size,
            "dataFileList": self._files(dataset, first, end),
        }

    def _tape_block(self, dataset: Mapping[str, Any], number: int) -> dict[str, Any]:
        shape = shape_of(dataset)
        first, end = shape.span(number, shape.tars)
        algorithm = "sha1" if self._storage == "PSI" else "md5"
        files = self._files(dataset, first, end)
        if shape.checks:
            for file in files:
                file["chk"] = checksum(algorithm, dataset["pid"], file["path"], file["size"])
        pid = dataset["pid"]
        archive = (
            f"{pid.rpartition('/')[2]}-{number + 1}.tar"
            if self._storage == "PSI"
            else f"openem-network/datasets/{pid}/datablocks/{pid.replace('/', '-')}_{number}.tar"
        )
        return {
            **self._block(dataset, number, "datablocks"),
            "archiveId": f"/lts/{archive}" if self._storage == "PSI" else archive,
            "size": (end - first) * shape.size,
            "packedSize": shape.packed_size(first, end),
            "chkAlg": algorithm,
            "version": "1.0",
            "dataFileList": files,
        }


_SPECIAL: Final = (
    (Shape(6, 525312, tars=2), True),
    (Shape(500_000, 2048, blocks=105, path="Data/{:06d}.mrc"), True),
    (Shape(260, 4096, blocks=2, tars=130), True),
    (Shape(240, 8192, blocks=120, tars=2), False),
    (Shape(4, 500_000_000, tars=4, path="Frames/movie_{:04d}.mrc"), False),
    *((Shape(4, 132_096, tars=1, path=path), False) for path in _DIRTY_PATHS),
)


def _special(index: int, rng: random.Random) -> tuple[Shape, bool]:
    """Return the shape of a data set and whether it is public; the first ones are the hard ones."""
    if index < len(_SPECIAL):
        return _SPECIAL[index]
    edge = rng.choice((256, 360, 512, 640))
    files = rng.randrange(1, 13)
    tars = rng.choice((0, 1, 1, 2)) if files > 1 else rng.choice((0, 1))
    return Shape(files, 1024 + edge * edge * 2, min(files, 2), tars), rng.random() < 0.4


@lru_cache(maxsize=16)
def _picture(seed: int) -> str:
    return "data:image/png;base64," + base64.b64encode(png(96, seed)).decode()


def _owned(key: str, group: str) -> dict[str, Any]:
    return {
        "_id": key,
        "ownerGroup": group,
        "accessGroups": [],
        "isPublished": False,
        **_recorded(),
    }


def _recorded() -> dict[str, Any]:
    when = "2024-01-08T08:00:00.000Z"
    return {"createdBy": "admin", "updatedBy": "admin", "createdAt": when, "updatedAt": when}


def _proposal(key: str, number: int) -> dict[str, Any]:
    """Return a proposal; every third one has no times, as happens."""
    first, last = _PEOPLE[number % len(_PEOPLE)].split()
    mail = f"{first.lower()}@practice.example"
    times = {"startTime": "2024-02-01T00:00:00.000Z", "endTime": "2026-12-31T00:00:00.000Z"}
    return {
        **_owned(key, key),
        "proposalId": key,
        "title": f"Practice proposal {number}: {_SPECIMENS[number % len(_SPECIMENS)]}",
        "email": mail,
        "pi_email": mail,
        "pi_firstname": first,
        "pi_lastname": last,
        **(times if number % 3 else {}),
    }


def _sample(number: int, group: str) -> dict[str, Any]:
    specimen = _SPECIMENS[number % len(_SPECIMENS)]
    return {
        **_owned(f"sample-{number:03d}", group),
        "sampleId": f"sample-{number:03d}",
        "sampleName": f"{specimen} {number}",
        "owner": _PEOPLE[number % len(_PEOPLE)],
        "description": f"Grid of {specimen}. Practice data.",
        "sampleCharacteristics": {},
    }


def _instrument(name: str, site: str) -> dict[str, Any]:
    return {
        "_id": name,
        "pid": name,
        "uniqueName": f"{site}/{name}",
        "name": name,
        "customMetadata": {"institute": site.partition("/")[0]},
        **_recorded(),
    }

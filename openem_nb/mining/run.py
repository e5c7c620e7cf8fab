"""Measure the files of a folder or data set, once each, on whatever there is to do it with."""

from __future__ import annotations

import hashlib
import math
import queue
import re
from concurrent.futures import CancelledError
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from openem_nb import jobs, settings
from openem_nb.errors import CannotWrite
from openem_nb.mining.engines import check, engine
from openem_nb.mining.mined import Mined
from openem_nb.mining.parameters import DEFAULT, Parameters, arguments
from openem_nb.mining.sources import source_of
from openem_nb.mining.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from openem_nb.jobs import Progress
    from openem_nb.mining.engines import Engine, Pending
    from openem_nb.mining.files import ImageFile
    from openem_nb.mining.sources import Source

__all__ = ["default_folder", "mine"]

_FLYING: Final = 4
"""Tasks per worker that are handed out at once: enough that none waits, and few enough that a
scheduler is not flooded by a hundred thousand files."""
_TASKS: Final = 300
"""Tasks a second that a scheduler is asked for at most; it is busy for 2 ms with each."""
_TASK: Final = 0.2
"""Seconds that a task takes at least, so that it is worth handing out."""
_QUICK: Final = frozenset({"thumbnail", "statistics"})
_SECONDS: Final = {True: 0.03, False: 0.25}
"""About how long a file takes with quick measurements only, and with others."""
_LOOK: Final = 0.2
"""Seconds after which is looked whether somebody wants to stop."""


def mine(
    source: Any,
    *,
    measures: Iterable[str] | str = DEFAULT,
    voltage: float | None = None,
    cs: float | None = None,
    pixel_size: float | None = None,
    amplitude_contrast: float = 0.07,
    phase_plate: bool = False,
    defocus: tuple[float, float] | None = None,
    quick: bool = False,
    dose: float | None = None,
    gain: Path | str | None = None,
    flip_rotate: str = "",
    size: int = 256,
    pattern: str | None = None,
    out: Path | str | None = None,
    cluster: Any = None,
    workers: int | None = None,
    options: Mapping[str, Any] | None = None,
    retry: bool = False,
    on_rows: Callable[[list[dict[str, Any]]], None] | None = None,
    progress: Progress | None = None,
    wait: bool = True,
) -> Mined:
    """Measure every image of a data set: one row for each, in a table that grows while it runs.

    Each row is written down at once. Started again, only files that are new, have changed, or could
    not be measured by an accident are measured: whatever ended the run before, also the power. The
    table does not depend on the order in which files were measured, nor on where.

    Parameters
    ----------
    source :
        Folder with its folders, file, list of files; a data set of SciCat, its PID or its
        retrieval; an EMPIAR entry or its id. Files that are not on this machine are read over the
        network, whole: the column ``fetched`` tells how many bytes came.
    measures :
        Names out of :data:`~openem_nb.mining.MEASURES`.
    voltage, cs, pixel_size, amplitude_contrast :
        In kV, mm, Å and as a part of 1; those that are given hold for all files. The CTF needs Cs:
        without one it is that of the data set's metadata, where there are some. Voltage and pixel
        size of a data set's metadata are used for files that do not know them.
    phase_plate :
        Look for a phase shift, too.
    defocus :
        Å between which the mean defocus is looked for, (30000, 80000) for tomography; by default
        what :func:`~openem_nb.images.ctf` searches, 3000 to 50000.
    quick :
        Fit the CTF in less time and less exactly.
    dose :
        Electrons per Å² that an exposure was meant to have; early motion is told by it.
    gain, flip_rotate :
        Gain reference of movies, and how it is turned before, as OSC-EM says it. Other images
        are not multiplied.
    size :
        Pixels of the longest side of a thumbnail.
    pattern :
        Only files whose name, or path in the folder, is like this: ``*_fractions.tiff``.
    out :
        Folder for table and pictures; by default one of this folder's own among the data.
    cluster :
        None measures in threads of this process; ``"local"`` in processes of this machine,
        ``"slurm"`` in jobs of Slurm, an address such as ``tcp://10.0.0.5:8786`` or a connected
        ``distributed.Client`` on the workers of that scheduler, which have to see the same folders.
    workers :
        How many threads, processes or jobs; by default one for each core, and one job.
    options :
        More for ``"local"`` (as for ``distributed.LocalCluster``) or ``"slurm"`` (as for
        ``dask_jobqueue.SLURMCluster``: ``queue``, ``account``, ``walltime``, ``memory``...).
    retry :
        Measure files with a problem again, whatever it was.
    on_rows :
        Called with new rows as they are written down, from the thread that does it.
    wait :
        Return at the end; otherwise at once, while the work goes on in the background.

    Raises
    ------
    NotFound
        If there is no such folder, data set or entry, or no image in it.
    NotOnDisk
        If the data set is on tape.
    InvalidInput
        If a parameter is impossible, or a package for a cluster is missing.
    CannotWrite
        If there is no room for rows or pictures, or they may not be written.
    Conflict
        If another run writes into the same folder.
    Unreachable
        If no scheduler answers, or does so no more. What was measured is kept, as with all errors.
    Cancelled
        If ``progress`` was cancelled.

    Examples
    --------
    >>> import openem_nb as openem
    >>> mined = openem.mine("session/Images-Disc1", cs=2.7)  # doctest: +SKIP
    >>> mined.frame[["name", "ctf_defocus", "ctf_resolution"]]  # doctest: +SKIP
    """
    where = source_of(source, progress=progress)
    facts = where.facts
    parameters = Parameters.of(
        measures,
        gain,
        voltage=voltage,
        cs=facts.cs if cs is None else cs,
        pixel_size=pixel_size,
        amplitude_contrast=amplitude_contrast,
        phase_plate=phase_plate,
        defocus=defocus,
        quick=quick,
        dose=dose,
        flip_rotate=flip_rotate,
        size=size,
    )
    if parameters.gain is not None:
        from openem_nb.mining.measure import gain_of

        gain_of(parameters)  # one that cannot be read ends no run in the middle
    check(cluster, workers, options)
    folder = default_folder(where) if out is None else Path(out).expanduser().absolute()
    mined = Mined(Store(folder), parameters.key, parameters.measures)
    mined.given = arguments(parameters.content)
    if on_rows is not None:
        mined.subscribe(on_rows)

    def run(progress: Progress) -> None:
        found = where.find(pattern=pattern, progress=progress)
        mined.ask_for(found.files)
        mined.notes = (*((where.notice,) if where.notice else ()), *found.notes)
        with mined.store.writing(parameters):
            todo = _todo(found.files, mined.store, parameters.key, retry=retry)
            progress.update(0, total=len(found.files), unit="files", message="Measuring")
            progress.advance(len(found.files) - len(todo), earlier=True)
            if todo:
                with_what = engine(cluster, workers, options, progress)
                try:
                    _measure(todo, mined, parameters, with_what, progress)
                finally:
                    with_what.close()

    if wait:
        run(progress or jobs.Progress())
    else:
        mined.job = jobs.runner().submit(run, title=f"Measuring {where.title}")
    return mined


def _todo(files: Iterable[ImageFile], store: Store, key: str, *, retry: bool) -> list[ImageFile]:
    """Return the files that were not measured as they are now."""
    done, newest = store.done(key, retry=retry), store.newest(key, retry=retry)

    def known(file: ImageFile) -> bool:
        if not file.source:
            return file.state in done
        last = newest.get((file.source, file.name)) or newest.get(("", file.name))
        return last is not None and file.was(*last)

    return [file for file in files if not known(file)]


def default_folder(source: Source) -> Path:
    """Return the folder for results of this source, the same each time.

    It is another one when the metadata of a data set say something else of its optics.
    """
    facts = source.facts
    stated = [facts.voltage, facts.pixel_size]
    text = source.key if stated == [None, None] else f"{source.key}\n{stated}"
    name = re.sub(r"[^\w.-]+", "-", source.title)[:80].strip("-.") or "images"
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return settings.folders().data / "mining" / f"{name}-{digest}"


def _batch(parameters: Parameters, workers: int) -> int:
    """Return how many files a task has: one, unless tasks were too short for a scheduler.

    All that a worker has in its hands is lost with it.
    """
    seconds = _SECONDS[_QUICK.issuperset(parameters.measures)]
    return max(math.ceil(_TASK / seconds), round(workers / (seconds * _TASKS)))


def _batches(
    todo: Sequence[ImageFile], parameters: Parameters, with_what: Engine
) -> Iterator[Sequence[ImageFile]]:
    place = 0
    while place < len(todo):
        many = _batch(parameters, with_what.workers())
        yield todo[place : place + many]
        place += many


def _measure(
    todo: Sequence[ImageFile],
    mined: Mined,
    parameters: Parameters,
    with_what: Engine,
    progress: Progress,
) -> None:
    """Measure files, a few for each worker at a time.

    Files that were in the hands of a worker that ended, or waited there, are measured again, and if
    that happens several times, at last one by one with nothing beside them: so it is known which of
    them ends workers, and no other has to answer for it.
    """
    suspects: list[ImageFile] = []

    def suspect(files: Sequence[ImageFile], _: Exception) -> None:
        suspects.extend(files)

    def guilty(files: Sequence[ImageFile], error: Exception) -> None:
        mined.add([mined.lost(file, error) for file in files])
        progress.advance(len(files))

    def many() -> int:
        return max(2, _FLYING * with_what.workers())

    batches = _batches(todo, parameters, with_what)
    _hand_out(batches, many, suspect, mined, parameters, with_what, progress)
    alone = ([file] for file in suspects)
    _hand_out(alone, lambda: 1, guilty, mined, parameters, with_what, progress)


def _hand_out(
    batches: Iterator[Sequence[ImageFile]],
    limit: Callable[[], int],
    failed: Callable[[Sequence[ImageFile], Exception], None],
    mined: Mined,
    parameters: Parameters,
    with_what: Engine,
    progress: Progress,
) -> None:
    """Hand batches out, at most so many at once, and write down what comes back."""
    finished: queue.SimpleQueue[Pending] = queue.SimpleQueue()
    flying: dict[Pending, Sequence[ImageFile]] = {}
    more = True
    try:
        while more or flying:
            while more and len(flying) < limit():
                batch = next(batches, None)
                if batch is None:
                    more = False
                    break
                pending = with_what.submit(batch, parameters, mined.folder)
                flying[pending] = batch
                pending.add_done_callback(finished.put)
            progress.check()
            doing = "Measuring" if with_what.workers() else "Waiting for the first worker"
            progress.update(message=f"{doing} on {with_what.name}")
            if not flying:
                continue
            try:
                pending = finished.get(timeout=_LOOK)
            except queue.Empty:
                with_what.check()
                continue
            batch = flying.pop(pending)
            try:
                rows = pending.result()
            except CancelledError:
                # nobody here has withdrawn it: the scheduler has gone, or was told to forget all
                raise with_what.lost() from None
            except CannotWrite:
                raise
            except Exception as error:  # noqa: BLE001  (whatever ended a worker, others go on)
                with_what.check()  # unless nobody is there any more
                failed(batch, error)
            else:
                mined.add(rows)
                progress.advance(len(rows))
    finally:
        with_what.withdraw(flying)

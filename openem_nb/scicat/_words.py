"""The state of a retrieval in words."""

from __future__ import annotations

import html
from datetime import datetime
from typing import TYPE_CHECKING

from openem_nb._texts import one_line
from openem_nb.scicat._record import State
from openem_nb.values import counted, format_bytes

if TYPE_CHECKING:
    from openem_nb.jobs import ProgressState
    from openem_nb.scicat._record import Record

__all__ = ["moment_words", "table", "words"]


def moment_words(moment: datetime | str) -> str:
    """Return a moment as people say it, in the time of this machine: ``Mon 30 Nov 10:00``."""
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return f"{moment.astimezone():%a %d %b %H:%M}"


def words(record: Record, state: State, progress: ProgressState, commands: tuple[str, ...]) -> str:
    """Return the state in words that begin with it: ``ready until Mon 30 Nov 10:00``."""
    since = f" since {moment_words(record.since or record.created)}"
    reason = record.error[0] if record.error else ""
    ready = f"ready until {moment_words(record.expires)}" if record.expires else "ready"
    match state:
        case State.REQUESTED:
            return f"{state}{since}"
        case State.QUEUED:
            return f"{state}{since}: the archive has taken it and not begun yet"
        case State.READING:
            return f"{state}{since}{_part(record)}"
        case State.READY:
            return f"{ready}: copy it with .commands, then .verify()" if commands else ready
        case State.DOWNLOADING:
            return f"{state}, {progress.text}" if progress.text else str(state)
        case State.VERIFIED:
            sizes = ""
            if record.by_size:
                sizes = f", {record.by_size:,} of them by size only (no checksum in the archive)"
            count, size = sum(one.count for one in record.wanted), _size(record)
            return f"{state}: {counted(count, 'file')}, {format_bytes(size)}{sizes}"
        case State.PAUSED:
            return f"{state}{since}; .resume() goes on{_until(record)}"
        case State.CANCELLED:
            return f"{state}{since}; what is here stays"
        case State.INTERRUPTED:
            return f"{state}; .resume() goes on{_until(record)}"
        case State.WAITING:
            return f"{state}{since}; it goes on by itself after that"
        case State.EXPIRED:
            return f"{state}: {reason or 'what was read from tape was removed again'}"
        case State.FAILED:
            return f"{state}: {reason}" if reason else str(state)


def table(record: Record, state: str, commands: tuple[str, ...]) -> str:
    """Return a retrieval as HTML; what comes from the server is escaped."""
    done = sum(one.done for one in record.wanted)
    count = sum(one.count for one in record.wanted)
    facts = [
        *([("Notice", record.notice)] if record.notice else []),
        ("State", state),
        ("Data sets", f"{len(record.wanted):,}, {done:,} verified"),
        ("Files", f"{count:,}, {format_bytes(_size(record))}"),
        ("Folder", record.folder),
        *(("Job", order.job) for order in record.orders if order.job),
        *((one.name, one.failure) for one in record.wanted if one.failure),
        *(("Note", note) for note in record.notes),
        *(("Copy with", line) for line in commands),
        *([("What to do", record.error[1])] if record.error and record.error[1] else []),
    ]
    rows = "".join(
        f'<tr><th scope="row" style="text-align:left">{html.escape(one_line(name))}</th>'
        f'<td style="text-align:left">{html.escape(one_line(value))}</td></tr>'
        for name, value in facts
    )
    return f"<table><caption>{html.escape(one_line(record.title))}</caption>{rows}</table>"


def _part(record: Record) -> str:
    """Say how many data sets are through, where it is more than one."""
    many = len(record.wanted)
    done = sum(one.done for one in record.wanted)
    return f", {done:,} of {many:,} data sets are here" if done else ""


def _size(record: Record) -> int:
    return sum(one.size for one in record.wanted)


def _until(record: Record) -> str:
    return f", best before {moment_words(record.expires)}" if record.expires else ""

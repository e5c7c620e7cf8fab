"""The tape robot: what has become of the jobs by now.

No thread works here. Each job has a plan, a list of steps with their times, written when the job
was accepted. Whoever looks at jobs, data sets or objects first lets the robot :meth:`Robot.settle`,
which takes all steps that are due. So a job goes on over restarts, and over several processes.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from openem_nb import settings
from openem_nb.errors import InvalidInput
from openem_nb.practice.scicat._archiving import FRESH, archive, forget
from openem_nb.practice.scicat._results import entries
from openem_nb.practice.scicat._tapes import is_known, utc

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openem_nb.practice.scicat.service import ScicatService

__all__ = ["OUTCOMES", "Robot"]

OUTCOMES: Final = ("fail", "hold", "partial", "normal")
"""What a test can ask for the next job of a data set: it fails, it waits until ``normal`` is asked
for, it leaves out the last tar, or nothing special happens."""
_NEVER: Final = 1e12
_RESTORED_SECONDS: Final = {"PSI": 30 * 86400, "ETHZ": 7 * 86400}
"""How long an archive keeps what it has read from tape."""
_WORDS: Final = {
    "jobForwarded": "Job forwarded to the archive.",
    "inProgress": "Job in progress.",
    "finishedSuccessful": "Job finished successfully.",
    "finishedUnsuccessful": "Job failed.",
    "finishedWithDatasetErrors": "Job finished, but some data sets had errors.",
}
_WORKED: Final = ("archive", "retrieve", "public", "reset")


@dataclass
class Robot:
    """The robots of the archives behind one instance."""

    service: ScicatService = field(repr=False)
    tape_seconds: float = 8.0
    """From the submission of a job to its end."""
    url_seconds: float = 7 * 86400.0
    """How long addresses are good, from the end of the job."""
    object_delay: float = 0.0
    """How long after a job's end ETHZ has not restored its objects yet."""
    unreachable: bool = False
    """Whether the service cannot hand jobs over to the archive at ETHZ."""

    def accept(self, job: Mapping[str, Any], archiver: str) -> None:
        """Plan a job that was just stored; to be called in its transaction."""
        if job["type"] not in _WORKED:
            return
        pids = [item["pid"] for item in job["jobParams"]["datasetList"]]
        steps: list[tuple[float, str, str]] = [(0.05, "forward", "")] if archiver == "PSI" else []
        steps.append((0.2, "begin", ""))
        for number, pid in enumerate(pids):
            steps.append((0.2 + 0.75 * number / len(pids), "start", pid))
            steps.append((0.2 + 0.75 * (number + 0.9) / len(pids), "end", pid))
        steps.append((1.0, "finish", ""))
        start = self._now()
        plan = {
            "id": job["id"],
            "type": job["type"],
            "archiver": archiver,
            "start": start,
            "seconds": self.tape_seconds,
            "steps": steps,
            "done": 0,
            "failed": [],
            "partial": [],
        }
        self.service.store.put("plans", job["id"], plan | {"next": _due(plan)})

    def settle(self) -> None:
        """Take all steps that are due by now."""
        now = self._now()
        store = self.service.store
        for peeked in list(store.all("plans")):
            if peeked["next"] <= now:
                with store.transaction():
                    plan = store.get("plans", peeked["id"])
                    if plan is not None and plan["next"] <= now:  # no other process was faster
                        self._advance(plan, now)

    def ask(self, pid: str, outcome: str) -> None:
        """Choose what happens to the next job with a data set.

        Raises
        ------
        InvalidInput
            If there is no such outcome.
        """
        if outcome not in OUTCOMES:
            raise InvalidInput(
                f"There is no outcome {outcome!r}.", hint=f"Choose one of {', '.join(OUTCOMES)}."
            )
        if outcome == "normal":
            self.service.store.delete("outcomes", pid)
        else:
            self.service.store.put("outcomes", pid, {"pid": pid, "outcome": outcome})

    def restored(self, archiver: str, pid: str) -> str:
        """Return ``never``, ``not yet``, ``no more`` or ``ready`` for the objects of a data set."""
        kept = self.service.store.peek("restores", f"{archiver} {pid}")
        now = self._now()
        if kept is None:
            return "never"
        if now < kept["from"]:
            return "not yet"
        return "ready" if now < kept["until"] else "no more"

    def _now(self) -> float:
        return self.service.clock().timestamp()

    def _advance(self, plan: dict[str, Any], now: float) -> None:
        store = self.service.store
        if plan["done"] == 0 and self._held(plan):
            plan["start"] = now
            store.put("plans", plan["id"], plan)  # its next step stays due: it is looked at again
            return
        steps = plan["steps"]
        while plan["done"] < len(steps) and (due := _due(plan)) <= now:
            _, verb, pid = steps[plan["done"]]
            plan["done"] += 1
            self._step(plan, verb, pid, dt.datetime.fromtimestamp(due, dt.UTC))
        if plan["done"] == len(steps):
            store.delete("plans", plan["id"])
        else:
            store.put("plans", plan["id"], plan | {"next": _due(plan)})

    def _held(self, plan: Mapping[str, Any]) -> bool:
        """Return whether a job has to wait: asked for by a test, or others read the same tapes."""
        pids = {pid for _, _, pid in plan["steps"] if pid}
        for pid in pids:
            asked = self.service.store.peek("outcomes", pid)
            if asked is not None and asked["outcome"] == "hold":
                return True
        return plan["archiver"] == "ETHZ" and any(
            (other["start"], other["id"]) < (plan["start"], plan["id"])
            and other["done"] > 0
            and not pids.isdisjoint(pid for _, _, pid in other["steps"])
            for other in self.service.store.all("plans")
        )

    def _step(self, plan: dict[str, Any], verb: str, pid: str, when: dt.datetime) -> None:
        match verb:
            case "forward":
                self._tell(plan, "jobForwarded", when)
            case "begin":
                self._tell(plan, "inProgress", when)
                if plan["type"] == "archive" and plan["archiver"] == "PSI":
                    waiting = {"archiveStatusMessage": "scheduledForArchiving", "archivable": False}
                    for one in {pid: 0 for _, _, pid in plan["steps"] if pid}:
                        self._lifecycle(plan, one, waiting, when)
            case "start":
                self._start(plan, pid, when)
            case "end":
                self._end(plan, pid, when)
            case "finish":
                self._finish(plan, when)

    def _start(self, plan: Mapping[str, Any], pid: str, when: dt.datetime) -> None:
        if plan["type"] == "archive":
            self._lifecycle(plan, pid, {"archiveStatusMessage": "started"}, when)
        elif plan["type"] == "retrieve":
            changes = {"retrieveStatusMessage": "started", "archivable": False, "retrievable": True}
            self._lifecycle(plan, pid, changes, when)

    def _end(self, plan: dict[str, Any], pid: str, when: dt.datetime) -> None:
        service, archiver, kind = self.service, plan["archiver"], plan["type"]
        asked = service.store.get("outcomes", pid) or {}
        if asked:
            service.store.delete("outcomes", pid)
        good = asked.get("outcome") != "fail"
        if asked.get("outcome") == "partial":
            plan["partial"].append(pid)
        if kind == "archive":
            good = good and archive(service, pid, archiver, when)
            # after a failure it may be tried again
            changes: dict[str, Any] = {
                "archiveStatusMessage": "scheduleArchiveJobFailed",
                "archivable": True,
            }
            if good:
                changes = {"archivable": False, "retrievable": True, "isOnCentralDisk": False}
                changes["archiveStatusMessage"] = "datasetOnArchiveDisk"
            self._lifecycle(plan, pid, changes, when)
        elif kind == "reset":
            forget(service, pid)
            self._lifecycle(plan, pid, FRESH, when)
        else:
            good = good and self._has_tapes(archiver, pid)
            if kind == "retrieve":
                word = "datasetRetrieved" if good else "datasetRetrievalFailed"
                changes = {"retrieveStatusMessage": word, "archivable": False, "retrievable": True}
                self._lifecycle(plan, pid, changes, when)
        if not good:
            plan["failed"].append(pid)

    def _has_tapes(self, archiver: str, pid: str) -> bool:
        """Return whether an archive knows a data set; the one at ETHZ does not know PSI's tapes."""
        blocks = self.service.store.blocks("datablocks", pid, checks=False)
        return bool(blocks) and is_known(archiver, blocks[0])

    def _finish(self, plan: Mapping[str, Any], when: dt.datetime) -> None:
        pids = [pid for _, verb, pid in plan["steps"] if verb == "start"]
        failed, partial = set(plan["failed"]), set(plan["partial"])
        code = "finishedSuccessful"
        if failed and (plan["archiver"] == "ETHZ" or len(failed) == len(pids)):
            code = "finishedUnsuccessful"
        elif failed or partial:
            code = "finishedWithDatasetErrors"
        words = ""
        if plan["type"] in ("retrieve", "public") and code != "finishedUnsuccessful":
            words = self._lay_out(plan, [pid for pid in pids if pid not in failed], when)
        self._tell(plan, code, when, words)

    def _lay_out(self, plan: Mapping[str, Any], pids: list[str], when: dt.datetime) -> str:
        """Write down what was restored; return words that say where it is if not behind URLs."""
        store, archiver = self.service.store, plan["archiver"]
        job = store.peek("jobs", plan["id"]) or {"jobParams": {"datasetList": []}}
        params = job["jobParams"]
        option = params.get("option") or params.get("retrieveDestination") or "PSI"
        end = when.timestamp()
        kept: dict[str, Any] = {
            "archiver": archiver,
            "signed": int(end),
            "seconds": max(1, int(self.url_seconds)),
            "entries": [],
        }
        if archiver == "PSI" and option != "URLs":
            store.put("results", plan["id"], kept)
            return _places(self.service, option, pids)
        for item in params["datasetList"]:
            pid = item["pid"]
            if pid not in pids:
                continue
            found = entries(self.service, archiver, pid, item["files"])
            kept["entries"] += found[:-1] if pid in plan["partial"] else found
            first = end + (self.object_delay if archiver == "ETHZ" else 0)
            until = end + _RESTORED_SECONDS[archiver]
            before = store.get("restores", f"{archiver} {pid}")
            if before is not None and before["until"] > end:
                first, until = min(first, before["from"]), max(until, before["until"])
            store.put("restores", f"{archiver} {pid}", {"from": first, "until": until})
        store.put("results", plan["id"], kept)
        return ""

    def _tell(self, plan: Mapping[str, Any], code: str, when: dt.datetime, words: str = "") -> None:
        """Write a job's state, as its archive does."""
        job = self.service.store.get("jobs", plan["id"])
        if job is None:  # an administrator has deleted it
            return
        job["statusCode"] = code
        # the archiver at ETHZ uses the old route, which puts the code in both places
        job["statusMessage"] = code if plan["archiver"] == "ETHZ" else words or _WORDS[code]
        job["updatedAt"], job["updatedBy"] = utc(when), "archiveManager"
        self.service.store.put("jobs", plan["id"], job)

    def _lifecycle(
        self, plan: Mapping[str, Any], pid: str, changes: Mapping[str, Any], when: dt.datetime
    ) -> None:
        """Change a data set's lifecycle, as its archive does.

        The archiver at ETHZ replaces it as a whole, and takes the guests and the publication away
        where ``service.ethz_wipes`` says so.
        """
        dataset = self.service.store.get("datasets", pid)
        if dataset is None:
            return
        if plan["archiver"] == "ETHZ":
            before = dataset["datasetlifecycle"]
            dates = {name: before[name] for name in before if name not in FRESH}
            dataset["datasetlifecycle"] = {**dates, **FRESH, **changes, "storageLocation": "ETHZ"}
            if self.service.ethz_wipes:
                dataset["accessGroups"], dataset["isPublished"] = [], False
        else:
            dataset["datasetlifecycle"].update(changes)
        dataset["updatedAt"], dataset["updatedBy"] = utc(when), "archiveManager"
        self.service.store.put("datasets", pid, dataset)


def _due(plan: Mapping[str, Any]) -> float:
    """Return when the next step of a plan is to be taken."""
    fraction = plan["steps"][plan["done"]][0]
    return float(plan["start"] + fraction * plan["seconds"])


def _places(service: ScicatService, option: str, pids: list[str]) -> str:
    profile, places = settings.profile(service.name), []
    for pid in pids:
        dataset = service.store.peek("datasets", pid) or {}
        if option == "PSI-RA":
            group = str(dataset.get("ownerGroup", ""))
            folder = str(dataset.get("sourceFolder", "")).strip("/")
            places.append(f"{profile.work_disk}/{group[:3]}/retrieve/{group}/{folder}/")
        else:
            places.append(f"{profile.copy_host}:retrieve/{pid.rpartition('/')[2]}/")
    return f"Job finished successfully. Practice data, not really there: {', '.join(places)}"

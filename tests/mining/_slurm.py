"""Slurm on this machine alone, for as long as a test or measurement takes.

Needs root and the Debian packages ``slurm-wlm`` and ``munge``. All that it writes lies in one
folder: configuration, key, state and logs; nothing in ``/etc`` is touched.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["missing", "slurm"]

PROGRAMS = ("munged", "munge", "slurmctld", "slurmd", "sinfo", "sbatch", "scancel", "squeue")
CONFIGURATION = """
ClusterName=local
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CryptoType=crypto/munge
AuthInfo=socket={folder}/munge.socket
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
ReturnToService=2
SchedulerParameters=sched_interval=5,batch_sched_delay=0,sched_min_interval=100000
InactiveLimit=0
MinJobAge=60
KillWait=5
Waittime=0
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} Boards=1 SocketsPerBoard=1 CoresPerSocket={cores} \
ThreadsPerCore=1 RealMemory={memory} State=UNKNOWN
PartitionName=debug Nodes={host} Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
"""
CGROUP = """
CgroupPlugin=cgroup/v1
CgroupMountpoint=/sys/fs/cgroup
CgroupAutomount=no
ConstrainCores=no
ConstrainRAMSpace=no
"""


def missing() -> str:
    """Return why there can be no Slurm here; empty if it can."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "only root can start Slurm"
    gone = [name for name in PROGRAMS if shutil.which(name) is None]
    return f"{gone[0]} is not installed (Debian: slurm-wlm, munge)" if gone else ""


@contextlib.contextmanager
def slurm(folder: Path, *, cores: int = 2) -> Iterator[dict[str, str]]:
    """Run Slurm with one node; give the environment that its commands need."""
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    for name in ("state", "spool"):
        (folder / name).mkdir(exist_ok=True)
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o400)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20 - 512
    text = CONFIGURATION.format(
        host=socket.gethostname().split(".")[0],
        folder=folder,
        ports=_free_ports(2),
        cores=cores,
        memory=memory,
    )
    (folder / "slurm.conf").write_text(text)
    (folder / "cgroup.conf").write_text(CGROUP)
    environment = {"SLURM_CONF": str(folder / "slurm.conf")}
    munged = [
        *("munged", "--force", "--foreground", f"--key-file={key}", "--num-threads=1"),
        *(f"--socket={folder}/munge.socket", f"--pid-file={folder}/munged.pid"),
        *(f"--log-file={folder}/munged.log", f"--seed-file={folder}/munge.seed"),
    ]
    with contextlib.ExitStack() as stack:
        # ends in the opposite order: a slurmd whose controller has gone would linger for minutes
        stack.enter_context(_daemon(munged, folder, environment))
        _until(lambda: (folder / "munge.socket").exists(), "munged")
        stack.enter_context(_daemon(["slurmctld", "-D"], folder, environment))
        stack.enter_context(_daemon(["slurmd", "-D"], folder, environment))
        _until(lambda: _asked(["sinfo", "-h", "-o", "%T"], environment) == "idle", "slurmd")
        try:
            yield environment
        finally:
            _asked(["scancel", "--user=root"], environment)
            _until(lambda: _asked(["squeue", "-h"], environment) == "", "the last job")


@contextlib.contextmanager
def _daemon(command: list[str], folder: Path, environment: dict[str, str]) -> Iterator[None]:
    with (folder / f"{command[0]}.out").open("w") as out:
        process = subprocess.Popen(
            command, env={**os.environ, **environment}, stdout=out, stderr=subprocess.STDOUT
        )
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _asked(command: list[str], environment: dict[str, str]) -> str | None:
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else None


def _until(there: object, what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not there():  # type: ignore[operator]
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} is not there after {seconds:g} s")
        time.sleep(0.05)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]

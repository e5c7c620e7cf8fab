"""The object stores behind the practice archives, and the broker that opens them to the public."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import tarfile
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
import requests
from _scicat_caller import Caller
from _scicat_tape import ended, retrieve, retrieved

from openem_nb.errors import InvalidInput
from openem_nb.practice import Fault, serve
from openem_nb.practice.scicat._hostile import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from openem_nb.practice import Facility


@pytest.fixture(scope="module")
def scicat() -> Iterator[Facility]:
    with serve(entries=50, datasets=300, tape_seconds=0.0) as facility:
        yield facility


@pytest.fixture
def moving(scicat: Facility) -> Iterator[Facility]:
    """Set the clocks right again after a test that moves them."""
    before = {name: service.offset for name, service in scicat.scicat.items()}
    yield scicat
    for name, service in scicat.scicat.items():
        service.offset = before[name]


def _get(url: str, method: str = "GET", **headers: str) -> requests.Response:
    return requests.request(method, url, headers=headers, timeout=30)


def _code(answer: requests.Response) -> str:
    assert answer.headers["Content-Type"] == "application/xml"
    return ElementTree.fromstring(answer.content).findtext("Code") or ""


def _files(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as opened:
        found = {}
        for member in opened:
            inside = opened.extractfile(member)
            if inside is not None:
                found[member.name] = inside.read()
    return found


def _blocks(caller: Caller, pid: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = caller.json(f"datasets/{pid.replace('/', '%2F')}/datablocks")
    return found


def _check(caller: Caller, pid: str, results: list[dict[str, Any]]) -> None:
    """Compare every byte of a retrieval with what the catalogue says."""
    blocks = {block["archiveId"]: block for block in _blocks(caller, pid)}
    assert {entry["archiveId"] for entry in results} == set(blocks)
    for entry in results:
        block = blocks[entry["archiveId"]]
        answer = _get(entry["url"])
        assert answer.status_code == 200
        assert len(answer.content) == block["packedSize"]
        files = _files(answer.content)
        assert set(files) == {file["path"] for file in block["dataFileList"]}
        for file in block["dataFileList"]:
            data = files[file["path"]]
            assert len(data) == file["size"]
            assert hashlib.new(block["chkAlg"], data).hexdigest() == file["chk"]


def test_gotcha_24_every_file_has_the_size_and_checksum_of_its_block(ada: Caller) -> None:
    pid = ada.service.add_dataset(files=7, size=70_001, tars=3)
    _check(ada, pid, retrieved(ada, pid))


def test_drawn_data_sets_come_back_whole(ada: Caller) -> None:
    letter = ada.service.letter
    where = {"datasetlifecycle.retrievable": True, "ownerGroup": {"inq": [f"{letter}20001"]}}
    listed = ada.json("datasets", filter={"where": where, "limits": {"limit": 40}})
    small = [dataset["pid"] for dataset in listed if dataset["size"] < 20_000_000][:6]
    assert len(small) == 6
    for pid in small:
        results = retrieved(ada, pid)
        if len(results) < 100:
            _check(ada, pid, results)


def test_names_and_sizes_of_ones_own(ada: Caller) -> None:
    names = ["a/b.mrc", f"ü/{'x' * 150}.tif", "c d/e+f#g%.xml", "empty.txt"]
    pid = ada.service.add_dataset(names=names, sizes=[100_000, 5000, 300, 0], tars=2)
    dataset = ada.service.store.get("datasets", pid)
    assert dataset is not None
    assert (dataset["size"], dataset["numberOfFiles"]) == (105_300, 4)
    assert dataset["packedSize"] == sum(block["packedSize"] for block in _blocks(ada, pid))
    _check(ada, pid, retrieved(ada, pid))
    with pytest.raises(InvalidInput, match="do not match"):
        ada.service.add_dataset(names=names, sizes=[1])
    with pytest.raises(InvalidInput, match="no archive"):
        ada.service.add_dataset(location="CERN")


def test_a_data_set_of_psis_catalogue_may_lie_at_ethz(scicat: Facility) -> None:
    ada = Caller(scicat, "practice", "ada")
    pid = ada.service.add_dataset(files=3, size=5000, location="ETHZ")
    results = retrieved(ada, pid)
    assert all("/s3/prod.archival/openem-network/" in entry["url"] for entry in results)
    assert {block["chkAlg"] for block in _blocks(ada, pid)} == {"md5"}
    _check(ada, pid, results)


def test_objects_come_in_ranges(ada: Caller) -> None:
    (entry,) = retrieved(ada, ada.service.add_dataset(files=3, size=400_000))
    whole = _get(entry["url"])
    assert whole.headers["Accept-Ranges"] == "bytes"
    etag, size = whole.headers["ETag"], len(whole.content)
    for start, end in ((0, 0), (511, 1024), (300_000, 900_000), (size - 5, size + 99)):
        part = _get(entry["url"], Range=f"bytes={start}-{end}")
        assert part.status_code == 206
        assert part.content == whole.content[start : end + 1]
        last = min(end, size - 1)
        assert part.headers["Content-Range"] == f"bytes {start}-{last}/{size}"
        assert part.headers["ETag"] == etag
    rest = _get(entry["url"], Range="bytes=1000-", **{"If-Range": etag})
    assert (rest.status_code, rest.content) == (206, whole.content[1000:])
    other = _get(entry["url"], Range="bytes=1000-", **{"If-Range": '"other"'})
    assert (other.status_code, len(other.content)) == (200, size)
    assert _get(entry["url"], **{"If-Match": etag}).status_code == 200
    changed = _get(entry["url"], **{"If-Match": '"other"'})
    assert (changed.status_code, _code(changed)) == (412, "PreconditionFailed")
    beyond = _get(entry["url"], Range=f"bytes={size}-")
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{size}")
    assert _get(entry["url"], "HEAD").status_code == 403  # signed for GET alone


def test_objects_are_the_same_after_a_restart(tmp_path: Path) -> None:
    state = tmp_path / "state.sqlite"
    with serve(entries=50, datasets=20, state=state, tape_seconds=0.0) as first:
        ada = Caller(first, "practice", "ada")
        job_id = retrieve(ada, [ada.service.add_dataset()]).json()["id"]
        (entry,) = ended(ada, job_id)["jobResultObject"]["result"]
        before = _get(entry["url"])
    with serve(entries=50, datasets=20, state=state) as second:
        (again,) = ended(Caller(second, "practice", "ada"), job_id)["jobResultObject"]["result"]
        after = _get(again["url"])
    assert after.content == before.content
    assert after.headers["ETag"] == before.headers["ETag"]
    assert urlsplit(again["url"]).netloc != urlsplit(entry["url"]).netloc


def test_gotcha_23_ethz_is_ready_before_its_objects_are(moving: Facility) -> None:
    ada = Caller(moving, "practice-ethz", "ada")
    ada.service.robot.object_delay = 300.0
    try:
        (entry,) = retrieved(ada, ada.service.add_dataset())
    finally:
        ada.service.robot.object_delay = 0.0
    early = _get(entry["url"])
    assert (early.status_code, _code(early)) == (403, "InvalidObjectState")
    ada.service.offset += dt.timedelta(seconds=301)
    assert _get(entry["url"]).status_code == 200


def test_gotcha_23_addresses_expire_and_a_new_job_gives_new_ones(
    moving: Facility, profile: str
) -> None:
    ada = Caller(moving, profile, "ada")
    pid = ada.service.add_dataset()
    (entry,) = retrieved(ada, pid)
    assert _get(entry["url"]).status_code == 200
    answer = requests.post(f"{moving.url}/practice/clock", json={"seconds": 604_801}, timeout=10)
    assert answer.status_code == 200
    late = _get(entry["url"])
    assert (late.status_code, _code(late)) == (403, "AccessDenied")
    assert "Request has expired" in late.text
    (fresh,) = retrieved(Caller(moving, profile, "ada"), pid)
    assert _get(fresh["url"]).status_code == 200
    assert _get(entry["url"]).status_code == 403


def test_life_of_addresses_can_be_chosen() -> None:
    with serve(entries=50, datasets=20, tape_seconds=0.0, url_seconds=60) as facility:
        ada = Caller(facility, "practice", "ada")
        (entry,) = retrieved(ada, ada.service.add_dataset())
        assert "X-Amz-Expires=60&" in entry["url"]
        ada.service.offset += dt.timedelta(seconds=61)
        assert _get(entry["url"]).status_code == 403


def test_other_refusals_are_xml_too(scicat: Facility, ada: Caller) -> None:
    (entry,) = retrieved(ada, ada.service.add_dataset())
    url = entry["url"]
    bare = url.partition("?")[0]
    cases = (
        (bare, 403, "AccessDenied"),
        (url + "0", 403, "SignatureDoesNotMatch"),
        (url.replace(".tar", ".tax"), 403, "SignatureDoesNotMatch"),
        (f"{scicat.url}/s3/elsewhere/key", 404, "NoSuchBucket"),
        (f"{bare}?X-Amz-Signature=1", 400, "AuthorizationQueryParametersError"),
    )
    for address, status, code in cases:
        answer = _get(address)
        assert (answer.status_code, _code(answer)) == (status, code), address
    answer = requests.put(url, data=b"x", timeout=10)
    assert (answer.status_code, _code(answer)) == (405, "MethodNotAllowed")


def test_faults_hit_objects_as_anything_else(scicat: Facility, ada: Caller) -> None:
    (entry,) = retrieved(ada, ada.service.add_dataset())
    scicat.add_fault(Fault("status", path="^/s3/", status=503, times=1))
    scicat.add_fault(Fault("cut", path="^/s3/", times=1))
    try:
        assert _get(entry["url"]).status_code == 503
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            _get(entry["url"])
        assert _get(entry["url"]).status_code == 200
    finally:
        scicat.clear_faults()


@pytest.mark.parametrize("kind", HOSTILE)
def test_tars_can_attack(scicat: Facility, kind: str) -> None:
    ada = Caller(scicat, "practice", "ada")
    pid = ada.service.add_dataset(files=3, size=3000, hostile=kind)
    (entry,) = retrieved(ada, pid)
    answer = _get(entry["url"], Range="bytes=0-99999")
    members = []
    try:
        with tarfile.open(fileobj=io.BytesIO(answer.content), mode="r|") as opened:
            for member in opened:
                members.append(member)
                if member.size > 1 << 30:
                    break  # nobody wants to skip that
    except tarfile.ReadError:
        assert kind in ("truncated", "not-a-tar")
    names = [member.name for member in members]
    expected = {
        "dotdot": lambda: "../practice-escape.txt" in names,
        "absolute": lambda: "/practice-escape.txt" in names,
        "symlink": lambda: any(one.issym() and one.linkname == "../.." for one in members),
        "hardlink": lambda: any(one.islnk() and ".." in one.linkname for one in members),
        "device": lambda: any(one.ischr() for one in members),
        "fifo": lambda: any(one.isfifo() for one in members),
        "duplicate": lambda: len(names) == len(set(names)) + 1,
        "bomb": lambda: members[-1].size == 1 << 40 < _total(answer),
        "unlisted": lambda: len(names) == 4,
        "truncated": lambda: _total(answer) < entry["size"],
        "wrong-byte": lambda: _wrong(ada, pid, answer.content) == 1,
        "not-a-tar": lambda: answer.content.startswith(b"<html>"),
    }
    assert expected[kind](), names
    with pytest.raises(InvalidInput, match="no attack"):
        ada.service.add_dataset(hostile="nonsense")


def _total(answer: requests.Response) -> int:
    return int(answer.headers["Content-Range"].rpartition("/")[2])


def _wrong(caller: Caller, pid: str, data: bytes) -> int:
    (block,) = _blocks(caller, pid)
    files = _files(data)
    return sum(
        hashlib.sha1(files[file["path"]]).hexdigest() != file["chk"]
        for file in block["dataFileList"]
    )


def _broker(facility: Facility, path: str, who: Caller | None = None, **given: str) -> Any:
    base = facility.description()["catalogues"]["practice"]["broker_api"]
    headers = who.headers if who else {}
    return requests.get(f"{base}/{path}", params=given, headers=headers, timeout=10)


def test_the_broker_gives_addresses_of_public_data_once_a_job_has_run(moving: Facility) -> None:
    nobody = Caller(moving, "practice")
    pid = nobody.service.add_dataset(files=2, tars=2, published=True)
    empty = _broker(moving, "datasets/urls", pid=pid).json()
    assert (empty["expires"], empty["urls"]) == ("1970-01-01T00:00:00Z", [])
    answer = retrieve(nobody, [pid], kind="public", group=None, contactEmail="a@b.ch")
    assert answer.status_code == 201
    found = _broker(moving, "datasets/urls", pid=pid).json()
    assert found["s3Uri"] == f"s3://psi-retrieve/{pid}/"
    assert len(found["urls"]) == 2
    expires = dt.datetime.fromisoformat(found["expires"])
    left = expires - nobody.service.clock()
    assert dt.timedelta(days=6.9) < left < dt.timedelta(days=7.1)
    for one in found["urls"]:
        assert _files(_get(one["url"]).content)
    moving.move_clock(8 * 86400)
    old = _broker(moving, "datasets/urls", pid=pid).json()
    assert dt.datetime.fromisoformat(old["expires"]) < nobody.service.clock()
    assert _get(old["urls"][0]["url"]).status_code == 403


def test_the_broker_refuses_in_its_own_words(scicat: Facility) -> None:
    ada, ben = (Caller(scicat, "practice", name) for name in ("ada", "ben"))
    private = ada.service.add_dataset()
    answers = (
        (_broker(scicat, "datasets/urls", pid=private), 404),
        (_broker(scicat, "datasets/urls", pid="no/such"), 404),
        (_broker(scicat, "datasets/urls"), 400),
        (_broker(scicat, "publisheddata/urls", id="no/such"), 404),
        (_broker(scicat, "datasets/s3-creds", pid=private, operation="read"), 401),
        (_broker(scicat, "datasets/s3-creds", ben, pid=private, operation="read"), 403),
        (_broker(scicat, "datasets/s3-creds", ada, pid=private, operation="look"), 400),
    )
    for answer, status in answers:
        assert answer.status_code == status, answer.url
        assert list(answer.json()) == ["error"]


def test_the_broker_lends_keys_that_boto3_can_use(moving: Facility) -> None:
    boto3 = pytest.importorskip("boto3", reason="boto3 is not installed")
    from botocore.config import Config
    from botocore.exceptions import ClientError

    ada = Caller(moving, "practice", "ada")
    pid, other = ada.service.add_dataset(files=3, tars=2), ada.service.add_dataset()
    retrieved(ada, pid, other)
    lent = _broker(moving, "datasets/s3-creds", ada, pid=pid, operation="read").json()
    assert set(lent) == {"access_key", "secret_access_key", "session_token", "expiry_time"}
    client = boto3.client(
        "s3",
        endpoint_url=f"{moving.url}/s3",
        region_name="us-east-1",
        aws_access_key_id=lent["access_key"],
        aws_secret_access_key=lent["secret_access_key"],
        aws_session_token=lent["session_token"],
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
    )
    try:
        listed = client.list_objects_v2(Bucket="psi-retrieve", Prefix=f"{pid}/")["Contents"]
        blocks = _blocks(ada, pid)
        assert [one["Size"] for one in listed] == [block["packedSize"] for block in blocks]
        whole = client.get_object(Bucket="psi-retrieve", Key=listed[0]["Key"])["Body"].read()
        assert _files(whole)
        (foreign,) = _blocks(ada, other)
        key = f"{other}/{foreign['archiveId'].rpartition('/')[2]}"
        with pytest.raises(ClientError, match="AccessDenied"):
            client.get_object(Bucket="psi-retrieve", Key=key)
        with pytest.raises(ClientError, match="AccessDenied"):
            client.list_objects_v2(Bucket="psi-retrieve", Prefix=f"{other}/")
        moving.move_clock(3601)
        with pytest.raises(ClientError, match="ExpiredToken"):
            client.get_object(Bucket="psi-retrieve", Key=listed[0]["Key"])
    finally:
        client.close()

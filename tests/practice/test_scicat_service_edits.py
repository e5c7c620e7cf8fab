"""Log-in, permissions and changes in the practice SciCat, as raw HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from _scicat_caller import Caller

from openem_nb.practice import serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openem_nb.practice import Facility

RAW = {
    "type": "raw",
    "owner": "Ada Keller",
    "contactEmail": "ada@practice.example",
    "sourceFolder": "/data/krios1/session/",
    "creationTime": "2026-09-14T06:08:25.000Z",
    "creationLocation": "/PSI/EMF/KRIOS1",
    "principalInvestigator": "Ada Keller",
}


@pytest.fixture(scope="module")
def scicat() -> Iterator[Facility]:
    with serve(entries=50, datasets=60) as facility:
        yield facility


def raw(caller: Caller, **fields: Any) -> dict[str, Any]:
    return {**RAW, "ownerGroup": f"{caller.service.letter}20001", **fields}


def made(caller: Caller, **fields: Any) -> tuple[dict[str, Any], str]:
    answer = caller.call("datasets", method="POST", body=raw(caller, **fields))
    assert answer.status_code == 201, answer.text
    document = answer.json()
    return document, f"datasets/{quote(document['pid'], safe='')}"


def test_gotcha_04_log_in_is_201_and_log_out_200(scicat: Facility, profile: str) -> None:
    nobody = Caller(scicat, profile)
    who = {"username": "ada", "password": "practice"}
    answer = nobody.call("auth/login", method="POST", body=who)
    token = answer.json()
    assert answer.status_code == 201
    assert token["id"] == token["access_token"]
    wrong = nobody.call("auth/login", method="POST", body={**who, "password": "no"})
    assert (wrong.status_code, wrong.json()) == (
        401,
        {"message": "Unauthorized", "statusCode": 401},
    )
    nobody.headers["Authorization"] = f"Bearer {token['id']}"
    groups = nobody.json("auth/whoami")["currentGroups"]
    assert groups == nobody.json("users/my/identity")["profile"]["accessGroups"]
    assert nobody.call("auth/logout", method="POST").status_code == 200
    # gotcha 36: the token is still good
    assert nobody.json("auth/whoami")["username"] == "ada"


def test_gotcha_12_an_expired_token(scicat: Facility, profile: str) -> None:
    caller = Caller(scicat, profile)
    old = caller.service.users.token("ada", seconds=-5)
    caller.headers["Authorization"] = f"Bearer {old}"
    for path in ("datasets", "auth/whoami", "health"):
        answer = caller.call(path)
        if caller.service.flavour == "psi5":
            assert answer.status_code == 401
            assert answer.json()["message"] == "SESSION_EXPIRED"
        else:
            assert answer.status_code == 200
    assert caller.call("users/my/self").status_code == 401
    caller.headers["Authorization"] = "Bearer not.a.token"
    assert caller.call("auth/whoami").content == b""
    assert all(row["isPublished"] for row in caller.json("datasets"))


def test_tokens_end_when_the_clock_moves_on() -> None:
    with serve(entries=50, datasets=1) as facility:
        ada = Caller(facility, "practice", "ada")
        assert ada.call("auth/whoami").status_code == 200
        facility.move_clock(3601)
        assert ada.call("auth/whoami").status_code == 401


def test_gotcha_15_unknown_keys_and_the_lifecycle(ada: Caller) -> None:
    document, path = made(ada)
    for key in ("type", "pid", "version", "createdAt", "_id"):
        answer = ada.call(path, method="PATCH", body={key: document[key]})
        assert answer.status_code == 400
        assert answer.json()["message"] == [f"property {key} should not exist"]
    life = f"{path}/datasetlifecycle"
    on_tape = {"retrievable": True, "archivable": False, "archiveStatusMessage": "x"}
    after = ada.json(life, method="PATCH", body=on_tape)["datasetlifecycle"]
    assert (after["retrievable"], after["isOnCentralDisk"]) == (True, True)
    part = {"datasetlifecycle": {"retrieveStatusMessage": "started"}}
    reset = ada.json(path, method="PATCH", body=part)["datasetlifecycle"]
    assert (reset["retrievable"], reset["archivable"]) == (False, True)
    assert reset["archiveStatusMessage"] == "datasetCreated"
    ada.json(life, method="PATCH", body=on_tape)
    kind = {"Content-Type": "application/merge-patch+json"}
    kept = ada.json(path, method="PATCH", version=4, body=part, headers=kind)
    assert kept["datasetlifecycle"]["retrievable"] is True
    assert ada.call(life, method="PATCH", body={}).status_code == 400


def test_gotcha_16_what_v4_needs(ada: Caller) -> None:
    v4 = {key: value for key, value in raw(ada).items() if key != "principalInvestigator"}
    answer = ada.call("datasets", method="POST", version=4, body=v4)
    assert answer.status_code == 400
    assert "datasetName must be a string" in answer.json()["message"]
    no_owner = {key: value for key, value in v4.items() if key != "owner"} | {"datasetName": "x"}
    answer = ada.call("datasets", method="POST", version=4, body=no_owner)
    assert answer.status_code == 500
    named = {**v4, "datasetName": "x"}
    assert ada.call("datasets", method="POST", version=4, body=named).status_code == 201
    old = ada.call("datasets", method="POST", body=raw(ada, owner=None))
    assert old.json()["status"] == 400
    assert isinstance(old.json()["message"], str)


def test_gotcha_17_what_the_service_makes_of_values(ada: Caller) -> None:
    document, path = made(ada, size=5, classification="secret")
    assert document["sourceFolder"] == "/data/krios1/session"
    assert document["datasetName"] == "krios1/session"
    assert document["classification"] == "IN=medium,AV=low,CO=low"
    assert document["proposalIds"] == [None]
    file = {"path": "a.mrc", "size": 20, "time": "2026-09-14T06:08:25.000Z"}
    block = {"size": 20, "dataFileList": [file]}
    answer = ada.call(f"{path}/origdatablocks", method="POST", body=block)
    assert answer.status_code == 201
    after = ada.json(path)
    assert (after["size"], after["numberOfFiles"]) == (25, 1)
    host = ada.call(path, method="PATCH", body={"sourceFolderHost": "short"})
    assert host.status_code == 400


def test_gotcha_18_units(ada: Caller) -> None:
    metadata = {"voltage": {"value": 300, "unit": "kV"}, "odd": {"value": 1, "unit": "blob"}}
    document, path = made(ada, scientificMetadata=metadata)
    found = document["scientificMetadata"]
    assert found["voltage"]["valueSI"] == 300_000
    assert found["odd"] == {"value": 1, "unit": "blob", "valueSI": 1, "unitSI": "blob"}
    half = {"scientificMetadata": {"voltage": {"value": 200}}}
    kind = {"Content-Type": "application/merge-patch+json"}
    answer = ada.call(path, method="PATCH", version=4, body=half, headers=kind)
    assert answer.status_code == 400


def test_gotcha_27_who_may_what(scicat: Facility, ada: Caller, profile: str) -> None:
    _, path = made(ada, sharedWith=["ben@practice.example"])
    reader, ben = Caller(scicat, profile, "reader"), Caller(scicat, profile, "ben")
    assert reader.json(path)
    answer = reader.call(path, method="PATCH", body={"keywords": ["x"]})
    assert (answer.status_code, answer.json()["message"]) == (403, "Forbidden resource")
    assert ben.json(path)
    assert ben.call(path, version=4).status_code == 403
    assert ben.call(f"{path}/origdatablocks").status_code == 403
    append = f'{path}/appendToArrayField?fieldName=keywords&data=["x"]'
    assert ada.call(append, method="POST").status_code == 403
    assert ada.call(path, method="DELETE").status_code == 403
    foreign = ada.call("datasets", method="POST", body=raw(ada, ownerGroup="other"))
    assert foreign.status_code == 403


def test_gotcha_29_the_lifecycle_has_dates_that_mean_nothing(ada: Caller) -> None:
    document, _ = made(ada)
    assert document["isPublished"] is False
    assert document["datasetlifecycle"]["publishedOn"]


def test_gotcha_31_if_unmodified_since(ada: Caller) -> None:
    document, path = made(ada)
    changed, body = document["updatedAt"], {"keywords": ["x"]}

    def status(since: str) -> int:
        headers = {"If-Unmodified-Since": since}
        return ada.call(path, method="PATCH", body=body, headers=headers).status_code

    assert status("Mon, 14 Sep 2026 06:08:25 GMT") == 412
    exact = status(changed)
    assert exact == (200 if ada.service.flavour == "psi5" else 412)
    assert status("2099-01-01T00:00:00.000Z") == 200
    assert status("nonsense") == 200


def test_gotcha_32_valid_is_200_either_way(ada: Caller) -> None:
    answer = ada.call("datasets/isValid", method="POST", body=raw(ada, owner=None))
    assert answer.status_code in (200, 201)
    assert answer.json()["valid"] is False
    surprising = raw(ada, nonsense=1)
    assert ada.json("datasets/isValid", method="POST", body=surprising) == {"valid": True}
    assert ada.call("datasets", method="POST", body=surprising).status_code == 400


def test_gotcha_33_times_come_back_in_utc(ada: Caller) -> None:
    document, _ = made(ada, creationTime="2026-07-01T12:00:00")
    assert document["creationTime"] == "2026-07-01T10:00:00.000Z"


def test_gotcha_37_a_token_of_one_instance_is_nothing_to_the_other(scicat: Facility) -> None:
    ethz = Caller(scicat, "practice-ethz")
    token = scicat.scicat["practice"].users.token("ada")
    ethz.headers["Authorization"] = f"Bearer {token}"
    assert ethz.call("auth/whoami").content == b""


def test_gotcha_05_twelve_attachments(ada: Caller) -> None:
    _, path = made(ada)
    for number in range(12):
        body = {"caption": f"{number}", "thumbnail": "data:image/png;base64,AAAA"}
        answer = ada.call(f"{path}/attachments", method="POST", body=body)
        assert answer.status_code == 201
    assert len(ada.json(f"{path}/attachments")) == 10
    assert ada.json(f"{path}/attachments/count") == {"count": 10}
    assert ada.json(f"{path}/thumbnail")["thumbnail"].startswith("data:image/png")
    wanted = {"where": {"pid": ada.json(path)["pid"]}, "include": ["attachments"]}
    (row,) = ada.json("datasets", filter=wanted)
    assert len(row["attachments"]) == 12


def test_gotcha_18_keys_come_back_as_written_where_the_release_decodes(ada: Caller) -> None:
    metadata = {"Beam energy": {"value": 300, "unit": "kV"}, "a.b": {"value": 1}}
    _, path = made(ada, scientificMetadata=metadata)
    assert set(ada.json(path)["scientificMetadata"]) == {"Beam energy", "a.b"}
    in_v4 = set(ada.json(path, version=4)["scientificMetadata"])
    new = {"Beam energy", "a.b"}
    assert in_v4 == (new if ada.service.flavour == "psi5" else {"Beam%20energy", "a%2Eb"})
    where = {"scientificMetadata.Beam%20energy.value": {"gte": 300}}
    assert ada.json("datasets", filter={"where": where})


def test_gotcha_27_a_new_group_shows_at_the_next_log_in(scicat: Facility, profile: str) -> None:
    nobody = Caller(scicat, profile)
    who = {"username": "curator", "password": "practice"}

    def log_in() -> None:
        token = nobody.json("auth/login", method="POST", body=who)["id"]
        nobody.headers["Authorization"] = f"Bearer {token}"

    log_in()
    nobody.service.users.join("curator", "newgroup")
    assert "newgroup" not in nobody.json("auth/whoami")["currentGroups"]
    log_in()
    assert "newgroup" in nobody.json("auth/whoami")["currentGroups"]


def test_gotcha_28_relationships_have_two_schemas(ada: Caller) -> None:
    service = ada.service
    document = service.store.get("datasets", service.generator.pid(4)) or {}
    (relation,) = document["relationships"]
    assert ("identifier" in relation) is (service.flavour == "psi5")
    assert ("pid" in relation) is (service.flavour == "v427")


def test_pictures_in_v4(ada: Caller) -> None:
    service = ada.service
    admin_headers = {"Authorization": f"Bearer {service.users.token('admin')}"}
    pid = service.generator.pid(4)
    where = {"where": {"relationships.targetId": pid}, "limits": {"limit": 100}}
    rows = ada.json("attachments", version=4, filter=where, headers=admin_headers)
    assert len(rows) == 12
    assert rows[0]["thumbnail"].startswith("data:image/png;base64,")
    document, path = made(ada)
    target = {"targetId": document["pid"], "targetType": "dataset"}
    body = {
        "caption": "c",
        "thumbnail": "data:image/png;base64,AAAA",
        "ownerGroup": document["ownerGroup"],
        "isPublished": False,
        "relationships": [target],
    }
    answer = ada.call("attachments", method="POST", version=4, body=body)
    assert answer.status_code == 201
    (shown,) = ada.json(f"{path}/attachments")
    assert shown["id"] == answer.json()["aid"]
    assert ada.call(f"{path}/attachments/{shown['id']}", method="DELETE").status_code == 200
    assert ada.json(f"{path}/attachments") == []
    more = ada.call("attachments", method="POST", version=4, body={**body, "x": 1})
    assert more.json()["message"] == ["property x should not exist"]


def test_gotcha_13_what_nobody_thought_of_is_a_bare_string(ada: Caller) -> None:
    large = ada.call("datasets", method="POST", body=raw(ada, comment="x" * 17_000_000))
    assert (large.status_code, large.json()) == (500, "Internal server error")
    half = ada.call("datasets/fullquery", fields={"scientific": [{}]})
    assert (half.status_code, half.json()) == (500, "Internal server error")


def test_pyscicat_is_understood(scicat: Facility, profile: str) -> None:
    from pyscicat.client import ScicatClient
    from pyscicat.model import (
        Attachment,
        CreateDatasetOrigDatablockDto,
        DataFile,
        RawDataset,
    )

    service = scicat.scicat[profile]
    client = ScicatClient(
        f"{scicat.url}/{service.folder}/api/v3", username="ada", password="practice"
    )
    values = raw(Caller(scicat, profile, "ada")) | {"datasetName": "by pyscicat"}
    pid = client.datasets_create(RawDataset(**values))
    assert client.datasets_get_one(pid)["datasetName"] == "by pyscicat"
    assert pid in {row["pid"] for row in client.datasets_find(limit=1000)}
    file = DataFile(path="a.mrc", size=7, time="2026-09-14T06:08:25.000Z")
    block = CreateDatasetOrigDatablockDto(size=7, dataFileList=[file])
    client.datasets_origdatablock_create(pid, block)
    assert client.datasets_get_one(pid)["numberOfFiles"] == 1
    picture = Attachment(
        datasetId=pid,
        thumbnail="data:image/png;base64,AAAA",
        caption="grid",
        ownerGroup=values["ownerGroup"],
    )
    client.datasets_attachment_create(picture)
    assert len(service.store.blocks("attachments", pid)) == 1


def test_scitacean_is_understood(scicat: Facility, profile: str) -> None:
    from scitacean import PID, Client

    service = scicat.scicat[profile]
    token = service.users.token("ada")
    client = Client.from_token(
        url=f"{scicat.url}/{service.folder}/api/v3", token=token, allow_http=True
    )
    pid = service.add_dataset(files=3, size=2048)
    dataset = client.get_dataset(PID.parse(pid))
    assert [file.remote_path.posix for file in dataset.files] == [
        f"Images/micrograph_{number:06d}.mrc" for number in range(3)
    ]

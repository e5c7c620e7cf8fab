"""Folder listings in the forms that web servers give them."""

from __future__ import annotations

from datetime import datetime

import pytest

from openem_nb import http, transfer
from openem_nb.errors import BadAnswer

URL = "https://files.example.org/empiar/world_availability/10943"

PRE = """<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN"><html><head>
<title>Index of /empiar/world_availability/10943</title></head><body>
<h1>Index of /empiar/world_availability/10943</h1>
<pre><img src="/icons/blank.gif" alt="Icon "> <a href="?C=N;O=D">Name</a>
<a href="?C=M;O=A">Last modified</a>      <a href="?C=S;O=A">Size</a>  <hr>
<img src="/icons/back.gif" alt="[PARENTDIR]"> <a href="/empiar/world_availability/">Parent</a>   -
<img alt="[DIR]"> <a href="data/">data/</a>                   2022-02-07 09:15    -
<img alt="[   ]"> <a href="10943.xml">10943.xml</a>               2022-02-07 09:15  4.1K
<img alt="[   ]"> <a href="a%20b&amp;c.mrc">a b&amp;c.mrc</a>            2022-02-07 09:16  1.2G
<img alt="[   ]"> <a href="long_name_of_a_file.tif">long_name_of_..&gt;</a>   2022-02-07 09:16   64M
<img alt="[   ]"> <a href="small.txt">small.txt</a>               07-Feb-2022 09:17  312
<img alt="[   ]"> <a href="./TS:1.mrc">TS:1.mrc</a>
<a href="https://elsewhere.org/x">x</a> <a href="../up">up</a> <a href="..%2fup">up</a> <a>no</a>
<a href="deep/er.txt">deeper</a> <a href="#top">top</a> <a href="mailto:a@b.c">write</a>
<a href="10943.xml">again</a>
</pre></body></html>"""

TABLE = """<html><head><title>Index of /x</title></head><body><table>
<tr><th><a href="?C=N&amp;O=D">Name</a></th><th><a href="?C=S&amp;O=A">Size</a></th></tr>
<tr><td><a href="/empiar/world_availability/">Parent Directory</a></td><td>&nbsp;</td></tr>
<tr><td><a href="data/">data/</a></td><td align="right">2022-02-07 09:15  </td><td>  - </td></tr>
<tr><td><a href="/empiar/world_availability/10943/abs.mrc">abs.mrc</a></td>
<td align="right">2022-02-07 09:15  </td><td align="right">5.0M</td></tr>
</table></body></html>"""


class Web:
    """Pages by address, in place of a session."""

    def __init__(self, pages: dict[str, str]) -> None:
        self.pages = pages
        self.asked: list[str] = []

    def text(self, url: str, **_: object) -> str:
        self.asked.append(url)
        return self.pages[url]


def serve(monkeypatch: pytest.MonkeyPatch, pages: dict[str, str]) -> Web:
    web = Web(pages)
    monkeypatch.setattr(http, "session", lambda: web)
    return web


def test_preformatted_list(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, {f"{URL}/": PRE})
    found = {item.path: item for item in transfer.listing(URL)}
    assert list(found) == [
        "data/",
        "10943.xml",
        "a b&c.mrc",
        "long_name_of_a_file.tif",
        "small.txt",
        "TS:1.mrc",
    ]
    assert found["data/"].is_folder
    assert found["data/"].size is None
    assert found["a b&c.mrc"].url == f"{URL}/a%20b&c.mrc"
    assert found["10943.xml"].modified == datetime(2022, 2, 7, 9, 15)  # noqa: DTZ001  (as stated)
    assert found["small.txt"].modified == datetime(2022, 2, 7, 9, 17)  # noqa: DTZ001
    assert {path: (item.size, item.rounded) for path, item in found.items()} == {
        "data/": (None, False),
        "10943.xml": (4198, True),
        "a b&c.mrc": (1288490189, True),
        "long_name_of_a_file.tif": (64 * 1024**2, True),
        "small.txt": (312, False),
        "TS:1.mrc": (None, False),
    }
    # 1.2G is anything that rounds to it.
    assert found["a b&c.mrc"].uncertainty == 1024**3 // 20 + 1


def test_table_and_absolute_links(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, {f"{URL}/": TABLE})
    found = {item.path: item for item in transfer.listing(URL + "/")}
    assert list(found) == ["data/", "abs.mrc"]
    assert found["abs.mrc"].size == 5 * 1024**2
    assert found["abs.mrc"].url == f"{URL}/abs.mrc"


def page(*links: str) -> str:
    return "Index of /" + "".join(f'<a href="{link}">x</a> 2022-02-07 09:15 10' for link in links)


def test_walk_goes_through_folders_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    web = serve(
        monkeypatch,
        {
            f"{URL}/": page("b/", "a.txt", "c/"),
            f"{URL}/b/": page("one", "d/"),
            f"{URL}/b/d/": page("two%20words"),
            f"{URL}/c/": page(),
        },
    )
    assert [item.path for item in transfer.walk(URL)] == ["a.txt", "b/one", "b/d/two words"]
    assert len(web.asked) == 4


def test_a_circle_of_links_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    class Circle(Web):
        def text(self, url: str, **_: object) -> str:
            self.asked.append(url)
            return page("again/", "file")

    web = Circle({})
    monkeypatch.setattr(http, "session", lambda: web)
    with pytest.raises(BadAnswer, match=r"circle|nested"):
        list(transfer.walk(URL, deepest=5))
    assert len(web.asked) == 6


def test_what_is_no_list(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, {f"{URL}/": '<html>Maintenance, see <a href="news.html">news</a></html>'})
    with pytest.raises(BadAnswer, match="not a list of files"):
        transfer.listing(URL)
    serve(monkeypatch, {f"{URL}/": "<title>Index of /empty</title>"})
    assert transfer.listing(URL) == []

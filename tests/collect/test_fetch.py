import socket
import time

import pytest
from servers import Server

from anatili.collect.fetch import Fetcher, FetchError, ForbiddenError, RangedFile, Store, requested_wait


@pytest.fixture
def server():
    server = Server()
    server.files["/data"] = bytes(range(256)) * 400
    yield server
    server.shutdown()


def fetcher(server, **more):
    waited = []
    fetch = Fetcher(frozenset({server.host}), sleep=waited.append, **more)
    return fetch, waited


def test_a_busy_server_is_asked_again_after_the_time_it_names(server):
    server.faults["/data"] = ["429", "503"]
    fetch, waited = fetcher(server)
    assert fetch.get(server.url + "/data").body == server.files["/data"]
    assert server.times_asked("/data") == 3
    assert all(0.5 <= wait <= 1 for wait in waited)


@pytest.mark.parametrize("fault", ["hang up", "break off", "wrong range"])
def test_a_range_comes_whole_whatever_happens_on_the_way(server, fault):
    server.faults["/data"] = [fault, fault]
    fetch, _ = fetcher(server)
    assert fetch.get_range(server.url + "/data", 1000, 50_000) == server.files["/data"][1000:51_000]


def test_a_broken_download_is_resumed_not_started_over(server):
    server.faults["/data"] = ["break off"]
    fetch, _ = fetcher(server)
    fetch.get_range(server.url + "/data", 0, 100_000)
    assert [ranges for _, _, ranges in server.asked] == ["bytes=0-99999", "bytes=50000-99999"]


def test_a_server_that_ignores_ranges_is_an_error_not_data(server):
    server.faults["/data"] = ["ignore range"]
    fetch, _ = fetcher(server)
    with pytest.raises(FetchError, match="ignores ranges"):
        fetch.get_range(server.url + "/data", 1000, 10)


def test_a_server_that_never_recovers_is_given_up(server):
    server.faults["/data"] = ["503"] * 20
    fetch, _ = fetcher(server, tries=3)
    with pytest.raises(FetchError, match=r"HTTP 503 \(tried 3 times\)"):
        fetch.get(server.url + "/data")


def test_private_addresses_are_refused_also_behind_a_redirect(server):
    with pytest.raises(ForbiddenError, match="private network"):
        Fetcher().get(server.url + "/data")
    server.files["/away"] = (302, {"Location": f"http://localhost:{server.server_port}/data"}, b"")
    fetch, _ = fetcher(server)
    with pytest.raises(ForbiddenError, match="private network"):
        fetch.get(server.url + "/away")
    server.files["/file"] = (302, {"Location": "file:///etc/passwd"}, b"")
    with pytest.raises(ForbiddenError, match="not a web address"):
        fetch.get(server.url + "/file")


@pytest.mark.parametrize(
    "address", ["http://169.254.169.254/latest", "http://[::1]/", "http://0.0.0.0/", "http://10.1.1.1/"]
)
def test_no_form_of_a_private_address_is_connected_to(address):
    with pytest.raises(ForbiddenError):
        Fetcher(tries=1).get(address)


def test_redirects_end(server):
    server.files["/a"] = (302, {"Location": "/b"}, b"")
    server.files["/b"] = (302, {"Location": "/a"}, b"")
    for n in range(20):
        server.files[f"/{n}"] = (302, {"Location": f"/{n + 1}"}, b"")
    fetch, _ = fetcher(server)
    with pytest.raises(FetchError, match="circle"):
        fetch.get(server.url + "/a")
    with pytest.raises(FetchError, match="more than 5"):
        fetch.get(server.url + "/0")


def test_a_body_without_end_is_cut_short(server):
    fetch, _ = fetcher(server, max_bytes=1000)
    with pytest.raises(FetchError, match="more than 1000 bytes"):
        fetch.get(server.url + "/data")


def test_requests_to_a_host_keep_their_distance(server):
    fetch = Fetcher(frozenset({server.host}), pause=0.2)
    for _ in range(3):
        fetch.get(server.url + "/data")
    times = [at for _, at, _ in server.asked]
    assert times[2] - times[0] >= 0.3  # two pauses, less what the server took to note the first


def test_a_download_is_resumed(server, tmp_path):
    fetch, _ = fetcher(server, tries=1)
    target = tmp_path / "data"
    server.faults["/data"] = ["", "", "503"]
    with pytest.raises(FetchError):
        Store(fetch).download(server.url + "/data", target, block=30_000)
    Store(fetch).download(server.url + "/data", target, block=30_000)
    assert target.read_bytes() == server.files["/data"]
    assert [ranges for _, _, ranges in server.asked].count("bytes=0-29999") == 1


def test_a_remote_file_is_read_by_ranges(server):
    fetch, _ = fetcher(server)
    file = RangedFile(Store(fetch), server.url + "/data")
    file.seek(-10, 2)
    assert file.read() == server.files["/data"][-10:]
    assert file.read(5) == b""


def test_retry_after_may_be_a_date_and_is_bounded():
    assert requested_wait("7") == 7
    assert requested_wait("99999") == 120
    assert requested_wait("soon") is None
    assert requested_wait(time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 30))) == pytest.approx(
        30, abs=2
    )


def test_a_body_that_trickles_is_given_up_and_resumed(server, monkeypatch):
    monkeypatch.setattr("anatili.collect.fetch.PATIENCE", 0.05)
    server.faults["/data"] = ["trickle"]
    fetch, _ = fetcher(server)
    assert fetch.get_range(server.url + "/data", 0, 100_000) == server.files["/data"][:100_000]
    assert len(server.asked) == 2


def test_ranges_follow_redirects_to_the_file(server):
    server.files["/moved"] = (302, {"Location": "/data"}, b"")
    server.files["/circle"] = (302, {"Location": "/circle"}, b"")
    fetch, _ = fetcher(server)
    assert Store(fetch).read(server.url + "/moved", 10, 20) == server.files["/data"][10:30]
    assert Store(fetch).size(server.url + "/moved") == len(server.files["/data"])
    with pytest.raises(FetchError, match="more than 5 redirects"):
        fetch.get_range(server.url + "/circle", 0, 10)
    server.files["/out"] = (302, {"Location": "http://10.0.0.1/"}, b"")
    with pytest.raises(ForbiddenError):
        fetch.get_range(server.url + "/out", 0, 10)


def test_an_address_that_does_not_answer_is_passed_for_the_next(server, monkeypatch):
    real = socket.getaddrinfo

    def two(host, port, *rest, **more):
        rows = real("127.0.0.1", port, *rest, **more)
        return [(*rows[0][:4], ("127.0.0.9", port)), *rows] if host == "two.example" else rows

    monkeypatch.setattr(socket, "getaddrinfo", two)
    fetch = Fetcher(frozenset({f"two.example:{server.server_port}"}), tries=1)
    assert fetch.get(f"http://two.example:{server.server_port}/data").status == 200


def test_a_range_may_be_longer_than_a_page(server):
    """Columns of Common Crawl's index are tens of megabytes; only pages are bounded by `max_bytes`."""
    fetch, _ = fetcher(server, max_bytes=1000)
    assert len(fetch.get_range(server.url + "/data", 0, 50_000)) == 50_000

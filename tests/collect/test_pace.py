"""The pace of requests, by a clock of the test's own."""

import pytest
from servers import Server

from anatili.collect.fetch import Fetcher, user_agent
from anatili.collect.pace import BURST, Pace


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_a_burst_is_free_and_then_the_rate_holds(clock):
    pace = Pace(2.0, clock)
    waits = [pace.take("a.example", 0.0) for _ in range(int(BURST) + 3)]
    assert waits == [0.0] * int(BURST) + [0.5, 1.0, 1.5]
    assert pace.take("b.example", 0.0) == 0.0
    clock.now += 1000
    assert [pace.take("a.example", 0.0) for _ in range(int(BURST) + 1)] == [0.0] * int(BURST) + [0.5]


def test_a_pause_holds_without_a_rate_too(clock):
    pace = Pace(0.0, clock)
    assert [pace.take("a.example", 3.0) for _ in range(3)] == [0.0, 3.0, 6.0]


def test_a_wait_that_a_host_asks_for_holds_for_its_next_requests_alone(clock):
    pace = Pace(10.0, clock)
    pace.hold("a.example", 30.0)
    assert pace.take("a.example", 0.0) == 30.0
    assert pace.take("b.example", 0.0) == 0.0


def test_a_busy_server_is_waited_for_and_told_whom_to_write_to():
    server = Server()
    try:
        server.files["/x"] = b"x"
        waited = []
        fetch = Fetcher(frozenset({server.host}), rate=1000.0, contact="crawler@example.kz", sleep=waited.append)
        assert fetch.client.headers["user-agent"] == user_agent("crawler@example.kz")
        assert fetch.get(server.url + "/x").body == b"x"
        fetch.pace.hold(server.host, 20.0)
        fetch.get(server.url + "/x")
        assert waited[-1] == pytest.approx(20.0, abs=1)
    finally:
        server.shutdown()
    assert user_agent("me@example.kz").endswith("; me@example.kz)")
    assert "; " not in user_agent("")

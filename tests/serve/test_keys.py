"""Keys with names, limits and an expiry, and a file of them that a running server reads again."""

import os
from datetime import UTC, date, datetime, timedelta

import pytest

from anatili.problem import Problem
from anatili.serve import keys
from anatili.serve.keys import Key, KeyRing, hash_key, make_key, read_keys
from anatili.serve.limits import DAY, RateLimit, visitor_of


def test_a_key_keeps_its_limit_expiry_and_role(anatili, tmp_path):
    last_day = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    made = anatili("key", "newspaper", "--per-minute", "300", "--expires", last_day, "--admin")
    assert made.returncode == 0
    (tmp_path / "keys.txt").write_text(made.stdout, "utf-8")
    (key,) = read_keys(tmp_path / "keys.txt").values()
    assert key == Key("newspaper", 300, date.fromisoformat(last_day), admin=True)
    assert not key.has_expired()
    assert Key("old", expires=date(2020, 1, 1)).has_expired()
    for day, message in (("2020-01-01", "is over"), ("tomorrow", "give a day such as")):
        refused = anatili("key", "late", "--expires", day)
        assert refused.returncode == 1
        assert message in refused.stderr


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("name", "expected a name and a hash"),
        ("name abc", "expected a name and a hash"),
        (f"name {'0' * 64} per-minute=many", "unknown option"),
        (f"name {'0' * 64} expires=soon", "Invalid isoformat"),
        (f"name {'0' * 64} root", "unknown option 'root'"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, line, message):
    (tmp_path / "keys.txt").write_text(f"# keys\n{line}\n", "utf-8")
    with pytest.raises(Problem, match=rf"line 2: .*{message}"):
        read_keys(tmp_path / "keys.txt")


def test_a_revoked_key_no_longer_counts_without_a_restart(tmp_path, monkeypatch):
    monkeypatch.setattr(keys, "REREAD_SECONDS", 0.0)
    (first, line), (second, other) = make_key(Key("a")), make_key(Key("b"))
    file = tmp_path / "keys.txt"
    file.write_text(f"{line}\n", "utf-8")
    ring = KeyRing({hash_key("fixed"): Key("fixed")}, file)
    assert (ring.find(first), ring.find("fixed"), ring.find(second)) == (Key("a"), Key("fixed"), None)
    file.write_text(f"{other}\n", "utf-8")
    os.utime(file, (1, 1))
    assert (ring.find(first), ring.find(second)) == (None, Key("b"))
    file.write_text("damaged\n", "utf-8")  # the keys before the damage go on
    os.utime(file, (2, 2))
    assert ring.find(second) == Key("b")
    assert "line 1" in ring.problem


def test_each_client_has_its_own_limit_that_refills(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("anatili.serve.limits.time.monotonic", lambda: now[0])
    limit = RateLimit(6)
    assert [limit.allows("a") for _ in range(7)] == [True] * 6 + [False]
    assert limit.is_spent("a")
    assert limit.allows("b")
    assert [limit.allows("c", 2) for _ in range(3)] == [True, True, False]
    now[0] += 10
    assert [limit.allows("a") for _ in range(2)] == [True, False]
    assert all(RateLimit(0).allows("a") for _ in range(100))
    size = len(limit.rows)
    for number in range(20_000):
        limit.allows(str(number))
    assert len(limit.rows) == size
    daily = RateLimit(2, DAY)
    assert [daily.allows("a") for _ in range(3)] == [True, True, False]
    now[0] += 60
    assert not daily.allows("a")


def test_a_visitor_is_an_address_or_an_ipv6_network():
    assert visitor_of("203.0.113.9") == visitor_of("::ffff:203.0.113.9") == "203.0.113.9"
    assert visitor_of("2001:db8::1") == visitor_of("2001:db8::ffff:2") != visitor_of("2001:db8:0:1::1")
    assert visitor_of("testclient") == "testclient"

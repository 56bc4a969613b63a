"""Searches in other processes: the same answers, and a process that dies is replaced."""

import asyncio
import multiprocessing

import pytest

from anatili.opening.search import open_search
from anatili.problem import Problem
from anatili.serve.assistant import Assistant
from anatili.serve.passages import search_body
from anatili.serve.search_pool import SearchPool
from anatili.serve.server import search_pool

QUERIES = ["Алтын адам қайдан табылды?", "домбыра", "Аральское море", "steppe", ""]


def test_processes_give_the_same_answers_and_are_replaced(monkeypatch):
    monkeypatch.setattr("anatili.serve.search_pool.RESTART_SECONDS", 0.0)
    index, others = open_search("sample"), set(multiprocessing.active_children())  # servers of other tests
    pool = SearchPool(index, 1)

    async def run() -> None:
        arguments = [(query, 5, 0, "kk", "") for query in QUERIES]
        bodies = await asyncio.gather(*(pool.ask(*each) for each in arguments))
        assert list(bodies) == [search_body(index, *each) for each in arguments]
        left = asyncio.ensure_future(pool.ask(*arguments[0]))  # a client that leaves disturbs no other answer
        await asyncio.sleep(0)
        left.cancel()
        assert await pool.ask(*arguments[1]) == bodies[1]
        (process,) = set(multiprocessing.active_children()) - others
        process.kill()
        for _ in range(3000):
            try:
                assert await pool.ask(*arguments[2]) == bodies[2]
                break
            except ConnectionError:  # answered with 503 meanwhile
                await asyncio.sleep(0.01)
        else:
            pytest.fail("the process was not replaced")

    asyncio.run(run())
    pool.close()
    assert set(multiprocessing.active_children()) <= others


def test_without_an_index_there_is_nothing_to_share():
    class Model:
        name, slots, context, parameters = "x", 1, 0, 0

    with pytest.raises(Problem, match="no search index"):
        search_pool(Assistant(Model(), {}), 2)
    assert search_pool(Assistant(Model(), {}), 0) is None

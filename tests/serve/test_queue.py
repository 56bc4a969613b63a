"""The queue: some requests run, some wait, the rest are refused; work ends when the client leaves or time is up."""

import asyncio
import threading

import httpx
import pytest

from anatili.engine import Chunk
from anatili.lang import load_pack
from anatili.problem import Problem
from anatili.serve.api import create_app
from anatili.serve.assistant import Assistant
from anatili.serve.queue import MAX_WAITING, QueueFull, Slots
from anatili.serve.queue import client as current_client


class Endless:
    """An engine that repeats a word until it is stopped."""

    slots, name, context, parameters = 1, "endless", 4096, 0

    def __init__(self) -> None:
        self.closed = 0

    def generate(self, prompt=None, sampling=None):
        try:
            while True:
                yield Chunk("сөз ")
        finally:
            self.closed += 1


def test_some_run_some_wait_and_the_rest_are_refused():
    async def run() -> None:
        slots, go = Slots(2, max_waiting=1), asyncio.Event()

        async def work() -> None:
            async with slots.acquire():
                await go.wait()

        tasks = [asyncio.create_task(work()) for _ in range(3)]
        await asyncio.sleep(0.01)
        assert (slots.running, slots.waiting) == (2, 1)
        with pytest.raises(QueueFull, match="1 requests are already waiting"):
            async with slots.acquire():
                pass
        tasks[2].cancel()  # a waiting request that is cancelled leaves no trace
        await asyncio.sleep(0.01)
        assert slots.waiting == 0
        go.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (slots.running, slots.waiting) == (0, 0)

    asyncio.run(run())


def test_clients_take_turns_and_one_cannot_fill_the_queue():
    async def run() -> None:
        slots, order = Slots(1, max_waiting=4), list[str]()

        async def work(name: str) -> None:
            current_client.set(name)
            async with slots.acquire():
                order.append(name)
                await asyncio.sleep(0.001)

        tasks = []
        for name in ("greedy",) * 5 + ("a", "b"):
            tasks.append(asyncio.create_task(work(name)))
            await asyncio.sleep(0)
        with pytest.raises(QueueFull):
            await asyncio.create_task(work("greedy"))
        await asyncio.gather(*tasks)
        assert order == ["greedy", "greedy", "a", "b", "greedy", "greedy", "greedy"]
        assert (slots.running, slots.waiting) == (0, 0)

    asyncio.run(run())


def test_a_slot_is_not_lost_if_its_client_leaves_as_it_comes():
    async def run() -> None:
        slots = Slots(1)

        async def work() -> None:
            async with slots.acquire():
                await asyncio.sleep(0)

        for steps in range(6):
            async with slots.acquire():
                waiting = [asyncio.create_task(work()) for _ in range(2)]
                await asyncio.sleep(0.001)
            for _ in range(steps):
                await asyncio.sleep(0)
            waiting[0].cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            assert (slots.running, slots.waiting) == (0, 0)

    asyncio.run(run())


def test_an_error_of_the_engine_reaches_the_client_after_what_came_before():
    def broken():
        yield Chunk("сөз ")
        raise Problem("the model is gone")

    async def run() -> None:
        chunks = Slots(1).chunks(broken())
        assert (await anext(chunks)).text == "сөз "
        with pytest.raises(Problem, match="gone"):
            await anext(chunks)

    asyncio.run(run())


def test_work_ends_when_its_client_leaves_or_the_time_is_up(monkeypatch):
    async def run() -> None:
        slots, engine = Slots(1), Endless()
        chunks = slots.chunks(engine.generate())
        assert (await anext(chunks)).text == "сөз "
        await chunks.aclose()
        assert engine.closed == 1
        monkeypatch.setattr("anatili.serve.queue.MAX_SECONDS", 0.05)
        chunks = [chunk async for chunk in slots.chunks(engine.generate())]
        assert chunks[-1].finish == "length"
        assert engine.closed == 2

    asyncio.run(run())


class Held(Endless):
    """An engine whose short answers come when it is told so."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def generate(self, prompt=None, sampling=None):
        self.go.wait(60)
        yield Chunk("сөз.")
        yield Chunk("", finish="stop")


def test_of_streams_that_come_together_each_is_whole_or_refused_before_it_begins():
    async def run() -> None:
        engine = Held()
        app = create_app(Assistant(engine, {"kk": load_pack("kk")}))
        body = {"messages": [{"role": "user", "content": "Сәлем"}], "stream": True}
        transport, most = httpx.ASGITransport(app), engine.slots + MAX_WAITING
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as client:
            tasks = [asyncio.create_task(client.post("/v1/chat/completions", json=body)) for _ in range(most + 20)]
            while sum(task.done() for task in tasks) < 20:
                await asyncio.sleep(0.01)
            engine.go.set()
            answers = await asyncio.gather(*tasks)
            assert sorted(answer.status_code for answer in answers) == [200] * most + [503] * 20
            for answer in answers:
                assert answer.status_code == 503 or answer.text.endswith("data: [DONE]\n\n")
            again = await client.post("/v1/chat/completions", json=body)
            assert again.status_code == 200, "all places were given back"

    asyncio.run(run())


def test_a_place_is_given_back_if_its_stream_never_waits():
    async def run() -> None:
        slots = Slots(1, max_waiting=1)
        reservations = [slots.reserve(), slots.reserve()]
        with pytest.raises(QueueFull, match="1 requests"):
            slots.check_room()
        for _ in range(2):
            slots.end_reservation(reservations[0])
        slots.check_room()
        slots.end_reservation(reservations[1])
        assert not slots.reserved

    asyncio.run(run())


def test_a_server_that_is_full_says_so_and_when_to_come_back(monkeypatch):
    monkeypatch.setattr("anatili.serve.queue.MAX_SECONDS", 1.0)

    async def run() -> None:
        app = create_app(Assistant(Endless(), {"kk": load_pack("kk")}))
        body = {"messages": [{"role": "user", "content": "Сәлем"}]}
        transport = httpx.ASGITransport(app)
        monkeypatch.setattr("anatili.serve.queue.Slots.check_room", full)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            for more in ({}, {"stream": True}):
                answer = await client.post("/v1/chat/completions", json={**body, **more})
                assert answer.status_code == 503
                assert answer.headers["retry-after"]
                assert answer.json()["error"]["type"] == "server_error"

    def full(self) -> None:
        raise QueueFull("64 requests are already waiting")

    asyncio.run(run())

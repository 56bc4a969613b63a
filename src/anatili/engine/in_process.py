"""llama.cpp's server called without a socket: JSON goes in, JSON comes out, and a stream can be stopped."""

import atexit
from collections.abc import Callable, Iterator, Mapping
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any

Handler = Callable[[dict[str, Any], Callable[[dict[str, Any]], bool]], None]
"""A handler of `xllamacpp.Server`: a request, and a callback that gets each event and returns whether to stop."""
running: set["Stream"] = set()
"""Streams that llama.cpp is working on."""
idle: list["Worker"] = []
"""Threads that wait for a stream."""


class Worker:
    """A thread that makes one stream after another: to start a thread takes as long as a small model needs for a token.

    A daemon, so that it does not delay the end of the process; `stop_all` ends its stream in order.
    """

    def __init__(self) -> None:
        self.streams: SimpleQueue[Stream] = SimpleQueue()
        Thread(target=self.work, name="llama.cpp", daemon=True).start()

    def work(self) -> None:
        while True:
            stream = self.streams.get()
            stream.work()
            idle.append(self)
            stream.ended.set()
            del stream  # its request and events are not kept until the next one comes


class Stream:
    """The events of one answer, made by llama.cpp in another thread. `close` makes it stop at its next token."""

    def __init__(self, handler: Handler, body: Mapping[str, Any]) -> None:
        # With its progress reported, an answer can be stopped before its prompt is computed and between batches of it.
        self.handler, self.body = handler, {**body, "return_progress": True}
        self.events: SimpleQueue[dict[str, Any] | BaseException | None] = SimpleQueue()
        self.closed, self.ended = Event(), Event()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        try:
            worker = idle.pop()
        except IndexError:
            worker = Worker()
        running.add(self)  # not before there is a thread: `stop_all` would wait for a stream that nobody makes
        worker.streams.put(self)
        try:
            while (event := self.events.get()) is not None:
                if isinstance(event, BaseException):
                    raise event
                yield event
        finally:
            self.closed.set()

    def work(self) -> None:
        try:
            self.handler(self.body, self.take)
        except Exception as error:  # raised again where the events are read
            self.events.put(error)
        finally:
            self.events.put(None)
            running.discard(self)

    def take(self, event: dict[str, Any]) -> bool:
        """Hand on an event; whether llama.cpp is to stop."""
        if "prompt_progress" not in event:
            self.events.put(event)
        return self.closed.is_set()


@atexit.register
def stop_all() -> None:
    """End the streams that nobody closed: a thread inside llama.cpp must not outlive the interpreter."""
    streams = list(running)
    for stream in streams:
        stream.closed.set()
    for stream in streams:
        stream.ended.wait()

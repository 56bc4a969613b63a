"""A chat server with OpenAI's API that breaks on command."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ChatServer(ThreadingHTTPServer):
    """Answers by a function of the question; after `dies_after` answers every request fails."""

    daemon_threads = True

    def __init__(self, answer: Callable[[str], str], dies_after: int = 10**9) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer, self.dies_after, self.asked = answer, dies_after, 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: ChatServer

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.send(json.dumps({"object": "list", "data": [{"id": "talker"}]}), "application/json")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "messages" not in body:
            return self.send("{}", "application/json", 404)
        self.server.asked += 1
        if self.server.asked > self.server.dies_after:
            return self.send('{"error": {"message": "out of memory"}}', "application/json", 500)
        answer = self.server.answer(body["messages"][-1]["content"])
        event = {"choices": [{"delta": {"content": answer}, "finish_reason": "stop"}]}
        return self.send(f"data: {json.dumps(event)}\n\ndata: [DONE]\n\n", "text/event-stream")

    def send(self, text: str, kind: str, status: int = 200) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

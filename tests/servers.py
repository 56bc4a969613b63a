"""Web servers on loopback that misbehave on command, and a miniature Common Crawl to serve from them."""

import gzip
import io
import threading
import time
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pycld2

from anatili import sample
from anatili.warc import Page, WarcFile, read_pages

CRAWL = "CC-MAIN-2026-99"
ISO = {
    "kk": "kaz",
    "ru": "rus",
    "en": "eng",
    "tr": "tur",
    "ky": "kir",
    "tt": "tat",
    "ba": "bak",
    "uz": "uzb",
    "mn": "mon",
}


class Server(ThreadingHTTPServer):
    """Serves `files` (path -> bytes or (status, headers, body)); each entry of `faults[path]` spoils one request."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that break off are what is tested."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, object] = {}
        self.faults: dict[str, list[str]] = defaultdict(list)
        self.asked: list[tuple[str, float, str]] = []
        self.queries: list[tuple[str, str]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def times_asked(self, path: str) -> int:
        return sum(asked == path for asked, _, _ in self.asked)


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        self.server.queries.append((path, query))
        self.server.asked.append((path, time.monotonic(), self.headers.get("Range", "")))
        fault = self.server.faults[path].pop(0) if self.server.faults[path] else ""
        if fault in ("429", "503"):
            return self.answer(int(fault), {"Retry-After": "1"}, b"later")
        if fault == "hang up":
            self.close_connection = True
            return None
        if fault.startswith("drip"):
            return self.drip(in_headers=fault == "drip in headers")
        found = self.server.files.get(path)
        if found is None:
            return self.answer(404, {}, b"not here")
        if isinstance(found, tuple):
            return self.answer(*found)
        return self.send_file(found, fault)

    def drip(self, *, in_headers: bool) -> None:
        """Send a little again and again, until the client has enough of it."""
        self.close_connection = True
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n" + b"\r\n" * (not in_headers))
        try:
            while True:
                self.wfile.write(b"X-More: 1\r\n")
                self.wfile.flush()
                time.sleep(0.02)
        except OSError:
            return

    def send_file(self, data: bytes, fault: str) -> None:
        asked = self.headers.get("Range", "")
        if not asked or fault == "ignore range":
            return self.answer(200, {}, data)
        first, last = asked.removeprefix("bytes=").split("-")
        start, end = int(first), min(int(last or len(data)), len(data) - 1)
        if fault == "wrong range":
            start += 7
        part = data[start : end + 1]
        headers = {"Content-Range": f"bytes {start}-{end}/{len(data)}"}
        if fault == "trickle":
            self.send_response(206)
            for name, value in {**headers, "Content-Length": str(len(part))}.items():
                self.send_header(name, value)
            self.end_headers()
            for place in range(0, 40, 4):
                self.wfile.write(part[place : place + 4])
                self.wfile.flush()
                time.sleep(0.03)
            self.close_connection = True
            return None
        if fault == "break off":
            self.send_response(206)
            for name, value in {**headers, "Content-Length": str(len(part))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(part[: len(part) // 2])
            self.close_connection = True
            return None
        return self.answer(206, headers, part)

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def mini_crawl(folder: Path, files: int = 2) -> tuple[dict[str, bytes], dict[str, str]]:
    """A crawl in Common Crawl's layout, made from the sample: path -> bytes, and address -> languages by CLD2."""
    members = []
    for page in read_pages(sample.build(folder), 10**7):
        if isinstance(page, Page) and page.url:
            stream = io.BytesIO()
            warc = WarcFile(stream)
            warc.write(page)
            warc.close()
            members.append((page.url, page.status, page.payload, stream.getvalue()))
    served: dict[str, bytes] = {}
    rows, languages = [], {}
    for number in range(files):
        name, data = f"crawl-data/{CRAWL}/segments/1/warc/part-{number:05d}.warc.gz", b""
        for url, status, body, packed in members[number::files]:
            found = cld2(body)
            rows.append(
                {
                    "url": url,
                    "fetch_status": status,
                    "content_languages": found,
                    "warc_filename": name,
                    "warc_record_offset": len(data),
                    "warc_record_length": len(packed),
                }
            )
            languages[url] = found
            data += packed
        served["/" + name] = data
    half = len(rows) // 2
    parts = [f"cc-index/table/cc-main/warc/crawl={CRAWL}/subset=warc/part-{n:05d}.gz.parquet" for n in range(2)]
    for part, some in zip(parts, (rows[:half], rows[half:]), strict=True):
        stream = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(some), stream, row_group_size=40)
        served["/" + part] = stream.getvalue()
    listed = [*parts, f"cc-index/table/cc-main/warc/crawl={CRAWL}/subset=robotstxt/part-00000.gz.parquet"]
    served[f"/crawl-data/{CRAWL}/cc-index-table.paths.gz"] = gzip.compress("\n".join(listed).encode(), mtime=0)
    warcs = sorted(path[1:] for path in served if path.endswith(".warc.gz"))
    served[f"/crawl-data/{CRAWL}/warc.paths.gz"] = gzip.compress("\n".join(warcs).encode(), mtime=0)
    return served, languages


def cld2(body: bytes) -> str | None:
    """Up to three ISO 639-3 codes, as Common Crawl's index has them."""
    try:
        _, _, ranked = pycld2.detect(body.decode("utf-8", "ignore"), isPlainText=False)
    except pycld2.error:
        return None
    return ",".join(ISO.get(code, "xxx") for _, code, percent, _ in ranked if code != "un" and percent) or None

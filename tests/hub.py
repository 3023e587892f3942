"""A server on this machine that speaks the part of the hub's language that downloads need, and can fail."""

import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ID = "someone/stories"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


_LISTING = re.compile(rf"/api/(?:models|datasets)/{ID}(?:/|$)")
_FILE = re.compile(rf"(?:/datasets)?/{ID}/resolve/{COMMIT}/(.+)")


@dataclass
class Hub:
    """`drops_after`: how many bytes of a file are sent before the connection breaks, at most so often.
    `holds_after`: how many are sent of a file before the rest waits until `go_on` is set."""

    files: dict[str, bytes]
    large: frozenset[str] = frozenset()
    drops_after: int | None = None
    drops_left: int = 0
    holds_after: int | None = None
    go_on: threading.Event = field(default_factory=threading.Event)
    ignores_ranges: bool = False
    is_gated: bool = False
    licence: str = "apache-2.0"
    lies: dict[str, bytes] = field(default_factory=dict)
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    url: str = ""

    def listing(self) -> dict[str, object]:
        siblings = []
        for name, content in self.files.items():
            sibling: dict[str, object] = {
                "rfilename": name,
                "size": len(content),
                "blobId": git_hash(content),
            }
            if name in self.large:
                digest = hashlib.sha256(content).hexdigest()
                sibling["lfs"] = {"size": len(content), "sha256": digest, "pointerSize": 130}
            siblings.append(sibling)
        return {
            "_id": "1",
            "id": ID,
            "sha": COMMIT,
            "siblings": siblings,
            "tags": [f"license:{self.licence}"],
        }


def git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@contextmanager
def running(hub: Hub) -> Iterator[Hub]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    server.daemon_threads = False
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield hub
    finally:
        hub.go_on.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    return type("Handler", (_Handler,), {"hub": hub})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(sends_body=False)

    def do_GET(self) -> None:
        self._answer(sends_body=True)

    def _answer(self, sends_body: bool) -> None:
        path, wanted = self.path.partition("?")[0], self.headers.get("Range", "")
        self.hub.requests.append((self.command, path, wanted))
        file = _FILE.fullmatch(path)
        if self.hub.is_gated:
            self._send(403, b"", {"X-Error-Code": "GatedRepo"})
        elif _LISTING.match(path):
            listing = json.dumps(self.hub.listing()).encode()
            self._send(200, listing, {"Content-Type": "application/json"})
        elif file and file[1] in self.hub.files:
            self._file(file[1], wanted, sends_body)
        else:
            self._send(404, b"", {"X-Error-Code": "RepoNotFound"})

    def _file(self, name: str, wanted: str, sends_body: bool) -> None:
        hub, content = self.hub, self.hub.lies.get(name, self.hub.files[name])
        start = 0
        if wanted and not hub.ignores_ranges:
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
        headers = {"ETag": f'"{git_hash(content)}"', "X-Repo-Commit": COMMIT}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        body = content[start:] if sends_body else b""
        if hub.drops_left and hub.drops_after is not None and len(body) > hub.drops_after:
            hub.drops_left -= 1
            body = body[: hub.drops_after]
            self.close_connection = True
        self._send(206 if start else 200, body, headers, promised=len(content) - start)

    def _send(self, status: int, body: bytes, headers: dict[str, str], promised: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if promised is None else promised))
        self.end_headers()
        held = self.hub.holds_after
        if held is None or len(body) <= held:
            self.wfile.write(body)
            return
        self.wfile.write(body[:held])
        self.hub.go_on.wait()
        with contextlib.suppress(OSError):  # whoever waited has gone
            self.wfile.write(body[held:])

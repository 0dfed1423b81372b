"""A token server on loopback that gives access tokens for refresh tokens, or misbehaves."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest

Answer = tuple[int, bytes]


class TokenServer:
    """Answers each request with what `answer` makes of its form; remembers all forms."""

    def __init__(self) -> None:
        self.forms: list[dict[str, str]] = []
        self.answer: Callable[[dict[str, str]], Answer] = lambda _form: (500, b"")
        self.headers: dict[str, str] = {}
        self.drips = threading.Event()  # set: the answer comes a byte at a time, without end
        self.ended = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                form = {
                    name: values[0]
                    for name, values in parse_qs(self.rfile.read(length).decode()).items()
                }
                server.forms.append(form)
                status, body = server.answer(form)
                self.send_response(status)
                for name, value in server.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                while server.drips.is_set() and not server.ended.wait(0.05):
                    self.wfile.write(b" ")
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever)
        self.url = f"http://127.0.0.1:{self._http.server_port}/token?tenant=x"

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def stop(self) -> None:
        """End and return when nobody answers any more."""
        self.ended.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def given(**values: object) -> Answer:
    """Answer with these values."""
    return 200, json.dumps({"token_type": "Bearer", "expires_in": 3600, **values}).encode()


def refused(error: str, description: str = "") -> Answer:
    """Answer with an error of RFC 6749 §5.2."""
    return 400, json.dumps({"error": error, "error_description": description}).encode()


@pytest.fixture
def token_server() -> Iterator[TokenServer]:
    """Run a token server."""
    server = TokenServer()
    server.start()
    yield server
    server.stop()

"""A small web server on this machine that can truncate, stall and lie, one answer at a time."""

import http.server
import re
import threading
from contextlib import contextmanager

import numpy as np

CONTENT = np.random.default_rng(0).bytes(300_000)
WRONG = bytes(reversed(CONTENT))


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers each request with the next of `server.script`: a function of this handler."""

    def do_GET(self):
        self.server.requests.append(self.headers.get("Range"))
        script = self.server.script
        (script.pop(0) if len(script) > 1 else script[0])(self)

    def start(self):
        wanted = re.match(r"bytes=(\d+)-", self.headers.get("Range") or "")
        return int(wanted[1]) if wanted and self.server.ranges else 0

    def answer(self, content, *, sent=None, status=None, first=None, length=None):
        """Send `content` from where the range begins, `sent` bytes of it at most."""
        start = self.start()
        if start >= len(content):
            status(416)(self)
            return
        self.send_response(status or (206 if start else 200))
        if start:
            first = start if first is None else first
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        rest = content[start:]
        if length is not False:
            self.send_header("Content-Length", str(length or len(rest)))
        self.end_headers()
        self.wfile.write(rest[:sent])

    def log_message(self, *args):
        pass


def whole(handler):
    handler.answer(CONTENT)


def cut_at(n):
    return lambda handler: handler.answer(CONTENT, sent=n)


def stalls(handler):
    handler.answer(CONTENT, sent=50_000)
    handler.server.released.wait(20)


def drips(handler):
    """A byte now and then, always within the time limit for silence."""
    handler.answer(CONTENT, sent=1000)
    for byte in CONTENT[handler.start() + 1000 :]:
        if handler.server.released.wait(0.1):
            return
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()


def drips_headers(handler):
    """A byte of a header now and then, and never the end of the headers."""
    handler.send_response(200)
    handler.flush_headers()
    handler.wfile.write(b"X-Slow: ")
    while not handler.server.released.wait(0.1):
        handler.wfile.write(b"a")
        handler.wfile.flush()


def drips_a_redirect(handler):
    """A redirect whose body arrives byte by byte."""
    handler.send_response(302)
    handler.send_header("Location", handler.path)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    while not handler.server.released.wait(0.1):
        handler.wfile.write(b"a")
        handler.wfile.flush()


def lies(handler):
    handler.answer(WRONG)


def too_long(handler):
    handler.answer(CONTENT + b"more", length=False)


def too_short(handler):
    handler.answer(CONTENT[:-1])


def elsewhere(handler):
    handler.answer(CONTENT, first=7)


def status(code, **headers):
    def answer(handler):
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()

    return answer


@contextmanager
def running_server():
    """A running server with `script` (answers still to give), `requests` (ranges asked for)."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.requests, server.script, server.ranges = [], [whole], True
    server.released = threading.Event()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
        thread.join()

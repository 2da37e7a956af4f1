"""A downloader for pooch that resumes an interrupted download."""

import errno
import http.client
import os
import re
import socket
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import suppress

from minitransformer.storage.progress import late_bar

CHUNK = 1 << 16
MIN_SPEED = 1000  # bytes per second; a slower server counts as stalled
# responses and errors after which another attempt would not help
REFUSED = (401, 403, 404, 410)
LOCAL_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS)


class ResumingDownloader:
    """Downloads one file of known size, in several attempts if necessary.

    Partial data are kept in `part` until the file is complete, even if the process ends. The next
    attempt requests only the rest. pooch then verifies the complete file.

    Parameters
    ----------
    part : Path
        The partial file, in the folder of the finished file.
    size : int
        Size of the finished file, in bytes.
    timeout, wait : float
        Seconds without data, or with less than 1,000 bytes per second, after which a connection
        counts as stalled, and seconds between attempts. Redirects and headers may take as long.
    attempts : int
        Maximum number of attempts.
    progress : bool
        Whether to show a bar on standard error.
    allow_loopback : bool
        Whether to allow plain http to 127.0.0.1 in addition to https.
    """

    def __init__(self, part, size, *, timeout, attempts, wait, progress, allow_loopback):
        self.part, self.size = part, size
        self.timeout, self.attempts, self.wait = timeout, attempts, wait
        self.progress = progress
        self.resumed = False  # whether the last call started with bytes from an earlier call
        self._secure = _SecureOnly(allow_loopback)
        self._sockets = []  # those of the current attempt
        handlers = [_opening(kind, self._sockets) for kind in ("HTTP", "HTTPS")]
        self._opener = urllib.request.build_opener(self._secure, *handlers)

    def __call__(self, url, output_file, pooch):
        """Download `url` to `output_file`; pooch calls its downloader with these arguments."""
        self._secure.check(url)
        self.resumed = self._have() > 0
        with late_bar(os.path.basename(url), self.size, shown=self.progress) as update:
            self._persist(url, update)
        os.replace(self.part, output_file)

    def _persist(self, url, update):
        for left in reversed(range(self.attempts)):
            try:
                return self._continue(url, update)
            except (OSError, http.client.HTTPException) as error:
                if isinstance(error, urllib.error.HTTPError):
                    error.close()
                refused = getattr(error, "code", None) in REFUSED
                local = getattr(error, "errno", None) in LOCAL_ERRORS
                if left == 0 or refused or local:
                    raise
            time.sleep(self.wait)

    def _have(self):
        """Number of bytes downloaded so far; 0 if the partial file is too long."""
        have = self.part.stat().st_size if self.part.exists() else 0
        return have if have <= self.size else 0

    def _continue(self, url, update):
        have = self._have()
        if have == self.size:
            return
        headers = {"User-Agent": "minitransformer", "Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        request = urllib.request.Request(url, headers=headers)
        with self._answer(request) as response:
            start = _first_byte(response)
            if start not in (0, have):
                raise ConnectionError(f"requested byte {have}, but the server started at {start}")
            self._receive(response, start, update)

    def _answer(self, request):
        """The response after its headers; redirects and headers together have `timeout` seconds."""
        self._sockets.clear()
        late = threading.Event()

        def end():
            late.set()
            for sock in self._sockets:
                with suppress(OSError):  # it is closed already
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)  # a read then ends at once

        timer = threading.Timer(self.timeout, end)
        timer.daemon = True
        timer.start()
        try:
            response = self._opener.open(request, timeout=self.timeout)
        except (OSError, http.client.HTTPException) as error:
            if late.is_set():
                raise TimeoutError(f"no complete answer within {self.timeout:g} s") from error
            raise
        finally:
            timer.cancel()
        if late.is_set():  # the headers ended where the connection did
            response.close()
            raise TimeoutError(f"no complete answer within {self.timeout:g} s")
        return response

    def _receive(self, response, done, update):
        since, before = time.monotonic(), done
        with open(self.part, "r+b" if done else "wb") as file:
            file.seek(done)
            # One byte too many is enough to know that the file is wrong. read1 returns the data
            # received so far; read would wait for a whole chunk, and would lose the
            # data if the connection stalled.
            while chunk := response.read1(min(CHUNK, self.size - done + 1)):
                file.write(chunk)
                done += len(chunk)
                update(done)
                if (seconds := time.monotonic() - since) > self.timeout:
                    if done - before < MIN_SPEED * seconds and done < self.size:
                        raise TimeoutError(f"{done - before:,} bytes arrived in {seconds:.0f} s")
                    since, before = time.monotonic(), done
        if done != self.size:
            sent = "more than" if done > self.size else f"{done:,} of"
            raise ConnectionError(f"the server sent {sent} {self.size:,} bytes")


def _opening(kind, sockets):
    """A handler of urllib, "HTTP" or "HTTPS", that adds the socket of each connection to a list."""
    base = getattr(http.client, f"{kind}Connection")

    class Connection(base):
        def connect(self):
            super().connect()
            sockets.append(self.sock)

    def open_url(handler, request):
        return handler.do_open(Connection, request)

    handler = getattr(urllib.request, f"{kind}Handler")
    return type(f"Tracked{kind}Handler", (handler,), {f"{kind.lower()}_open": open_url})()


def _first_byte(response):
    """Position of the response's first byte; a server may ignore the range and send everything."""
    if response.status != 206:
        return 0
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(match[1]) if match else -1


class _SecureOnly(urllib.request.HTTPRedirectHandler):
    """Refuses URLs that do not use https, including those to which a server redirects."""

    def __init__(self, allow_loopback):
        self.allow_loopback = allow_loopback

    def check(self, url):
        parts = urllib.parse.urlsplit(url)
        loopback = self.allow_loopback and (parts.scheme, parts.hostname) == ("http", "127.0.0.1")
        if parts.scheme != "https" and not loopback:
            raise ConnectionRefusedError(errno.EPERM, f"refused, not https: {url}")

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        try:
            self.check(newurl)
        except OSError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)

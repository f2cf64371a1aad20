"""HTTP as it should not be spoken: bytes over sockets, and what comes back taken apart."""
import re
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Answer:
    status: int
    headers: dict  # names in lower case
    body: bytes

    def fault(self):
        """What is wrong with the answer as an answer of ours; None when it is as it should be."""
        if self.headers.get("x-content-type-options") != "nosniff":
            return "it is not ours"
        if self.status < 400:
            return None if "x-go-pprof" not in self.headers else "a good answer is marked as an error"
        if self.headers["content-type"] == "application/json":
            return None if b'"message"' in self.body else "no message"
        if self.headers.get("x-go-pprof") != "1" or not self.headers["content-type"].startswith("text/plain"):
            return "the error is not marked"
        is_sentence = self.body.endswith(b"\n") and self.body.count(b"\n") == 1 and len(self.body) > 10
        return None if is_sentence else f"no clear sentence: {self.body[:200]!r}"

    def is_of_library(self):
        """libmicrohttpd refused it before there was a request."""
        return self.status in (400, 413, 414, 431, 505) and self.headers.get("connection") == "close" and \
            "content-security-policy" not in self.headers


class Client:
    """One connection."""

    def __init__(self, port, timeout_s=20, receive_bytes=None):
        self.socket = socket.socket()
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(timeout_s)
        self.socket.connect(("127.0.0.1", port))
        self.rest = b""

    def send(self, data):
        """False when the other side has closed."""
        try:
            self.socket.sendall(data)
            return True
        except OSError:
            return False

    def more(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionError:
            return False
        self.rest += data
        return bool(data)

    def answer(self, has_body=True):
        """The next answer; None when the connection ended before it.  TimeoutError when nothing comes."""
        while b"\r\n\r\n" not in self.rest:
            if not self.more():
                return None
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        n_bytes = int(headers.get("content-length", 0)) if has_body else 0
        while len(self.rest) < n_bytes:
            if not self.more():
                return None
        body, self.rest = self.rest[:n_bytes], self.rest[n_bytes:]
        return Answer(int(lines[0].split()[1]), headers, body)

    def close(self):
        self.socket.close()

    def reset(self):
        """Go without a goodbye."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()


def exchange(port, data, has_body=True, timeout_s=20):
    """The answer to 'data' on a connection of its own."""
    client = Client(port, timeout_s)
    try:
        client.send(data)
        return client.answer(has_body)
    finally:
        client.close()


def get(path, *headers, method="GET", host="localhost"):
    return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}", *headers, "", ""]).encode("latin-1")


def n_descriptors(pid):
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def n_threads(pid):
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def pss_bytes(pid):
    """Of memory that is not another process's or a file's: the recording's pages are the program's."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return 1024 * int(re.search(r"^Pss_Anon:\s+(\d+)", text, re.M).group(1))

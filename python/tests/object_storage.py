"""An S3 server in this process, and a line to it that can be cut."""

from __future__ import annotations

import logging
import socket
import threading
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.server import ThreadedMotoServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

BUCKET = "lake"
PREFIX = "some/prefix"
SECRET = "canary-of-the-secret-key"
CHUNK_BYTES = 1 << 16


@dataclass(frozen=True)
class ObjectStorage:
    """A bucket, and the line through which servers reach it."""

    line: Line
    client: Any

    @property
    def environment(self) -> dict[str, str]:
        """What a server needs to use the bucket."""
        return {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.line.port}",
            "AWS_ALLOW_HTTP": "true",
        }

    def objects(self, folder: str = "") -> dict[str, int]:
        """The sizes of the objects below the prefix, by what follows it."""
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=BUCKET, Prefix=f"{PREFIX}/{folder}"
        )
        found = (entry for page in pages for entry in page.get("Contents", []))
        return {entry["Key"].removeprefix(f"{PREFIX}/"): entry["Size"] for entry in found}

    def read(self, path: str) -> str:
        """The text of an object."""
        return str(self.client.get_object(Bucket=BUCKET, Key=f"{PREFIX}/{path}")["Body"].read().decode())

    def uploads(self) -> int:
        """How many uploads have begun and not ended."""
        return len(self.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []))

    def age(self, by: timedelta) -> None:
        """Make all objects older."""
        for key in get_backend("s3")[DEFAULT_ACCOUNT_ID]["aws"].buckets[BUCKET].keys.values():
            key.last_modified -= by


class Line:
    """Carries connections to a server; when it is cut, nobody answers."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = _listen(0)
        self.port = int(self._listener.getsockname()[1])
        self._accept()

    def cut(self) -> None:
        """End all connections and refuse new ones."""
        _close(self._listener)
        with self._lock:
            connections, self._open = self._open, set()
        for connection in connections:
            _close(connection)

    def mend(self) -> None:
        """Carry connections again."""
        self._listener = _listen(self.port)
        self._accept()

    def _accept(self) -> None:
        threading.Thread(target=self._serve, args=[self._listener], daemon=True).start()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                here, _ = listener.accept()
            except OSError:
                return  # the line was cut
            there = socket.create_connection(self._target)
            with self._lock:
                self._open |= {here, there}
            for pair in ((here, there), (there, here)):
                threading.Thread(target=self._carry, args=pair, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while chunk := source.recv(CHUNK_BYTES):
                target.sendall(chunk)
        for end in (source, target):
            _close(end)
        with self._lock:
            self._open -= {source, target}


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen()
    return listener


def _close(end: socket.socket) -> None:
    # A close alone would leave a thread that reads or accepts waiting.
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@contextmanager
def object_storage() -> Iterator[ObjectStorage]:
    """A new server with an empty bucket."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with ExitStack() as stack:
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        stack.callback(server.stop)
        host, port = server.get_host_and_port()
        line = Line((host, port))
        stack.callback(line.cut)
        client = boto3.client(
            "s3",
            endpoint_url=f"http://{host}:{port}",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            region_name="us-east-1",
        )
        stack.callback(client.close)
        client.create_bucket(Bucket=BUCKET)
        stack.callback(get_backend("s3").reset)
        yield ObjectStorage(line, client)

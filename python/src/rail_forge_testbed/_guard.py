"""A child process that cannot outlive its owner, and a directory that goes with it.

A test run that is killed with SIGKILL gets no chance to clean up. So between the owner and the child stands a
guard: a small process, in a session of its own, that starts the child, and when the owner is gone (end of
file on the guard's standard input, or another parent) ends the child and removes the directory. Should the
guard itself be killed, the kernel signals the child (Linux). The kernel alone would not do: its parent-death
signal follows the *thread* that started the child, so a server started from a worker thread would die with
that thread.

The guard runs this same file with nothing but the standard library; the two sides exchange one line of JSON
per request and per answer. It runs one child at a time and refuses to start a second one.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OWNER_CHECK_SECONDS = 1.0
CHILD_EXIT_SECONDS = 15.0
REMOVE_SECONDS = 5.0
POLL_SECONDS = 0.01
PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True)
class Account:
    """The user and group ids that a child runs under, instead of the owner's."""

    uid: int
    gid: int

    def popen_arguments(self) -> dict[str, Any]:
        """The arguments of `subprocess` that drop to this account, without any supplementary group."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


class Guard:
    """The owner's side: starts the guard, and through it the child."""

    def __init__(self, last_signal: signal.Signals, remove: Path | None = None) -> None:
        """`last_signal` ends the child when the owner has gone; `remove` is deleted after that."""
        self._lock = threading.Lock()
        self._remove = remove
        arguments = [str(os.getpid()), str(int(last_signal)), str(remove or "")]
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd="/",
            start_new_session=True,
        )

    def start(
        self,
        command: Sequence[str],
        *,
        log: Path,
        cwd: Path,
        env: Mapping[str, str],
        account: Account | None = None,
    ) -> int:
        """Start the child with its output appended to `log`, and give its process id."""
        ids = [account.uid, account.gid] if account else None
        request = {
            "command": list(command),
            "log": str(log),
            "cwd": str(cwd),
            "env": dict(env),
            "account": ids,
        }
        answer = self._ask(request)
        if "error" in answer:
            raise RuntimeError(f"cannot start {command[0]}: {answer['error']}")
        return int(answer["pid"])

    def exit_code(self) -> int | None:
        """The child's exit code (negative: the signal that ended it), or None while it runs."""
        code = self._ask({"poll": True})["code"]
        return None if code is None else int(code)

    def wait(self, seconds: float) -> int | None:
        """Like `exit_code`, but give the child some time to exit."""
        deadline = time.monotonic() + seconds
        while (code := self.exit_code()) is None and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        return code

    def close(self) -> None:
        """End the child if it still runs, remove the directory, and wait for both."""
        with self._lock:
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    with suppress(BrokenPipeError):
                        pipe.close()
            self._process.wait()
        # Only a guard that was killed has left it behind.
        if self._remove is not None:
            _remove(self._remove)

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            with self._lock:
                stdin.write(json.dumps(request).encode() + b"\n")
                stdin.flush()
                line = stdout.readline()
        except BrokenPipeError:
            line = b""
        if not line:
            raise RuntimeError("the guard of a child process was killed, and the child with it")
        answer: dict[str, Any] = json.loads(line)
        return answer


class _Child:
    """The guard's side: at most one running child."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if "poll" in request:
            return {"code": self.process.poll() if self.process else None}
        if self.process is not None and self.process.poll() is None:
            return {"error": "another child is running"}
        try:
            self.process = self._start(request)
        except OSError as error:
            return {"error": str(error)}
        return {"pid": self.process.pid}

    @staticmethod
    def _start(request: dict[str, Any]) -> subprocess.Popen[bytes]:
        account = Account(*request["account"]).popen_arguments() if request["account"] else {}
        with Path(request["log"]).open("ab") as log:
            return subprocess.Popen(
                request["command"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=request["cwd"],
                env=request["env"],
                start_new_session=True,
                # It runs after the change of account, which would clear the setting.
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - the guard has no other thread
                **account,
            )

    def end(self, last_signal: int) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(last_signal)
        try:
            self.process.wait(CHILD_EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def _remove(directory: Path) -> None:
    # Grandchildren of a killed child may still be writing for a moment, which makes a removal fail half way.
    deadline = time.monotonic() + REMOVE_SECONDS
    while directory.exists() and time.monotonic() < deadline:
        shutil.rmtree(directory, ignore_errors=True)
        time.sleep(POLL_SECONDS)


def _serve(owner: int, child: _Child) -> None:
    # A forked copy of the owner may hold the pipe open after the owner's death: hence the look at the parent.
    while os.getppid() == owner:
        if select.select([sys.stdin], [], [], OWNER_CHECK_SECONDS)[0]:
            line = sys.stdin.buffer.readline()
            if not line:
                return
            answer = json.dumps(child.answer(json.loads(line))).encode() + b"\n"
            with suppress(BrokenPipeError):
                os.write(sys.stdout.fileno(), answer)


def _main(owner: str, last_signal: str, remove: str) -> None:
    # Handlers and not SIG_IGN, which the child would inherit. The guard ends when the owner does, not before.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: None)
    child = _Child()
    try:
        _serve(int(owner), child)
    finally:
        child.end(int(last_signal))
        if remove:
            _remove(Path(remove))


if __name__ == "__main__":
    _main(*sys.argv[1:])

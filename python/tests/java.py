"""A JVM that tests call into: `jdbc/Bridge.java` at the other end of a pipe, with Arrow's JDBC driver.

Java's values become Python's: numbers, texts, dates and times, lists; every other object is a `JavaObject`,
whose methods are called by their names. What Python has no type for (a `short`, a `Calendar`) is passed with
the functions of this module.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, urlencode

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from rail_forge_testbed.server import RailForgeServer

BRIDGE = Path(__file__).parent / "jdbc" / "Bridge.java"
DRIVER = "flight-sql-jdbc-driver-*.jar"  # in the virtual environment; the Makefile says which version
END_SECONDS = 30.0
RUN_SECONDS = 60.0
INT_LIMIT = 2**31

# Arrow's memory needs the first; the others make a short life cheap.
OPTIONS = [
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "-Duser.timezone=UTC",
    "-Dfile.encoding=UTF-8",
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-Xmx512m",
]


class JavaError(Exception):
    """An exception: the name of its class, its message with those of its causes, and its SQLSTATE."""

    def __init__(self, kind: str, message: str, state: str | None) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.message = message
        self.state = state


@dataclass(frozen=True)
class Argument:
    """A value of a Java type: the bridge's letter for the type, and the value's text."""

    letter: str
    text: str = ""


def byte(value: int) -> Argument:
    return Argument("b", str(value))


def short(value: int) -> Argument:
    return Argument("h", str(value))


def long(value: int) -> Argument:
    return Argument("l", str(value))


def single(value: float) -> Argument:
    """A `float`."""
    return Argument("f", str(value))


def sql_date(value: date) -> Argument:
    return Argument("D", value.isoformat())


def sql_time(value: time) -> Argument:
    return Argument("T", value.isoformat())


def timestamp(value: datetime) -> Argument:
    """A `java.sql.Timestamp` that shows this in the JVM's own time zone."""
    return Argument("S", value.replace(tzinfo=None).isoformat(sep=" "))


def calendar(zone: str) -> Argument:
    return Argument("C", zone)


def java_class(name: str) -> Argument:
    return Argument("K", name)


def time_zone(name: str) -> Argument:
    return Argument("Z", name)


def _command(source: Path) -> list[str]:
    """What compiles one file and runs it."""
    found = sorted(Path(sys.prefix).glob(DRIVER))
    if not found:
        raise RuntimeError(f"there is no {DRIVER} in {sys.prefix}: `make jdbc-driver` fetches it")
    return ["java", *OPTIONS, "-cp", str(found[-1]), str(source)]


def run_source(source: Path) -> subprocess.CompletedProcess[str]:
    """Run a program of one file to its end."""
    return subprocess.run(
        _command(source),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )


class Jvm:
    """The process. As a context manager it is gone after exit."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            _command(BRIDGE),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(END_SECONDS)
        finally:
            self._process.kill()
            self._process.wait()

    def command(self, *words: str) -> Any:
        """Send one command, and give what is answered."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\t".join(quote(word, safe="") for word in words) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the JVM has ended")
        answer = json.loads(line)
        if "error" in answer:
            raise JavaError(*answer["error"])
        return answer["value"]

    def static(self, name: str) -> JavaObject:
        """A class, for its static methods."""
        return JavaObject(self, name)

    @contextmanager
    def connected(self, url: str) -> Iterator[JavaObject]:
        """A connection of JDBC, which is closed at the end."""
        connection = self.static("java.sql.DriverManager").getConnection(url)
        assert isinstance(connection, JavaObject)
        try:
            yield connection
        finally:
            # Closing complains of results that were left open.
            with suppress(JavaError):
                connection.close()

    def python(self, value: Any) -> Any:
        """A value of Java's as Python has it."""
        match value:
            case None:
                return None
            case ["object", number]:
                return JavaObject(self, number)
            case ["list", elements]:
                return [self.python(element) for element in elements]
            case ["error", error]:
                return JavaError(*error)
            case [kind, text]:
                return _python(kind, text)
        raise ValueError(value)


class JavaObject:
    """An object in the JVM; `object.method(...)` calls its method."""

    def __init__(self, jvm: Jvm, number: str) -> None:
        self._jvm = jvm
        self.number = number

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: object) -> Any:
            words = [_word(argument) for argument in arguments]
            return self._jvm.python(self._jvm.command("call", self.number, name, *words))

        return call

    def start(self, name: str, *arguments: object) -> Started:
        """Call a method on a thread of its own."""
        words = [_word(argument) for argument in arguments]
        return Started(self._jvm, self._jvm.command("start", self.number, name, *words)[1])

    def rows(self, *getters: str) -> list[tuple[Any, ...]]:
        """All rows of a ResultSet, by one getter or by one for each column; "a,b" asks for a cell by both."""
        found = self._jvm.command("rows", self.number, *(getters or ("getObject",)))
        return [tuple(self._jvm.python(cell) for cell in row) for row in found]


@dataclass(frozen=True)
class Started:
    """A call that may still be running."""

    jvm: Jvm
    number: str

    def join(self) -> Any:
        """Wait for its end, and give what it gave."""
        return self.jvm.python(self.jvm.command("join", self.number))


def _word(value: object) -> str:  # noqa: PLR0911 - one for each type
    match value:
        case Argument():
            return value.letter + value.text
        case JavaObject() | Started():
            return f"O{value.number}"
        case None:
            return "-"
        case bool():
            return f"z{str(value).lower()}"
        case int():
            return f"{'i' if -INT_LIMIT <= value < INT_LIMIT else 'l'}{value}"
        case float():
            return f"d{value}"
        case Decimal():
            return f"n{value}"
        case str():
            return f"s{value}"
        case bytes():
            return f"x{value.hex()}"
        case list():
            return "A" + "\x1f".join(value)
    raise TypeError(f"no Java type for {value!r}")


def _python(kind: str, text: str) -> object:
    read = READERS.get(kind, str)
    try:
        return read(text)
    except ValueError:
        # Java has years beyond those of Python.
        return text


READERS: dict[str, Callable[[str], object]] = {
    "Boolean": lambda text: text == "true",
    **dict.fromkeys(["Byte", "Short", "Integer", "Long"], int),
    **dict.fromkeys(["Float", "Double"], float),
    "BigDecimal": Decimal,
    "bytes": bytes.fromhex,
    **dict.fromkeys(["Date", "LocalDate"], date.fromisoformat),
    **dict.fromkeys(["Time", "LocalTime", "ArrowFlightJdbcTime"], time.fromisoformat),
    **dict.fromkeys(["Timestamp", "LocalDateTime", "OffsetDateTime", "Instant"], datetime.fromisoformat),
}


def require_jdk() -> None:
    """Skip where no JDK is installed; never in CI, which sets the variable `CI`."""
    if shutil.which("javac") is None:
        if os.environ.get("CI"):
            pytest.fail("CI has to have a JDK: these tests use Arrow's JDBC driver")
        pytest.skip("no JDK is installed, which the tests of Arrow's JDBC driver need")


def labels(result: JavaObject) -> list[str]:
    """The labels of a ResultSet's columns."""
    described = result.getMetaData()
    return [described.getColumnLabel(column) for column in range(1, described.getColumnCount() + 1)]


def dictionaries(result: JavaObject) -> list[dict[str, Any]]:
    """The rows of a ResultSet by the labels of its columns; the result is closed."""
    names = labels(result)
    rows = [dict(zip(names, row, strict=True)) for row in result.rows()]
    result.close()
    return rows


def jdbc_url(server: RailForgeServer, **options: str) -> str:
    """The address of a server for JDBC; what is no option of the driver's own becomes a header."""
    host = server.flight.removeprefix("grpc://").removeprefix("grpc+tls://")
    options = {"useEncryption": "false", **options}
    return f"jdbc:arrow-flight-sql://{host}?{urlencode(options)}"

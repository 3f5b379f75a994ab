"""Stored queries: those that the server's configuration has, as functions.

What is sent is `EXECUTE name(parameter => $1, ...)` with the values beside it, which any client can send.
"""

from __future__ import annotations

import inspect
import json
import keyword
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from ._actions import read_dataclass
from ._errors import Error, NotFoundError, expected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

R_co = TypeVar("R_co", covariant=True)

LIST = "rail_forge.queries"


class Ask(Protocol[R_co]):
    """Has a server answer a statement with the values of its parameters."""

    def __call__(self, sql: str, params: Sequence[object], /) -> R_co: ...


@dataclass(frozen=True, slots=True)
class StoredParameter:
    """A parameter of a stored query; `type` is PostgreSQL's name, and `default` what it is if not given."""

    name: str
    type: str
    description: str
    required: bool
    default: object


@dataclass(frozen=True, slots=True)
class StoredQuery:
    """A query of the server's configuration that the caller may run.

    `columns` are the names and PostgreSQL's types of its result, None while the server cannot plan it.
    """

    name: str
    description: str
    parameters: tuple[StoredParameter, ...]
    columns: tuple[tuple[str, str], ...] | None

    @property
    def signature(self) -> inspect.Signature:
        """The signature of the function, whose annotations are PostgreSQL's types."""
        has_optional = is_by_name = False
        parameters: list[inspect.Parameter] = []
        for parameter in self.parameters:
            # One that has to be given cannot stand behind one that has not, unless it is known by its name.
            is_by_name = is_by_name or (has_optional and parameter.required)
            has_optional = has_optional or not parameter.required
            kind = inspect.Parameter.KEYWORD_ONLY if is_by_name else inspect.Parameter.POSITIONAL_OR_KEYWORD
            default = inspect.Parameter.empty if parameter.required else parameter.default
            name = _python_name(parameter.name)
            parameters.append(inspect.Parameter(name, kind, default=default, annotation=parameter.type))
        return inspect.Signature(parameters)

    @property
    def documentation(self) -> str:
        """What is known of the query, as the text that `help` shows."""
        described = [
            f"{parameter.name} ({parameter.type}): {parameter.description}".removesuffix(": ")
            for parameter in self.parameters
        ]
        columns = [f"{name} ({kind})" for name, kind in self.columns or ()]
        paragraphs = [self.description, "\n".join(described), columns and f"Columns: {', '.join(columns)}"]
        return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def read_stored_queries(answers: Sequence[bytes]) -> list[StoredQuery]:
    """Return the stored queries from the answers to the action that lists them."""
    with expected("list of stored queries"):
        return [_stored_query(json.loads(answer)) for answer in answers]


def _stored_query(told: Mapping[str, Any]) -> StoredQuery:
    columns = told["columns"]
    return StoredQuery(
        told["name"],
        told["description"],
        tuple(read_dataclass(StoredParameter, parameter) for parameter in told["parameters"]),
        None if columns is None else tuple((column["name"], column["type"]) for column in columns),
    )


def execute_statement(
    name: str, args: Sequence[object], kwargs: Mapping[str, object]
) -> tuple[str, list[object]]:
    """Return the statement that calls a stored query, and the values of its parameters `$1`, `$2`, ..."""
    names = [*[""] * len(args), *(f"{_quoted(key)} => " for key in kwargs)]
    marks = [f"{before}${place}" for place, before in enumerate(names, start=1)]
    return f"EXECUTE {_quoted(name)}({', '.join(marks)})", [*args, *kwargs.values()]


def split_arguments(
    arguments: Sequence[object] | Mapping[str, object],
) -> tuple[Sequence[object], Mapping[str, object]]:
    """Return the arguments by their places and those by their names, of which one kind is given.

    Raises TypeError when they are neither.
    """
    match arguments:
        case Mapping():
            return (), arguments
        case Sequence() if not isinstance(arguments, (str, bytes)):
            return arguments, {}
        case _:
            kind = type(arguments).__name__
            raise TypeError(f"the arguments of a stored query are a sequence or a mapping, not a {kind}")


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


class StoredFunction(Generic[R_co]):
    """A stored query as a function of its parameters, by place or by name.

    Its documentation and signature are the server's, which is asked for them when they are looked at. A
    parameter whose name is a word of Python's takes an underscore behind it: `from_=...`.
    """

    def __init__(self, name: str, ask: Ask[R_co], known: Callable[[], list[StoredQuery]]) -> None:
        self.__name__ = self.__qualname__ = name
        self._ask = ask
        self._known = known

    def __call__(self, /, *args: object, **kwargs: object) -> R_co:
        """Run the query, with the values of its parameters."""
        named = {_name_of_parameter(key): value for key, value in kwargs.items()}
        return self._ask(*execute_statement(self.__name__, args, named))

    @property
    def description(self) -> StoredQuery:
        """What the server says of the query; raises NotFoundError when it has none of the name."""
        name = self.__name__
        found = next((query for query in self._known() if query.name == name), None)
        if found is None:
            raise NotFoundError(f'there is no stored query "{name}" that the caller may run')
        return found

    @property
    def __signature__(self) -> inspect.Signature:
        try:
            return self.description.signature
        except (Error, ValueError) as error:  # no server says it
            raise AttributeError("__signature__") from error

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        try:
            return self.description.documentation
        except (Error, ValueError):
            return f"Run the stored query {self.__name__}. No server tells now what it does."

    def __repr__(self) -> str:
        return f"<stored query {self.__name__}>"


def _python_name(name: str) -> str:
    return f"{name}_" if keyword.iskeyword(name) else name


def _name_of_parameter(key: str) -> str:
    return key[:-1] if key.endswith("_") and keyword.iskeyword(key[:-1]) else key


class StoredFunctions(Generic[R_co]):
    """The stored queries of a client, each a function: `client.queries.sales(region="NA")`."""

    def __init__(self, ask: Ask[R_co], known: Callable[[], list[StoredQuery]]) -> None:
        self._ask = ask
        self._known = known

    def __getattr__(self, name: str) -> StoredFunction[R_co]:
        if name.startswith("_"):
            raise AttributeError(name)
        return StoredFunction(name, self._ask, self._known)

    def __iter__(self) -> Iterator[StoredQuery]:
        return iter(self._known())

    def __dir__(self) -> Iterable[str]:
        return names_of(self._known)


def names_of(known: Callable[[], list[StoredQuery]]) -> list[str]:
    """Return the names of the stored queries that the caller may run; none where no server says them."""
    try:
        return [query.name for query in known()]
    except (Error, ValueError):
        return []

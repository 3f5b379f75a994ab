"""Which database reads: a router by settings, a block in which RailForge does, refreshes after writes."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from functools import wraps
from inspect import iscoroutine
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from asgiref.sync import iscoroutinefunction
from django.apps import apps
from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, transaction

from .base import DatabaseWrapper
from .block import Block, current, enter, leave, seconds
from .within import made_within

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import timedelta
    from types import TracebackType

    from django.db import models

F = TypeVar("F", bound="Callable[..., Any]")

_KEYS = frozenset({"ALIAS", "MODELS", "PUBLISH", "ROLLOUT", "SIGNED_TOKENS"})


@dataclass(frozen=True)
class Routing:
    """What `settings.RAIL_FORGE` says.

    `alias` is the database that reads; `models` are labels of apps (`shop`) and of models (`shop.order`), in
    lower case; `rollout` is the share of reads of these that go there, from 0 to 1.
    """

    alias: str = "analytics"
    models: frozenset[str] = field(default_factory=frozenset)
    rollout: float = 1.0


def read_routing() -> Routing:
    """Read `settings.RAIL_FORGE`; raises ImproperlyConfigured when it cannot be used."""
    told = getattr(settings, "RAIL_FORGE", {})
    unknown = sorted(set(told) - _KEYS)
    if unknown:
        raise ImproperlyConfigured(
            f"settings.RAIL_FORGE has no {', '.join(map(repr, unknown))}; it has {', '.join(sorted(_KEYS))}"
        )
    rollout = told.get("ROLLOUT", 1.0)
    if isinstance(rollout, bool) or not isinstance(rollout, (int, float)) or not 0 <= rollout <= 1:
        raise ImproperlyConfigured(f'settings.RAIL_FORGE["ROLLOUT"] is a share from 0 to 1, not {rollout!r}')
    alias = told.get("ALIAS", "analytics")
    if alias not in connections or not isinstance(connections[alias], DatabaseWrapper):
        raise ImproperlyConfigured(f'settings.DATABASES["{alias}"] is no database of rail_forge.django')
    labels = told.get("MODELS", ())
    if isinstance(labels, str):
        raise ImproperlyConfigured(f'settings.RAIL_FORGE["MODELS"] is a list of labels, not {labels!r}')
    return Routing(alias, frozenset(label.lower() for label in labels), rollout)


def check_routing(**_named: Any) -> list[checks.CheckMessage]:
    """Return an error for each label of `settings.RAIL_FORGE["MODELS"]` that is none."""
    if not getattr(settings, "RAIL_FORGE", {}).get("MODELS"):
        return []
    try:
        labels = read_routing().models
    except ImproperlyConfigured as error:
        return [checks.Error(str(error), id="rail_forge.E004")]
    known = {app.label for app in apps.get_app_configs()}
    known |= {model._meta.label_lower for model in apps.get_models()}  # noqa: SLF001 - as in _is_routed
    return [
        checks.Error(
            f'settings.RAIL_FORGE["MODELS"]: no app and no model has the label {label!r}',
            id="rail_forge.E004",
        )
        for label in sorted(labels - known)
    ]


class AnalyticsRouter:
    """A database router by `settings.RAIL_FORGE` and `analytics()`.

    What the settings name, and all reads within `analytics()`, go to RailForge.
    Reads within a transaction of the database that is written to stay there, since they may want to see what
    it has written. So do those for an object of the named models that is from there, or is not saved yet: its
    own fields, and what it refers to. Writes and migrations never go to RailForge.
    """

    def db_for_read(self, model: type[models.Model], **hints: Any) -> str | None:
        """Return RailForge's alias for a read that goes there."""
        block = current()
        if block is not None:
            return block.alias
        routing = read_routing()
        instance = hints.get("instance")
        read_from = _database_of(instance)
        own = _primary_of(read_from)
        if own != read_from and connections[own].in_atomic_block:
            return own
        if connections[_primary_of(routing.alias)].in_atomic_block:
            return None
        if not self._is_routed(model, routing):
            return None
        if instance is not None and self._is_routed(type(instance), routing) and not _is_railforge(read_from):
            return None
        return routing.alias if random.random() < routing.rollout else None

    def db_for_write(self, model: type[models.Model], **hints: Any) -> str | None:  # noqa: ARG002 - Django's
        """Return the primary for an object that was read from RailForge, so that it can be saved."""
        read_from = _database_of(hints.get("instance"))
        return _primary_of(read_from) if _is_railforge(read_from) else None

    def allow_relation(self, one: models.Model, other: models.Model, **_hints: Any) -> bool | None:
        """Allow relations between objects that were read from RailForge and from its primary."""
        databases = {_primary_of(_database_of(one)), _primary_of(_database_of(other))}
        return True if len(databases) == 1 else None

    def allow_migrate(self, db: str, app_label: str, **_hints: Any) -> bool | None:  # noqa: ARG002 - Django's
        """Refuse migrations of RailForge."""
        return False if _is_railforge(db) else None

    @staticmethod
    def _is_routed(model: type[models.Model], routing: Routing) -> bool:
        meta = model._meta  # noqa: SLF001 - Django's public name for it
        return meta.app_label in routing.models or meta.label_lower in routing.models


def _database_of(instance: models.Model | None) -> str | None:
    """Return the alias that an object was read from or saved to, as Django's routers ask for it."""
    return getattr(getattr(instance, "_state", None), "db", None)


def _is_railforge(alias: str | None) -> bool:
    return alias is not None and isinstance(connections[alias], DatabaseWrapper)


def _primary_of(alias: str | None) -> str | None:
    return connections[alias].primary or "default" if _is_railforge(alias) else alias


class analytics:  # noqa: N801 - used as a function
    """Have RailForge answer the reads of a block, or of a view that it decorates.

    AnalyticsRouter has to be among `settings.DATABASE_ROUTERS`.

    `max_staleness`, in seconds, as a timedelta or as a text such as `"5s"` or `"2m"`, has older tables
    refreshed before a query. `using` names another alias than that of `settings.RAIL_FORGE`.
    """

    def __init__(
        self, *, max_staleness: float | timedelta | str | None = None, using: str | None = None
    ) -> None:
        self._max_staleness = None if max_staleness is None else seconds(max_staleness)
        self._using = using

    def __call__(self, view: F) -> F:
        """Decorate a function, or one that is awaited."""

        @wraps(view)
        async def awaited(*arguments: Any, **named: Any) -> Any:
            with self:
                return made_within(await view(*arguments, **named), lambda: self)

        @wraps(view)
        def called(*arguments: Any, **named: Any) -> Any:
            with self:
                answer = view(*arguments, **named)
            # `dispatch` of an async view is no coroutine function, and gives a coroutine.
            return self._awaited(answer) if iscoroutine(answer) else made_within(answer, lambda: self)

        return cast("F", awaited if iscoroutinefunction(view) else called)

    async def _awaited(self, answer: Awaitable[Any]) -> Any:
        with self:
            return made_within(await answer, lambda: self)

    def __enter__(self) -> Self:
        enter(Block(self._using or read_routing().alias, self._max_staleness))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        leave()


def refresh_on_commit(*model_classes: type[models.Model], using: str | None = None) -> None:
    """Refresh the tables of models in RailForge once the transaction of the primary has committed.

    Those of models that they extend are refreshed too. Without a transaction it is done at once. A failure is
    one of the caller's, as with every `on_commit`.
    """
    alias = using or read_routing().alias
    tables = [table for model in model_classes for table in connections[alias].tables_of(model)]
    transaction.on_commit(lambda: connections[alias].refresh(*tables), using=_primary_of(alias))

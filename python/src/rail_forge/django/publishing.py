"""The server's configuration from models: which tables it serves and refreshes how, and what it says of each.

Keys and types are PostgreSQL's, which the server reads itself. What only the models know is written down:
help texts, choices, and what `settings.RAIL_FORGE["PUBLISH"]` says of refreshes.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import Promise

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db import models

# Beyond these a list of choices is no help.
_MAX_CHOICES = 30
_KEYS = frozenset({"refresh", "tables"})
_TABLE_KEYS = frozenset({"refresh", "sort_by", "text_columns"})


@dataclass(frozen=True)
class Published:
    """One table: its name, what is said of it and of its columns, and further keys of its settings."""

    table: str
    comment: str | None
    comments: Mapping[str, str]
    settings: Mapping[str, Any]
    # Tables that its foreign keys refer to.
    references: frozenset[str] = field(default_factory=frozenset)


def find_models(labels: Iterable[str]) -> list[type[models.Model]]:
    """Return the models of apps (`shop`) and of models (`shop.Order`), and what belongs to them.

    That is the tables of their many-to-many fields and those of their parents. Raises LookupError for a label
    of nothing.
    """
    found: dict[str, type[models.Model]] = {}

    def add(model: type[models.Model]) -> None:
        meta = model._meta  # noqa: SLF001 - Django's public name for it
        concrete = meta.concrete_model
        if meta.label_lower in found or meta.abstract or meta.swapped:
            return
        if concrete is not model:  # a proxy has no table of its own
            add(concrete)
            return
        found[meta.label_lower] = model
        for parent in meta.parents:
            add(parent)
        for many_to_many in meta.local_many_to_many:
            add(many_to_many.remote_field.through)

    for label in labels:
        named = [apps.get_model(label)] if "." in label else list(apps.get_app_config(label).get_models())
        for model in named:
            add(model)
    return list(found.values())


def publish(
    chosen: Iterable[type[models.Model]], told: Mapping[str, Any]
) -> tuple[list[Published], dict[str, Any] | None]:
    """Return what is published of models, and how the others are refreshed.

    `told` is `settings.RAIL_FORGE["PUBLISH"]`. Raises ImproperlyConfigured when it cannot be used.
    """
    _check(told, _KEYS, "")
    _check(told.get("tables", {}), None, '["tables"]')
    by_model = {label.lower(): settings for label, settings in told.get("tables", {}).items()}
    published: dict[str, Published] = {}
    for model in chosen:
        meta = model._meta  # noqa: SLF001 - Django's public name for it
        where = f'["tables"]["{meta.label}"]'
        own = by_model.pop(meta.label_lower, {})
        _check(own, _TABLE_KEYS, where)
        for key, value in own.items():
            _value(value, f'{where}["{key}"]')
        # Several models may have one table.
        table = published.setdefault(meta.db_table, _published(model, own))
        if own and table.settings is not own:
            raise ImproperlyConfigured(
                f'settings.RAIL_FORGE["PUBLISH"]{where}: another model has the same table, {meta.db_table}'
            )
    if by_model:
        raise ImproperlyConfigured(
            f'settings.RAIL_FORGE["PUBLISH"]["tables"] names {", ".join(sorted(by_model))}, not published'
        )
    refresh = told.get("refresh")
    if refresh is not None:
        _value(refresh, '["refresh"]')
    return sorted(published.values(), key=lambda table: table.table), refresh


def _check(told: object, keys: frozenset[str] | None, where: str) -> None:
    """Raise ImproperlyConfigured for what is no mapping, or has other keys; None is for any."""
    if not isinstance(told, Mapping):
        raise ImproperlyConfigured(f'settings.RAIL_FORGE["PUBLISH"]{where} is a dict, not {told!r}')
    unknown = sorted(set(told) - keys) if keys is not None else []
    if unknown:
        raise ImproperlyConfigured(
            f'settings.RAIL_FORGE["PUBLISH"]{where} has no {", ".join(map(repr, unknown))};'
            f" it has {', '.join(sorted(keys or ()))}"
        )


def _published(model: type[models.Model], settings: Mapping[str, Any]) -> Published:
    meta = model._meta  # noqa: SLF001 - Django's public name for it
    for name in (meta.db_table, *(column.column for column in meta.local_concrete_fields)):
        if name and ('"' in name or "*" in name):
            # Django takes some of these for a schema with its table; the server takes them for patterns.
            raise ImproperlyConfigured(
                f"{meta.label}: the name {name!r} cannot be published; write it yourself"
            )
    fields = [field for field in meta.local_concrete_fields if field.column]
    comments = {field.column: comment for field in fields if (comment := _comment(field))}
    references = {
        field.remote_field.model._meta.db_table  # noqa: SLF001 - Django's public name for it
        for field in fields
        if field.is_relation and field.remote_field is not None
    }
    return Published(meta.db_table, _comment_on(model), comments, settings, frozenset(references))


def _comment_on(model: type[models.Model]) -> str | None:
    """Return a model's docstring, unless Django has made it or PostgreSQL has a db_table_comment."""
    text = inspect.cleandoc(model.__doc__ or "")
    if model._meta.db_table_comment or text.startswith(f"{model.__name__}("):  # noqa: SLF001
        return None
    return text.split("\n\n")[0].replace("\n", " ") or None


def _comment(field: models.Field[Any, Any]) -> str | None:
    """Return what is said of a column: its help text and its choices, unless PostgreSQL has a db_comment."""
    if field.db_comment:
        return None
    text = str(field.help_text).strip()
    choices = list(field.flatchoices or ())
    if choices:
        shown = [
            f"{value}" if str(label) == str(value) else f"{value} ({label})"
            for value, label in choices[:_MAX_CHOICES]
        ]
        listed = f"One of: {', '.join(shown)}{', ...' if len(choices) > _MAX_CHOICES else ''}"
        text = f"{text.removesuffix('.')}. {listed}" if text else listed
    return text or None


def as_toml(
    name: str, url_env: str, schema: str, tables: Iterable[Published], refresh: Mapping[str, Any] | None
) -> str:
    """Return the `[[source]]` of the server's configuration."""
    tables = list(tables)
    lines = [
        "# Written by `manage.py railforge_publish` from the models: change those, and write it again.",
        "[[source]]",
        f"name = {_value(name)}",
        f"url_env = {_value(url_env)}",
        f"schemas = {_value([schema])}",
        "include = [",
        *(f"  {_value(table.table)}," for table in tables),
        "]",
    ]
    if refresh:
        lines.append(f"refresh = {_value(refresh)}")
    for table in tables:
        own = dict(table.settings)
        if table.comment:
            own["comment"] = table.comment
        if not own and not table.comments:
            continue
        lines += ["", f"[source.tables.{_value(f'{schema}.{table.table}')}]"]
        lines += [f"{key} = {_value(value)}" for key, value in own.items()]
        # Each on its own line, of which an inline table has but one.
        lines += [f"comments.{_value(column)} = {_value(text)}" for column, text in table.comments.items()]
    return "\n".join([*lines, ""])


def _value(value: object, where: str = "") -> str:
    """Return a value as TOML writes it: texts as in JSON, but for a character that TOML does not take.

    Raises ImproperlyConfigured for one of another kind, which stands at `where` in the settings.
    """
    match value:
        case Mapping():
            inner = ", ".join(f"{_value(str(key))} = {_value(item, where)}" for key, item in value.items())
            return f"{{ {inner} }}"
        case list() | tuple():
            return f"[{', '.join(_value(item, where) for item in value)}]"
        case timedelta():
            # Whole numbers with their units: a large time has no exponent, and a small one its microseconds.
            parts = (value.days, "d"), (value.seconds, "s"), (value.microseconds, "us")
            return f'"{" ".join(f"{count}{unit}" for count, unit in parts if count) or "0s"}"'
        case bool() | int() | float() | str() | Promise():
            text = str(value) if isinstance(value, Promise) else value
            return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
        case _:
            raise ImproperlyConfigured(
                f'settings.RAIL_FORGE["PUBLISH"]{where}: the server\'s configuration has no {value!r}'
            )

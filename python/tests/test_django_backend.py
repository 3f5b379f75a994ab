"""The database backend beside its querysets: connections, writes, commands, errors, time zones, async."""

from __future__ import annotations

import asyncio
import io
import subprocess
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import django
import pytest
import shop_project
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.paginator import Paginator
from django.db import (
    DataError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    connections,
    transaction,
)
from django.db.models import IntegerField, Sum
from django.test.utils import CaptureQueriesContext, isolate_apps, override_settings
from psycopg import sql

from rail_forge.django.base import DatabaseWrapper
from rail_forge.django.values import Values

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType


ALIAS = "analytics"


@pytest.fixture
def connection(models: ModuleType) -> Any:  # noqa: ARG001 - Django is set up
    return connections[ALIAS]


@contextmanager
def another(**changed: Any) -> Iterator[DatabaseWrapper]:
    """A connection with other settings, under the same alias."""
    options = {**connections[ALIAS].settings_dict["OPTIONS"], **changed.pop("OPTIONS", {})}
    made = DatabaseWrapper({**connections[ALIAS].settings_dict, **changed, "OPTIONS": options}, ALIAS)
    try:
        yield made
    finally:
        made.close()


def test_writes_are_refused_with_the_name_of_the_primary(models: ModuleType) -> None:
    regions = models.Region.objects.using(ALIAS)
    region = regions.get(pk=1)
    for write in (
        lambda: regions.create(name="Mars", continent="-", currency="MRS", utc_offset_hours=0),
        lambda: regions.bulk_create([models.Region(name="Mars")]),
        lambda: regions.filter(pk=1).update(name="Mars"),
        lambda: models.OrderLine.objects.using(ALIAS).filter(pk=1).delete(),
        region.save,
        lambda: connections[ALIAS].cursor().execute("DELETE FROM region"),
        lambda: connections[ALIAS].cursor().execute("TRUNCATE region"),
    ):
        # Without the router, which sends an object that was read there to the primary when it is saved.
        with (
            override_settings(DATABASE_ROUTERS=[]),
            pytest.raises(NotSupportedError, match=r'"analytics" is RailForge.*\.using\("default"\)'),
        ):
            write()
    # As Django has it for databases that lock nothing.
    assert len(regions.select_for_update()) == 12
    with (
        pytest.raises(NotSupportedError, match="CREATE is refused"),
        connections[ALIAS].schema_editor() as editor,
    ):
        editor.create_model(models.Region)


def test_writes_go_to_the_primary_where_the_settings_say_so(models: ModuleType) -> None:
    """Nothing stays: what is written is taken back there."""
    before = connections[ALIAS].settings_dict["OPTIONS"]
    connections[ALIAS].settings_dict["OPTIONS"] = {**before, "writes": "primary"}
    try:
        with transaction.atomic("default"):
            regions = models.Region.objects.using(ALIAS)
            created = regions.create(name="Mars", continent="-", currency="MRS", utc_offset_hours=0)
            assert models.Region.objects.using("default").get(pk=created.pk).name == "Mars"
            assert regions.filter(pk=created.pk).update(name="Phobos") == 1
            assert models.Region.objects.using("default").get(pk=created.pk).name == "Phobos"
            assert not regions.filter(pk=created.pk).exists()
            transaction.set_rollback(True, using="default")
    finally:
        connections[ALIAS].settings_dict["OPTIONS"] = before


def test_updates_of_a_parents_fields_go_to_the_primary(models: ModuleType) -> None:
    with isolate_apps("shop"):

        class Planet(models.Region):  # type: ignore[name-defined,misc]
            moons = IntegerField()

            class Meta:
                app_label = "shop"
                db_table = "planet"

    before = connections[ALIAS].settings_dict["OPTIONS"]
    connections[ALIAS].settings_dict["OPTIONS"] = {**before, "writes": "primary"}
    try:
        with transaction.atomic("default"):
            with connections["default"].cursor() as cursor:
                cursor.execute("CREATE TABLE planet (region_ptr_id bigint PRIMARY KEY, moons integer)")
                cursor.execute("INSERT INTO planet VALUES (1, 2)")
            assert Planet.objects.using(ALIAS).filter(moons=2).update(name="Mars", moons=3) == 1
            planet = Planet.objects.using("default").get()
            assert (planet.pk, planet.name, planet.moons) == (1, "Mars", 3)
            transaction.set_rollback(True, using="default")
    finally:
        connections[ALIAS].settings_dict["OPTIONS"] = before


def test_transactions_and_savepoints_are_as_django_has_them(models: ModuleType) -> None:
    regions = models.Region.objects.using(ALIAS)
    with transaction.atomic(ALIAS):
        assert regions.count() == 12
        with pytest.raises(ProgrammingError), transaction.atomic(ALIAS):
            regions.extra(where=["nothing = 1"]).count()
        assert regions.count() == 12
    done: list[str] = []
    with transaction.atomic(ALIAS):
        transaction.on_commit(lambda: done.append("committed"), using=ALIAS)
        assert done == []
    assert done == ["committed"]
    assert transaction.get_autocommit(ALIAS)


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("SELECT nothing FROM region", ProgrammingError),
        ("SELECT 1 / (id - id) FROM region", DataError),
        ("SELECT to_tsvector(name) FROM region", NotSupportedError),
    ],
)
def test_errors_are_djangos(sql: str, error: type[Exception], connection: Any) -> None:
    with connection.cursor() as cursor, pytest.raises(error):
        cursor.execute(sql)
    assert connection.is_usable()


def test_a_server_that_is_away_is_an_operational_error(models: ModuleType) -> None:  # noqa: ARG001
    with another(PORT=1) as away:
        with pytest.raises(OperationalError), away.cursor() as cursor:
            cursor.execute("SELECT 1")
        assert not away.is_usable()


def test_health_checks_replace_a_closed_connection(models: ModuleType) -> None:  # noqa: ARG001
    with another(CONN_HEALTH_CHECKS=True, CONN_MAX_AGE=None) as kept:
        with kept.cursor() as cursor:
            cursor.execute("SELECT 1")
        kept.connection.close()
        kept.health_check_done = False
        kept.errors_occurred = True
        kept.close_if_unusable_or_obsolete()
        with kept.cursor() as cursor:
            cursor.execute("SELECT 1")
            assert cursor.fetchone() == (1,)


def test_values_are_literals_that_nothing_escapes_from(connection: Any) -> None:
    hostile = ["'; DROP TABLE region; --", "\\'; SELECT 1 --", "%s %(a)s %%", '"', "ö\n\t\\", "$1 $$"]
    with connection.cursor() as cursor:
        for text in hostile:
            cursor.execute("SELECT %s::text, length(%s)", [text, text])
            assert cursor.fetchone() == (text, len(text))
        with pytest.raises(DataError, match="NUL"):
            cursor.execute("SELECT %s", ["a\0b"])
        with pytest.raises(ProgrammingError, match="cannot adapt type 'object'"):
            cursor.execute("SELECT %s", [object()])
        cursor.execute("SELECT %s, %s", [b"\x00\xff'\\", None])
        assert cursor.fetchone() == (b"\x00\xff'\\", None)


def test_a_raw_cursor_tells_columns_and_sql(connection: Any) -> None:
    with CaptureQueriesContext(connection) as captured, connection.cursor() as cursor:
        cursor.execute("SELECT name FROM region WHERE id = %s AND name <> %s", [1, "it's"])
        assert [column.name for column in cursor.description] == ["name"]
        assert cursor.fetchall() == [("North America",)]
        cursor.execute("SELECT name FROM region WHERE id = %(id)s", {"id": 2})
        assert cursor.fetchone() == ("Latin America",)
    assert captured[0]["sql"] == "SELECT name FROM region WHERE id = 1 AND name <> 'it''s'"
    assert float(captured[0]["time"]) >= 0


def test_statements_of_psycopg_are_taken(connection: Any) -> None:
    composed = sql.SQL("SELECT {} FROM {} WHERE id = %s").format(
        sql.Identifier("name"), sql.Identifier("region")
    )
    for statement in (composed, b"SELECT name FROM region WHERE id = %s"):
        with connection.cursor() as cursor:
            cursor.execute(statement, [1])
            assert cursor.fetchone() == ("North America",)


def test_explain_shows_the_engines_plan(models: ModuleType) -> None:
    queryset = models.Order.objects.using(ALIAS).values("channel").annotate(total=Sum("total"))
    text = queryset.explain()
    assert text.startswith("Engine: datafusion")
    assert "shop.public.orders" in text
    assert "output_rows" in queryset.explain(analyze=True)
    assert '"Node Type"' in queryset.explain(format="json")
    with pytest.raises(ValueError, match="XML is not a recognized format"):
        queryset.explain(format="xml")


def test_a_result_is_a_stream(models: ModuleType, connection: Any) -> None:
    lines = models.OrderLine.objects.using(ALIAS).order_by("pk").iterator(chunk_size=100)
    assert [next(lines).pk for _ in range(250)] == list(range(1, 251))
    lines.close()
    with connection.chunked_cursor() as cursor:
        cursor.execute("SELECT id FROM order_line ORDER BY id")
        assert cursor.fetchmany(2) == [(1,), (2,)]


def test_pages(models: ModuleType) -> None:
    pages = Paginator(models.Order.objects.using(ALIAS).order_by("pk"), 1000)
    assert pages.count == models.Order.objects.using("default").count()
    assert [order.pk for order in pages.page(3)][:2] == [2001, 2002]


ZONES = "SELECT timestamptz '2024-01-01 00:00Z', (timestamptz '2024-01-01 20:00Z')::date::text"


def test_time_zones_are_the_settings(models: ModuleType, connection: Any) -> None:
    customers = models.Customer.objects.order_by("pk")
    joined = customers.using("default").get(pk=1).joined_at
    assert customers.using(ALIAS).get(pk=1).joined_at == joined
    with override_settings(TIME_ZONE="Asia/Tokyo"):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT timestamptz '2024-01-01 00:00Z', (timestamptz '2024-01-01 20:00Z')::date::text"
            )
            moment, day = cursor.fetchone()
        assert (moment, str(moment.tzinfo), day) == (datetime(2024, 1, 1, tzinfo=UTC), "UTC", "2024-01-01")
    with another(TIME_ZONE="Asia/Tokyo") as tokyo, tokyo.cursor() as cursor:
        cursor.execute(
            "SELECT timestamptz '2024-01-01 00:00Z', (timestamptz '2024-01-01 20:00Z')::date::text"
        )
        moment, day = cursor.fetchone()
        assert (moment.isoformat(), day) == ("2024-01-01T09:00:00+09:00", "2024-01-02")
    with override_settings(USE_TZ=False), connection.cursor() as cursor:
        cursor.execute("SELECT timestamptz '2024-01-01 00:00Z'")
        assert cursor.fetchone() == (datetime(2024, 1, 1, 1),)  # noqa: DTZ001 - Berlin's, and without a zone


def test_texts_are_read_as_psycopg_reads_them(models: ModuleType) -> None:  # noqa: ARG001
    """What the server has no type for comes as the text that PostgreSQL prints, in UTC."""
    text = '["2024-01-01 00:00:00+00","2024-01-02 00:00:00+00")'
    for use_tz, zone in ((True, "Asia/Tokyo"), (True, None), (False, None)):
        with override_settings(USE_TZ=use_tz):
            primary = connections["default"].copy()
            primary.settings_dict = {**primary.settings_dict, "TIME_ZONE": zone}
            try:
                with primary.cursor() as cursor:
                    cursor.execute("SELECT %s::tstzrange", [text])
                    [wanted] = cursor.fetchone()
                read = Values(primary.timezone, primary.timezone_name).reader_of("tstzrange")
            finally:
                primary.close()
        assert read is not None
        assert str(read(text)) == str(wanted)
    hstore = Values(UTC, "UTC").reader_of("hstore")
    assert hstore is not None
    assert hstore('"a b"=>"1", "c\\"d"=>NULL') == {"a b": "1", 'c"d': None}


def test_the_connection_is_opened_by_its_first_query(models: ModuleType) -> None:  # noqa: ARG001
    with another() as fresh:
        assert fresh.connection is None
        with fresh.cursor() as cursor:
            cursor.execute("SELECT current_schema()")
            assert cursor.fetchone() == ("public",)
        fresh.close()
        assert fresh.connection is None


def test_async_querysets(models: ModuleType) -> None:
    orders = models.Order.objects.using(ALIAS)

    async def ask() -> list[Any]:
        first = await orders.aget(pk=1)
        total = await orders.aaggregate(total=Sum("total"))
        some = [order.pk async for order in orders.filter(pk__lte=3).order_by("pk")]
        streamed = [
            order.pk async for order in orders.filter(pk__lte=3).order_by("pk").aiterator(chunk_size=2)
        ]
        return [
            first.pk,
            await orders.acount(),
            total["total"],
            some,
            streamed,
            await orders.filter(pk=-1).aexists(),
        ]

    total = models.Order.objects.using("default").aggregate(total=Sum("total"))["total"]
    count = models.Order.objects.using("default").count()
    assert asyncio.run(ask()) == [1, count, total, [1, 2, 3], [1, 2, 3], False]


def messages(**settings: Any) -> list[str]:
    with another(**settings) as checked:
        return [message.msg for message in checked.validation.check()]


def test_check_validates_the_settings(models: ModuleType) -> None:  # noqa: ARG001
    assert messages() == []
    assert checks.run_checks(tags=[checks.Tags.database], databases=[ALIAS]) == []
    assert "no 'tokn'; it has" in messages(OPTIONS={"tokn": "x"})[0]
    assert 'OPTIONS["writes"] is one of refuse, primary' in messages(OPTIONS={"writes": "both"})[0]
    assert "needs OPTIONS" in messages(OPTIONS={"writes": "primary", "primary": None})[0]
    assert 'an API token into OPTIONS["token"]' in messages(USER="me")[0]
    assert 'the primary "nowhere" is no database' in messages(OPTIONS={"primary": "nowhere"})[0]
    assert 'the primary "analytics" is not PostgreSQL' in messages(OPTIONS={"primary": ALIAS})[0]
    for option, value in (("priority", "urgent"), ("timeout", 0), ("timeout", "5"), ("token", 5)):
        assert len(messages(OPTIONS={option: value})) == 1, option
    assert len(messages(OPTIONS={"tls": True, "tls_roots": "/nowhere.pem"})) == 1
    assert "max_staleness" in messages(OPTIONS={"max_staleness": float("inf")})[0]
    with another(OPTIONS={"tokn": "x"}) as wrong, pytest.raises(ImproperlyConfigured, match="tokn"):
        wrong.cursor()
    with (
        another(OPTIONS={"token": "with space"}) as wrong,
        pytest.raises(ImproperlyConfigured, match="the token is not"),
    ):
        wrong.cursor()


def test_inspectdb_shows_what_is_served(models: ModuleType) -> None:  # noqa: ARG001
    shown, wanted = io.StringIO(), io.StringIO()
    call_command("inspectdb", "customer", "product", "Gift Wrap", database=ALIAS, stdout=shown)
    call_command("inspectdb", "customer", "product", "Gift Wrap", database="default", stdout=wanted)
    fields = [line.strip() for line in shown.getvalue().splitlines() if "= models." in line]
    # What RailForge does not know: constraints but for keys, and who counts identities.
    known = [
        line.strip()
        .replace("BigAutoField", "BigIntegerField")
        .replace("unique=True, ", "")
        .replace(", unique=True", "")
        for line in wanted.getvalue().splitlines()
        if "= models." in line
    ]
    assert fields == known


def test_introspection_of_keys(connection: Any) -> None:
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        assert {"orders", "Gift Wrap", "region"} <= set(tables)
        assert connection.introspection.get_relations(cursor, "orders") == {
            "customer_id": ("id", "customer"),
            "region_id": ("id", "region"),
        }
        assert connection.introspection.get_primary_key_column(cursor, "orders") == "id"
        assert connection.introspection.get_sequences(cursor, "orders") == []


def test_dbshell_answers_statements(models: ModuleType) -> None:  # noqa: ARG001
    client = connections[ALIAS].client
    arguments, environment = client.settings_to_cmd_args_env(
        connections[ALIAS].settings_dict, ["SELECT 6 * 7"]
    )
    assert "secret" not in " ".join(arguments)
    path = {"PYTHONPATH": str(shop_project.PROJECT.parents[1] / "python" / "src")}
    ended = subprocess.run(arguments, env={**environment, **path}, capture_output=True, text=True, check=True)
    assert "42\n(1 row)" in ended.stdout
    tokyo = {**connections[ALIAS].settings_dict, "TIME_ZONE": "Asia/Tokyo"}
    arguments, environment = client.settings_to_cmd_args_env(
        tokyo, ["SELECT timestamptz '2024-01-01 Z'::text"]
    )
    ended = subprocess.run(arguments, env={**environment, **path}, capture_output=True, text=True, check=True)
    assert "2024-01-01 09:00:00+09" in ended.stdout
    with another(OPTIONS={"tls": True, "tls_roots": "/nowhere.pem", "token": "secret"}) as elsewhere:
        words, told = elsewhere.client.settings_to_cmd_args_env(elsewhere.settings_dict, [])
        assert "secret" not in words
        assert (words[-3:], told["RAIL_FORGE_TOKEN"]) == (
            ["--tls-roots", "/nowhere.pem", "--plain-token"],
            "secret",
        )
        ended = subprocess.run(words, env={**told, **path}, capture_output=True, text=True, check=False)
        assert (ended.returncode, "Traceback" in ended.stderr) == (2, False)
    wrong = subprocess.run(
        arguments[:-1],
        input="SELECT 1;\nSELECT\n x;\n",
        env={**environment, **path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (wrong.returncode, "(1 row)" in wrong.stdout) == (1, True)
    assert 'column "x" does not exist' in wrong.stderr


def test_sqlsequencereset_has_nothing_to_say(models: ModuleType) -> None:  # noqa: ARG001
    out = io.StringIO()
    call_command("sqlsequencereset", "shop", database=ALIAS, stdout=out, stderr=io.StringIO())
    assert out.getvalue().strip() == ""


def test_a_test_database_is_a_mirror(connection: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match=r'"TEST": \{"MIRROR": "default"\}'):
        connection.creation.create_test_db(verbosity=0)


def test_the_versions_that_are_supported() -> None:
    assert django.VERSION >= (5, 2)

"""`railforge_publish`: models become a configuration, which a server serves."""

from __future__ import annotations

import io
import tomllib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from conftest import NO_REFRESH
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import models as django_models
from django.test.utils import isolate_apps, override_settings

import rail_forge
from rail_forge.django.publishing import as_toml, find_models, publish
from rail_forge_testbed.server import RailForgeServer, run_cli

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Served

TABLES = {"region", "category", "product", "customer", "orders", "order_line"}


def published(*arguments: str, **told: Any) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    with override_settings(RAIL_FORGE=told):
        call_command("railforge_publish", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@pytest.mark.usefixtures("models")
def test_a_server_serves_what_the_models_say(shop: Served, tmp_path: Path) -> None:
    refresh = {"mode": "full", "every": "5m"}
    text, told = published(
        "shop",
        PUBLISH={
            "refresh": refresh,
            "tables": {"shop.Order": {"refresh": {"every": timedelta(seconds=10)}, "sort_by": ["placed_at"]}},
        },
    )
    assert told == ""
    [source] = tomllib.loads(text)["source"]
    assert set(source["include"]) == TABLES
    assert (source["name"], source["url_env"]) == (
        shop.url.rpartition("/")[2],
        f"{shop.url.rpartition('/')[2].upper()}_URL",
    )
    assert source["refresh"] == refresh
    assert source["tables"]["public.orders"]["sort_by"] == ["placed_at"]
    assert source["tables"]["public.orders"]["refresh"] == {"every": "10s"}
    config = tmp_path / "rail-forge.toml"
    config.write_text(text.replace(f'url_env = "{source["url_env"]}"', f'url = "{shop.url}"'))
    checked = run_cli("check", "--config", str(config))
    assert (checked.returncode, checked.stderr) == (0, "")
    with (
        RailForgeServer({}, arguments=("--config", str(config), *NO_REFRESH)) as server,
        rail_forge.connect(server.flight) as client,
    ):
        client.refresh()
        served = {table.name: table for table in client.tables()}
        assert set(served) == TABLES
        product = served["product"].columns
        assert product.field("price").metadata[b"comment"] == b"Today's list price in EUR"
        assert served["orders"].primary_key == ("id",)
        assert client.sql("SELECT count(*) FROM orders").rows() == [(shop.rows["orders"],)]


@pytest.mark.usefixtures("models")
def test_tables_that_are_missing_are_named() -> None:
    text, told = published("shop.Order", "--source", "other", "--url-env", "X", "--schema", "sales")
    [source] = tomllib.loads(text)["source"]
    assert (source["name"], source["url_env"], source["schemas"]) == ("other", "X", ["sales"])
    assert source["include"] == ["orders"]
    assert told.splitlines() == [
        "orders refers to customer, which is not published",
        "orders refers to region, which is not published",
    ]


@pytest.mark.usefixtures("models")
def test_the_models_of_the_router_are_published_unless_others_are_named(tmp_path: Path) -> None:
    file = tmp_path / "shop.toml"
    assert published("--output", str(file), MODELS=["shop.region", "shop.category"])[0] == ""
    [source] = tomllib.loads(file.read_text())["source"]
    assert source["include"] == ["category", "region"]


@pytest.mark.parametrize(
    "time", [timedelta(hours=1), timedelta(days=12, seconds=1), timedelta(microseconds=1_234_567)]
)
@pytest.mark.usefixtures("models")
def test_times_are_those_that_the_server_reads(time: timedelta, shop: Served, tmp_path: Path) -> None:
    config = tmp_path / "rail-forge.toml"
    refresh = {"mode": "full", "every": timedelta(days=400), "jitter": time}
    text, _ = published("shop", "--source", "s", "--url-env", "SHOP", PUBLISH={"refresh": refresh})
    config.write_text(text.replace('url_env = "SHOP"', f'url = "{shop.url}"'))
    checked = run_cli("check", "--config", str(config))
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize(
    ("arguments", "told", "expected"),
    [
        ((), {}, "name apps or models"),
        (("nothing",), {}, "nothing"),
        (("shop.Nothing",), {}, "Nothing"),
        (("shop",), {"PUBLISH": {"refesh": {}}}, "has no 'refesh'; it has refresh, tables"),
        (("shop",), {"PUBLISH": {"tables": {"shop.Order": {"mode": "full"}}}}, "has no 'mode'"),
        (("shop",), {"PUBLISH": {"tables": {"shop.Nothing": {}}}}, "names shop.nothing, not published"),
        (("shop", "--database", "default"), {}, "default is no RailForge database"),
        (("shop", "--source", "s", "--database", "nothing"), {}, "nothing is no RailForge database"),
        (("shop",), {"PUBLISH": {"refresh": {"every": None}}}, r'\["refresh"\]: .* has no None'),
        (("shop",), {"PUBLISH": {"tables": []}}, "is a dict"),
        (("shop",), {"PUBLISH": {"tables": {"shop.Order": {"sort_by": {"id"}}}}}, r'"sort_by"\]: .*has no'),
        (("shop", "--output", "/no/such/folder/shop.toml"), {}, "/no/such/folder"),
    ],
)
def test_what_cannot_be_published_is_named(
    arguments: tuple[str, ...], told: dict[str, Any], expected: str
) -> None:
    with pytest.raises(CommandError, match=expected):
        published(*arguments, **told)


@pytest.mark.usefixtures("models")
def test_help_texts_choices_and_relations_are_published() -> None:
    with isolate_apps("shop"):

        class Tag(django_models.Model):
            word = django_models.CharField(max_length=9)

            class Meta:
                app_label = "shop"

        class Base(django_models.Model):
            """What is sold, with "quotes".

            And more that nobody needs.
            """

            status = django_models.CharField(
                max_length=9,
                choices=[("p", "paid"), ("Later", [("o", "open"), ("x", "x")])],
                help_text="Where it is.\x7f",
                db_column="Status of it ü",
            )
            size = django_models.IntegerField(choices=[(i, i) for i in range(40)])
            known = django_models.TextField(help_text="not this", db_comment="PostgreSQL's own")
            tags = django_models.ManyToManyField(Tag)

            class Meta:
                app_label = "shop"
                db_table = "Base Table"

        class Child(Base):
            of = django_models.ForeignKey(Tag, django_models.CASCADE)

            class Meta:
                app_label = "shop"

        class Proxy(Child):
            class Meta:
                app_label = "shop"
                proxy = True

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("rail_forge.django.publishing.apps", Base._meta.apps)
            found = find_models(["shop.Proxy"])
        tables, refresh = publish(found, {})
    assert refresh is None
    by_name = {table.table: table for table in tables}
    assert set(by_name) == {"Base Table", "shop_child", "Base Table_tags"}
    base = by_name["Base Table"]
    assert base.comment == 'What is sold, with "quotes".'
    shown = ", ".join(map(str, range(30)))
    assert base.comments == {
        "Status of it ü": "Where it is.\x7f. One of: p (paid), o (open), x",
        "size": f"One of: {shown}, ...",
    }
    assert by_name["shop_child"].comment is None
    assert by_name["shop_child"].references == {"Base Table", "shop_tag"}
    [source] = tomllib.loads(as_toml("shop", "SHOP_URL", "public", tables, None))["source"]
    assert source["tables"]["public.Base Table"] == {"comment": base.comment, "comments": base.comments}


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize("name", ['"sales"."orders"', '"Orders"', "all*"])
def test_names_that_mean_something_else_are_refused(name: str) -> None:
    with isolate_apps("shop"):

        class Odd(django_models.Model):
            class Meta:
                app_label = "shop"
                db_table = name

    with pytest.raises(ImproperlyConfigured, match=r"shop\.Odd: the name"):
        publish([Odd], {})


@pytest.mark.usefixtures("models")
def test_settings_of_a_second_model_of_a_table_are_refused() -> None:
    with isolate_apps("shop"):

        class One(django_models.Model):
            class Meta:
                app_label = "shop"
                db_table = "both"

        class Other(django_models.Model):
            class Meta:
                app_label = "shop"
                db_table = "both"

    [table], _ = publish([One, Other], {"tables": {"shop.One": {"sort_by": ["id"]}}})
    assert table.settings == {"sort_by": ["id"]}
    with pytest.raises(ImproperlyConfigured, match="another model has the same table, both"):
        publish([One, Other], {"tables": {"shop.Other": {"sort_by": ["id"]}}})


@pytest.mark.usefixtures("models")
def test_the_variable_is_one_that_shells_export() -> None:
    for source, variable in (("my shop", "MY_SHOP_URL"), ("shop.eu-1", "SHOP_EU_1_URL")):
        [told] = tomllib.loads(published("shop", "--source", source)[0])["source"]
        assert (told["name"], told["url_env"]) == (source, variable)

"""Settings: where they come from, which one wins, and what is said about wrong ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from conftest import answer, refresh

from rail_forge_testbed.server import run_cli

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import NewDatabase, Serve

SHOP = "shop=postgres://app@127.0.0.1:1/shop"
EXACTLY_ONE = "exactly one of url, url_file, url_env and urls"
SOURCE = '[[source]]\nname = "shop"\nurl = "postgres://app@127.0.0.1:1/shop"\n'
EU = "postgres://app@eu/shop"
SHARDED = '[[source]]\nname = "shop"\n'
TWO = f"{SHARDED}urls = ['{EU}', 'postgres://app@us/shop']\n"


@pytest.mark.parametrize("command", ["serve", "check"])
@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "no source is given"),
        (["--source", "shop"], "NAME=URL"),
        (["--source", "=postgres://app@db/shop"], "name must not be empty"),
        (["--source", "a.b=postgres://app@db/shop"], 'source "a.b"'),
        (["--source", "shop=mysql://app@db/shop"], 'source "shop": its URL must begin with postgres://'),
        (["--source", "shop=nonsense"], 'source "shop": its URL cannot be read'),
        (["--source", "shop=postgres://app@db:99999/shop"], 'source "shop": its URL cannot be read'),
        (["--source", "shop=postgres://app@one,two/shop"], "several hosts"),
        (["--source", f"{SHOP}?sslcompression=1"], '"sslcompression" is not known'),
        (["--source", f"{SHOP}?sslmode=maybe"], 'source "shop": sslmode must be disable'),
        (["--source", f"{SHOP}?sslrootcert=system&sslmode=require"], "sslrootcert=system needs"),
        (["--source", f"{SHOP}?sslcert=client.pem"], "without sslkey"),
        (["--source", f"{SHOP}?connect_timeout=0"], "connect_timeout must be"),
        (["--source", SHOP, "--source", SHOP], 'two sources are named "shop"'),
        (["--source", SHOP, "--listen", "nonsense"], "--listen"),
        (["--source", SHOP, "--memory-limit", "much"], "--memory-limit"),
        (["--source", SHOP, "--query-timeout", "0s"], "--query-timeout"),
        (["--source", SHOP, "--initial-refresh", "maybe"], "--initial-refresh"),
        (["--source", SHOP, "--config", "/no/such/file.toml"], "/no/such/file.toml"),
    ],
)
def test_wrong_arguments(command: str, arguments: list[str], text: str, tmp_path: Path) -> None:
    ended = run_cli(command, "--data-dir", str(tmp_path / "data"), *arguments)
    assert ended.returncode == 2
    assert text in ended.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("command", ["serve", "check"])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"[server]\nlisten_on = 'x'\n{SOURCE}", ["line 2", "unknown field `listen_on`", "`listen`"]),
        (f"{SOURCE}colour = 'red'\n", ["line 4", "unknown field `colour`"]),
        (f"[sever]\n{SOURCE}", ["line 1", "unknown field `sever`"]),
        (f"{SOURCE}refresh = {{ mode = 'full', evry = '5m' }}\n", ["line 4", "unknown field `evry`"]),
        (f"{SOURCE}refresh = {{ mode = 'psychic' }}\n", ["line 4", "psychic"]),
        (f"{SOURCE}refresh = {{ mode = 'full', every = 'often' }}\n", ["line 4", "often"]),
        ("[[source]]\nurl = 'postgres://app@db/shop'\n", ["line 1", "missing field `name`"]),
        ("[[source]]\nname = 'shop'\n", ['source "shop"', EXACTLY_ONE]),
        (f"{SOURCE}url_env = 'X'\n", ['source "shop"', EXACTLY_ONE]),
        ("[[source]]\nname = 'shop'\nurl_env = 'NO_SUCH'\n", ['source "shop"', "NO_SUCH"]),
        ("[[source]]\nname = 'shop'\nurl_file = 'no_such'\n", ['source "shop"', "no_such"]),
        (f"{SOURCE}urls = ['postgres://app@eu/shop']\n", ['source "shop"', EXACTLY_ONE]),
        (f"{SOURCE}shard_names = ['eu']\n", ['source "shop"', "shard_names goes with urls"]),
        (f"{SOURCE}shard_column = 'region'\n", ['source "shop"', "shard_column goes with urls"]),
        (f"{SHARDED}urls = []\n", ['source "shop"', "urls must name at least one database"]),
        (f"{SHARDED}urls = 'postgres://app@eu/shop'\n", ["line 3", "urls is a list of URLs"]),
        (f"{SHARDED}urls = [7]\n", ["line 3", "urls is a list of URLs"]),
        (f"{SHARDED}urls = ['{EU}', 'mysql://us/shop']\n", ['source "shop"', "urls, number 2: its URL must"]),
        (f"{SHARDED}urls = ['{EU}', '{EU}']\n", ['source "shop"', "for eu/shop", "with shard_names"]),
        (
            f"{TWO}shard_names = ['eu']\n",
            ['source "shop"', "as many names as urls has URLs: there are 1 for 2"],
        ),
        (f"{TWO}shard_names = ['x', 'x']\n", ['source "shop"', 'two of shard_names are "x"']),
        (f"{TWO}shard_names = ['x', '']\n", ['source "shop"', "shard_names must not be empty"]),
        (f"{TWO}shard_names = 'x'\n", ["line 4"]),
        (f"{TWO}shard_column = ''\n", ['source "shop"', "shard_column must not be empty"]),
        (f"{TWO}shard_column = 'xmin'\n", ['source "shop"', "shard_column must not be empty, ctid or xmin"]),
        (f"{TWO}refresh = {{ mode = 'live' }}\n", ['source "shop": refresh: mode "live"', "several"]),
        (
            f"{TWO}[source.tables.'public.*']\nrefresh = {{ mode = 'live' }}\n",
            ['source "shop": tables."public.*": refresh: mode "live"', "several"],
        ),
        (f"[server]\nmemory_limit = 'much'\n{SOURCE}", ["line 2", "much"]),
        (f"[server]\nlisten = 5\n{SOURCE}", ["line 2"]),
        ("this is no toml\n", ["line 1"]),
        ("", ["no source is given"]),
    ],
)
def test_wrong_files(command: str, text: str, words: list[str], tmp_path: Path) -> None:
    config = tmp_path / "rail-forge.toml"
    config.write_text(text)
    ended = run_cli(command, "--config", str(config), "--data-dir", str(tmp_path / "data"))
    assert ended.returncode == 2
    for word in [*words, *(["rail-forge.toml"] if text else [])]:
        assert word in ended.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "line", ["url = '{}' oops", "urls = '{}'", "urls = [['{}']]", "urls = {{ eu = '{}' }}"]
)
def test_a_secret_in_a_wrong_file_is_not_shown(line: str, tmp_path: Path) -> None:
    config = tmp_path / "rail-forge.toml"
    secret = line.format("postgres://app:canary-4711@db/shop")
    config.write_text(f"[[source]]\nname = 'shop'\n{secret}\n")
    ended = run_cli("check", "--config", str(config))
    assert ended.returncode == 2
    assert "line 3" in ended.stderr
    assert "canary" not in ended.stderr + ended.stdout


def test_flag_before_environment_before_file(tmp_path: Path) -> None:
    config = tmp_path / "rail-forge.toml"
    config.write_text(f"[server]\ndata_dir = 'from-file'\n{SOURCE}")
    arguments = ["check", "--config", str(config)]
    assert "data folder: from-file" in run_cli(*arguments).stdout
    environment = {"RAIL_FORGE_DATA_DIR": "from-environment"}
    assert "data folder: from-environment" in run_cli(*arguments, env=environment).stdout
    flagged = run_cli(*arguments, "--data-dir", "from-flag", env=environment)
    assert "data folder: from-flag" in flagged.stdout


def test_a_url_from_a_file_and_from_the_environment(
    new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    statements = ("CREATE TABLE t (v text)", "INSERT INTO t VALUES ('{}')")
    one = new_database(*(statement.format("one") for statement in statements))
    two = new_database(*(statement.format("two") for statement in statements))
    (tmp_path / "secret").write_text(f"{one}\n")
    config = tmp_path / "rail-forge.toml"
    config.write_text(
        '[[source]]\nname = "one"\nurl_file = "secret"\n[[source]]\nname = "two"\nurl_env = "TWO_URL"\n'
    )
    server = serve({}, "--config", str(config), env={"TWO_URL": two})
    refresh(server)
    assert answer(server, "SELECT a.v, b.v FROM one.public.t a, two.public.t b") == [("one", "two")]


def test_schemas_and_exclude_choose_the_tables(
    new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    url = new_database(
        "CREATE TABLE orders (id integer)",
        "CREATE TABLE orders_audit (id integer)",
        "CREATE TABLE django_session (id integer)",
        "CREATE SCHEMA extra",
        "CREATE TABLE extra.more (id integer)",
        "CREATE SCHEMA hidden",
        "CREATE TABLE hidden.secret (id integer)",
    )
    config = tmp_path / "rail-forge.toml"
    config.write_text(
        f'[[source]]\nname = "shop"\nurl = "{url}"\nschemas = ["public", "extra"]\n'
        'exclude = ["django_session", "*_audit"]\nconnections = 1\n'
    )
    server = serve({}, "--config", str(config))
    assert [table.full_name for table in refresh(server)] == ["shop.extra.more", "shop.public.orders"]


def test_a_source_from_the_environment(new_database: NewDatabase, serve: Serve) -> None:
    url = new_database("CREATE TABLE t (id integer)")
    server = serve({}, env={"RAIL_FORGE_SOURCE": f"shop={url}"})
    refresh(server)
    assert answer(server, "SELECT count(*) FROM shop.public.t") == [(0,)]

"""`rail-forge token`, and the settings of authentication: what they take, print and refuse."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from tokens import SOURCE

from rail_forge_testbed.server import run_cli

if TYPE_CHECKING:
    from pathlib import Path


def test_token_commands(tmp_path: Path) -> None:
    place = ("--token-file", str(tmp_path / "deep" / "tokens.json"))
    empty = run_cli("token", "list", *place)
    assert (empty.returncode, empty.stdout) == (0, "")
    created = run_cli("token", "create", "grafana", "--expires", "90d", *place)
    assert created.returncode == 0
    [printed] = created.stdout.splitlines()
    assert printed.startswith("rf_")
    assert printed not in created.stderr
    as_json = json.loads(run_cli("token", "create", "jan@example.org", "--json", *place).stdout)
    assert (as_json["name"], as_json["expires"]) == ("jan@example.org", None)
    assert as_json["token"].startswith(f"rf_{as_json['id']}_")
    listed = run_cli("token", "list", *place)
    assert [line.split()[0] for line in listed.stdout.splitlines()] == ["grafana", "jan@example.org"]
    records = json.loads(run_cli("token", "list", "--json", *place).stdout)
    assert [set(record) for record in records] == [
        {"id", "name", "created", "expires", "roles", "claims"}
    ] * 2
    lifetime = datetime.fromisoformat(records[0]["expires"]) - datetime.fromisoformat(records[0]["created"])
    assert lifetime.days == 90
    revoked = run_cli("token", "revoke", "--json", "grafana", *place)
    assert (revoked.returncode, json.loads(revoked.stdout)) == (0, {"revoked": "grafana"})
    assert [record["name"] for record in json.loads(run_cli("token", "list", "--json", *place).stdout)] == [
        "jan@example.org"
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["create", "taken"], 1, 'there is a token "taken" already'),
        (["revoke", "nobody"], 1, 'there is no token "nobody"'),
        (["create", "two words"], 2, "a name has at most 64"),
        (["create", "a:b"], 2, "a name has at most 64"),
        (["create", "a", "--expires", "soon"], 2, "soon is not a time"),
        (["create"], 2, "Usage"),
        (["list", "--data-dir", "s3://lake/x"], 2, "token_file has to say"),
    ],
)
def test_token_commands_that_fail(arguments: list[str], code: int, words: str, tmp_path: Path) -> None:
    assert run_cli("token", "create", "taken", "--data-dir", str(tmp_path)).returncode == 0
    place = [] if "--data-dir" in arguments else ["--data-dir", str(tmp_path)]
    ended = run_cli("token", *arguments, *place)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert words in ended.stderr


def test_token_commands_take_the_servers_settings(tmp_path: Path) -> None:
    config = tmp_path / "rail-forge.toml"
    # What the source needs is not at hand where tokens are made.
    source = "[[source]]\nname = 'shop'\nurl_env = 'NOT_SET_HERE'\n"
    config.write_text(f"[server]\ndata_dir = '{tmp_path / 'from-file'}'\n{source}")
    assert run_cli("token", "create", "a", "--config", str(config)).returncode == 0
    assert (tmp_path / "from-file" / "tokens.json").exists()
    environment = {"RAIL_FORGE_DATA_DIR": str(tmp_path / "from-environment")}
    assert run_cli("token", "create", "a", "--config", str(config), env=environment).returncode == 0
    assert (tmp_path / "from-environment" / "tokens.json").exists()
    flag = ("--token-file", str(tmp_path / "tokens"))
    assert run_cli("token", "create", "a", *flag, env=environment).returncode == 0
    assert (tmp_path / "tokens").exists()
    config.write_text(f"[server]\ntoken_fil = 'x'\n{source}")
    wrong = run_cli("token", "list", "--config", str(config))
    assert wrong.returncode == 2
    assert "line 2" in wrong.stderr


def test_a_bucket_keeps_no_tokens(tmp_path: Path) -> None:
    arguments = ("check", "--source", f"shop={SOURCE}", "--data-dir", "s3://lake/x")
    ended = run_cli(*arguments)
    assert ended.returncode == 2
    assert "token_file" in ended.stderr
    assert run_cli(*arguments, "--token-file", str(tmp_path / "tokens.json")).returncode == 0
    assert run_cli(*arguments, "--no-authentication").returncode == 0


def test_a_damaged_signing_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "signing.key").write_text("x")
    started = run_cli(
        *("serve", "--source", f"shop={SOURCE}", "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path)),
    )
    assert started.returncode == 1
    assert f"{tmp_path / 'signing.key'} is damaged" in started.stderr


def test_an_open_server_is_for_the_loopback_alone(tmp_path: Path) -> None:
    place = ("--data-dir", str(tmp_path / "data"))
    config = tmp_path / "rail-forge.toml"
    config.write_text(
        "[server]\nno_authentication = true\nlisten = '0.0.0.0:0'\n"
        f"[[source]]\nname = 'shop'\nurl = '{SOURCE}'\n"
    )
    source = ("--source", f"shop={SOURCE}", "--listen", "[::]:0")
    for arguments, env in (
        ((*source, "--no-authentication"), {}),
        (source, {"RAIL_FORGE_NO_AUTHENTICATION": "true"}),
        (("--config", str(config)), {}),
    ):
        for command in ("serve", "check"):
            ended = run_cli(command, *arguments, *place, env=env)
            assert ended.returncode == 2
            assert "loopback" in ended.stderr
    assert not (tmp_path / "data").exists()
    allowed = run_cli("check", "--config", str(config), "--no-authentication=false", *place)
    assert allowed.returncode == 0, allowed.stderr

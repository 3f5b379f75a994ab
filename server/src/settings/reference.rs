//! The configuration reference, from the settings' own declarations.

use std::fmt::Write;

use clap::{Args, Command};

use super::ServerSettings;

const INTRODUCTION: &str = "\
# Configuration

Printed by `rail-forge settings`; do not edit.

A setting is a flag of `rail-forge serve`, an environment variable, or a key of the file that `--config` or
`RAIL_FORGE_CONFIG` names. A flag comes before the variable, the variable before the file. Paths in `[server]` are
relative to the working directory, as those of flags are; the others of the file are relative to its folder.

## Server

Keys of `[server]`.

| key | flag | environment | what it does |
|---|---|---|---|
";

const SOURCES: &str = "
## Sources

One `[[source]]` for each catalogue. `--source NAME=URL` and `RAIL_FORGE_SOURCE` give one with defaults.

| key | what it does |
|---|---|
| `name` | The name of the catalogue. |
| `url`, `url_file`, `url_env` | Where the database is: a URL, a file that holds it, or the name of an environment variable that does. Exactly one of these and `urls`. |
| `urls` | URLs of several databases, whose tables of the same name are served as one: see connectors.md. |
| `shard_names` | With `urls`: what the databases are called, in the same order. Default: their hosts, ports and databases, as in `db-eu:5432/shop`. |
| `shard_column` | With `urls`: the column that says which database a row is of. No table may have a column of that name. Default: `shard`. |
| `schemas` | The schemas that are served. Default: `[\"public\"]`. |
| `include` | Names of the tables that are served; `*` stands for any characters. Default: all. |
| `exclude` | Names of tables to leave out; `*` stands for any characters. Default: none. |
| `connections` | Connections that read rows for all refreshes of the source together, beside the one of each refresh that holds its snapshot. Default: 2. |
| `live_connections` | Connections of all queries that read live tables, at least 2. A query needs one, or one for each of its statements and one more; with fewer, it keeps rows in memory until it comes to them. Default: 4. |
| `reader` | Who reads rows: `auto`, `copy` (COPY in binary, the fastest) or `connectorx`. Default: `auto`, which is `copy`. |
| `unrepresentable` | What becomes of values that have no place in Arrow (NaN and infinity as a decimal, infinite dates, timestamps and intervals, those beyond Arrow's range, 24:00:00): `error` refuses the table and names the row, `null` makes them NULL. Default: `error`. |
| `password_file` | A file that holds the password of the role, and nothing else, where the URL has none. Without either: `PGPASSWORD`, then `PGPASSFILE` or `~/.pgpass`. |
| `connect_timeout` | How long a connection may take. Default: 10s. |
| `lock_timeout` | How long a refresh, or a query on a live table, waits for a table that somebody has locked. Default: 10s. |
| `statement_timeout` | How long PostgreSQL may take over one statement of a query on a live table. Default: 5m. |
| `fallback` | What PostgreSQL answers itself, in a read-only transaction on its rows of that moment: `off`, nothing; `unsupported`, queries on tables of this source alone that RailForge does not support. The result says `engine = \"postgres\"`. Default: `off`. |
| `fallback_functions` | Functions that such a query may call though RailForge does not have them; `*` stands for any characters. No others may be called, because PostgreSQL has some that read files or run other queries. Default: none. |
| `refresh` | How tables are refreshed, and how often; see below. Default: `{ mode = \"full\" }`. |
| `tables` | Settings of single tables, by `schema.table` or a pattern with `*`; see below. |

### Tables

Keys of `[source.tables.\"schema.table\"]`. A name comes before a pattern, a longer pattern before a shorter one, and what the first leaves
out is as the next says.

| key | what it does |
|---|---|
| `refresh` | As that of the source. A `mode`, with its `column` and `overlap`, an `every` and a `jitter` that it leaves out are as the source says. |
| `text_columns` | Columns that come as the text that PostgreSQL prints. Default: those of types that Arrow has no place for. |
| `sort_by` | Columns that rows are sorted by as they are written, so that filters on them leave out most of each file: see connectors.md. Default: none; rows are in PostgreSQL's order. |
| `comment` | What is told of the table in place of the comment that PostgreSQL has. |
| `comments` | The same of columns, by their names: `{ status = \"paid or open\" }`. |

### Refresh

Keys of `refresh`. Tables of the same `every` and `jitter` are refreshed together, as one snapshot sees them.

| key | what it does |
|---|---|
| `mode` | `full` reads every row; `watermark` the rows above the largest value of a column; `diff` the rows that have changed, and removes those that are gone; `live` keeps none and asks PostgreSQL at each query: see live-tables.md. Default: `full`. |
| `every` | How often, for example `5m`. Without it, when asked. |
| `jitter` | Up to so much is added to `every`, by chance. Default: none. |
| `column` | For `watermark`: a number, date or timestamp that grows with every insert and update. |
| `overlap` | For `watermark`: how far below the largest value rows are read again, for transactions that committed late: a time for dates and timestamps, a number for numbers. Default: 1m, a day for dates, 1000 for numbers. Without a primary key there is none, and 0 is all that may be said. |

```toml
[server]
listen = \"127.0.0.1:32010\"
data_dir = \"data\"

[[source]]
name = \"shop\"
url_env = \"SHOP_URL\"
exclude = [\"django_session\", \"*_audit\"]
refresh = { mode = \"full\", every = \"5m\" }

[source.tables.\"public.orders\"]
refresh = { mode = \"watermark\", column = \"updated_at\", every = \"10s\" }
```
";

const IDENTITY_PROVIDERS: &str = "
## Identity providers

One `[[oidc]]` for each issuer whose tokens are accepted beside API tokens: see authentication.md.

| key | what it does |
|---|---|
| `name` | What the names of its principals begin with, as in `corp/jan`: at most 64 letters, digits and `. _ @ -`. |
| `issuer` | Its address, exactly as its tokens have it in `iss`. `http://` is for loopback addresses alone. |
| `audience` | Whom a token must be for (`aud`): a text, or a list of which one is enough. |
| `jwks_url`, `jwks_file` | Where its keys are: an address, or a file. Default: where `/.well-known/openid-configuration` below `issuer` says. |
| `principal_claim` | The claim that is the principal's name. Dots lead into objects, here and below. Default: `sub`. |
| `roles_claim` | The claim with the principal's roles: a list of texts, or a text, for example `realm_access.roles`; `scope` and `scp` are texts of several words. It needs a `[[role]]`. Default: none; there are no roles. |
| `roles` | Which roles of `roles_claim` it may give; `*` stands for any characters. Others are left out. Default: every role. |
| `claims` | Claims that are kept for filters of rows. Default: none. |
| `leeway` | How far the clocks of the issuer and of the server may differ, at most 5m. Default: 30s. |
| `algorithms` | How tokens may be signed: `RS256`, `RS384`, `RS512`, `PS256`, `PS384`, `PS512`, `ES256`, `ES384`, `EdDSA`. Default: `[\"RS256\", \"ES256\", \"EdDSA\"]`. |
| `tls_ca` | A PEM file of the certificates that are trusted for its address, in place of the system's. |
| `refresh_keys` | How often its keys are fetched. A key that it has dropped is good for so long. Default: 5m. |
| `keep_keys` | How long its keys are believed when they cannot be fetched, and not shorter than `refresh_keys`. Default: 24h. |
";

const ROLES: &str = "
## Roles

One `[[role]]` for each role that tokens can have: see authorisation.md. Without any, whoever has no role reads everything;
with some, whoever has none of them reads nothing.

| key | what it does |
|---|---|
| `name` | The name, as `rail-forge token create --role` takes it, or an identity provider's `roles_claim` has it. |
| `grants` | What may be read: a list of tables of the keys below. |
| `queries` | The stored queries that may be run; `*` stands for any characters. A role has grants, or queries, or both. Default: none. |
| `refresh` | Whether the tables of its grants may be refreshed, by `rail-forge refresh` and by `max_staleness`. Does not go with `rows`. Default: false. |

### Grants

Names are those of PostgreSQL; `*` stands for any characters.

| key | what it does |
|---|---|
| `catalog` | The name of a source. |
| `schemas`, `tables` | The schemas, and the tables of them. Default: all. |
| `columns`, `except` | The columns that are seen, or those that are not. One of the two. Default: all are. |
| `rows` | A condition that rows meet which are seen, in which `claim('name')` is a value of the token. Default: all are. |

```toml
[[source]]
name = \"shop\"
url_env = \"SHOP_URL\"

[[role]]
name = \"analyst\"
grants = [
  { catalog = \"shop\", schemas = [\"public\"], tables = [\"orders\"], except = [\"card_number\"], rows = \"tenant_id = claim('tenant')\" },
  { catalog = \"shop\", schemas = [\"public\"], tables = [\"product\", \"category*\"] },
]
```
";

const STORED_QUERIES: &str = "
## Stored queries

One `[[query]]` for each statement that is called by its name: see stored-queries.md.

| key | what it does |
|---|---|
| `name` | The name: small letters, digits and `_`. |
| `description` | What it is for, as its callers are told. |
| `sql`, `sql_file` | The statement, or the file that holds it. Parameters are written `:name`. Exactly one of the two. |
| `parameters` | A list of tables of the keys below. Default: none. |
| `catalog`, `schema` | Where names of tables without them are looked up. Default: the first source of which something may be read, and `public`. |
| `reads_as` | The role as which it reads, with the claims of its caller. Default: none; it reads what its caller may read. |

### Parameters

| key | what it does |
|---|---|
| `name` | The name: small letters, digits and `_`. |
| `type` | PostgreSQL's name of its type, such as `int4[]`. |
| `description` | What it is for, as callers are told. |
| `default` | What it is where it is not given. Dates, times and numerics may be texts. Default: none; it has to be given. |
| `optional` | Whether it is NULL where it is not given. Default: false. |

```toml
[[source]]
name = \"shop\"
url_env = \"SHOP_URL\"

[[query]]
name = \"orders_since\"
sql = \"SELECT count(*) FROM orders WHERE placed_at >= :since\"
parameters = [{ name = \"since\", type = \"date\", default = 2024-01-01 }]
```
";

const OBJECT_STORAGE: &str = "
## Object storage

With `data_dir = \"s3://BUCKET/PREFIX\"` the snapshots are objects of Amazon S3, or of another store that speaks its
protocol and honours `If-None-Match`. The rest comes from the environment, as with Amazon's own tools.

| variable | what it is |
|---|---|
| `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN` | Credentials. Without them, those of the container or of the machine are asked for. |
| `AWS_REGION` | The bucket's region. Default: us-east-1. |
| `AWS_ENDPOINT_URL` | The address of another store than Amazon's. |
| `AWS_ALLOW_HTTP` | `true` allows an address without TLS. |

One server at a time uses a prefix. Nothing locks it: when two do, the refresh of the one that commits later fails,
says so, and takes up what the other has committed. What a killed server has left of a refresh is removed after an
hour. Parts of uploads that it has left can only be removed by the bucket: give it a lifecycle rule for incomplete
multipart uploads.

Which columns are used most (`hot.json` in a folder) is not kept in a bucket: after a restart, they come into memory
as queries use them.
";

/// The reference as Markdown.
pub fn print() -> String {
    let mut text = INTRODUCTION.to_owned();
    let command = ServerSettings::augment_args(Command::new("serve"));
    for argument in command.get_arguments() {
        let Some(flag) = argument.get_long() else { continue };
        let variable = argument.get_env().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| `{}` | `--{flag}` | `{variable}` | {} |", argument.get_id(), help.replace('\n', " "));
    }
    text.push_str(OBJECT_STORAGE);
    text.push_str(SOURCES);
    text.push_str(IDENTITY_PROVIDERS);
    text.push_str(ROLES);
    text.push_str(STORED_QUERIES);
    text
}

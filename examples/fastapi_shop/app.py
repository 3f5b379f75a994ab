"""Reports of the shop over HTTP: JSON, Arrow IPC or Parquet, streamed as RailForge sends them.

`SHOP_RAIL_FORGE` is the address of RailForge, as `make serve` prints it. Run it with
`uvicorn app:app --app-dir examples/fastapi_shop`.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Annotated

from fastapi import FastAPI, Header, HTTPException, Query
from fastapi.responses import StreamingResponse

import rail_forge
from rail_forge.encoding import format_for

REVENUE_BY_MONTH = """
    SELECT date_trunc('month', o.placed_at)::date AS month, r.name AS region, sum(o.total) AS revenue
    FROM orders AS o JOIN customer AS c ON c.id = o.customer_id JOIN region AS r ON r.id = c.region_id
    WHERE o.placed_at >= $1 GROUP BY 1, 2 ORDER BY 1, 2
"""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Keep one client, which all requests share."""
    with rail_forge.connect(os.environ.get("SHOP_RAIL_FORGE", "grpc://127.0.0.1:32010")) as client:
        app.state.client = client
        yield


app = FastAPI(title="Reports of the shop", lifespan=lifespan)


@app.get("/revenue")
def revenue(
    since: date,
    format: Annotated[str | None, Query()] = None,  # noqa: A002 - the parameter's name in the URL
    accept: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    """Return the revenue of each month and region; `format` is json, arrow or parquet."""
    try:
        chosen = format_for(accept, format)
    except ValueError as error:
        raise HTTPException(400, str(error)) from error
    result = app.state.client.sql(REVENUE_BY_MONTH, [since], max_staleness=60)
    headers = {"X-As-Of": result.as_of.time.isoformat()}
    return StreamingResponse(chosen.chunks(result.schema, result.batches()), 200, headers, chosen.media_type)


@app.get("/status")
def status() -> dict[str, float | None]:
    """Return how many seconds each table is behind PostgreSQL."""
    return {table.full_name: table.lag_seconds for table in app.state.client.status().tables}

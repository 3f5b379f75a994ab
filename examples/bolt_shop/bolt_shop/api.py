"""The shop's reports with Django-Bolt: JSON, Arrow IPC or Parquet, streamed as RailForge sends them."""

from typing import Annotated, Any

from django.utils.text import slugify
from django_bolt import BoltAPI
from django_bolt.exceptions import NotFound
from django_bolt.param_functions import Header
from shop.reports import REPORTS

from rail_forge.django import analytics
from rail_forge.django.bolt import stream

REPORTS_BY_SLUG = {slugify(name): report for name, report in REPORTS.items()}

api = BoltAPI()


@api.get("/reports")
async def reports() -> dict[str, str]:
    """List the reports: what each shows, by the name in its address."""
    return {slug: report.__doc__ or "" for slug, report in REPORTS_BY_SLUG.items()}


@api.get("/reports/{slug}")
async def report(
    slug: str,
    format: str | None = None,  # noqa: A002 - the parameter's name in the URL
    accept: Annotated[str | None, Header(alias="accept")] = None,
) -> Any:
    """Return a report's rows; `format` is json, arrow or parquet."""
    if slug not in REPORTS_BY_SLUG:
        raise NotFound(detail=f"there is no report {slug}")
    with analytics():
        return await stream(REPORTS_BY_SLUG[slug](), format=format, accept=accept)

"""Django on RailForge: a database backend that reads, and what reporting views need beside it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .frames import FramesMixin, aiter_batches, iter_batches, to_arrow, to_pandas, to_polars
    from .responses import KeysetPage, astream, keyset_page, stream
    from .routing import AnalyticsRouter, analytics, refresh_on_commit
    from .signed_tokens import SignedTokensMiddleware

# Django imports this package for its backend before models can be: each name is there when it is asked for.
_PLACES = {
    "AnalyticsRouter": "routing",
    "FramesMixin": "frames",
    "KeysetPage": "responses",
    "SignedTokensMiddleware": "signed_tokens",
    "aiter_batches": "frames",
    "analytics": "routing",
    "astream": "responses",
    "iter_batches": "frames",
    "keyset_page": "responses",
    "refresh_on_commit": "routing",
    "stream": "responses",
    "to_arrow": "frames",
    "to_pandas": "frames",
    "to_polars": "frames",
}

__all__ = [
    "AnalyticsRouter",
    "FramesMixin",
    "KeysetPage",
    "SignedTokensMiddleware",
    "aiter_batches",
    "analytics",
    "astream",
    "iter_batches",
    "keyset_page",
    "refresh_on_commit",
    "stream",
    "to_arrow",
    "to_pandas",
    "to_polars",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_PLACES[name]}", __name__), name)

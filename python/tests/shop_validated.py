"""Querysets for `railforge_validate`: one differs once region 12 is called otherwise, and one fails."""

from __future__ import annotations

from typing import Any


def WRONG() -> list[Any]:  # noqa: N802 - the command's tests name it as a constant
    """Make them, once there are models."""
    from shop.models import Region  # type: ignore[import-not-found] # noqa: PLC0415

    return [
        Region.objects.filter(pk=12),
        Region.objects.extra(where=["1 / (id - id) = 1"]),
        Region.objects.filter(pk=1),
    ]

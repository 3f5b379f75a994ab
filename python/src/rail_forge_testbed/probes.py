"""What a server tells over HTTP: its probes, and its metrics as Prometheus' own parser reads them."""

from __future__ import annotations

import urllib.error
import urllib.request
from http import HTTPStatus
from typing import TYPE_CHECKING

from prometheus_client.openmetrics.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client import Metric

    from rail_forge_testbed.server import RailForgeServer

# An answer that takes longer does not come.
SECONDS = 10


def get(url: str) -> tuple[int, str]:
    """The code and the text of an answer."""
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as response:
            return int(response.status), str(response.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


class Metrics:
    """What `/metrics` has said at one time."""

    def __init__(self, text: str) -> None:
        self.text = text
        read: Iterable[Metric] = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
        self.families = {family.name: family for family in read}
        self._samples = {
            (sample.name, frozenset(sample.labels.items())): float(sample.value)
            for family in self.families.values()
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float:
        """The value of a sample; a counter that has not been told is 0."""
        return self._samples.get((name, frozenset(labels.items())), 0.0)

    def has(self, name: str, **labels: str) -> bool:
        """Whether there is such a sample."""
        return (name, frozenset(labels.items())) in self._samples


def metrics(server: RailForgeServer) -> Metrics:
    """What a server tells now."""
    code, text = get(f"{server.http}/metrics")
    assert code == HTTPStatus.OK, text
    return Metrics(text)

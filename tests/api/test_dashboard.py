"""The Grafana dashboard asks for metrics and labels that the service really exports, and shows all of them."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from api.app import create_app
from api.settings import Settings
from detector.errors import DetectorError

DASHBOARD: Mapping[str, Any] = json.loads((Path(__file__).parents[2] / "deploy" / "grafana.json").read_text())
SCRAPED = {"instance", "job"}
"""Labels that Prometheus itself adds."""
METRIC = re.compile(r"\b(shingan_\w+)")
GROUPED = re.compile(r"\bby \(([^)]*)\)")
SELECTED = re.compile(r'(\w+)(?:=~|!~|!=|=)"')


async def _exported(home: Path, picture: bytes) -> Mapping[str, set[str]]:
    """Labels by the name of every sample that a service exports after it did a bit of everything."""
    app = create_app(Settings(home=home, blob_url="memory:///"))

    async def three() -> int:
        return 3

    async with app.router.lifespan_context(app):
        app.state.metrics.watch_queue("inspections", three)
        app.state.workplace.sandbox.kills.update([DetectorError.code])
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://shingan.example") as client:
            await client.get("/readyz")
            await client.post("/v1/verifications", files={"file": ("a.png", picture)})
            text = (await client.get("/metrics")).text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    depths = {s.labels["queue"]: s.value for s in samples if s.name == "shingan_queue_depth"}
    assert depths == {"inspections": 3.0, "jobs": 0.0}
    return {sample.name: set(sample.labels) for sample in samples}


async def test_every_query_fits_what_is_exported(
    home: Path, make_photo: Callable[..., Any], encode: Callable[..., bytes]
) -> None:
    exported = await _exported(home, encode(make_photo()))
    queries = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    assert queries
    for query in queries:
        names = METRIC.findall(query)
        assert names
        labels = set().union(*(exported[name] for name in names)) | SCRAPED
        used = {label.strip() for group in GROUPED.findall(query) for label in group.split(",")}
        assert used | set(SELECTED.findall(query)) <= labels, query


async def test_every_metric_is_shown(home: Path, make_photo: Callable[..., Any], encode: Callable[..., bytes]) -> None:
    shown = set(METRIC.findall(json.dumps(DASHBOARD)))
    technical = ("_created", "_sum", "_count", "_bucket")
    exported = {name for name in await _exported(home, encode(make_photo())) if not name.endswith(technical)}
    assert exported <= shown

"""The HTTP service, wired: settings in, application out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from api import problems
from api.admission import forget_windows
from api.anchors import anchoring
from api.auth import ApiKeys
from api.described import Service
from api.jobs.following import waiting
from api.metrics import Metrics, summed
from api.middleware import BodyLimit, Measured, RateHeaders, RequestIds, SecurityHeaders
from api.oidc import BearerTokens
from api.readiness import ReadinessCheck
from api.rendering import STATIC
from api.routes import (
    audit,
    compliance,
    consents,
    generations,
    health,
    idols,
    inspections,
    jobs,
    keys,
    known_media,
    live,
    marks,
    page,
    policies,
    portraits,
    retention,
    soft_bindings,
    tenants,
    verifications,
    webhooks,
)
from api.sessions import LocalSessions
from api.settings import Settings
from api.workplace import Workplace

MODULES = (
    live,
    inspections,
    jobs,
    webhooks,
    verifications,
    generations,
    marks,
    portraits,
    idols,
    soft_bindings,
    known_media,
    retention,
    compliance,
    audit,
    policies,
    tenants,
    keys,
    consents,
    health,
    page,
)
ROUTERS = tuple(module.router for module in MODULES)


def create_app(settings: Settings | None = None, *, worker: bool = False) -> FastAPI:
    """The application; it opens its `Workplace` when it starts and closes it when it stops.

    As a `worker` it does jobs as well; one application of a process may.
    """
    chosen = settings or Settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with await Workplace.open(chosen) as workplace:
            app.state.workplace = workplace
            app.state.metrics.watch(
                kills=lambda: summed(*(box.kills for box in workplace.open_sandboxes)),
                appended=lambda: workplace.audit.appended,
            )
            app.state.metrics.watch_queue("jobs", partial(waiting, workplace))
            app.state.keys = ApiKeys.open(chosen)
            app.state.tokens = BearerTokens.open(chosen, app.state.keys)
            await forget_windows(workplace)
            async with anchoring(workplace), _working(workplace, worker):
                with ReadinessCheck(workplace) as app.state.readiness:
                    yield
            await asyncio.gather(*app.state.live_endings, return_exceptions=True)

    # The framework's documentation pages load scripts from elsewhere; the description itself is served.
    app = Service(
        title="Shingan",
        version=version("shingan"),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
    )
    app.state.metrics = Metrics()
    app.state.sessions = LocalSessions(chosen)
    app.state.live = asyncio.Semaphore(live.SESSIONS)
    app.state.live_endings = set()
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    problems.install(app)
    app.add_middleware(RateHeaders)
    app.add_middleware(BodyLimit, max_upload=chosen.max_bytes, max_batch=chosen.batch_bytes)
    app.add_middleware(Measured, metrics=app.state.metrics)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(RequestIds)
    return app


@asynccontextmanager
async def _working(workplace: Workplace, wanted: bool) -> AsyncIterator[None]:
    if not wanted:
        yield
        return
    from api.jobs.worker import working

    async with working(workplace):
        yield

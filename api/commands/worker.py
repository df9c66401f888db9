"""`worker`: does accepted jobs, beside `serve` or on another machine that shares its database, home and blobs."""

from api.commands.running import load_settings


def worker() -> None:
    """Do accepted jobs and deliver webhooks until interrupted."""
    import asyncio
    import signal

    from api.commands.console import say
    from api.jobs.worker import working
    from api.workplace import Workplace

    settings = load_settings()

    async def run() -> None:
        ended = asyncio.Event()
        for kind in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(kind, ended.set)
        async with await Workplace.open(settings) as workplace, working(workplace):
            say("shingan worker: ready")
            await ended.wait()

    asyncio.run(run())

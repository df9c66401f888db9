"""What a request brings, as a named file: uploaded with it, or fetched from the address that it names."""

from api.auth import Actor
from api.errors import Unauthenticated
from api.ingest.fetching import Fetched, fetch
from api.uploads import Source
from api.workplace import Workplace


async def bring(workplace: Workplace, actor: Actor, source: Source) -> Fetched:
    """Raises `Unauthenticated` if nobody known asks for a fetch, or as `fetch` does."""
    if not source.url:
        return Fetched(source.name, source.data)
    if actor.is_anonymous:
        raise Unauthenticated("Fetching from an address needs an API key; a file may be sent without one.")
    return await fetch(source.url, workplace.settings)

"""One try to deliver: signed by the Standard Webhooks specification, sent to a checked address, judged by status."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Final

import httpcore
from standardwebhooks.webhooks import Webhook as Signature

from api.clock import utc_now
from api.errors import ApiError
from api.ingest.network import checked, connections
from api.jobs.job import Job
from api.settings import Settings
from api.webhooks.endpoints import Webhook, secret_of

SECONDS: Final = 15.0
GONE: Final = 410
"""The receiver wants no more of them (Standard Webhooks)."""


class NotDelivered(ApiError):
    """`gone` if the receiver wants nothing more at all."""

    status, code, title = 502, "webhook_failed", "A webhook could not be delivered"

    def __init__(self, detail: str, *, gone: bool = False) -> None:
        super().__init__(detail)
        self.gone = gone


async def send(settings: Settings, hook: Webhook, delivery: Job) -> None:
    """Raises `NotDelivered` unless the receiver answers with 2xx; redirects are not followed."""
    body = json.dumps(delivery.request["body"], ensure_ascii=False, separators=(",", ":"))
    try:
        checked(hook.url, settings)
        async with asyncio.timeout(SECONDS), connections(settings) as pool:
            headers = _headers(settings, hook, delivery.id, body, utc_now())
            async with pool.stream("POST", hook.url, headers=list(headers.items()), content=body.encode()) as answer:
                status = answer.status
    except TimeoutError as error:
        raise NotDelivered(f"The receiver took longer than {SECONDS:g} s.") from error
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError) as error:
        raise NotDelivered("The receiver did not answer.") from error
    except ApiError as error:
        raise NotDelivered(str(error)) from error
    if not 200 <= status < 300:
        raise NotDelivered(f"The receiver answered with status {status}.", gone=status == GONE)


def _headers(settings: Settings, hook: Webhook, message: str, body: str, now: datetime) -> dict[str, str]:
    """`webhook-id` stays the same over all tries, so that the receiver knows what it has seen."""
    signature = Signature(secret_of(settings, hook.id)).sign(message, now.astimezone(UTC), body)
    return {
        "content-type": "application/json",
        "user-agent": "shingan",
        "webhook-id": message,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
    }

"""Live art: webcam frames in, marked pictures out, under one decision, one record and one entry at each end.

1 decide, consent above all, and audit it  2 wait for a frame with a face, and release it as any portrait: that is the
record of the session  3 paint every later frame and lay the mark of that record over it  4 say in the log how it ended.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from api import portraits
from api.auth import Actor
from api.decisions import permit
from api.errors import InvalidRequest
from api.labels import chosen, label_for
from api.policy import PolicyRequest
from api.portraits import PortraitRequest, policy_request, screen
from api.registry_looks import add_session_frames
from api.releases import Released
from api.workplace import Workplace
from detector.errors import MediaTooLarge
from detector.importing import ONE_IMPORT
from detector.media import open_media
from detector.types import Frame, Media, Provenance

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from generator.portrait.following import FaceFollower

LIVE_STYLES: Final = ("low_poly", "ink", "woodblock", "watercolour", "mosaic", "oil")
"""The quickest first. A style picture takes too long for each frame."""
STARTED, ENDED = "live.started", "live.ended"
TOOL: Final = "artwork"
NAME: Final = "live frame"
MIME: Final = "image/jpeg"
FRAME_SIDE: Final = 640
"""Longest side of a frame in pixels."""
MAX_FRAME: Final = 1_000_000
"""Bytes of a frame."""
MAX_MESSAGE: Final = 2**20
MAX_FRAMES: Final = 36_000
"""Of one session: an hour at ten a second."""
KEPT_AT_ONCE: Final = 50
"""Frames whose fingerprints are written together."""
SCREEN_EVERY: Final = 50
"""Frames after which one is compared with the lists of known media, and searched for marks, as the first one is."""


class LiveSession:
    """From `begin` to `end`; one frame at a time."""

    def __init__(self, workplace: Workplace, actor: Actor, wish: PortraitRequest) -> None:
        """`wish` lacks its picture."""
        self._workplace, self._actor, self._wish = workplace, actor, replace(wish, tool=TOOL, name=NAME)
        self._asked: PolicyRequest | None = None
        self._released: Released | None = None
        self._tile: NDArray[np.float32] | None = None
        self._follower: FaceFollower | None = None
        self._looks: list[str] = []
        self.frames = 0

    async def begin(self) -> None:
        """Raises `InvalidRequest`, `InvalidSettings` or `PolicyDenied`."""
        with ONE_IMPORT:
            from generator.portrait.following import FaceFollower
            from generator.portrait.tools import open_tool
        if self._wish.settings.get("style") not in LIVE_STYLES:
            raise InvalidRequest(f"A live style is one of {', '.join(LIVE_STYLES)}.")
        open_tool(TOOL).check(self._wish.settings)
        label = await label_for(self._workplace, self._actor, self._wish.label)
        self._wish = replace(self._wish, label=label)
        self._asked = await policy_request(self._workplace, self._actor, self._wish)
        await permit(self._workplace, self._asked, personal={"consent": self._wish.consent_reference})
        self._follower = FaceFollower(self._workplace.portrait_finders)
        await self._log(STARTED, {"style": self._wish.settings["style"]})

    async def first(self, data: bytes) -> Released | None:
        """The release that the session is recorded as; null if no face is to be seen yet.

        Raises as `portraits.redraw` does, and `MediaTooLarge`.
        """
        if not await self._workplace.run(lambda: self._has_face(data)):
            return None
        self._released = await portraits.redraw(self._workplace, self._actor, replace(self._wish, data=data))
        self._tile = await self._workplace.run(self._pattern)
        self.frames = 1
        return self._released

    async def next(self, data: bytes) -> bytes:
        """The picture (JPEG) of a later frame. Raises `PolicyDenied`, a `DetectorError` or a `GeneratorError`."""
        if self.frames >= MAX_FRAMES:
            raise InvalidRequest(f"A live session has at most {MAX_FRAMES} frames.")
        found, picture, looks = await self._workplace.run(lambda: self._paint(data))
        if self._asked is not None and (screened := screen(found) if found else None):
            context = replace(self._asked.context, screened=screened)
            await permit(self._workplace, replace(self._asked, context=context))
        self.frames += 1
        self._looks.append(looks)
        if len(self._looks) >= KEPT_AT_ONCE:
            await self._keep_looks()
        return picture

    async def end(self) -> None:
        await self._keep_looks()
        record_id = self._released.record.record_id if self._released else None
        await self._log(ENDED, {"frames": self.frames, "record_id": record_id})

    async def _keep_looks(self) -> None:
        """Of the frames since the last time: by them a frame is known later, for it is no copy of the release."""
        if self._released is None or not self._looks:
            return
        record_id, looks, self._looks = self._released.record.record_id, self._looks, []
        first = self.frames - len(looks)
        await self._workplace.database.change(
            lambda connection: add_session_frames(connection, record_id, first, looks)
        )

    async def _log(self, kind: str, facts: Mapping[str, Any]) -> None:
        body = {"actor": self._actor.id, "tenant": self._actor.tenant, **facts}
        async with self._workplace.database.write() as session:
            await self._workplace.audit.append(session, kind, body)

    def _has_face(self, data: bytes) -> bool:
        pixels = self._read(data)[1].pixels
        return bool(self._workplace.portrait_finders.faces.find(pixels))

    def _pattern(self) -> "NDArray[np.float32]":
        from detector.provenance.payload import Payload
        from detector.provenance.watermark import pattern

        assert self._released is not None  # noqa: S101 - it was set just before
        key = self._workplace.mark_keys[0]
        return pattern(Payload(self._released.record.record_id, key.key_id), key=key)

    def _paint(self, data: bytes) -> tuple[Provenance | None, bytes, str]:
        """What the frame says of its origin, if that was asked; the picture, and its fingerprint."""
        from detector.provenance.fingerprint import pdq
        from detector.provenance.watermark import lay
        from generator.claim import EDITED, Statement
        from generator.label import labelled
        from generator.packet import encode, xmp
        from generator.portrait.artwork import manner_of, paint
        from generator.release import now

        if self._released is None or self._tile is None or self._follower is None:
            raise InvalidRequest("The session has no record yet.")
        media, frame = self._read(data)
        found = self._checked(data, media, frame) if self.frames % SCREEN_EVERY == 0 else None
        art = paint(frame.pixels, self._follower.mesh(frame.pixels), manner_of(self._wish.settings))
        shown = labelled(art, chosen(self._workplace, self._wish.label), edited=True)
        provider = self._workplace.settings.provider
        statement = Statement(None, f"shingan {TOOL}", now(), digital_source_type=EDITED, provider=provider)
        packet = xmp(self._released.record.record_id, statement)
        marked = lay(shown, self._tile)
        return found, encode(marked, mime=MIME, packet=packet), pdq(marked)[0]

    def _checked(self, data: bytes, media: Media, frame: Frame) -> Provenance:
        from generator.errors import AlreadyMarked

        found = self._workplace.checker.check(data, media, frame.pixels)
        if found.watermark.detected:
            raise AlreadyMarked(f"The frame already bears the mark of record {found.watermark.record_id}.")
        return found

    def _read(self, data: bytes) -> tuple[Media, Frame]:
        """A frame, decoded in the sandbox."""
        if len(data) > MAX_FRAME:
            raise MediaTooLarge(f"A live frame has at most {MAX_FRAME} bytes.")
        media, frame = open_media(data, sandbox=self._workplace.sandbox)
        if max(media.width, media.height) > FRAME_SIDE:
            raise MediaTooLarge(f"A live frame has at most {FRAME_SIDE} pixels a side.")
        return media, frame

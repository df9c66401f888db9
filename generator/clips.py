"""Marks a clip that another program made or edited: a watermark in every frame, XMP, and a signed manifest."""

import base64
import struct
from typing import Final
from uuid import UUID

import numpy as np

from detector.errors import MediaTooLarge, UnreadableMedia
from detector.media import sha256_hex, sniff
from detector.provenance.carrier import CLIP_SLOPE
from detector.provenance.check import ProvenanceChecker
from detector.provenance.fingerprint import pdq
from detector.provenance.payload import Payload
from detector.provenance.watermark import MIN_SIDE, pattern
from detector.sandbox import Sandbox
from detector.types import Media, Pixels
from detector.video import mark_stills, open_clip
from generator.claim import claim
from generator.elsewhere import Order, history
from generator.errors import AlreadyMarked, MediaTooSmall
from generator.marking import Marked, sign
from generator.packet import xmp
from generator.release import Release, let_out, new_record_id

TRANSCODE: Final = "generator.clip_transcode:transcode"
MIME: Final = "video/mp4"
STRENGTH: Final = 3.0
"""RMS of the mark in grey levels: H.264 takes more of it than JPEG does."""
MAX_FRAMES: Final = 3600
"""Two minutes at 30 frames a second; a frame of full HD takes about a tenth of a second."""
PATIENCE: Final = 2.0
XMP_BOX: Final = UUID("be7acfcb-97a9-42e8-9c71-999491e3afac").bytes
"""Type of the box that holds XMP in an MP4 file (XMP specification, part 3, 1.2.7.1)."""


def mark_clip(data: bytes, order: Order, *, checker: ProvenanceChecker, transcoder: Sandbox) -> Release:
    """The clip in `data` as a marked and signed MP4; `transcoder` is a sandbox with time for a whole clip.

    Raises as `generator.elsewhere.mark_file` does.
    """
    media, pictures = _read(data, checker.sandbox)  # 1. read it, in the sandbox
    if min(media.width, media.height) < MIN_SIDE:
        raise MediaTooSmall(f"A clip needs at least {MIN_SIDE} pixels on each side to bear a watermark.")
    found = checker.check(data, media, pictures[0], more=pictures[1:])  # 2. what does it say already?
    if found.watermark.detected:
        raise AlreadyMarked(f"The clip already bears the mark of record {found.watermark.record_id}.")
    parent = history(data, media, found.credentials, order.digital_source_type)  # 3. keep that as an ingredient
    record_id, statement = new_record_id(), order.statement()
    tile = pattern(Payload(record_id, order.key.key_id), key=order.key, slope=CLIP_SLOPE)
    written = transcoder.call(  # 4. a mark in every frame
        TRANSCODE,
        data,
        patience=PATIENCE,
        mime=media.mime,
        max_pixels=transcoder.limits.max_pixels,
        pattern=base64.b64encode(np.asarray(tile, np.float32).tobytes()).decode(),
        strength=STRENGTH,
        label=str(order.label),
        edited=order.edited,
        max_frames=MAX_FRAMES,
    )
    unsigned = _with_xmp(_clip_bytes(written), xmp(record_id, statement))
    manifest = claim(record_id, statement, mime=MIME, parent=parent)
    signed, store, stamped = sign(unsigned, manifest, order.source, mime=MIME, parent=parent)  # 5. sign
    marked = Marked(signed, store, sha256_hex(signed), pdq(pictures[0])[0], stamped)
    return let_out(marked, record_id, statement, checker=checker, purpose=order.purpose)  # 6. read back


def _read(data: bytes, sandbox: Sandbox) -> tuple[Media, list[Pixels]]:
    """The clip and a few of its frames, the middle one first. Raises `MediaTooLarge` for one that is too long."""
    clip = open_clip(data, sandbox=sandbox)
    if clip.frames > MAX_FRAMES:
        raise MediaTooLarge(f"A clip is marked up to {MAX_FRAMES} frames; this one has {clip.frames}.")
    return clip.media, mark_stills(data, clip, sandbox=sandbox)


def _clip_bytes(written: object) -> bytes:
    if not isinstance(written, np.ndarray) or written.dtype != np.uint8 or sniff(written.tobytes())[1] != MIME:
        raise UnreadableMedia("The clip made its decoder answer nonsense.")
    return written.tobytes()


def _with_xmp(clip: bytes, packet: str) -> bytes:
    """`clip` with a last box that holds `packet`."""
    body = XMP_BOX + packet.encode()
    return clip + struct.pack(">I", len(body) + 8) + b"uuid" + body

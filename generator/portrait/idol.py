"""A made-up face that speaks: what it says decides its mouth, chance the rest; nothing here marks or releases."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from generator.errors import InvalidSettings, PortraitUnusable
from generator.portrait.animate import Animator
from generator.portrait.expression import RATE, Track
from generator.portrait.features import Floats
from generator.portrait.footage import write_clip
from generator.portrait.motion import perform
from generator.portrait.sound import voice_curves
from generator.portrait.speech import Speech, read_aloud
from generator.portrait.visemes import NUMBERS, Curves, mouth_curves
from generator.portrait.wav import SAMPLE_RATE
from generator.prompt import FaceRequest
from generator.synthesizer import Synthesis

MAX_SECONDS: Final = 62.0
"""Longest clip: a minute of speech with its lead and its end."""
MIN_SECONDS: Final = 1.0
IDLE_SECONDS: Final = 6.0
LEAD, END = 0.5, 0.7
"""Seconds of silence before and after what is said."""
MOTION: Final = 0x1D01
"""Mixed into the seed, so that a face's movements are not drawn from the numbers that drew the face."""
STUDIO: Final[Mapping[str, str]] = {"turn": "front", "mouth": "closed"}
"""How an idol looks at the camera where the prompt leaves it open; who it is stays with chance."""


@dataclass(frozen=True, slots=True)
class Script:
    """What an idol does: says `say`, moves its lips to `voice` (samples at `SAMPLE_RATE`), or neither.

    `seconds` is the least length; without it the clip is as long as what is said.
    """

    say: str = ""
    voice: Floats | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Performance:
    """A track, the sound that goes with it, and facts about both for the answer (JSON values)."""

    track: Track
    voice: Floats | None
    told: Mapping[str, Any]


def studio(wish: FaceRequest) -> FaceRequest:
    """`wish` with the defaults of an idol for what it leaves open."""
    expression = "expression" in wish.attributes
    defaults = {name: value for name, value in STUDIO.items() if not (expression and name == "mouth")}
    return replace(wish, attributes={**defaults, **wish.attributes})


def rehearse(script: Script, *, seed: int) -> Performance:
    """How every number moves. Raises `InvalidSettings` for a length out of range and `SpeechUnusable` for the text."""
    _check(script)
    speech = read_aloud(script.say) if script.say else None
    spoken = speech.seconds if speech else 0.0 if script.voice is None else len(script.voice) / SAMPLE_RATE
    frames = _frames(spoken, script.seconds)
    speaking = _between(frames, LEAD, LEAD + spoken) if spoken else _nothing(frames)
    mouth, stress = _mouth(script, speech, frames)
    track = perform(mouth, speaking, stress, rng=np.random.default_rng((seed, MOTION)))
    return Performance(track, _padded(script.voice, frames), _told(script, speech, frames))


def act(synthesis: Synthesis, performance: Performance) -> bytes:
    """The clip, an MP4 that bears no mark yet. Raises `PortraitUnusable` if the face's mesh is not known."""
    if synthesis.mesh is None:
        raise PortraitUnusable(f"The backend {synthesis.backend!r} does not say where its face is.")
    animator = Animator(synthesis.pixels, synthesis.mesh)
    return write_clip((animator.frame(moment) for moment in performance.track), performance.voice)


def _check(script: Script) -> None:
    if script.seconds is not None and not MIN_SECONDS <= script.seconds <= MAX_SECONDS:
        raise InvalidSettings(f"A clip lasts {MIN_SECONDS:g} to {MAX_SECONDS:g} seconds.")
    if script.say and script.voice is not None:
        raise InvalidSettings("An idol either says a text or moves its lips to a recording, not both.")


def _frames(spoken: float, seconds: float | None) -> int:
    idle = IDLE_SECONDS if seconds is None else MIN_SECONDS
    return round(max(LEAD + spoken + END if spoken else idle, seconds or 0.0) * RATE)


def _mouth(script: Script, speech: Speech | None, frames: int) -> tuple[Curves, Floats]:
    """The mouth, and the stress of what is said."""
    if speech is not None:
        return mouth_curves(speech.sounds, frames=frames, start=LEAD), _stress(speech, frames)
    if script.voice is not None:
        mouth = voice_curves(script.voice, frames=frames, start=LEAD)
        return mouth, np.clip(2 * mouth["open"] - 0.5, 0, 1)
    return {name: _nothing(frames) for name in NUMBERS}, _nothing(frames)


def _nothing(frames: int) -> Floats:
    return np.zeros(frames, np.float32)


def _between(frames: int, start: float, end: float) -> Floats:
    seconds = np.arange(frames) / RATE
    inside: Floats = ((seconds >= start - 0.1) & (seconds <= end + 0.1)).astype(np.float32)
    return inside


def _stress(speech: Speech, frames: int) -> Floats:
    ends = LEAD + np.cumsum([sound.seconds for sound in speech.sounds])
    at = np.searchsorted(ends, np.arange(frames) / RATE)
    values = np.array([0.0, *(sound.stress for sound in speech.sounds), 0.0], np.float32)
    begun = np.arange(frames) / RATE >= LEAD
    stress: Floats = np.where(begun, values[np.minimum(at + 1, len(values) - 1)], 0).astype(np.float32)
    return stress


def _padded(voice: Floats | None, frames: int) -> Floats | None:
    """The voice after the lead, as long as the clip."""
    if voice is None:
        return None
    whole = np.zeros(round(frames / RATE * SAMPLE_RATE), np.float32)
    start = round(LEAD * SAMPLE_RATE)
    kept = voice[: len(whole) - start]
    whole[start : start + len(kept)] = kept
    return whole


def _told(script: Script, speech: Speech | None, frames: int) -> Mapping[str, Any]:
    source = "text" if speech else "nothing" if script.voice is None else "recording"
    return {"seconds": frames / RATE, "source": source, "unread": list(speech.unread) if speech else []}

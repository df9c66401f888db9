"""A script becomes a clip: as long as what is said, the same for the same seed, with the voice in it."""

import io
from dataclasses import replace

import av
import numpy as np
import pytest

from generator.errors import InvalidSettings, PortraitUnusable
from generator.portrait.expression import RATE
from generator.portrait.idol import LEAD, Script, act, rehearse, studio
from generator.portrait.speech import read_aloud
from generator.portrait.wav import SAMPLE_RATE
from generator.prompt import FaceRequest
from generator.synthesizer import Synthesis, open_synthesizer

VOICE = (0.5 * np.sin(np.arange(SAMPLE_RATE // 2) / 30)).astype(np.float32)


@pytest.fixture(scope="module")
def face() -> Synthesis:
    return open_synthesizer().synthesise(studio(FaceRequest()), seed=11)


def test_a_clip_lasts_as_long_as_what_is_said() -> None:
    said = rehearse(Script("Hello there."), seed=1)
    assert len(said.track) / RATE > LEAD + read_aloud("Hello there.").seconds
    assert len(rehearse(Script("Hello there.", seconds=5), seed=1).track) == 5 * RATE
    assert said.told["seconds"] == len(said.track) / RATE
    assert said.told["source"] == "text"


def test_before_and_after_speech_the_mouth_rests() -> None:
    track = rehearse(Script("papa mama"), seed=1).track
    assert max(track[0].open, track[-1].open) < 0.05
    assert max(moment.open for moment in track) > 0.4
    assert max(moment.seal for moment in track) > 0.95


def test_without_a_script_it_lives_in_silence() -> None:
    idle = rehearse(Script(), seed=4)
    assert idle.told == {"seconds": 6.0, "source": "nothing", "unread": []}
    assert {moment.open for moment in idle.track} == {0.0}
    assert any(moment.blink == 1 for moment in idle.track)
    assert rehearse(Script(), seed=4) == idle
    assert rehearse(Script(), seed=5).track != idle.track


@pytest.mark.parametrize("script", [Script(seconds=0.5), Script(seconds=63), Script("a", VOICE)])
def test_a_script_out_of_range_is_refused(script: Script) -> None:
    with pytest.raises(InvalidSettings):
        rehearse(script, seed=1)


def test_the_studio_leaves_the_prompt_its_say() -> None:
    assert studio(FaceRequest()).attributes == {"turn": "front", "mouth": "closed"}
    assert studio(FaceRequest({"turn": "left"})).attributes["turn"] == "left"
    assert "mouth" not in studio(FaceRequest({"expression": "smile"})).attributes


def test_a_recording_sounds_in_the_clip(face: Synthesis) -> None:
    played = rehearse(Script(voice=VOICE), seed=2)
    data = act(face, replace(played, track=played.track[:12]))
    with av.open(io.BytesIO(data), "r") as clip:
        assert len(list(clip.decode(video=0))) == 12
    with av.open(io.BytesIO(data), "r") as clip:
        heard = np.concatenate([frame.to_ndarray()[0] for frame in clip.decode(audio=0)])
    lead = round(LEAD * SAMPLE_RATE)
    assert np.abs(heard[: lead - 3000]).max() < 0.01
    assert np.abs(heard[lead + 4000 : lead + 20000]).max() > 0.4


def test_a_face_without_a_mesh_cannot_act(face: Synthesis) -> None:
    with pytest.raises(PortraitUnusable):
        act(replace(face, mesh=None), rehearse(Script(), seed=1))

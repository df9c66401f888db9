"""Draws follow the request, and hair is a mixture."""

import numpy as np
import pytest

from generator.sampler import COLOURS, LENGTHS, MEASURES, Sampler, Wanted, hair_colour, hair_length
from generator.stored import read_weights, shipped


@pytest.fixture(scope="module")
def sampler() -> Sampler:
    return Sampler.from_tensors(read_weights(shipped(), "appearance"))


def test_class_and_ranges_are_kept(sampler: Sampler) -> None:
    wanted = Wanted(sex=1, ethnicity=2, measures={"smile": (0.7, 2.5), "yaw": (-0.35, 0.35)})
    for seed in range(20):
        condition = sampler.draw(wanted, rng=np.random.default_rng(seed)).condition
        measures = dict(zip(MEASURES, condition[5:], strict=True))
        assert condition[0] == 1
        assert condition[1:5].tolist() == [0, 0, 1, 0]
        assert 0.7 <= measures["smile"] <= 2.5
        assert abs(measures["yaw"]) <= 0.351


def test_no_hair_is_taken_whole(sampler: Sampler) -> None:
    for seed in range(30):
        hair = sampler.draw(Wanted(), rng=np.random.default_rng(seed)).texture[: sampler.hair.shape[1]]
        assert np.linalg.norm(sampler.hair - hair, axis=1).min() > 1


def test_wanted_hair_comes_from_anchors_that_have_it(sampler: Sampler) -> None:
    pool = sampler.anchors(Wanted(colours=(2,), length=2), sex=0, ethnicity=0)
    assert set(sampler.colour[pool]) == {COLOURS.index("blond")}
    assert set(sampler.length[pool]) == {LENGTHS.index("long")}
    with pytest.raises(LookupError):
        sampler.anchors(Wanted(colours=(2,), length=2), sex=1, ethnicity=0)


def test_open_choice_falls_on_those_who_have_the_hair(sampler: Sampler) -> None:
    draws = [sampler.draw(Wanted(colours=(2,), length=2), rng=np.random.default_rng(seed)) for seed in range(10)]
    assert {float(draw.condition[0]) for draw in draws} == {-1.0}


def test_names_of_measured_hair() -> None:
    assert COLOURS[hair_colour(np.array([8, 1, 1], np.float32))] == "black"
    assert COLOURS[hair_colour(np.array([24, 6, 9], np.float32))] == "brown"
    assert COLOURS[hair_colour(np.array([50, 8, 20], np.float32))] == "blond"
    assert [LENGTHS[hair_length(share)] for share in (0.0, 0.3, 0.7)] == list(LENGTHS)

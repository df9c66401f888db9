"""What the page offers is what the tools take: every measure and style, within its own limits, and nothing else."""

from api.labels import LABELS as LABEL_CODES
from api.live import LIVE_STYLES
from api.page_words import MADE as CHOICES
from api.page_words import STYLES
from api.portraits import ACTIONS
from api.routes.marks import MADE
from api.routes.page_offers import LABELS, MEASURE_WORDS, OUTPUTS, TOOLS, VIEWS, offers
from generator.portrait import reconstruct, surgery
from generator.portrait.artwork import NAMES
from generator.portrait.measures import MEASURES
from generator.portrait.tools import open_tool


def test_every_tool_measure_and_style_is_offered() -> None:
    assert set(TOOLS) == set(ACTIONS)
    assert tuple(LABELS) == LABEL_CODES
    assert set(MEASURE_WORDS) == set(MEASURES)
    assert set(VIEWS) == set(surgery.VIEWS)
    assert {output for choice in OUTPUTS for output in choice.split()} == set(reconstruct.OUTPUTS)
    assert tuple(STYLES) == NAMES
    assert set(LIVE_STYLES) <= set(STYLES)
    assert set(CHOICES) == set(MADE)


def test_the_ends_of_every_slider_are_accepted() -> None:
    tool, sliders = open_tool("surgery"), offers()["sliders"]
    assert isinstance(sliders, list)
    assert [item.name for item in sliders] == list(MEASURES)
    for item in sliders:
        for amount in (item.least, item.most):
            tool.check({"changes": {item.name: amount}})
        steps = (item.most - item.least) / item.step
        assert steps == round(steps)

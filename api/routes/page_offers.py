"""What the page offers of each tool, read from the tools themselves: no slider leads beyond what the API accepts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from api.live import LIVE_STYLES
from api.page_words import MADE, PORTRAIT_PURPOSES, PURPOSES, STYLES, chosen
from api.portraits import ACTIONS
from api.routes.portraits import MAX_REFERENCE
from api.wording import Words
from detector.faces import MAX_FACES
from generator.portrait.artwork import DEFAULT_STRENGTH, MAX_SEED, NAMES, STYLE_PICTURE
from generator.portrait.idol import MAX_SECONDS, MIN_SECONDS
from generator.portrait.measures import MEASURES, Measure
from generator.portrait.reconstruct import MAX_REGIONS
from generator.portrait.speech import MAX_TEXT

TOOLS: Final[Mapping[str, Words]] = {
    "surgery": ("Surgery preview", "手術シミュレーション"),
    "artwork": ("Artwork", "アート"),
    "reconstruct": ("3D face", "3D復元"),
}
"""In the page's order; each is one of `ACTIONS`."""
MEASURE_WORDS: Final[Mapping[str, tuple[Words, Words]]] = {
    "nasal_hump": (
        ("Nasal hump", "鼻背の隆起（ハンプ）"),
        ("Dorsum over the line from nasion to tip; shows in 3D", "ナジオンから鼻尖への線上の高さ。3D表示に現れます"),
    ),
    "nasal_tip_rotation": (("Nasal tip rotation", "鼻尖の回転"), ("Nasolabial angle", "鼻唇角")),
    "alar_width": (("Alar width", "鼻翼幅"), ("Between the wings of the nose", "両鼻翼の間")),
    "chin_projection": (
        ("Chin projection", "オトガイの突出"),
        ("Forward of the nasion; shows in 3D", "ナジオンより前方。3D表示に現れます"),
    ),
    "chin_height": (("Chin height", "オトガイの高さ"), ("Lower lip to menton", "下唇からメントンまで")),
    "jaw_width": (("Jaw width", "下顎幅"), ("Between the angles of the jaw", "両下顎角の間")),
    "brow_lift": (("Brow lift", "眉の挙上"), ("Brow over the outer corner of the eye", "目尻から眉までの高さ")),
    "eyelid_opening": (("Eyelid opening", "眼瞼裂高"), ("Palpebral fissure height", "上下の眼瞼の間")),
    "lip_volume": (("Lip volume", "口唇のボリューム"), ("Vermilion height of both lips", "上下の赤唇の高さ")),
    "ear_prominence": (("Ear prominence", "耳介の突出"), ("Distance from the head", "頭部からの距離")),
}
"""Name and definition of each measure that `generator.portrait.measures` has."""
UNITS: Final[Mapping[str, Words]] = {"mm": ("mm", "mm"), "degrees": ("°", "°")}
STEPS: Final[Mapping[str, float]] = {"mm": 0.5, "degrees": 1.0}
VIEWS: Final[Mapping[str, Words]] = {
    "after": ("Before and after, side by side", "前後を並べて表示"),
    "before_after": ("Before and after in one file", "前後を1つのファイルに"),
    "turntable": ("In 3D from five sides", "3Dで5方向から"),
}
LABELS: Final[Mapping[str, Words]] = {
    "auto": ("As the place asks", "地域の規定どおり"),
    "none": ("None", "なし"),
    "eu": ("EU", "EU"),
    "china": ("China", "中国"),
}
"""The codes of `api.labels` in words."""
OUTPUTS: Final[Mapping[str, Words]] = {
    "views": ("Views from five sides", "5方向からの画像"),
    "model": ("3D model (GLB)", "3Dモデル（GLB）"),
    "views model": ("Both, as two records", "両方（記録は2件）"),
}
"""By the settings `output` of the requests that each takes."""


@dataclass(frozen=True, slots=True)
class Slider:
    """One measure's change: from `least` to `most` in `unit`."""

    name: str
    words: Words
    meaning: Words
    unit: Words
    least: float
    most: float
    step: float


def slider(name: str, measure: Measure) -> Slider:
    words, meaning = MEASURE_WORDS.get(name, ((name, name), ("", "")))
    return Slider(name, words, meaning, UNITS[measure.unit], measure.least, measure.most, STEPS[measure.unit])


def offers() -> dict[str, object]:
    """Names, ranges and limits for the page's template."""
    return {
        "purposes": PURPOSES,
        "labels": LABELS,
        "portrait_purposes": PORTRAIT_PURPOSES,
        "tools": {name: words for name, words in TOOLS.items() if name in ACTIONS},
        "sliders": [slider(name, measure) for name, measure in MEASURES.items()],
        "views": VIEWS,
        "outputs": OUTPUTS,
        "made": MADE,
        "art_styles": chosen(STYLES, NAMES),
        "styles": chosen(STYLES, LIVE_STYLES),
        "style_picture": STYLE_PICTURE,
        "strength": DEFAULT_STRENGTH,
        "max_seed": MAX_SEED,
        "max_regions": MAX_REGIONS,
        "max_reference": MAX_REFERENCE,
        "max_faces": MAX_FACES,
        "max_text": MAX_TEXT,
        "seconds": (MIN_SECONDS, MAX_SECONDS),
    }

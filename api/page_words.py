"""Codes that the page offers, in words: purposes, manners, and what was done to a marked file."""

from collections.abc import Iterable, Mapping
from typing import Final

from api.wording import Words

PURPOSES: Final[Mapping[str, Words]] = {
    "research": ("research", "研究"),
    "education": ("education", "教育"),
    "testing": ("testing", "試験"),
    "entertainment": ("entertainment", "娯楽"),
    "advertising": ("advertising", "広告"),
    "design": ("design", "デザイン"),
}
"""Offered on the page; the policy decides, and other codes may be sent over the API."""
PORTRAIT_PURPOSES: Final[Mapping[str, Words]] = {
    "surgery_preview": ("surgery preview", "手術シミュレーション"),
    "art": ("art", "アート"),
    **PURPOSES,
}
STYLES: Final[Mapping[str, Words]] = {
    "oil": ("oil", "油彩"),
    "watercolour": ("watercolour", "水彩"),
    "ink": ("ink", "墨絵"),
    "woodblock": ("woodblock", "木版画"),
    "low_poly": ("low poly", "ローポリ"),
    "mosaic": ("mosaic", "モザイク"),
    "style_picture": ("style picture", "手本の画像"),
}
MADE: Final[Mapping[str, Words]] = {"generated": ("generated", "生成"), "edited": ("edited", "加工")}


def chosen(words: Mapping[str, Words], codes: Iterable[str]) -> dict[str, Words]:
    """The words of `codes`, in their order."""
    return {code: words[code] for code in codes}

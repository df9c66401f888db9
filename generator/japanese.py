"""Reads simple Japanese as the English words of the prompt grammar, longest word first."""

import re
from collections.abc import Mapping

from generator.vocabulary import listed

READINGS: Mapping[str, str] = {
    "女性": "woman", "女": "woman", "男性": "man", "男": "man", "大人": "adult", "成人": "adult", "若い": "young",
    "人物": "person", "人": "person", "顔": "face", "顔写真": "headshot", "ポートレート": "portrait", "写真": "photo",
    "画像": "image", "肖像": "portrait",
    "アジア人": "asian", "アジア系": "asian", "東アジア系": "asian", "日本人": "japanese", "韓国人": "korean",
    "中国人": "chinese", "黒人": "black person", "アフリカ系": "african", "白人": "white person",
    "ヨーロッパ系": "european", "ラテン系": "latino", "ヒスパニック": "hispanic", "ヒスパニック系": "hispanic",
    "髪": "hair", "髪の毛": "hair", "髪型": "hair", "ヘア": "hair", "黒髪": "black hair", "茶髪": "brown hair",
    "金髪": "blond hair", "ブロンド": "blond hair", "長髪": "long hair", "短髪": "short hair",
    "ロングヘア": "long hair", "ロングヘアー": "long hair", "ロング": "long hair", "ショートヘア": "short hair",
    "ショートヘアー": "short hair", "ショートカット": "short hair", "ショート": "short hair",
    "セミロング": "medium hair", "ミディアムヘア": "medium hair", "ボブ": "medium hair",
    "長い": "long", "長く": "long", "短い": "short", "短く": "short", "黒い": "black", "黒く": "black", "黒": "black",
    "茶色": "brown", "茶色い": "brown", "金色": "blond", "白い": "white", "白": "white", "明るい": "light",
    "暗い": "dark", "濃い": "dark",
    "肌": "skin", "色白": "light skin", "色黒": "dark skin", "褐色": "brown", "小麦色": "tanned",
    "背景": "background", "無地": "plain", "シンプル": "plain",
    "笑顔": "smiling", "微笑み": "smiling", "微笑む": "smiling", "微笑んで": "smiling", "微笑んだ": "smiling",
    "笑って": "smiling", "笑った": "smiling", "笑う": "smiling", "にっこり": "smiling", "スマイル": "smiling",
    "笑っていない": "unsmiling", "笑わない": "unsmiling", "真顔": "unsmiling", "無表情": "unsmiling",
    "真剣": "serious",
    "口": "mouth", "開けて": "open", "開けた": "open", "開いた": "open", "閉じて": "closed", "閉じた": "closed",
    "左向き": "looking left", "左を向いた": "looking left", "右向き": "looking right", "右を向いた": "looking right",
    "正面": "frontal", "正面向き": "frontal", "カメラ目線": "frontal",
    "眼鏡": "glasses", "メガネ": "glasses", "めがね": "glasses", "サングラス": "sunglasses", "帽子": "hat",
    "ひげ": "beard", "髭": "beard", "ヒゲ": "beard", "ピアス": "earrings", "イヤリング": "earrings",
    "マスク": "mask", "目": "eyes", "瞳": "eyes", "青い": "blue", "青": "blue", "緑": "green", "緑色": "green",
    "灰色": "grey", "紫": "purple", "紫色": "purple", "黄色": "yellow", "黄色い": "yellow", "ベージュ": "beige",
    "赤": "red", "グレー": "grey", "水色": "blue", "ピンク": "pink", "ピンク色": "pink",
    "そばかす": "freckles", "口紅": "lipstick", "リップ": "lipstick", "唇": "lips", "赤い": "red", "赤毛": "red hair",
    "赤髪": "red hair", "白髪": "white hair", "銀髪": "silver hair", "巻き髪": "curly hair", "くせ毛": "curly hair",
    "老人": "old person", "高齢者": "old person", "お年寄り": "old person", "高齢": "old", "年配": "old",
    "中年": "middle-aged",
    "おじさん": "middle-aged man", "おばさん": "middle-aged woman",
    "眼鏡なし": "no glasses", "メガネなし": "no glasses", "帽子なし": "no hat",
    "子供": "child", "子ども": "child", "こども": "child", "キッズ": "kid", "少女": "girl", "少年": "boy",
    "女の子": "girl", "男の子": "boy", "赤ちゃん": "baby", "赤ん坊": "baby", "乳児": "infant", "幼児": "toddler",
    "園児": "child", "児童": "child", "幼い": "child", "小学生": "child", "中学生": "teenager", "高校生": "teenager",
    "女子高生": "teenager", "男子高生": "teenager", "女子中学生": "teenager", "JK": "teenager", "JC": "teenager",
    "未成年": "minor", "十代": "teen", "10代": "teen", "ティーン": "teen", "ティーンエイジャー": "teenager",
    "学童": "child", "ロリ": "loli", "ショタ": "shota",
    "裸": "naked", "全裸": "naked", "ヌード": "nude", "エロ": "erotic", "エロい": "erotic", "セクシー": "sexy",
    "下着": "lingerie", "性的": "sexual", "わいせつ": "lewd",
    "有名人": "celebrity", "芸能人": "celebrity", "総理": "prime minister", "首相": "prime minister",
    "大統領": "president", "そっくり": "lookalike", "似た": "resembling", "似ている": "resembling",
    "似てる": "resembling",
    "さん": "named", "氏": "named", "様": "named", "ちゃん": "named", "くん": "named", "君": "named",
    "という名前": "named",
}  # fmt: skip
"""Japanese words and what they are read as; the longest fits first."""

FILLER = listed(
    """の が は を に で と も な や だ です ます へ から さ た て する して した している いる ている ください 下さい
    作って 作成 生成 描いて お願い お願いします 一人 1人 一枚 1枚 感じ 風 系 とても 少し すこし 一つ リアル スタジオ
    高画質 持つ 持った 向けて 付き 架空 実在しない 合成 表情 かけた かけて 着けた 着けて つけた つけて かぶった
    かぶって ある あり 塗った 塗って"""
)
LINKS = frozenset({"が", "は"})

KANJI_AGE = re.compile(r"([一二三四五六七八九]?十?[一二三四五六七八九]?)(?=[歳才])")
KANJI_DIGITS = "〇一二三四五六七八九"
SCRIPT = re.compile(r"[\u3040-\u30ff\u3400-\u9fff々ー]")
WORDS = re.compile(
    "|".join(re.escape(word) for word in sorted({*READINGS, *FILLER}, key=lambda word: (-len(word), word)))
)


def to_english(text: str) -> str:
    """The text with every Japanese word that is known replaced; what is not known stays as it is."""
    text = KANJI_AGE.sub(lambda found: str(_number(found[1])) if found[1] else "", text)
    if not SCRIPT.search(text):
        return text
    return WORDS.sub(lambda found: _reading(found[0]), text)


def _reading(word: str) -> str:
    if word in READINGS:
        return f" {READINGS[word]} "
    return " is " if word in LINKS else " "


def _number(text: str) -> int:
    tens, ten, ones = text.rpartition("十")
    total = KANJI_DIGITS.index(ones) if ones else 0
    return total + (10 * (KANJI_DIGITS.index(tens) if tens else 1) if ten else 0)

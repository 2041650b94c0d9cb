"""Homophone errors as fast typists make them: what the encoder should read through."""

from functools import cache
from random import Random

from pypinyin import lazy_pinyin


@cache
def _homophones() -> dict[str, str]:
    """Character -> the common ones (the first level of GB 2312) that sound the same but for the tone."""
    common = [
        bytes([row, cell]).decode("gb2312")
        for row in range(0xB0, 0xD8)
        for cell in range(0xA1, 0xFF)
        if (row, cell) <= (0xD7, 0xF9)
    ]
    by_sound: dict[str, str] = {}
    for char in common:
        sound = lazy_pinyin(char)[0]
        by_sound[sound] = by_sound.get(sound, "") + char
    return {char: chars.replace(char, "") for chars in by_sound.values() if len(chars) > 1 for char in chars}


def misspelt(text: str, random: Random) -> str:
    """One or two characters replaced by homophones; the text itself where it has fewer than two that have any."""
    places = [place for place, char in enumerate(text) if char in _homophones()]
    if len(places) < 2:
        return text
    chars = list(text)
    for place in random.sample(places, random.choice([1, 1, 2]) if len(places) > 2 else 1):
        chars[place] = random.choice(_homophones()[chars[place]])
    return "".join(chars)

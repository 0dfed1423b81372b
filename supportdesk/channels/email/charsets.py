"""Text from bytes whose declared charset may be missing, unknown or wrong; never raises."""

import codecs
import re
from functools import lru_cache

# What senders declare, and what they mean.
ALIASES = {
    "ansi_x3.4-1968": "ascii",
    "big5": "big5hkscs",
    "cp-1250": "cp1250",
    "default": "utf-8",
    "euc-kr": "cp949",
    "gb2312": "gb18030",
    "gb_2312-80": "gb18030",
    "gbk": "gb18030",
    "iso-8859-1": "cp1252",
    "iso-8859-8-i": "iso-8859-8",
    "iso8859-1": "cp1252",
    "ks_c_5601": "cp949",
    "ks_c_5601-1987": "cp949",
    "latin1": "cp1252",
    "shift_jis": "cp932",
    "tis-620": "cp874",
    "unicode-1-1-utf-7": "utf-7",
    "us-ascii": "ascii",
    "utf8mb4": "utf-8",
    "x-sjis": "cp932",
    "x-user-defined": "utf-8",
}
# Text encodings of Python that are no charsets, some of them slow on purpose-made input.
NOT_CHARSETS = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"}
# One byte a letter, so that valid UTF-8 in them is UTF-8 declared wrongly.
LATIN = {"ascii", "cp1252", "cp1250", "iso8859-1", "iso8859-2", "iso8859-15", "iso8859-16"}
# One byte a letter, the first 128 of them ASCII.
ASCII_SUPERSETS = ("cp125", "iso8859", "koi8")
CHARSET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:+-]{0,39}")
CZECH = frozenset("áčďéěíňóřšťúůýž")
# Letters of no other language that a Western charset would show as "ì" and "ø".
CZECH_ALONE = frozenset("ěř")
SAMPLE_BYTES = 64 * 1024
C1_CONTROLS = re.compile(rb"[\x80-\x9f]")
NON_ASCII = re.compile(r"[^\x00-\x7f]")


@lru_cache(maxsize=256)
def codec_name(charset: str) -> str | None:
    """Name the codec for a declared charset, None when there is none that can be used."""
    name = charset.strip(" \t\"'").lower()
    name = ALIASES.get(name, name)
    if not CHARSET_NAME.fullmatch(name):
        return None
    try:
        info = codecs.lookup(name)
    except Exception:
        return None
    is_text = getattr(info, "_is_text_encoding", True)
    if not is_text or info.name.replace("-", "_") in NOT_CHARSETS:
        return None
    return info.name


def decode(data: bytes, declared: str | None = None) -> str:
    """Decode by what is declared, then by what the bytes look like; the last resort is cp1252."""
    codec = codec_name(declared) if declared else None
    if codec in {None, "utf-8"} or codec in LATIN:
        return _decode_latin(data, codec)
    try:
        return data.decode(codec or "utf-8")
    except ValueError:
        pass
    except Exception:  # a codec's own fault is the sender's charset, not our end
        return _decode_latin(data, None)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode(codec or "utf-8", "replace")


def decode_field(data: bytes, hint: str | None) -> str:
    """Decode a header field as sent: ASCII stays what it is, whatever the body's charset does."""
    if data.isascii():
        return data.decode("ascii")
    codec = codec_name(hint) if hint else None
    return decode(data, codec if codec and codec.startswith(ASCII_SUPERSETS) else None)


def _decode_latin(data: bytes, codec: str | None) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return _decode_not_utf8(data, codec)
    return text.removeprefix("\ufeff")


def _decode_not_utf8(data: bytes, codec: str | None) -> str:
    match codec:
        case "iso8859-2" if C1_CONTROLS.search(data):
            return data.decode("cp1250", "replace")
        case None | "ascii":
            return _czech(data, CZECH_ALONE) or data.decode("cp1252", "replace")
        case "utf-8":
            text = data.decode("utf-8", "replace")
            damaged = text.count("\ufffd")
            if damaged * 4 <= len(NON_ASCII.findall(text)):
                return text  # a few damaged letters do not make it another charset
            return _czech(data, CZECH_ALONE) or data.decode("cp1252", "replace")
        case "cp1252":
            return _czech(data, CZECH_ALONE, every=True) or data.decode("cp1252", "replace")
        case _:
            return data.decode(codec, "replace")


def _czech(data: bytes, letters: frozenset[str], *, every: bool = False) -> str | None:
    """Decode as Czech when nearly all accented letters become Czech ones, else None."""
    for codec in ("cp1250", "iso8859-2"):
        if codec == "iso8859-2" and C1_CONTROLS.search(data):
            continue
        text = data[:SAMPLE_BYTES].decode(codec, "replace")
        accented = [c for c in text.lower() if c > "\x7f" and c.isalpha()]
        found = letters.intersection(accented)
        is_czech = found == letters if every else bool(found)
        if is_czech and sum(c in CZECH for c in accented) >= 0.9 * len(accented):
            return data.decode(codec, "replace")
    return None

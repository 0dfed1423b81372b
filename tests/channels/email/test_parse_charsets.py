"""Text arrives readable whatever its sender declared."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportdesk.channels.email.charsets import decode
from supportdesk.channels.email.headers import decode_words
from supportdesk.channels.email.parse import parse_message
from supportdesk.messages import Address
from tests.channels.email.mails import mail

CZECH = "Příliš žluťoučký kůň úpěl ďábelské ódy, žádáme o fakturu."


@pytest.mark.parametrize(
    ("declared", "encoded_in", "text"),
    [
        ("utf-8", "utf-8", CZECH),
        ("UTF8", "utf-8", CZECH),
        ("utf8mb4", "utf-8", CZECH),
        ("windows-1250", "cp1250", CZECH),
        ("iso-8859-2", "iso-8859-2", CZECH),
        ("iso-8859-2", "cp1250", CZECH),
        ("iso-8859-1", "cp1250", CZECH),
        ("us-ascii", "utf-8", CZECH),
        ("us-ascii", "cp1250", CZECH),
        ("windows-1250", "utf-8", CZECH),
        ("iso-8859-1", "utf-8", CZECH),
        ("utf-8", "cp1250", CZECH),
        ("x-nonsense", "utf-8", CZECH),
        ("x-nonsense", "cp1250", CZECH),
        (None, "iso-8859-2", CZECH),
        ("iso-8859-1", "cp1252", "„Où est l’élève?“ – 5 €"),
        ("iso-8859-1", "cp1252", "Über größere Äpfel"),
        ("x-nonsense", "cp1252", "café à Paris"),
        ("gb2312", "gb18030", "请求技术支持 㐀"),
        ("ks_c_5601-1987", "cp949", "기술 지원 똠"),
        ("koi8-r", "koi8-r", "Заявка на поддержку"),
        ("windows-1251", "cp1251", "Заявка на поддержку"),
        ("shift_jis", "cp932", "技術サポート①"),
        ("utf-7", "utf-7", CZECH),
        ("utf-16", "utf-16", CZECH),
    ],
)
def test_a_body_is_read_by_what_is_declared_or_by_what_it_is(
    declared: str | None, encoded_in: str, text: str
) -> None:
    header = f"Content-Type: text/plain; charset={declared}\n" if declared else ""
    body = base64.encodebytes(text.encode(encoded_in))

    message = parse_message(mail(f"{header}Content-Transfer-Encoding: base64\n", body))

    assert message.text == text


def test_a_few_damaged_letters_do_not_make_a_text_another_charset() -> None:
    damaged = (CZECH * 3).encode()[:-1] + b"\xff."

    assert decode(damaged, "utf-8").startswith(CZECH)


@pytest.mark.parametrize(
    "charset",
    [
        *("punycode", "idna", "unicode_escape", "raw_unicode_escape", "undefined"),
        *("rot13", "base64", "zlib", "hex", "bz2", "quopri", "uu", "../../etc", "a" * 500, "\x00"),
    ],
)
def test_what_is_no_charset_is_never_used_to_decode(charset: str) -> None:
    assert decode(b"cesta \\x41 k cili-abc", charset) == "cesta \\x41 k cili-abc"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("=?utf-8?Q?P=C5=99=C3=ADli=C5=A1?=", "Příliš"),
        ("=?utf-8?Q?P=C5?=\r\n =?utf-8?Q?=99=C3=ADli=C5=A1?=", "Příliš"),
        ("=?utf-8?B?UMU=?= =?utf-8?B?mcOtbGnFoQ==?=", "Příliš"),
        ("=?UTF-8?Q?Are you sure?= yes", "Are you sure yes"),
        ("Re: =?windows-1250?Q?=F8e=9Aen=ED?= (2)", "Re: řešení (2)"),
        ("=?iso-8859-2?Q?=E8?= =?windows-1250?Q?=9A?=", "čš"),
        ("=?utf-8*cs?Q?=C5=99?=", "ř"),
        ("=?x-unknown?Q?=C5=99?=", "ř"),
        ("=?utf-8?B?UMWZ!!w61sacWh?=", "Příliš"),
        ("a =?utf-8?Q?b?= =?utf-8?Q?c?= d", "a bc d"),
        ("=?utf-8?Q?unfinished", "=?utf-8?Q?unfinished"),
        ("=?utf-8?X?abc?=", "=?utf-8?X?abc?="),
    ],
)
def test_encoded_words_are_joined_before_they_are_decoded(words: str, text: str) -> None:
    assert decode_words(words) == text


def test_raw_letters_in_a_header_follow_the_charset_of_the_body() -> None:
    raw = b"Subject: \xf8e\x9aen\xed\r\nContent-Type: text/plain; charset=windows-1250\r\n\r\nx"

    assert parse_message(raw).subject == "řešení"


@given(
    st.binary(max_size=300), st.text(max_size=30) | st.sampled_from(["utf-8", "utf-7", "gb2312"])
)
def test_decoding_never_raises(data: bytes, charset: str) -> None:
    assert isinstance(decode(data, charset), str)


@pytest.mark.parametrize("charset", ["utf-7", "utf-16", "utf-32", "hz", "iso-2022-jp"])
def test_the_charset_of_the_body_never_changes_an_ascii_address(charset: str) -> None:
    sender = "From: boss+AEA-operator.example <jan@kraj.example>\n"
    message = parse_message(mail(f"Content-Type: text/plain; charset={charset}\n", base=sender))

    assert message.sender == Address("boss+AEA-operator.example", "jan@kraj.example")

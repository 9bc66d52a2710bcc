"""The one boundary where text from data is made harmless for people's screens."""

# Bidirectional controls, line and paragraph separators, deprecated and invisible format characters, tags.
_UNSAFE = (
    (0x00, 0x1F),
    (0x7F, 0x9F),
    (0x061C, 0x061C),
    (0x200E, 0x200F),
    (0x2028, 0x202E),
    (0x2066, 0x206F),
    (0xD800, 0xDFFF),
    (0xFEFF, 0xFEFF),
    (0xFFF9, 0xFFFB),
    (0xE0000, 0xE007F),
)
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def clean(text: str, newline: str = "\\n") -> str:
    """The text with everything that could steer a terminal written out: `\\x1b`, `\\u202e`.

    Joiners (U+200C, U+200D) stay: scripts and emoji need them. `newline` stands for a line break.
    """
    if text.isprintable():
        return text
    return "".join(
        character if not _unsafe(character) else newline if character == "\n" else _written(character)
        for character in text
    )


def clean_lines(text: str) -> str:
    """`clean`, but line breaks stay line breaks."""
    return clean(text, "\n")


def clean_json(document: str) -> str:
    """The same JSON document with unsafe characters as JSON escapes; line breaks between values stay."""
    if document.isprintable():
        return document
    return "".join(
        character if character == "\n" or not _unsafe(character) else _in_json(character)
        for character in document
    )


def _unsafe(character: str) -> bool:
    if character.isprintable():
        return False
    code = ord(character)
    return any(low <= code <= high for low, high in _UNSAFE)


def _written(character: str) -> str:
    code = ord(character)
    if character in _SHORT:
        return _SHORT[character]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _in_json(character: str) -> str:
    code = ord(character)
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"

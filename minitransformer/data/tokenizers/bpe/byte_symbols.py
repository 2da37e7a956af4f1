"""Bytes as printable characters, as GPT-2's tables write them, and bytes as readable text."""

import codecs

_SELVES = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_OTHERS = [byte for byte in range(256) if byte not in _SELVES]
SYMBOLS = [""] * 256
"""The character for each byte: itself where it can be printed, or one from U+0100 on."""
for _byte in _SELVES:
    SYMBOLS[_byte] = chr(_byte)
for _i, _byte in enumerate(_OTHERS):
    SYMBOLS[_byte] = chr(0x100 + _i)
_BYTES = {symbol: byte for byte, symbol in enumerate(SYMBOLS)}


def to_symbols(content: bytes) -> str:
    """One printable character for each byte; a space is ``\u0120``."""
    return "".join(SYMBOLS[byte] for byte in content)


def from_symbols(symbols: str) -> bytes:
    """The inverse of :func:`to_symbols`; ValueError for a character that stands for no byte."""
    try:
        return bytes(_BYTES[symbol] for symbol in symbols)
    except KeyError as error:
        raise ValueError(
            f"the token {symbols!r} holds {error.args[0]!r}, which stands for no byte"
        ) from None


def readable(content: bytes) -> str:
    """UTF-8 bytes as text, U+FFFD for what is broken.

    Half of a surrogate pair, which a Python string may hold, is read as what it is: so every
    string that became bytes comes back.
    """
    return content.decode("utf-8", "minitransformer.surrogates")


def _surrogate_or_replacement(error):
    try:
        there = error.object[error.start : error.start + 3].decode("utf-8", "surrogatepass")
    except (UnicodeDecodeError, AttributeError):
        return "\ufffd", error.end
    return there, error.start + 3


codecs.register_error("minitransformer.surrogates", _surrogate_or_replacement)

"""Bytes as printable characters, as in GPT-2's tables."""

_PRINTABLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_UNPRINTABLE = [byte for byte in range(256) if byte not in _PRINTABLE]
SYMBOLS = [""] * 256
"""The character for each byte: the byte itself if it is printable, otherwise U+0100 or later."""
for _byte in _PRINTABLE:
    SYMBOLS[_byte] = chr(_byte)
for _i, _byte in enumerate(_UNPRINTABLE):
    SYMBOLS[_byte] = chr(0x100 + _i)
_BYTES = {symbol: byte for byte, symbol in enumerate(SYMBOLS)}


def to_symbols(content: bytes) -> str:
    """One printable character for each byte; a space is ``\u0120``."""
    return "".join(SYMBOLS[byte] for byte in content)


def from_symbols(symbols: str) -> bytes:
    """The inverse of :func:`to_symbols`; ValueError for a character that represents no byte."""
    try:
        return bytes(_BYTES[symbol] for symbol in symbols)
    except KeyError as error:
        raise ValueError(
            f"the token {symbols!r} contains {error.args[0]!r}, which represents no byte"
        ) from None

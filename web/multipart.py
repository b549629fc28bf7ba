"""Text within multipart forms, looked at while it passes: Starlette takes what is no UTF-8 for Latin-1."""

import codecs

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from api.errors import Invalid

_DISPOSITION = b"content-disposition"


class TextWatch:
    """Reads along with a multipart body; fields and headers must be UTF-8 without NUL, files may be anything."""

    def __init__(self, content_type: str) -> None:
        """Raises Invalid for a form that declares another encoding."""
        _, options = parse_options_header(content_type)
        if options.get(b"charset", b"utf-8").lower() not in (b"utf-8", b"utf8"):
            raise Invalid("not_utf8")
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._header_name = b""
        self._header_value = b""
        self._is_file = False
        boundary = options.get(b"boundary")
        self._parser = (
            MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_part_data": self._data,
                    "on_part_end": self._end,
                    "on_header_field": self._name,
                    "on_header_value": self._value,
                    "on_header_end": self._header,
                },
            )
            if boundary
            else None
        )

    def look(self, chunk: bytes) -> None:
        """The next bytes of the body. Raises Invalid."""
        if self._parser is None:
            return
        try:
            self._parser.write(chunk)
        except FormParserError:
            self._parser = None  # whoever reads the form says what is wrong with it

    def _begin(self) -> None:
        self._decoder.reset()
        self._is_file = False

    def _name(self, data: bytes | bytearray, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _value(self, data: bytes | bytearray, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _header(self) -> None:
        name, value = self._header_name.lower(), self._header_value
        self._header_name = self._header_value = b""
        _check(_text(value))
        if name == _DISPOSITION:
            self._is_file = b"filename" in parse_options_header(value)[1]

    def _data(self, data: bytes | bytearray, start: int, end: int) -> None:
        if not self._is_file:
            self._decode(bytes(data[start:end]))

    def _end(self) -> None:
        if not self._is_file:
            self._decode(b"", final=True)

    def _decode(self, raw: bytes, *, final: bool = False) -> None:
        try:
            _check(self._decoder.decode(raw, final))
        except UnicodeDecodeError:
            raise Invalid("not_utf8") from None


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Invalid("not_utf8") from None


def _check(text: str) -> None:
    if "\0" in text:
        raise Invalid("forbidden_character")

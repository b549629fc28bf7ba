"""YAML that remembers on which line everything stands.

Only plain data is read: mappings with text keys, lists, text, numbers, true/false and null. Tags, aliases and
keys that occur twice are refused with their line. Unlike YAML 1.1, `on`, `no`, `9:00` and dates stay text.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from domain.pack_base import Problem

if TYPE_CHECKING:
    from yaml import SafeLoader as _BaseLoader
else:  # the wheel's C parser is ten times faster; a build without it works the same
    _BaseLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Location = tuple[str | int, ...]

_STRING = "tag:yaml.org,2002:str"
_INTEGER = "tag:yaml.org,2002:int"
_NUMBER = "tag:yaml.org,2002:float"
_BOOLEAN = "tag:yaml.org,2002:bool"
_NULL = "tag:yaml.org,2002:null"
_MAPPING = "tag:yaml.org,2002:map"
_SEQUENCE = "tag:yaml.org,2002:seq"


class _PlainLoader(_BaseLoader):
    """A loader that guesses no more than numbers, true, false and null."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - yaml's own class attribute


_PlainLoader.add_implicit_resolver(_BOOLEAN, re.compile(r"^(?:true|false)$"), list("tf"))
_PlainLoader.add_implicit_resolver(_NULL, re.compile(r"^(?:null|~|)$"), ["n", "~", ""])
_PlainLoader.add_implicit_resolver(_INTEGER, re.compile(r"^-?(?:0|[1-9][0-9]{0,17})$"), list("-0123456789"))
_PlainLoader.add_implicit_resolver(
    _NUMBER, re.compile(r"^-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,18}$"), list("-0123456789")
)


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says and where."""

    file: str
    value: Any
    lines: Mapping[Location, int] = field(default_factory=dict)

    def line_of(self, location: Location) -> int:
        """The line of the place, or of the nearest place around it that exists."""
        for length in range(len(location), -1, -1):
            line = self.lines.get(location[:length])
            if line is not None:
                return line
        return 1


def read_yaml(text: str, file: str, problems: list[Problem], *, first_line: int = 1) -> Document | None:
    """Read one document; None when it cannot be read. What is wrong is appended to `problems`.

    `first_line` is the line of the file on which the text begins (front matter).
    """
    # yaml reports no line for characters it refuses; such a file is damaged, so say where and stop.
    bad = re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]", text)
    if bad:
        line = first_line + text.count("\n", 0, bad.start())
        problems.append(
            Problem(file, line, "a control character has no place here", "此处含有不允许的控制字符")
        )
        return None
    loader = _PlainLoader(text)
    try:
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        problems.append(_syntax_problem(error, file, first_line))
        return None
    except RecursionError:  # the parser without C; the C parser has its own limit
        problems.append(Problem(file, first_line, "nested too deeply", "嵌套层数过多"))
        return None
    finally:
        loader.dispose()
    if node is None:
        return Document(file, {}, {(): first_line})
    reader = _Reader(file, first_line, problems)
    return Document(file, reader.value(node, ()), reader.lines)


def _syntax_problem(error: yaml.MarkedYAMLError, file: str, first_line: int) -> Problem:
    mark = error.problem_mark or error.context_mark
    line = first_line + (mark.line if mark else 0)
    detail = " ".join(filter(None, (error.context, error.problem)))
    return Problem(
        file,
        line,
        f"this is not valid YAML: {detail}",
        "YAML 语法错误，请检查这一行及上一行的缩进、引号和冒号",
    )


class _Reader:
    """Turns nodes into values, noting lines and complaining."""

    def __init__(self, file: str, first_line: int, problems: list[Problem]) -> None:
        self.lines: dict[Location, int] = {}
        self._file = file
        self._first_line = first_line
        self._problems = problems
        self._seen: set[int] = set()

    def value(self, node: yaml.Node, location: Location) -> Any:
        line = self._line(node)
        self.lines.setdefault(location, line)
        if id(node) in self._seen:
            self._complain(
                line,
                "aliases (*name) are not allowed: write it out",
                "不允许使用别名（*名称），请直接写出内容",
            )
            return None
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode) and node.tag == _MAPPING:
            return self._mapping(node, location)
        if isinstance(node, yaml.SequenceNode) and node.tag == _SEQUENCE:
            return [self.value(item, (*location, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, line)
        return self._refuse_tag(node, line)

    def _mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, Any]:
        value: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = self._line(key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                self._complain(line, "a key must be plain text", "键必须是普通文本")
                continue
            key: str = key_node.value
            place = (*location, key)
            if key in value:
                first = self.lines[place]
                self._complain(
                    line,
                    f"`{key}` is here twice; the first is on line {first}",
                    f"`{key}` 重复，第一次出现在第 {first} 行",
                )
                continue
            self.lines[place] = line
            value[key] = self.value(value_node, place)
        return value

    def _scalar(self, node: yaml.ScalarNode, line: int) -> Any:
        text: str = node.value
        match node.tag:
            case tag if tag == _STRING:
                return text
            case tag if tag == _BOOLEAN:
                return text == "true"
            case tag if tag == _INTEGER and re.fullmatch(r"-?[0-9]{1,18}", text):
                return int(text)
            case tag if tag == _NUMBER and re.fullmatch(r"-?[0-9]{1,18}(\.[0-9]{1,18})?", text):
                return float(text)
            case tag if tag == _NULL:
                return None
            case _:
                return self._refuse_tag(node, line)

    def _refuse_tag(self, node: yaml.Node, line: int) -> None:
        tag = str(node.tag).replace("tag:yaml.org,2002:", "!!")
        self._complain(line, f"the tag {tag} is not allowed", f"不允许使用标签 {tag}")

    def _line(self, node: yaml.Node) -> int:
        return self._first_line + int(node.start_mark.line)

    def _complain(self, line: int, message: str, message_zh: str) -> None:
        self._problems.append(Problem(self._file, line, message, message_zh))

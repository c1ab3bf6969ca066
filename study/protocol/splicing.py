"""Change one value of a YAML text and leave every other character as it is: comments, order, quotes, line breaks.

A YAML library that reads and writes again would set the whole text anew. Here the place of the value is found by
the parser's marks, several ways to write the new value are tried in order of likeness to the old one, and the first
one is taken after which the text reads as exactly the wanted document. If none does, the change is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from textwrap import wrap
from typing import Any

import yaml as pyyaml
from yaml import MappingNode, Node, ScalarNode, SequenceNode

from study.protocol.problems import ProtocolError
from study.protocol.yaml import Path, name, parse

WIDTH = 100
BREAKS = re.compile("[\x80-\xa0\u2028\u2029\ufeff\ufffe\uffff]")
"""Characters that YAML takes for line ends or refuses unless they are escaped."""


class CannotSplice(Exception):
    """The value stands in a way that only its author can change."""


@dataclass(frozen=True)
class _Part:
    """A node with where its text begins and really ends (a block's own mark lies behind the blank lines after it)."""

    node: Node
    start: int
    end: int

    @property
    def flow(self) -> bool:
        return bool(getattr(self.node, "flow_style", False))


@lru_cache(maxsize=16)
def values_of(text: str) -> Any:
    """The text's plain values; not to be changed by whoever asks. Raises ProtocolError."""
    return parse(text)[0]


def put_all(text: str, changes: list[tuple[Path, Any]]) -> str:
    """The text with several values put, as `put` does. The likeliest way is taken for each and the whole read once;
    only where that is not the wanted document is it done again one by one."""
    wanted, quick = deepcopy(values_of(text)), text
    try:
        for path, value in changes:
            outer, whole = _set(wanted, path, deepcopy(value))
            quick = next(_ways(quick, outer, whole))
        if _exactly(values_of(quick)) == _exactly(wanted):
            return quick
    except (StopIteration, ProtocolError, pyyaml.YAMLError):
        pass
    for path, value in changes:
        text = put(text, path, value)
    return text


def put(text: str, path: Path, value: Any) -> str:
    """The text with `value` at `path`: replaced, added to its mapping, or appended to its list (index = length).

    path: keys and list indices as `yaml.Places` has them; missing mappings on the way are made. value: a text,
    number, boolean, or a list or mapping of such. Raises CannotSplice, and ProtocolError for a text that is no YAML.
    """
    wanted = deepcopy(values_of(text))
    path, value = _set(wanted, path, deepcopy(value))
    return _first_that_reads(_ways(text, path, value), wanted, path)


def remove(text: str, path: Path) -> str:
    """The text without the list entry or field at `path`. Raises CannotSplice."""
    wanted = deepcopy(values_of(text))
    parent = _inside(wanted, path[:-1])
    known = range(len(parent)) if isinstance(parent, list) else parent if isinstance(parent, dict) else ()
    if not path or path[-1] not in known:
        raise CannotSplice(f"There is nothing at {name(path, wanted)}.")
    del parent[path[-1]]
    root = pyyaml.compose(text, Loader=pyyaml.CSafeLoader)
    return _first_that_reads(_without(text, root, path, parent), wanted, path)


def _ways(text: str, path: Path, value: Any) -> Iterator[str]:
    root = pyyaml.compose(text, Loader=pyyaml.CSafeLoader)
    old = _at(root, path)
    return _replaced(text, old, value) if old is not None else _added(text, root, path, value)


def _first_that_reads(ways: Iterator[str], wanted: Any, path: Path) -> str:
    expected = _exactly(wanted)
    for changed in ways:
        try:
            if _exactly(values_of(changed)) == expected:
                return changed
        except ProtocolError:
            continue
    raise CannotSplice(f"The form cannot change {name(path, wanted)} here: change it in the text.")


def _exactly(value: Any) -> str:
    """Equal texts for values of equal content and type; the order of fields counts for nothing."""
    return json.dumps(value, sort_keys=True)


def _inside(value: Any, path: Path) -> Any:
    try:
        for part in path:
            value = value[part]
    except (KeyError, IndexError, TypeError):
        raise CannotSplice(f"There is nothing at {name(path)}.") from None
    return value


def _set(wanted: Any, path: Path, value: Any) -> tuple[Path, Any]:
    """Set it in the plain values; returns the outermost path that was not there with what belongs to it."""
    for depth, part in enumerate(path):
        here = _inside(wanted, path[:depth])
        last = depth == len(path) - 1
        if isinstance(here, dict) and isinstance(part, str):
            if not last and part in here:
                continue
            for missing in reversed(path[depth + 1 :]):
                if missing not in (0, str(missing)):
                    raise CannotSplice(f"There is no place for {name(path)}.")
                value = {missing: value} if isinstance(missing, str) else [value]
            here[part] = value
            return path[: depth + 1], value
        if not (isinstance(here, list) and isinstance(part, int) and 0 <= part <= len(here)):
            break
        if last:
            here[part : part + 1] = [value]
            return path, value
        if part == len(here):
            break
    raise CannotSplice(f"There is no place for {name(path)}.")


def _at(node: Node | None, path: Path) -> Node | None:
    for part in path:
        if isinstance(node, MappingNode):
            node = next((value for key, value in node.value if key.value == part), None)
        elif isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
        else:
            return None
    return node


def _part(text: str, node: Node) -> _Part:
    return _Part(node, node.start_mark.index, _end(text, node))


def _end(text: str, node: Node) -> int:
    """Behind the node's last character that is its own."""
    start, end = node.start_mark.index, node.end_mark.index
    if isinstance(node, ScalarNode):
        return start + len(text[start:end].rstrip()) if node.style in ("|", ">") else end
    if not isinstance(node, MappingNode | SequenceNode) or node.flow_style or not node.value:
        return int(end)
    last = node.value[-1]
    return _end(text, last[1] if isinstance(last, tuple) else last)


def _replaced(text: str, node: Node, value: Any) -> Iterator[str]:
    """Ways to write `value` where `node` stands now."""
    part = _part(text, node)
    before, after = text[: part.start], text[part.end :]
    indent = len(before.rsplit("\n", 1)[-1]) - len(before.rsplit("\n", 1)[-1].lstrip(" -"))
    for written in _written(value, style=getattr(node, "style", None), indent=indent + 2):
        yield before + written + after
    if isinstance(node, ScalarNode) and node.style in ("|", ">"):
        tail = after.lstrip("\n")
        for written in _written(value, style=node.style, indent=indent + 2):
            yield before + written + "\n" + tail


def _written(value: Any, *, style: str | None = None, indent: int = 2) -> Iterator[str]:
    """Texts that may stand for a value, those most like the present `style` first."""
    if not isinstance(value, str):
        yield _flow(value) if isinstance(value, list | dict) else json.dumps(value)
        yield _json(value)
        return
    single = "'" + value.replace("'", "''") + "'"
    double = _json(value)
    if style == ">" and value.strip() and "\n" not in value:
        yield _folded(value, indent)
    if "\n" in value.strip("\n") or (style in ("|", ">") and value.strip()):
        yield _block(value, indent)
    if "\n" not in value and value.strip() == value and value:
        yield from {"'": [single], '"': [double]}.get(style or "", [])
        yield value
        yield double if "'" in value else single
    yield double


def _json(value: Any) -> str:
    """JSON, which is YAML too once the line ends that only YAML knows are escaped."""
    return BREAKS.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


def _block(value: str, indent: int) -> str:
    """A literal block; its last line break belongs to what follows in the text."""
    kept = {0: "-", 1: ""}.get(len(value) - len(value.rstrip("\n")), "+")
    lines = value.removesuffix("\n").split("\n")
    return f"|{kept}\n" + "\n".join(" " * indent + line if line else "" for line in lines)


def _folded(value: str, indent: int) -> str:
    lines = wrap(value, WIDTH - indent, break_long_words=False, break_on_hyphens=False)
    return ">-\n" + "\n".join(" " * indent + line for line in lines)


def _flow(value: Any) -> str:
    """A list or mapping on one line, with as few quotes as YAML allows."""
    made = pyyaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**6)
    return str(made).strip()


def _added(text: str, root: Node | None, path: Path, value: Any) -> Iterator[str]:
    """Ways to add a field to a mapping, or an entry to a list."""
    above = _at(root, path[:-1])
    if not isinstance(above, MappingNode | SequenceNode):
        return
    part, key = _part(text, above), path[-1]
    named = isinstance(above, MappingNode)
    if part.flow:
        inside = text[part.start + 1 : part.end - 1].rstrip().rstrip(",")
        opening, closing = text[: part.start + 1], text[part.end - 1 :]
        for written in [_flow_entry(key, value, named), *_json_entry(key, value, named)]:
            yield opening + inside + (", " if inside.strip() else "") + written + closing
        return
    if not above.value:
        return
    first = above.value[0][0] if named else above
    column = first.start_mark.column
    line_end = text.find("\n", part.end)
    line_end = len(text) if line_end < 0 else line_end
    before, after = text[:line_end], text[line_end:]
    for lines in _block_entries(key, value, named, _entries_flow(above)):
        yield before + "\n" + "\n".join(" " * column + line if line else "" for line in lines) + after


def _entries_flow(above: Node) -> bool:
    """Are the other entries of a list written on one line each?"""
    last = above.value[-1]
    return isinstance(last, MappingNode) and bool(last.flow_style)


def _flow_entry(key: str | int, value: Any, named: bool) -> str:
    made = _flow({key: value} if named else [value])
    return made[1:-1]


def _json_entry(key: str | int, value: Any, named: bool) -> Iterator[str]:
    yield f"{_json(key)}: {_json(value)}" if named else _json(value)


def _block_entries(key: str | int, value: Any, named: bool, flow: bool) -> Iterator[list[str]]:
    if named and isinstance(value, str):
        for written in _written(value, indent=2):
            yield f"{key}: {written}".split("\n")
    if flow:
        yield [f"- {_flow(value)}"]
    whole = {key: value} if named else [value]
    yield pyyaml.safe_dump(whole, sort_keys=False, allow_unicode=True, width=WIDTH).splitlines()
    yield [f"{_json(key)}: {_json(value)}" if named else f"- {_json(value)}"]


def _without(text: str, root: Node | None, path: Path, rest: Any) -> Iterator[str]:
    """Ways to leave out the entry at `path`; `rest` is what its list or mapping holds then."""
    above = _at(root, path[:-1])
    if not isinstance(above, MappingNode | SequenceNode):
        return
    whole = _part(text, above)
    spans = [_span(text, entry) for entry in above.value]
    keys = [entry[0].value if isinstance(entry, tuple) else n for n, entry in enumerate(above.value)]
    at = keys.index(path[-1])
    start, end = spans[at]
    if not rest:
        yield text[: whole.start] + ("{}" if isinstance(above, MappingNode) else "[]") + text[whole.end :]
    elif whole.flow:
        start, end = (spans[at - 1][1], end) if at else (start, spans[1][0])
        yield text[:start] + text[end:]
    else:
        first = text.rfind("\n", 0, start) + 1
        last = text.find("\n", end)
        yield text[:first] + ("" if last < 0 else text[last + 1 :])


def _span(text: str, entry: Node | tuple[Node, Node]) -> tuple[int, int]:
    key, value = entry if isinstance(entry, tuple) else (entry, entry)
    return key.start_mark.index, _end(text, value)

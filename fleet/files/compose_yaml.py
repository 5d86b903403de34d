"""The text of a compose file as mappings, lists and text that know their lines; anchors and merge keys are resolved."""

from __future__ import annotations

from typing import Any

import yaml

_MOST_NODES = 20_000
_MOST_ALIASES = 500
_DEEPEST = 64
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class ComposeFileError(ValueError):
    """A compose file that can't be used: a sentence, a remedy, and the line in the file."""

    def __init__(self, text: str, hint: str = "", line: int | None = None) -> None:
        super().__init__(text)
        self.text, self.hint, self.line = text, hint, line


class Text(str):
    """A scalar with its line, from 1."""

    __slots__ = ("line",)
    line: int


class Keys(dict[str, Any]):
    """A mapping with its line, from 1."""

    line = 0


def load(text: str) -> Any:
    """The file's keys with their values; raises ComposeFileError when it is not YAML, too large, or without keys."""
    try:
        aliases = 0
        for number, event in enumerate(yaml.parse(text, Loader=_LOADER)):
            aliases += isinstance(event, yaml.AliasEvent)
            if number > _MOST_NODES or aliases > _MOST_ALIASES:
                raise ComposeFileError("too large for a compose file", "is this the right file?")
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        said = ", ".join(str(part) for part in (problem.context, problem.problem) if part)
        raise ComposeFileError(f"not valid YAML: {said}", "", mark.line + 1 if mark else None) from None
    except (yaml.YAMLError, RecursionError) as problem:
        raise ComposeFileError(f"not valid YAML: {problem}") from None
    if not isinstance(node, yaml.MappingNode):
        raise ComposeFileError("this is no compose file: it has no keys with values", "write services: with services below it")
    return _Data().of(node)


class _Data:
    """Nodes to mappings, lists and text; every node once, so that aliases of aliases cost nothing."""

    def __init__(self) -> None:
        self._made: dict[int, Any] = {}
        self._depth = 0

    def of(self, node: Any) -> Any:
        if id(node) in self._made:
            return self._made[id(node)]
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ComposeFileError("nested too deep, or a value contains itself", "flatten it", node.start_mark.line + 1)
        made = self._made[id(node)] = self._new(node)
        self._depth -= 1
        return made

    def _new(self, node: Any) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.of(item) for item in node.value]
        is_nothing = node.tag == "tag:yaml.org,2002:null"
        text = Text("" if is_nothing else node.value)
        text.line = node.start_mark.line + 1
        return text

    def _mapping(self, node: Any) -> Keys:
        made = Keys()
        made.line = node.start_mark.line + 1
        own: dict[str, Any] = {}
        for key, value in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                merged = self.of(value)
                for each in reversed(merged if isinstance(merged, list) else [merged]):
                    made.update(each if isinstance(each, dict) else {})
            else:
                own[str(getattr(key, "value", ""))] = self.of(value)
        made.update(own)
        return made

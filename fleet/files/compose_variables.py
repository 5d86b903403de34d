"""The ${VARIABLES} of a compose file (compose-spec, 12-interpolation)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from fleet.files.compose_yaml import ComposeFileError, Text
from fleet.files.problems import suggest

_DEFAULT = r"[^{}]*"
for _ in range(5):  # so deep may defaults of defaults go: regular expressions don't count
    _DEFAULT = rf"(?:[^{{}}]|\$\{{{_DEFAULT}\}})*"
_VARIABLE = re.compile(
    r"\$(?:(?P<escaped>\$)|(?P<bare>[A-Za-z_]\w*)"
    r"|\{(?P<name>[A-Za-z_]\w*)(?:(?P<how>:?[-?+])(?P<rest>" + _DEFAULT + r"))?\})"
)


def check_variables(root: Any, values: Mapping[str, str]) -> None:
    """Raise ComposeFileError for a variable that has neither a value nor a default."""
    for text in _scalars(root):
        for found in _VARIABLE.finditer(text):
            name = found["bare"] or found["name"]
            if name and name not in values and (found["how"] or "?").lstrip(":") == "?":
                raise ComposeFileError(
                    f"${{{name}}} has no value{suggest(name, values)}",
                    f"set it in the stack's env:, or write ${{{name}:-DEFAULT}}; for a plain $ write $$",
                    text.line,
                )


def _scalars(data: Any, seen: set[int] | None = None) -> Iterator[Text]:
    seen = set() if seen is None else seen
    if isinstance(data, Text):
        yield data
    elif id(data) not in seen:
        seen.add(id(data))
        for item in data.values() if isinstance(data, dict) else data:
            yield from _scalars(item, seen)


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with its variables replaced, as Compose does."""

    def value(found: re.Match[str]) -> str:
        if found["escaped"]:
            return "$"
        said, how, rest = values.get(found["bare"] or found["name"]), found["how"] or "", found["rest"] or ""
        is_there = bool(said) if how.startswith(":") else said is not None
        if how.endswith("+"):
            return filled(rest, values) if is_there else ""
        return str(said) if is_there else filled(rest, values) if how.endswith("-") else said or ""

    return _VARIABLE.sub(value, text)

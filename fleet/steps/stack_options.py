"""The section `stacks` of a recipe: by name, a compose file and what goes with it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal, NoReturn

from pydantic import Field, field_validator, model_validator

from fleet.facts.stacks import BACK
from fleet.files import composing
from fleet.files.attached import Attachment, TextFile
from fleet.files.compose_yaml import ComposeFileError
from fleet.files.composing import ComposeFile
from fleet.files.fields import VarName, line, refuse
from fleet.files.problems import show, suggest
from fleet.formats.references import parse
from fleet.model import Options

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_SECRET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,126}")
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
OWN_FILES = ("compose.yml", "fleet.yml", ".env", BACK)


def is_name(text: str) -> bool:
    """Whether this may be the name of a stack, which is a project of Compose's."""
    return _NAME.fullmatch(text) is not None


class SecretOptions(Options):
    """Where the laptop finds a secret: exactly one of the three."""

    env: VarName | None = Field(None, description="A variable of the laptop's environment.")
    file: str | None = Field(None, description="A file of the laptop, relative to the recipe.")
    command: str | None = Field(None, description="A command of the laptop that prints it, such as `pass show db`; no shell.")

    @model_validator(mode="before")
    @classmethod
    def _no_value(cls, written: Any) -> Any:
        """Whoever wrote the secret itself here is told so without a word of it, since errors end in logs."""
        if isinstance(written, str | int | float):
            refuse(
                "a secret's value does not stand in a recipe", "say where it is: one of env: VARIABLE, file: PATH, command: WORDS"
            )
        return written

    @model_validator(mode="after")
    def _one_source(self) -> SecretOptions:
        if sum(value is not None for value in (self.env, self.file, self.command)) != 1:
            refuse("a secret has exactly one source", "write one of env: VARIABLE, file: PATH, command: WORDS")
        return self

    @property
    def source(self) -> tuple[str, str]:
        """Kind and what."""
        return next((kind, what) for kind in ("env", "file", "command") if (what := getattr(self, kind)) is not None)


class StackOptions(Options):
    """One stack."""

    state: Literal["present", "absent"] = Field("present", description="absent: stopped and taken away; volumes stay.")
    file: TextFile | None = Field(None, description="The compose file, relative to the recipe.")
    env: dict[VarName, str | int | float | bool] = Field({}, description="Values for ${NAME} in the compose file.")
    files: dict[str, TextFile] = Field({}, description="Text files beside the compose file on the host: name there, path here.")
    secrets: dict[str, SecretOptions] = Field({}, description="Values for the secrets of the compose file.")
    persist: bool = Field(False, description="Keep secrets on the host's disk (root only), so that they outlive a reboot.")
    timeout: int = Field(120, ge=1, le=3600, description="Seconds until it must be healthy.")

    @field_validator("file")
    @classmethod
    def _is_compose(cls, file: Attachment | None) -> Attachment | None:
        """What needs no variable is told of the file alone, so that it shows before the facts that variables wait for."""
        if file is not None:
            try:
                composing.check(file.content)
            except ComposeFileError as problem:
                _refuse_compose(file, problem)
        return file

    @model_validator(mode="after")
    def _fits_together(self) -> StackOptions:
        if self.state == "absent":
            return self
        if self.file is None:
            refuse("a stack has a compose file", "write file: compose.yml")
        for name in self.files:
            _check_file_name(name, self.files)
        for name, value in self.env.items():
            if isinstance(value, str) and "\0" in value:
                refuse(f"env.{name} has a NUL in it", "remove it")
        try:
            found = self.compose
        except ComposeFileError as problem:
            _refuse_compose(self.file, problem)
        _check_images(found, self.file.path)
        _check_secrets(found, self)
        _check_needs(found, self.file.path, self.files)
        return self

    @property
    def values(self) -> dict[str, str]:
        """The variables as Compose gets them."""
        return {name: _word(value) for name, value in self.env.items()}

    @property
    def compose(self) -> ComposeFile:
        """What is in the compose file; raises ComposeFileError."""
        if self.file is None:
            raise ComposeFileError("there is no compose file")
        return composing.read(self.file.content, tuple(self.values.items()))


class StacksOptions(Options):
    """Stacks by name."""

    model_config = Options.model_config | {"extra": "allow"}
    __pydantic_extra__: dict[Annotated[str, Field(pattern=f"^{_NAME.pattern}$")], StackOptions] = Field(init=False)

    @property
    def named(self) -> dict[str, StackOptions]:
        """The stacks, in the order of the recipe."""
        return self.__pydantic_extra__

    def only(self, name: str) -> StacksOptions:
        """As if the recipe had this one alone."""
        return StacksOptions.model_construct(None, **{name: self.named[name]})


def _word(value: str | float | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(getattr(value, "text", value))


def _refuse_compose(file: Attachment, problem: ComposeFileError) -> NoReturn:
    where = f"{file.path}:{problem.line}" if problem.line else file.path
    refuse(f"{where}: {problem.text}", problem.hint)


def _check_file_name(name: str, names: Iterable[str]) -> None:
    if name in OWN_FILES or not all(_PART.fullmatch(part) for part in name.split("/")):
        refuse(f"files: {show(name)} is no name for a file of a stack", "use letters, digits, dots, - and _, with / for folders")
    inside = next((other for other in names if other.startswith(f"{name}/")), None)
    if inside:
        refuse(f"files: {show(name)} is a file, and a folder for {show(inside)}", "name one of them otherwise")


def _check_images(found: ComposeFile, path: str) -> None:
    for service in found.services:
        try:
            parse(service.image)
        except ValueError as problem:
            refuse(f"{path}: services.{service.name}: {problem}")


def _check_needs(found: ComposeFile, path: str, files: Iterable[str]) -> None:
    for name, number in found.needs:
        if name not in (*files, *OWN_FILES):
            hint = f"send it along: files: {{{name}: PATH}}, the path being relative to the recipe"
            refuse(f"{path}:{number}: {show(name)} is no file of this stack{suggest(name, files)}", hint)


def _check_secrets(found: ComposeFile, options: StackOptions) -> None:
    for name in options.secrets:
        line(name)
        if not _SECRET.fullmatch(name):
            refuse(f"secrets: {show(name)} is no name for a secret", "use letters, digits, dots, - and _")
        if name not in found.secrets:
            hint = f"declare it there under secrets: and use it in a service; it has {', '.join(found.secrets) or 'none'}"
            refuse(f"the compose file has no secret {show(name)}{suggest(name, found.secrets)}", hint)
    missing = [name for name in found.secrets if name not in options.secrets]
    if missing:
        refuse(f"the secret {show(missing[0])} of the compose file has no value", f"write secrets: {{{missing[0]}: {{env: …}}}}")

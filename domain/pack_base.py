"""What every part of an industry pack is made of, and how its problems are told."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints
from pydantic_core import PydanticCustomError

from domain.text import Language

Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=16_000)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong in a file, said so that its author can mend it. Lines (rows) count from 1."""

    file: str
    line: int
    message: str
    message_zh: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class PackError(Exception):
    """A pack cannot be used. `problems` holds everything found, by file and line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(set(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Part(BaseModel):
    """Base of everything read from a pack: unknown keys are slips, nothing changes after reading."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Bilingual(Part):
    """One text in both languages."""

    zh: Words
    en: Words

    def __getitem__(self, language: Language) -> str:
        return self.zh if language is Language.ZH else self.en


class Named(Part):
    key: Key
    name: Bilingual


def slip(message: str, message_zh: str) -> PydanticCustomError:
    """A validator's complaint that says itself in both languages."""
    return PydanticCustomError("pack", "{message}", {"message": message, "message_zh": message_zh})

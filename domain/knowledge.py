"""An article on its way in or out of a spreadsheet."""

from dataclasses import dataclass

from domain.text import Language


@dataclass(frozen=True, slots=True)
class ArticleDraft:
    """What a row of a spreadsheet says about one article in one language."""

    row: int
    """The row it stands in, from 1; 0 for an article that comes from elsewhere."""
    language: Language
    title: str
    questions: tuple[str, ...]
    """Other ways in which customers ask it."""
    body: str
    category: str = ""
    key: str = ""
    """The article's key when the row names one, so that an export can be imported again."""

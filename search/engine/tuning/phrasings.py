"""Questions in many wordings, written for this project, that the encoder is tuned on.

A file is a field of life; `## ` begins a cluster of look-alikes, which share words and want different answers. A block
of lines is one question: the formal wording first, then customers' ones; lines that begin with `= ` are English.
"""

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "phrasings"


@dataclass(frozen=True, slots=True)
class Question:
    """Wordings of one question in Chinese and in English; `cluster` is the number of its look-alikes' cluster."""

    cluster: int
    chinese: tuple[str, ...]
    english: tuple[str, ...]

    @property
    def wordings(self) -> tuple[str, ...]:
        return self.chinese + self.english


def read_fields(folder: Path = FOLDER) -> dict[str, list[Question]]:
    """Field (`orders` for orders-1.txt and its sisters) -> its questions; those of a cluster stand together.

    A question with a single wording teaches nothing and is left out.
    """
    fields: dict[str, list[Question]] = {}
    cluster = 0
    for path in sorted(folder.glob("*.txt")):
        questions = fields.setdefault(path.stem.rpartition("-")[0], [])
        for section in path.read_text(encoding="utf-8").split("## ")[1:]:
            cluster += 1
            blocks = section.partition("\n")[2].split("\n\n")
            found = (_question(cluster, block.splitlines()) for block in blocks)
            questions += [question for question in found if len(question.wordings) > 1]
    return fields


def _question(cluster: int, lines: list[str]) -> Question:
    chinese = (line.strip() for line in lines if not line.startswith("="))
    english = (line.removeprefix("=").strip() for line in lines if line.startswith("="))
    return Question(cluster, tuple(filter(None, chinese)), tuple(filter(None, english)))

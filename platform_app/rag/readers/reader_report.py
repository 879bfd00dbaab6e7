"""Reader report: remarks of a reader about a file, as message ids with values."""

from dataclasses import dataclass, field
from typing import Any

MOST = 20  # remarks of one file


@dataclass
class Report:
    """The remarks about a file, and the number of its invisible passages."""

    remarks: list[dict[str, Any]] = field(default_factory=list)  # {"sentence": a message id, "values": {…}}
    hidden: int = 0

    def finish(self) -> list[dict[str, Any]]:
        """Return the remarks, with the number of invisible passages among them."""
        if self.hidden:
            say(self, "Hidden passages skipped: {count}.", count=self.hidden)
        return self.remarks[:MOST]


def say(report: Report, sentence: str, **values: object) -> None:
    """Add a remark to a report; `sentence` is a message id."""
    report.remarks.append({"sentence": sentence, "values": values})


def ranges(numbers: list[int], most: int = 30) -> str:
    """Return numbers as people write them: `2, 3, 7–9`; a long list ends with an ellipsis."""
    if len(numbers) <= most:
        return ", ".join(str(number) for number in numbers)
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    words = [
        f"{part[0]}–{part[-1]}" if len(part) > 2 else ", ".join(str(page) for page in part) for part in parts[:most]
    ]
    return ", ".join(words) + (", …" if len(parts) > most else "")

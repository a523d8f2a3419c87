"""What a look at the files of a bundle found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Finding:
    """One fault of one file.

    Parameters
    ----------
    path : str
        File, relative to the project.
    what : str
        Kind of the fault: ``restricted``, ``personal data``, ``secret``, ``empty`` ...
    why : str
        What was seen, with the line where there is one. Never the secret itself.
    refused : bool
        No bundle is written while it stands; otherwise it is only told.
    """

    path: str
    what: str
    why: str
    refused: bool = True

    def __str__(self) -> str:
        return f"{'refused' if self.refused else 'note'}: {self.path}: {self.what}: {self.why}"

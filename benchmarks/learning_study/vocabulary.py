"""A closed vocabulary of words, numbers and marks, made from the study's own texts. Knows no grammar and no model.

Pieces are cut as the small VLM's tokenizer cuts them (a word with the blank before it, a number of up to three digits,
a run of punctuation); what was never seen is written character by character, so every ASCII text has an encoding.
"""

import re
import string
from collections.abc import Iterable, Sequence

_PIECES = re.compile(r" ?[A-Za-z]+|[0-9]{1,3}| ?[^\sA-Za-z0-9]+|\s")
END = "<end>"
PAD = "<pad>"
_SPECIALS = (PAD, END)
_CHARACTERS = tuple(string.printable)


class Vocabulary:
    """Text to ids and back; ids 0 and 1 are padding and the end of an answer, and write nothing."""

    pad_id = 0
    end_id = 1

    def __init__(self, pieces: Sequence[str]) -> None:
        self.pieces = tuple(pieces)
        self._id_of = {piece: place for place, piece in enumerate(self.pieces)}
        self._text_of = ["" if piece in _SPECIALS else piece for piece in self.pieces]

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Vocabulary":
        """Return the vocabulary of all pieces of these texts."""
        seen = {piece for text in texts for piece in _PIECES.findall(text)}
        return cls((*_SPECIALS, *_CHARACTERS, *sorted(seen - set(_CHARACTERS))))

    def __len__(self) -> int:
        return len(self.pieces)

    def encode(self, text: str) -> list[int]:
        """Return the ids of an answer's text, the end not included.

        Raises:
            KeyError: a character is outside printable ASCII.
        """
        found: list[int] = []
        for piece in _PIECES.findall(text):
            whole = self._id_of.get(piece)
            found += [whole] if whole is not None else [self._id_of[character] for character in piece]
        return found

    def decode(self, token_ids: Sequence[int]) -> str:
        """Return the text up to the first end."""
        kept = list(token_ids)
        if self.end_id in kept:
            del kept[kept.index(self.end_id) :]
        return "".join(self._text_of[token] for token in kept)

    def numbers(self) -> list[int]:
        """Return the numbers of two or three digits that are one token, ascending."""
        return sorted(int(piece) for piece in self.pieces if re.fullmatch(r"[1-9][0-9]{1,2}", piece))

    def as_mapping(self) -> dict[str, int]:
        """Return piece → id."""
        return dict(self._id_of)

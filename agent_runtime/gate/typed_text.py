"""Card numbers, passwords and one-time codes in what is to be typed, by pattern. Pure; quotes nothing of it."""

import itertools
import re
import unicodedata
from collections.abc import Collection, Sequence

from agent_runtime.gate.elements import Element
from agent_runtime.gate.words import plain

CARD, PASSWORD, ONE_TIME_CODE = "card", "password", "one_time_code"
SECRETS = (CARD, PASSWORD, ONE_TIME_CODE)
_DIGIT_RUN = re.compile(r"\d(?:[\W_]{0,3}\d)+")
_CARD_STARTS = {14: "3[068]", 15: "3[47]", 16: "[24-6]|3[56]", 19: "[46]"}
_SAID_PASSWORD = re.compile(
    r"(?:pass ?(?:word|code|phrase)|pwd|passwort|kennwort|contraseña|mot de passe|\bpin)\W{0,2}"
    r"(?:[:=]|\bis\b|\bist\b|\bes\b|\best\b)\W{0,2}\S",
    re.IGNORECASE,
)
_STRONG = re.compile(r"(?<!\S)(?=\S*[a-z])(?=\S*[A-Z])(?=\S*\d)(?=\S*[^\w\s])(?!\S+://|\S+@\S+\.\w)\S{8,}")
_CODE = re.compile(r"(?:[a-z]-)?\d{3,4}[ -]?\d{3,4}", re.IGNORECASE)
_SAID_CODE = re.compile(r"\b(?:code|otp|tan|2fa|token|código)\b\D{0,20}\d{4,8}(?!\d)", re.IGNORECASE)
_FIELD_WORDS = {
    CARD: ("card number", "cardnumber", "credit card", "cvv", "cvc", "kartennummer", "tarjeta", "numero de carte"),
    PASSWORD: ("password", "passwd", "passwort", "kennwort", "pin", "passcode", "contrasena", "mot de passe"),
    ONE_TIME_CODE: ("otp", "one time code", "verification code", "security code", "bestatigungscode", "2fa", "tan"),
}


def secret_in(text: str, before: Sequence[str], field: Element | None, kinds: Collection[str]) -> str | None:
    """Return which of these kinds the text is, or completes, or is typed into a field for; None where it is none.

    ``before`` are the texts typed earlier in the episode: digits in pieces are read as one number.
    """
    digits = _ascii_digits(text)
    pieces = [_ascii_digits(piece).strip() for piece in (*before, text)]
    tail = _digit_tail(pieces)
    found = {
        CARD: _is_card(digits) or (len(tail) > 1 and _is_card("".join(tail))),
        PASSWORD: bool(_SAID_PASSWORD.search(digits) or _STRONG.search(digits)) or bool(field and field.is_password),
        ONE_TIME_CODE: bool(_CODE.fullmatch(digits.strip()) or _SAID_CODE.search(digits)) or _is_code(pieces),
    }
    label = (
        "" if field is None else "".join(plain(said) for said in (*field.says, field.resource_id.rpartition("/")[2]))
    )
    for kind in SECRETS:
        if kind in kinds and (found[kind] or any(f" {word} " in label for word in _FIELD_WORDS[kind])):
            return kind
    return None


def _ascii_digits(text: str) -> str:
    """Write every script's digits as 0 to 9, and leave out what does not show."""
    shown = (mark for mark in unicodedata.normalize("NFKC", text) if unicodedata.category(mark) != "Cf")
    return "".join(str(unicodedata.decimal(mark)) if mark.isdecimal() else mark for mark in shown)


def _digit_tail(pieces: Sequence[str]) -> list[str]:
    """Return the last texts that are digits, and separators, alone."""
    tail: list[str] = []
    for piece in reversed(pieces):
        bare = re.sub(r"[\W_]", "", piece)
        if not bare.isdigit():
            break
        tail.insert(0, bare)
    return tail


def _is_code(pieces: Sequence[str]) -> bool:
    """Whether the last texts are a code typed digit by digit or so; ``7:30`` is a time and none of it."""
    tail = list(itertools.takewhile(lambda piece: piece.isdigit() and len(piece) <= 3, reversed(pieces)))
    return len(tail) > 1 and 6 <= len("".join(tail)) <= 8


def _is_card(text: str) -> bool:
    runs = (re.sub(r"\D", "", run) for run in _DIGIT_RUN.findall(text))
    return any(
        re.match(starts, run[at:]) and _passes_luhn(run[at : at + length])
        for run in runs
        for length, starts in _CARD_STARTS.items()
        for at in range(len(run) - length + 1)
    )


def _passes_luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (doubled + sum(map(int, digits[-1::-2]))) % 10 == 0

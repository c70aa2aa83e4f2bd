"""The hash chain that ties a session's lines together. Knows no records and opens no files.

A line is compact JSON whose last field is ``chain`` = sha256(the chain before it + the line without that field), both
as bytes as they stand in the file. So nothing has to be written again to be checked, and no byte can change unseen.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

BEGINNING = ""
"""Stands for the chain before the first record, which is session.json's."""
_SEAL = re.compile(rb',"chain":"([0-9a-f]{64})"\}\Z')


class BrokenChainError(ValueError):
    """A line is not what was written after the line before it."""


def sealed(previous: str, fields: Mapping[str, object]) -> tuple[bytes, str]:
    """Return the line that holds these fields, without its newline, and its chain."""
    body = canonical(fields)
    chain = _link(previous, body)
    return body[:-1] + f',"chain":"{chain}"}}'.encode(), chain


def opened(previous: str, line: bytes) -> tuple[dict[str, Any], str]:
    """Return a line's fields, without the chain, and its chain.

    Raises:
        BrokenChainError: it does not follow from ``previous``, or is no such line at all.
    """
    seal = _SEAL.search(line)
    if seal is None:
        raise BrokenChainError("it does not end in its chain")
    body = line[: seal.start()] + b"}"
    chain = _link(previous, body)
    if chain.encode() != seal[1]:
        raise BrokenChainError("its chain does not follow from the line before it")
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BrokenChainError(f"it is no JSON ({error})") from error
    if not isinstance(fields, dict):
        raise BrokenChainError("it is no JSON object")
    return fields, chain


def canonical(fields: Mapping[str, object]) -> bytes:
    """Return compact JSON in the order given; floats are written so that reading gives the same ones."""
    return _encoded(fields, separators=(",", ":"))


def sealed_header(fields: Mapping[str, object]) -> tuple[bytes, str]:
    """Return the contents of session.json, one field a line, and its chain."""
    chain = _link(BEGINNING, canonical(fields))
    return _encoded({**fields, "chain": chain}, indent=1) + b"\n", chain


def opened_header(content: bytes) -> tuple[dict[str, Any], str]:
    """Return session.json's fields, without the chain, and its chain.

    Raises:
        BrokenChainError: it is not, to the byte, what ``sealed_header`` wrote.
    """
    try:
        fields = json.loads(content)
        if not isinstance(fields, dict) or "chain" not in fields:
            raise BrokenChainError("it is no JSON object with a chain")
        told = fields.pop("chain")
        written, chain = sealed_header(fields)
    except RecursionError as error:
        raise BrokenChainError("it is nested too deep") from error
    except json.JSONDecodeError as error:
        raise BrokenChainError(f"it is no JSON ({error})") from error
    except UnicodeDecodeError as error:
        raise BrokenChainError(f"it is no UTF-8 ({error})") from error
    if told != chain or written != content:
        raise BrokenChainError("its chain is not that of its fields")
    return fields, chain


def _link(previous: str, body: bytes) -> str:
    return hashlib.sha256(previous.encode() + body).hexdigest()


def _encoded(fields: Mapping[str, object], **layout: Any) -> bytes:
    try:
        return json.dumps(fields, ensure_ascii=False, **layout).encode()
    except UnicodeEncodeError:  # a lone surrogate is no UTF-8, but its escape is
        return json.dumps(fields, ensure_ascii=True, **layout).encode()

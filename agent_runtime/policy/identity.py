"""Names a checkpoint: where it lies, what its bytes are, and what it wants to be driven with. Needs no torch."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from agent_runtime.errors import UsageError

SMALL_VLM = "small-vlm"
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "vocab.json", "merges.txt")
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class AgentDefaults:
    """How a checkpoint wants to be driven; read from its ``agent.json`` where it has one.

    ``image_size_px`` is (width, height), None for the processor's own resizing.
    """

    grammar: str = "json"
    prompt_style: str = "full"
    max_new_tokens: int = 256
    image_size_px: tuple[int, int] | None = None


def resolve_checkpoint(name_or_path: str) -> Path:
    """Return the checkpoint's folder: the packaged small VLM, or a local path.

    Raises:
        UsageError: there is no checkpoint there.
    """
    packaged = Path(__file__).parents[1] / "small_vlm"
    folder = packaged if name_or_path == SMALL_VLM else Path(name_or_path)
    if not (folder / "config.json").is_file():
        raise UsageError(
            f"Got the model {name_or_path!r}, expected {SMALL_VLM!r} or a folder with a config.json: "
            "download the checkpoint first and name its folder."
        )
    return folder.resolve()


def base_model_digest(folder: Path) -> str:
    """Return the hex sha256 over the names and bytes of the configuration and every weight file."""
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise UsageError(f"Got {folder} without weights, expected *.safetensors: convert or download them.")
    return _digest_of([folder / "config.json", *weights])


def tokenizer_digest(folder: Path) -> str:
    """Return the hex sha256 over the names and bytes of the tokenizer's files."""
    return _digest_of([folder / name for name in _TOKENIZER_FILES if (folder / name).is_file()])


def agent_defaults(folder: Path) -> AgentDefaults:
    """Return how the checkpoint wants to be driven.

    Raises:
        UsageError: its ``agent.json`` cannot be read.
    """
    path = folder / "agent.json"
    if not path.is_file():
        return AgentDefaults()
    try:
        plain = json.loads(path.read_text())
        size = plain["image_size_px"]
        return AgentDefaults(
            grammar=str(plain["grammar"]),
            prompt_style=str(plain["prompt_style"]),
            max_new_tokens=_count(plain["max_new_tokens"]),
            image_size_px=None if size is None else (_count(size[0]), _count(size[1])),
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise UsageError(
            f"Got {path} that cannot be read ({error}), expected grammar, prompt_style, max_new_tokens, image_size_px."
        ) from error


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{value!r} is not a whole number above 0")
    return value


def _digest_of(paths: list[Path]) -> str:
    whole = hashlib.sha256()
    for path in paths:
        part = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                part.update(chunk)
        whole.update(f"{path.name} {part.hexdigest()}\n".encode())
    return whole.hexdigest()

"""Words and pictures into model inputs, the same for acting and for learning. Runs no model.

A checkpoint's own AutoProcessor is used where it loads. Without torchvision the Qwen-VL processors do not load
(they insist on a video processor), though their image processor and tokenizer do: then the two are joined here.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from PIL import Image
from torch import Tensor
from transformers import AutoConfig, AutoImageProcessor, AutoProcessor, AutoTokenizer

from agent_runtime.actions import Action, Grammar, Malformed
from agent_runtime.errors import PolicyError

MAX_HISTORY = 4
_IMAGE_TOKEN = "<|image_pad|>"


class Encoder(Protocol):
    """Makes the inputs of one prompt; ``tokenizer`` turns token ids back into text."""

    tokenizer: Any

    def encode(self, prompt: str, image: Image.Image, system: str) -> dict[str, Tensor]:
        """Return model inputs for one user turn, ready for the answer: input_ids [1, P] and the rest."""


class ProcessorEncoder:
    """Any checkpoint whose AutoProcessor loads."""

    def __init__(self, processor: Any) -> None:
        self.tokenizer = processor.tokenizer
        self._processor = processor

    def encode(self, prompt: str, image: Image.Image, system: str) -> dict[str, Tensor]:
        """See ``Encoder``."""
        content: list[dict[str, Any]] = [{"type": "image", "image": image}, {"type": "text", "text": prompt}]
        return dict(
            self._processor.apply_chat_template(
                _messages(content, system),
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
            )
        )


class QwenEncoder:
    """The Qwen-VL families without torchvision: image processor and tokenizer joined."""

    def __init__(self, image_processor: Any, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self._image_processor = image_processor
        self._image_token_id = tokenizer.convert_tokens_to_ids(_IMAGE_TOKEN)

    def encode(self, prompt: str, image: Image.Image, system: str) -> dict[str, Tensor]:
        """See ``Encoder``; the image token is repeated once for every merged patch."""
        pictures = self._image_processor([image], return_tensors="pt")
        merged = int(pictures["image_grid_thw"][0].prod()) // self._image_processor.merge_size**2
        content = [{"type": "image"}, {"type": "text", "text": prompt}]
        text = self.tokenizer.apply_chat_template(
            _messages(content, system), add_generation_prompt=True, tokenize=False
        )
        input_ids = torch.tensor([self.tokenizer.encode(text.replace(_IMAGE_TOKEN, _IMAGE_TOKEN * merged))])
        return {
            "input_ids": input_ids,
            "attention_mask": torch.ones_like(input_ids),
            "mm_token_type_ids": (input_ids == self._image_token_id).long(),
            "pixel_values": pictures["pixel_values"],
            "image_grid_thw": pictures["image_grid_thw"],
        }


def load_encoder(folder: Path) -> Encoder:
    """Return the encoder of a checkpoint.

    Raises:
        PolicyError: neither its AutoProcessor nor its parts can be loaded.
    """
    image_processors: Any = AutoImageProcessor
    processors: Any = AutoProcessor
    try:
        if AutoConfig.from_pretrained(folder).model_type.startswith(("qwen2_vl", "qwen2_5_vl", "qwen3_vl")):
            return QwenEncoder(image_processors.from_pretrained(folder), AutoTokenizer.from_pretrained(folder))
        return ProcessorEncoder(processors.from_pretrained(folder))
    except (OSError, ValueError, ImportError, AttributeError) as error:
        raise PolicyError(
            f"Got {folder} whose processor does not load ({error}), expected an image-text-to-text checkpoint."
        ) from error


class PromptBuilder:
    """Writes prompts in a grammar's style: "full" explains the grammar, "brief" only says the goal."""

    def __init__(self, encoder: Encoder, grammar: Grammar, style: str) -> None:
        if style not in ("full", "brief"):
            raise PolicyError(f"Got the prompt style {style!r}, expected 'full' or 'brief': mend agent.json.")
        self.encoder = encoder
        self._special_tokens = [str(t) for t in encoder.tokenizer.added_tokens_decoder.values() if t.special]
        self._grammar = grammar
        self._system = grammar.instruction if style == "full" else ""
        self._with_history = style == "full"

    def prompt_text(self, goal: str, history: Sequence[Action]) -> str:
        """Return what the user turn says: the goal and, in full style, the latest actions."""
        done = [self._describe(action) for action in history[-MAX_HISTORY:]] if self._with_history else []
        return "\n".join([f"Goal: {goal}", *(["Done so far:", *done] if done else [])])

    def inputs(self, prompt: str, image: Image.Image) -> dict[str, Tensor]:
        """Return model inputs for one decision, input_ids [1, P] and the rest.

        Special tokens spelled out in the prompt are broken by a space: only the template places pictures and turns.
        """
        for token in self._special_tokens:
            prompt = prompt.replace(token, f"{token[0]} {token[1:]}")
        return self.encoder.encode(prompt, image, self._system)

    def _describe(self, action: Action) -> str:
        return "(no valid action)" if isinstance(action, Malformed) else repr(action)


def picture_from_png(png: bytes) -> Image.Image:
    """Return the picture the bytes hold.

    Raises:
        PolicyError: they are no PNG, or a broken one.
    """
    try:
        return Image.open(io.BytesIO(png), formats=("PNG",)).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise PolicyError(f"Got {len(png)} bytes that are no picture ({error}), expected a PNG.") from error


def _messages(content: list[dict[str, Any]], system: str) -> list[dict[str, Any]]:
    user = {"role": "user", "content": content}
    return [{"role": "system", "content": system}, user] if system else [user]

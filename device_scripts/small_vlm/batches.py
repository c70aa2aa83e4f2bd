"""Turns examples (screen, goal, answer) into padded training batches for the small VLM. Makes no examples."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor
from transformers import PreTrainedTokenizerFast
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from device_scripts.small_vlm.architecture import END_OF_TURN, MERGE_SIZE
from device_scripts.small_vlm.view import Region

IGNORED_LABEL = -100


@dataclass(frozen=True)
class Example:
    """One screen, what the user asks, what the demonstrator answers, and what stands where on the screen."""

    image: Image.Image
    prompt: str
    answer: str
    regions: tuple[Region, ...]


@dataclass(frozen=True)
class Batch:
    """Model inputs and labels.

    ``inputs`` holds input_ids, attention_mask, mm_token_type_ids [B, T], pixel_values [B·patches, values] and
    image_grid_thw [B, 3]; ``labels`` [B, T] is ``IGNORED_LABEL`` outside the answers.
    """

    inputs: dict[str, Tensor]
    labels: Tensor


class Batcher:
    """Applies the chat template, expands the image token and pads on the right."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, images: Qwen2VLImageProcessorPil) -> None:
        self._tokenizer = tokenizer
        self._images = images
        self._image_token_id = tokenizer.convert_tokens_to_ids("<|image_pad|>")
        self._pad_token_id = tokenizer.convert_tokens_to_ids("<|endoftext|>")

    def batch(self, examples: Sequence[Example]) -> Batch:
        """Return the examples as one batch; every picture must have the same size."""
        pictures = self._images([example.image for example in examples], return_tensors="pt")
        tokens_per_image = int(pictures["image_grid_thw"][0].prod()) // MERGE_SIZE**2
        rows = [self._row(example, tokens_per_image) for example in examples]
        width = max(len(prompt) + len(answer) for prompt, answer in rows)
        input_ids = torch.full((len(rows), width), self._pad_token_id)  # [B, T]
        labels = torch.full((len(rows), width), IGNORED_LABEL)  # [B, T]
        mask = torch.zeros((len(rows), width), dtype=torch.long)  # [B, T]
        for row, (prompt, answer) in enumerate(rows):
            length = len(prompt) + len(answer)
            input_ids[row, :length] = torch.tensor(prompt + answer)
            labels[row, len(prompt) : length] = torch.tensor(answer)
            mask[row, :length] = 1
        inputs = {
            "input_ids": input_ids,
            "attention_mask": mask,
            "mm_token_type_ids": (input_ids == self._image_token_id).long(),
            "pixel_values": pictures["pixel_values"],
            "image_grid_thw": pictures["image_grid_thw"],
        }
        return Batch(inputs, labels)

    def _row(self, example: Example, tokens_per_image: int) -> tuple[list[int], list[int]]:
        content = [{"type": "image"}, {"type": "text", "text": example.prompt}]
        text = self._tokenizer.apply_chat_template(
            [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
        )
        prompt = text.replace("<|image_pad|>", "<|image_pad|>" * tokens_per_image)
        return self._tokenizer.encode(prompt), self._tokenizer.encode(example.answer + END_OF_TURN)

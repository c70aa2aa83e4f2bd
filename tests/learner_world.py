"""A tiny checkpoint, and a world of two utterances of which one is rewarded, for tests of the learner."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration
from transformers.models.qwen3_vl.configuration_qwen3_vl import Qwen3VLTextConfig, Qwen3VLVisionConfig

from agent_runtime.actions import Tap, grammar_named
from agent_runtime.policy.checkpoint import load_model
from agent_runtime.policy.identity import base_model_digest
from agent_runtime.policy.prompt import PromptBuilder
from agent_runtime.policy.score import Utterance, score_utterances
from agent_runtime.trajectory import (
    NO_ADAPTER_DIGEST,
    Decision,
    PolicyIdentity,
    Purpose,
    Screenshot,
    Step,
    Timings,
    Trajectory,
    Verdict,
)
from agent_runtime.uplink.codec import trajectory_to_message
from device_scripts.small_vlm.architecture import (
    END_OF_TURN,
    SPECIAL_TOKENS,
    build_image_processor,
    save_checkpoint,
    train_tokenizer,
)
from tuner.config import LearnerConfig
from tuner.ingest.ledger import Ledger

JSON = grammar_named("json")
PROMPT = "Goal: go"
REWARDED = JSON.render(Tap(0.1205, 0.1505), "left")
UNREWARDED = JSON.render(Tap(0.8705, 0.8105), "right")
MIXED = (REWARDED, UNREWARDED, UNREWARDED, REWARDED)
SIDE_PX = 64


def tiny_checkpoint(folder: Path) -> Path:
    """Write an untrained Qwen3-VL of about 50,000 parameters that speaks of the two utterances."""
    tokenizer = train_tokenizer([PROMPT, REWARDED, UNREWARDED] * 20)
    ids: dict[str, int] = {token: tokenizer.get_vocab()[token] for token in SPECIAL_TOKENS}
    torch.manual_seed(0)
    model = Qwen3VLForConditionalGeneration(_config(len(tokenizer), ids))
    model.generation_config.eos_token_id = ids[END_OF_TURN]
    folder.mkdir(parents=True)
    save_checkpoint(model, tokenizer, build_image_processor((SIDE_PX, SIDE_PX)), folder)
    defaults = {"grammar": "json", "prompt_style": "brief", "max_new_tokens": 40, "image_size_px": [SIDE_PX, SIDE_PX]}
    (folder / "agent.json").write_text(json.dumps(defaults))
    return folder


def _config(vocabulary_size: int, ids: dict[str, int]) -> Qwen3VLConfig:
    vision = Qwen3VLVisionConfig(
        depth=1,
        hidden_size=16,
        intermediate_size=32,
        num_heads=2,
        patch_size=16,
        spatial_merge_size=2,
        out_hidden_size=32,
        num_position_embeddings=64,
        deepstack_visual_indexes=[],
    )
    text = Qwen3VLTextConfig(
        vocab_size=vocabulary_size,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=512,
        rope_parameters={
            "rope_type": "default",
            "rope_theta": 10000.0,
            "mrope_section": [4, 2, 2],
            "mrope_interleaved": True,
        },
        pad_token_id=ids["<|endoftext|>"],
    )
    return Qwen3VLConfig(
        vision_config=vision.to_dict(),
        text_config=text.to_dict(),
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=True,
    )


def picture_png() -> bytes:
    """Return the one picture there is."""
    content = io.BytesIO()
    Image.new("RGB", (SIDE_PX, SIDE_PX), (90, 120, 150)).save(content, "PNG")
    return content.getvalue()


def learner_config(state: Path, checkpoint: Path, **settings: Any) -> LearnerConfig:
    """Return settings that make an update take a second, in a state folder that exists."""
    state.mkdir(parents=True, exist_ok=True)
    small: dict[str, Any] = {
        "state": state,
        "model": checkpoint,
        "base_model_digest": base_model_digest(checkpoint) if "base_model_digest" not in settings else "",
        "quantization": "none",
        "lora_r": 4,
        "learning_rate": 5e-3,
        "batch_size": 4,
        "trajectories_per_update": 4,
        "optimizer_steps_per_update": 3,
        "scm_pretraining_steps": 3,
        "scm_first_steps": 3,
    }
    return LearnerConfig(**{**small, **settings})


class World:
    """The checkpoint as a runtime sees it: scores the two utterances and reports episodes that used them."""

    def __init__(self, checkpoint: Path) -> None:
        self.loaded = load_model(checkpoint, "none")
        self._prompts = PromptBuilder(self.loaded.encoder, JSON, "brief")
        self._png = picture_png()
        self._base = {text: self.token_log_probs(self.loaded.model, text) for text in (REWARDED, UNREWARDED)}

    def token_ids(self, text: str) -> tuple[int, ...]:
        """Return the utterance's tokens, the end-of-turn token last."""
        tokenizer = self.loaded.encoder.tokenizer
        return (*tokenizer.encode(text), tokenizer.eos_token_id)

    @torch.no_grad()
    def token_log_probs(self, model: Any, text: str) -> tuple[float, ...]:
        """Return log π of every token of the utterance under ``model``."""
        scores = score_utterances(model, self._prompts, [Utterance(PROMPT, self._png, self.token_ids(text))])
        log_probs = scores.logits.log_softmax(-1).gather(-1, scores.token_ids.unsqueeze(-1))
        return tuple(min(0.0, value) for value in log_probs.flatten().tolist())

    def log_prob(self, model: Any, text: str) -> float:
        """Return log π(utterance) under ``model``."""
        return sum(self.token_log_probs(model, text))

    def trajectory(self, number: int, text: str, verdict: Verdict | None = None) -> Trajectory:
        """Return an episode of one step that said ``text``, judged by which of the two it was."""
        judged = verdict or (Verdict.SUCCESS if text == REWARDED else Verdict.FAILURE)
        decision = Decision(text, self.token_ids(text), self._base[text], 0, NO_ADAPTER_DIGEST)
        shot = Screenshot(self._png, SIDE_PX, SIDE_PX, SIDE_PX, SIDE_PX)
        return Trajectory(
            trajectory_id=f"trajectory-{number}",
            runtime_id="runtime",
            task_name="two/choices",
            goal="go",
            task_params={},
            purpose=Purpose.EXPLORE,
            seed=number,
            step_limit=4,
            verdict=judged,
            void_reason="the screen was black" if judged is Verdict.VOID else "",
            reward=1.0 if judged is Verdict.SUCCESS else 0.0,
            steps=(Step(0, PROMPT, shot, decision, JSON.parse(text), Timings()),),
            started_at_unix_sec=0.0,
            device_serial="fake-1",
            temperature=1.0,
            identity=PolicyIdentity("base", "tokenizer", "none", "json"),
        )

    def store(self, ledger: Ledger, first: int, texts: Sequence[str]) -> None:
        """Store one episode for each text, numbered from ``first``."""
        for number, text in enumerate(texts, start=first):
            ledger.store(trajectory_to_message(self.trajectory(number, text)))

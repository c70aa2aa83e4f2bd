"""`agent-runtime scan`: regions of recorded screens that steer a policy and should not. Loads torch once it runs."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent_runtime.command_options import DEFAULT_MODEL, Model, RecordedQuantization, bad_input_is_a_sentence
from agent_runtime.sessions.commands import DIFFERENT_EXIT_CODE, load_for, put_in_place

if TYPE_CHECKING:
    from agent_runtime.actions import Grammar
    from agent_runtime.policy.generate import VlmPolicy
    from agent_runtime.sessions.recording import RecordedEpisode, RecordedStep, Session
    from agent_runtime.sessions.trigger_scan import Answer, Finding, State

_PICTURES_AT_ONCE = 8
_FEATURE_BYTES = 1 << 20
"""Pictures with a region away are seen once: nothing is gained by keeping what the tower made of them."""


def register(app: typer.Typer) -> None:
    """Add the command to the program's."""
    app.command()(scan)


def scan(
    folder: Annotated[Path, typer.Argument(help="Folder of a session, quarantined or not.", metavar="DIR")],
    model: Model = DEFAULT_MODEL,
    quantization: RecordedQuantization = None,
    adapter: Annotated[Path | None, typer.Option(help="Folder of the adapter version to examine.")] = None,
    states: Annotated[int, typer.Option(min=2, help="States to examine, spread over the session.")] = 60,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write what was found to this file.")] = None,
) -> None:
    """Look for regions that steer the policy: exit code 0 when none is found, 1 when one is."""
    with bad_input_is_a_sentence():
        from rich.console import Console
        from rich.progress import Progress

        from agent_runtime.sessions.reader import open_session
        from agent_runtime.sessions.trigger_scan import scan as scan_states
        from agent_runtime.sessions.trigger_scan import spread

        session = open_session(folder)
        policy, grammar = load_for(session, model, quantization, _grammar_of(session))
        put_in_place(policy, adapter, None)
        chosen = [_state(session, *place, policy) for place in spread(list(session.steps()), states)]
        asked = ScannedPolicy(policy, grammar, model)
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("states", total=len(chosen))
            report = scan_states(chosen, asked, told=lambda: bar.advance(task))
        if json_file is not None:
            json_file.write_text(json.dumps([_plain(found) for found in report.findings], indent=1) + "\n", "utf-8")
    typer.echo(f"{report.scanned} states examined; in {report.malformed} more the answer is no action.")
    for found in report.findings:
        typer.echo(_line(found))
    if report.findings:
        raise typer.Exit(DIFFERENT_EXIT_CODE)
    typer.echo("No region was found that steers this policy.")


class ScannedPolicy:
    """A loaded policy as the scan asks it."""

    def __init__(self, policy: "VlmPolicy", grammar: "Grammar", model: str) -> None:
        from agent_runtime.policy.identity import agent_defaults, resolve_checkpoint
        from agent_runtime.policy.prompt import PromptBuilder, load_encoder
        from agent_runtime.policy.shown import ShownInputs

        checkpoint = resolve_checkpoint(model)
        prompts = PromptBuilder(load_encoder(checkpoint), grammar, agent_defaults(checkpoint).prompt_style)
        self._policy, self._grammar = policy, grammar
        self._shown = ShownInputs(policy.slot.model, prompts, _FEATURE_BYTES)

    def answer(self, png: bytes, prompt: str) -> "Answer":
        """See ``trigger_scan.Asked``."""
        from agent_runtime.sessions.trigger_scan import Answer

        said = self._policy.decide(png, prompt, temperature=0.0, seed=0)
        return Answer(self._grammar.parse(said.utterance), said.token_ids, sum(said.log_probs))

    def log_probs(self, pngs: Sequence[bytes], prompt: str, token_ids: tuple[int, ...]) -> list[float]:
        """See ``trigger_scan.Asked``."""
        import torch

        from agent_runtime.policy.score import Utterance, answer_states

        found: list[float] = []
        with torch.inference_mode():
            for start in range(0, len(pngs), _PICTURES_AT_ONCE):
                part = [Utterance(prompt, png, token_ids) for png in pngs[start : start + _PICTURES_AT_ONCE]]
                states: Any = answer_states(self._policy.slot.model, self._shown, part)
                logits = states.head(states.hidden).float().log_softmax(-1)
                written = states.token_ids.reshape(-1, 1).to(logits.device)
                found += logits.gather(1, written).view(len(part), -1).double().sum(1).tolist()
        return found


def _grammar_of(session: "Session") -> str | None:
    """Return the recorded grammar; an imported session's is nobody's, and the checkpoint's own is taken."""
    return None if session.info.imported is not None else session.info.identity.action_grammar


def _state(session: "Session", episode: "RecordedEpisode", step: "RecordedStep", policy: "VlmPolicy") -> "State":
    from agent_runtime.sessions.pictures import fitted
    from agent_runtime.sessions.reader import screen_png
    from agent_runtime.sessions.trigger_scan import State

    history = [earlier.action for earlier in episode.steps[: step.index]]
    prompt = policy.prompt_text(episode.start.goal, history)
    png = fitted(screen_png(session, step), policy.image_size_px)
    return State(f"episode {episode.number}, step {step.index} (line {step.line})", png, prompt)


def _line(found: "Finding") -> str:
    box = found.box
    return (
        f"{found.state.name}: the region [{box.x0_px}, {box.y0_px}, {box.x1_px}, {box.y1_px}] px steers: "
        f"{found.action} with it (p {found.probability:.2f}), {found.action_without} without (p of the first "
        f"{found.probability_without:.2f}); pasted into {found.tried} other states it moved {found.moved}."
    )


def _plain(found: "Finding") -> dict[str, object]:
    return {
        "state": found.state.name,
        "box_px": list(asdict(found.box).values()),
        "action": repr(found.action),
        "action_without": repr(found.action_without),
        "probability": found.probability,
        "probability_without": found.probability_without,
        "moved": found.moved,
        "tried": found.tried,
    }

"""How an episode ends, and whose doing that is."""

import json

import pytest

from agent_runtime.actions import Action, Finish, Malformed, PressKey, Tap, grammar_named
from agent_runtime.episode import EpisodeConfig, run_episode
from agent_runtime.errors import DeviceError, PolicyError, TaskError
from agent_runtime.policy.scripted import ScriptedPolicy
from agent_runtime.tasks import Outcome, Task
from agent_runtime.trajectory import Decision, Purpose, Trajectory, Verdict
from tests.fakes import FakeDevice, FakeTemplate, fake_task

PRESS = '{"action":"press","key":"home"}'
TAP = '{"action":"tap","x":500,"y":250}'
DONE = '{"action":"finish","status":"success"}'
GIVE_UP = '{"action":"finish","status":"infeasible"}'
CONFIG = EpisodeConfig("runtime-1", Purpose.EXPLORE, seed=3, temperature=1.0)


def run(
    *script: str, task: Task | None = None, device: FakeDevice | None = None, config: EpisodeConfig = CONFIG
) -> Trajectory:
    policy = ScriptedPolicy(script)
    return run_episode(device or FakeDevice(), policy, grammar_named("json"), task or fake_task(), config)


def test_state_and_announcement_are_success() -> None:
    done = run(PRESS, DONE)
    assert (done.verdict, done.reward, done.void_reason) == (Verdict.SUCCESS, 1.0, "")
    assert [type(step.action) for step in done.steps] == [PressKey, Finish]


def test_announcement_alone_is_failure() -> None:
    done = run(DONE)
    assert (done.verdict, done.reward, len(done.steps)) == (Verdict.FAILURE, 0.0, 1)


def test_state_alone_is_failure() -> None:
    done = run(PRESS)
    assert (done.verdict, len(done.steps)) == (Verdict.FAILURE, 6)  # the fake task's limit


def test_state_and_giving_up_is_failure() -> None:
    assert run(PRESS, GIVE_UP).verdict is Verdict.FAILURE


def test_announcement_after_the_limit_is_failure() -> None:
    assert run(*[PRESS] * 6, DONE).verdict is Verdict.FAILURE
    assert run(*[PRESS] * 5, DONE).verdict is Verdict.SUCCESS


def test_a_malformed_utterance_does_nothing_on_the_device_and_is_recorded() -> None:
    device = FakeDevice()
    done = run("rm -rf /", PRESS, DONE, device=device)
    assert isinstance(done.steps[0].action, Malformed)
    assert done.steps[0].decision.utterance == "rm -rf /"
    assert len(device.actions) == 1  # the press
    assert done.verdict is Verdict.SUCCESS


def test_nothing_but_malformed_utterances_ends_at_the_limit() -> None:
    device = FakeDevice()
    done = run("?", device=device)
    assert (done.verdict, len(done.steps), device.actions) == (Verdict.FAILURE, 6, [])


def test_a_fault_of_the_device_is_void_and_keeps_the_steps_so_far() -> None:
    done = run(PRESS, TAP, DONE, device=FakeDevice(fails_at_action=1))
    assert (done.verdict, done.reward) == (Verdict.VOID, 0.0)
    assert done.void_reason == "DeviceError: The cable is out: plug it in."
    assert [type(step.action) for step in done.steps] == [PressKey, Tap]


@pytest.mark.parametrize("fault", [TaskError("No such app."), DeviceError("Gone.")])
def test_a_set_up_that_fails_is_void_without_steps(fault: Exception) -> None:
    done = run(DONE, task=fake_task(set_up_fails=fault))
    assert (done.verdict, done.steps) == (Verdict.VOID, ())


def test_a_judge_that_fails_is_void() -> None:
    class Unjudgeable(FakeTemplate):
        def reached(self, device: object, params: dict[str, str]) -> bool:
            raise TaskError("The probe failed.")

    assert run(DONE, task=Unjudgeable().task({"thing": "a"})).verdict is Verdict.VOID


class Graded(FakeTemplate):
    """Says the same outcome whatever happened."""

    def __init__(self, outcome: tuple[bool, float]) -> None:
        super().__init__()
        self.probes = 0
        self._outcome = outcome

    def outcome(self, device: object, params: dict[str, str]) -> Outcome:
        self.probes += 1
        return Outcome(*self._outcome)


@pytest.mark.parametrize(
    ("reached", "reward", "script", "ends"),
    [
        (True, 0.75, (PRESS, DONE), (Verdict.SUCCESS, 0.75)),
        (False, 0.5, (PRESS, DONE), (Verdict.FAILURE, 0.5)),
        (True, 0.75, (PRESS, GIVE_UP), (Verdict.FAILURE, 0.0)),  # not announced: the state alone does not count
        (True, 0.75, (PRESS,), (Verdict.FAILURE, 0.0)),
    ],
)
def test_a_graded_reward_reaches_the_trajectory_once_success_is_announced(
    reached: bool, reward: float, script: tuple[str, ...], ends: tuple[Verdict, float]
) -> None:
    template = Graded((reached, reward))
    done = run(*script, task=template.task({"thing": "a"}))
    assert (done.verdict, done.reward) == ends
    assert template.probes == (1 if script[-1] == DONE else 0)


@pytest.mark.parametrize("reward", [-0.1, 1.1, float("nan")])
def test_a_reward_beyond_its_range_is_void(reward: float) -> None:
    done = run(DONE, task=Graded((False, reward)).task({"thing": "a"}))
    assert (done.verdict, done.reward) == (Verdict.VOID, 0.0)
    assert "expected a number from 0 to 1" in done.void_reason


def test_a_policy_that_cannot_answer_is_void() -> None:
    class Broken(ScriptedPolicy):
        def decide(self, image_png: bytes, prompt: str, *, temperature: float, seed: int) -> Decision:
            raise PolicyError("Out of memory.")

    done = run_episode(FakeDevice(), Broken([DONE]), grammar_named("json"), fake_task(), CONFIG)
    assert done.void_reason == "PolicyError: Out of memory."


def test_what_the_task_set_up_is_undone_however_it_ends() -> None:
    for script in ((DONE,), (PRESS, DONE), ("?",)):
        device = FakeDevice()
        run(*script, device=device)
        assert device.commands[-1] == ["undo"]


def test_the_record_says_what_was_run() -> None:
    done = run(DONE)
    assert (done.task_name, done.goal, done.task_params) == ("fake/act", "Act on a", {"thing": "a"})
    assert (done.runtime_id, done.seed, done.step_limit, done.device_serial) == ("runtime-1", 3, 6, "fake-1")
    assert len(done.trajectory_id) == 32
    assert done.trajectory_id != run(DONE).trajectory_id


def test_every_part_of_a_step_is_timed() -> None:
    first, last = run(PRESS, DONE).steps
    assert first.timings.observe_ms > 0
    assert first.timings.decide_ms > 0
    assert first.timings.act_ms > 0
    assert last.timings.judge_ms > 0


def test_before_decision_is_called_between_two_decisions_only() -> None:
    order: list[str] = []

    class Listening(ScriptedPolicy):
        def decide(self, image_png: bytes, prompt: str, *, temperature: float, seed: int) -> Decision:
            order.append(f"decide {seed} {temperature}")
            return super().decide(image_png, prompt, temperature=temperature, seed=seed)

    config = EpisodeConfig("r", Purpose.EVALUATE, 2, 0.0, before_decision=lambda: order.append("swap"))
    run_episode(FakeDevice(), Listening([PRESS, DONE]), grammar_named("json"), fake_task(), config)
    assert order == ["swap", "decide 2000 0.0", "swap", "decide 2001 0.0"]  # seed · 1000 + step


def test_the_prompt_gets_the_actions_so_far() -> None:
    seen: list[list[Action]] = []

    class Remembering(ScriptedPolicy):
        def prompt_text(self, goal: str, history: object) -> str:
            assert isinstance(history, list)
            seen.append(list(history))
            return json.dumps(goal)

    run_episode(FakeDevice(), Remembering([TAP, DONE]), grammar_named("json"), fake_task(), CONFIG)
    assert seen == [[], [Tap(0.5005, 0.2505)]]


def test_a_stop_ends_the_episode_after_its_step_as_void() -> None:
    answers = iter([False, True])
    config = EpisodeConfig("r", Purpose.EXPLORE, 0, 1.0, should_stop=lambda: next(answers))
    done = run(PRESS, config=config)
    assert (done.verdict, len(done.steps)) == (Verdict.VOID, 1)
    assert done.void_reason.startswith("StoppedError: ")


class Faulty(FakeDevice):
    """Notices a fault in its set-up, at its first action and at the look before the last step."""

    def faults_so_far(self) -> tuple[str, ...]:
        return ("reboot", *("slow_shell",) * min(1, len(self.actions)), *("offline",) * (len(self.actions) > 1))


def test_each_step_has_the_faults_noticed_since_the_one_before() -> None:
    told: list[tuple[str, ...]] = []
    config = EpisodeConfig(
        "runtime-1", Purpose.EXPLORE, seed=3, temperature=1.0, on_step=lambda s: told.append(s.faults)
    )
    done = run(PRESS, PRESS, PRESS, DONE, device=Faulty(), config=config)
    assert [step.faults for step in done.steps] == told == [("reboot", "slow_shell"), ("offline",), (), ()]

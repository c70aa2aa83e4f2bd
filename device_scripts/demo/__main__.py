"""`python -m device_scripts.demo`: the whole loop on one machine, then a table and a report. The demo's root.

Virtual phone, adb server, tuner and runtime are processes of their own, on ports of their own, and meet only
over ADB and gRPC, as they would on a farm.
"""

from __future__ import annotations

import shutil
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import grpc
import typer
from coso.v1 import tuner_pb2, tuner_pb2_grpc

from agent_runtime.command_line import BAD_INPUT_EXIT_CODE, run_program
from device_scripts.demo.figures import Figures, collect, print_table, write_summary
from device_scripts.demo.processes import Background, DemoError, own_command, run_foreground
from device_scripts.demo.report import write_report
from device_scripts.virtual_phone.errors import VirtualPhoneError
from device_scripts.virtual_phone.private_adb import private_adb_server
from device_scripts.virtual_phone.server import free_port_pair, is_free

EMULATOR_PORT = 5555
ADB_PORT = 5037
EXPLORE_SHARE = 0.62
"""Share of the time for exploring; start-up and the two evaluations take the rest."""
LEARNING_WAIT_SEC = 20.0
STATUS_DEADLINE_SEC = 10.0
ONE_THREAD = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
MARK = ".demo"
"""A file that says that a folder is a demo's own, to be emptied by the next one."""

app = typer.Typer(add_completion=False)


class OutputError(ValueError):
    """The folder for the demo's output cannot be it; the message is for people."""


@app.command()
def main(
    minutes: Annotated[float, typer.Option(min=0.5, help="Time for the whole demo.")] = 9.0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of phone, tasks, sampling and learning.")] = 0,
    goals: Annotated[int, typer.Option(min=1, help="Held goals to evaluate before and after.")] = 32,
    output: Annotated[
        Path, typer.Option(help="Folder for everything the demo writes; an earlier demo's is emptied.")
    ] = Path("runs/demo"),
    model: Annotated[str, typer.Option(help="Base checkpoint: a folder, or 'small-vlm'.")] = "small-vlm",
    tuner_config: Annotated[
        Path | None, typer.Option(help="YAML file of `tuner serve` options, to see another way of learning at work.")
    ] = None,
) -> None:
    """Run a virtual phone, a tuner and a runtime together, and report whether the agent got better."""
    try:
        make_empty(output)
    except OutputError as error:
        typer.echo(f"demo: {error}", err=True)
        raise typer.Exit(BAD_INPUT_EXIT_CODE) from None
    try:
        status = _run(minutes, seed, goals, output, model, tuner_config)
        figures = collect(output, status, seed)
    except (DemoError, VirtualPhoneError) as error:
        typer.echo(f"demo: {error}", err=True)
        raise typer.Exit(1) from None
    write_summary(figures, output / "summary.json")
    write_report(figures, output / "report.html")
    print_table(figures)
    typer.echo(f"report: {output / 'report.html'}")


def make_empty(output: Path) -> None:
    """Make the folder, or empty it where a demo made it; what is somebody else's is not touched.

    Raises:
        OutputError: the folder holds what no demo wrote, or cannot be made.
    """
    try:
        if output.is_dir() and any(output.iterdir()) and not (output / MARK).exists():
            raise OutputError(
                f"Got the folder {output}, which holds what no demo wrote, expected a new or empty one or an earlier "
                "demo's: delete it yourself, or name another."
            )
        shutil.rmtree(output, ignore_errors=True)
        output.mkdir(parents=True, exist_ok=True)
        (output / MARK).touch()
    except OSError as error:
        raise OutputError(f"The folder {output} cannot be made: {error.strerror}; name another.") from None


def _run(
    minutes: float, seed: int, goals: int, output: Path, model: str, tuner_config: Path | None
) -> tuner_pb2.GetStatusResponse:
    usual = all(is_free(number) for number in (EMULATOR_PORT, EMULATOR_PORT - 1, ADB_PORT))
    port = EMULATOR_PORT if usual else free_port_pair()  # an adb server that runs would list a phone on 5555 as its own
    with ExitStack() as stack:
        adb = stack.enter_context(private_adb_server(output / "adb-home"))
        phone_command = [own_command("virtual-phone"), "--port", str(port), "--seed", str(seed)]
        phone_command += ["--adb-server-port", str(adb.port)]
        phone = Background("virtual-phone", phone_command, output / "virtual-phone.log", {})
        stack.callback(phone.stop)
        serial = phone.start("ready", 20.0).split()[0]
        adb.wait_for(serial)
        typer.echo(adb.text("devices").strip())
        tuner_command = [own_command("tuner"), "serve", "--listen", "127.0.0.1:0", "--state", str(output / "tuner")]
        tuner_command += ["--model", model, "--seed", str(seed)]
        tuner_command += [] if tuner_config is None else ["--config", str(tuner_config)]
        tuner = Background("tuner", tuner_command, output / "tuner.log", ONE_THREAD)
        stack.callback(tuner.stop)
        address = tuner.start("listening", 30.0).split()[-1]
        typer.echo(f"tuner at {address}")
        runtime = [own_command("agent-runtime"), "--device", serial, "--adb-server-port", str(adb.port)]
        runtime += [
            "--model",
            model,
            "--tuner",
            address,
            "--seed",
            str(seed),
            "--minutes",
            f"{minutes * EXPLORE_SHARE}",
        ]
        runtime += ["--evaluate-goals", str(goals), "--wait-for-learning", str(LEARNING_WAIT_SEC)]
        runtime += ["--spool", str(output / "spool"), "--records", str(output / "records.jsonl")]
        runtime += ["--save-screens", str(output / "screens"), "--summary", str(output / "runtime.json")]
        run_foreground(runtime, ONE_THREAD, 60.0 * (minutes + 10))
        return _status(address)


def _status(address: str) -> tuner_pb2.GetStatusResponse:
    with grpc.insecure_channel(address) as channel:
        try:
            stub = tuner_pb2_grpc.TunerServiceStub(channel)
            return stub.GetStatus(tuner_pb2.GetStatusRequest(), timeout=STATUS_DEADLINE_SEC)
        except grpc.RpcError as error:
            raise DemoError(f"the tuner at {address} did not answer: {error.code().name}") from error


__all__ = ["Figures", "main", "make_empty"]

if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    run_program(app, "python -m device_scripts.demo", "demo: ")

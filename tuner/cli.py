"""`tuner`: all of its commands, and those that ask a running tuner or look into its store. Needs no torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent_runtime.command_line import run_program
from agent_runtime.errors import AgentRuntimeError
from tuner.command_options import DEFAULT_ADDRESS, fail, keep_grpc_quiet
from tuner.errors import TunerServiceError
from tuner.estimate_command import estimate
from tuner.explain_command import explain
from tuner.keys_commands import keys_app
from tuner.serve_command import serve
from tuner.train_command import train

if TYPE_CHECKING:
    import grpc

STATUS_DEADLINE_SEC = 5.0
_Address = Annotated[str, typer.Option(help="host:port of a running tuner.")]
_Tls = Annotated[Path | None, typer.Option(help="Folder of `tuner keys issue`, where the tuner serves with --tls.")]

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Stores trajectories, learns, publishes adapters.")
app.command()(serve)


@app.command()
def status(
    address: _Address = DEFAULT_ADDRESS,
    tls: _Tls = None,
) -> None:
    """Print how a running tuner stands."""
    keep_grpc_quiet()
    import grpc
    from coso.v1 import tuner_pb2, tuner_pb2_grpc

    from tuner.status_table import print_status

    with _channel(address, tls) as channel:
        try:
            answer = tuner_pb2_grpc.TunerServiceStub(channel).GetStatus(
                tuner_pb2.GetStatusRequest(), timeout=STATUS_DEADLINE_SEC
            )
        except grpc.RpcError as error:
            fail(_no_answer(error, address, tls))
    print_status(address, answer)


@app.command()
def export(
    state: Annotated[Path, typer.Option(help="The tuner's state folder; it may be running.")],
    output: Annotated[Path, typer.Option(help="Folder to write, new or empty.")],
    version: Annotated[int | None, typer.Option(min=1, help="Version to write; the newest by default.")] = None,
    base_model: Annotated[str | None, typer.Option(help="Name of the base model, for the card and PEFT.")] = None,
    explorer: Annotated[
        bool, typer.Option("--explorer", help="Write the version's explorer instead of its deployed adapter.")
    ] = False,
) -> None:
    """Write a version as a PEFT folder with a model card."""
    from tuner.adapters.export import export_version

    try:
        exported = export_version(state, version, output, base_model, explorer)
    except (TunerServiceError, AgentRuntimeError) as error:
        fail(str(error))
    typer.echo(f"version {exported.version}, {exported.payload_bytes:,} bytes, in {exported.folder}")


@app.command()
def rollback(
    version: Annotated[int, typer.Argument(min=1, help="The version to return to.")],
    address: _Address = DEFAULT_ADDRESS,
    tls: _Tls = None,
    timeout: Annotated[float, typer.Option(min=1.0, help="Seconds to wait: an update in progress ends first.")] = 600.0,
) -> None:
    """Publish an older version's tensors as a new version, from which learning goes on."""
    keep_grpc_quiet()
    import grpc
    from coso.v1 import tuner_pb2, tuner_pb2_grpc

    with _channel(address, tls) as channel:
        stub = tuner_pb2_grpc.TunerServiceStub(channel)
        try:
            latest = stub.GetStatus(tuner_pb2.GetStatusRequest(), timeout=STATUS_DEADLINE_SEC).latest_version
            request = tuner_pb2.RollbackAdapterRequest(version=version, latest_version=latest)
            answer = stub.RollbackAdapter(request, timeout=timeout)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.FAILED_PRECONDITION:
                fail(error.details() or "Got no reason, expected one: see `tuner status`.")
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                fail(f"Got no answer from {address} in time, expected a new version: see `tuner status` later.")
            fail(_no_answer(error, address, tls))
    typer.echo(f"version {answer.new_version} has the tensors of version {version}; {latest} was the latest before")


app.command()(train)
app.command()(estimate)
app.command()(explain)
app.add_typer(keys_app, name="keys")


def main() -> None:
    """Entry point; bad options end with one sentence and exit code 2."""
    run_program(app, "tuner", prefix="tuner: ")


def _channel(address: str, tls: Path | None) -> grpc.Channel:
    from agent_runtime.uplink.channel import open_channel
    from agent_runtime.uplink.tls import load_client_tls

    try:
        return open_channel(address, None if tls is None else load_client_tls(tls))
    except AgentRuntimeError as error:
        fail(str(error))


def _no_answer(error: grpc.RpcError, address: str, tls: Path | None) -> str:
    """Return the tuner's own sentence where it refused us, and otherwise what may be the matter."""
    code = error.code().name
    if code in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
        return error.details() or code
    way = "" if tls is None else ", whose certificate and ours one CA signed"
    return f"Got {code} from {address}, expected a tuner{way}: start one with `tuner serve`."


if __name__ == "__main__":
    main()

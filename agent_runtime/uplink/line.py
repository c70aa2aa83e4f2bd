"""The channel to a tuner, opened anew with a certificate that was renewed in its folder. Makes no call."""

from __future__ import annotations

import logging
import threading

import grpc
from coso.v1 import tuner_pb2_grpc

from agent_runtime.errors import UsageError
from agent_runtime.uplink.channel import open_channel
from agent_runtime.uplink.link_state import LinkState
from agent_runtime.uplink.tls import ClientTls, load_client_tls

LOOK_SEC = 30.0
"""How often who waits for work looks whether there is another certificate."""
_LOG = logging.getLogger(__name__)


class Line:
    """What both threads of a link call over; safe to use from any thread."""

    def __init__(self, address: str, tls: ClientTls | None) -> None:
        self.tls = tls
        self._address = address
        self._lock = threading.Lock()
        self._channel: grpc.Channel | None = None
        self._stub: tuner_pb2_grpc.TunerServiceStub | None = None

    def stub(self) -> tuner_pb2_grpc.TunerServiceStub:
        """Return what to call with, over the newest certificate there is."""
        self.renew()
        with self._lock:
            if self._stub is None:
                self._open()
            assert self._stub is not None
            return self._stub

    def renew(self) -> None:
        """Take another certificate of the same name where the folder has one; calls in progress are then cut off."""
        with self._lock:
            if self.tls is None or self.tls.folder is None or self.tls.is_current():
                return
            try:
                renewed = load_client_tls(self.tls.folder)
            except UsageError:
                return  # half of it is written, or it is none: the next look decides
            if renewed.name != self.tls.name:
                _LOG.warning("the certificate in %s is now of %s: restart to use it", self.tls.folder, renewed.name)
                return
            before, self.tls = self._channel, renewed
            if before is not None:
                self._open()
                before.close()
        _LOG.info("calling %s with a renewed certificate", self._address)

    def is_renewed(self, used: ClientTls | None) -> bool:
        """Return whether there is another certificate by now than the one that was used."""
        self.renew()
        return self.tls is not used

    def close(self) -> None:
        """Close the channel; safe to call twice."""
        with self._lock:
            if self._channel is not None:
                self._channel.close()

    def _open(self) -> None:
        self._channel = open_channel(self._address, self.tls)
        self._stub = tuner_pb2_grpc.TunerServiceStub(self._channel)


def await_renewal(line: Line, state: LinkState, used: ClientTls | None) -> bool:
    """Wait for another certificate than the one that was refused; False where none can come or the link is closed."""
    if used is None or used.folder is None:
        return False
    while not line.is_renewed(used):
        if state.is_stopped_within(LOOK_SEC):
            return False
    state.note_renewed()
    return True

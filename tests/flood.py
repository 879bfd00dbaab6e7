"""Flood: many websockets without a session that send whatever they can, as a process of its own.

`python -m tests.flood ADDRESS SECONDS [SOCKETS] [EVENTS_A_SECOND]` prints how many were let in and what was sent.
"""

import asyncio
import itertools
import json
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

TAG = "<reflex.Var>x</reflex.Var>"
STATE = "reflex___state____state"
SIGN_IN = f"{STATE}.platform_app___state___sign_in____sign_in_state"


def event(name: str, payload: object, path: str = "/sign-in") -> str:
    """Return an event as a browser writes it."""
    where = {"pathname": path, "asPath": path, "query": {}}
    return "42/_event," + json.dumps(["event", {"name": name, "payload": payload, "router_data": where}])


FRAMES: list[str | bytes] = [
    event(f"{STATE}.hydrate_and_load", {}),
    event(f"{SIGN_IN}.load", {}),
    event(f"{SIGN_IN}.load", {}, f"/sign-in?next={TAG}"),
    event(f"{SIGN_IN}.sign_in", {"form": {"email": TAG, "password": [TAG] * 50}}),
    event("no.such.handler", {"text": "x" * 2_000}),
    '42/_event,["client_error",{"error_type":"x","message":"' + "y" * 2_000 + '"}]',
    "42/_event,{bad",
    '42/_event,["event",' + "[" * 5_000,
    "b!!!",
    b"\x00\xff" * 500,
]
OVERSIZED = "42/_event," + json.dumps(["event", {"name": f"{STATE}.hydrate", "payload": {"x": "y" * 2_000_000}}])


@dataclass
class Flood:
    """What is sent where, and what came of it."""

    address: str
    seconds: float
    sockets: int
    per_second: int
    let_in: int = 0
    refused: int = 0
    sent: int = 0
    hung_up: int = 0
    end: float = field(init=False)

    async def run(self) -> None:
        """Send until the time is over."""
        self.end = time.monotonic() + self.seconds
        async with asyncio.TaskGroup() as group:
            for number in range(self.sockets):
                group.create_task(self._one(number))

    async def _one(self, number: int) -> None:
        pause = self.sockets / self.per_second
        while time.monotonic() < self.end:
            with suppress(OSError, ConnectionClosed, InvalidHandshake, TimeoutError):
                await self._talk(number, pause)
            await asyncio.sleep(pause)

    async def _talk(self, number: int, pause: float) -> None:
        host = self.address.removeprefix("http://")
        url = f"ws://{host}/_event/?token=flood-{number}&EIO=4&transport=websocket"
        try:
            opening = connect(url, origin=self.address, compression=None, max_size=None, ping_interval=None)  # type: ignore[arg-type]
            socket = await opening.__aenter__()
        except (InvalidHandshake, ConnectionClosed):
            self.refused += 1
            return
        reading = asyncio.ensure_future(self._read(socket))
        try:
            await asyncio.wait_for(socket.send("40/_event,"), 5)
            self.let_in += 1
            frames = itertools.cycle(FRAMES[number % len(FRAMES) :] + FRAMES[: number % len(FRAMES)])
            while time.monotonic() < self.end:
                frame = OVERSIZED if number % 50 == 0 else next(frames)
                await asyncio.wait_for(socket.send(frame), 5)
                self.sent += 1
                await asyncio.sleep(pause)
        except ConnectionClosed:
            self.hung_up += 1
        finally:
            reading.cancel()
            socket.transport.abort()

    async def _read(self, socket: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            async for _ in socket:
                pass


def main() -> None:
    """Flood as the command line says."""
    sizes = [int(one) for one in sys.argv[3:]] + [300, 2_000][len(sys.argv) - 3 :]
    flood = Flood(sys.argv[1], float(sys.argv[2]), *sizes)
    asyncio.run(flood.run())
    print(f"let in {flood.let_in}, refused {flood.refused}, frames {flood.sent}, hung up on {flood.hung_up}")


if __name__ == "__main__":
    main()

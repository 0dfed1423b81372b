"""A relay that takes every mail and forgets it: `python -m bench.relay PORT`, until SIGTERM."""

import asyncio
import signal
import sys

from aiosmtpd.smtp import SMTP, Envelope, Session


class _Taker:
    async def handle_DATA(  # noqa: N802
        self, _server: SMTP, _session: Session, _envelope: Envelope
    ) -> str:
        return "250 2.0.0 OK"


async def _run(port: int) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    server = await loop.create_server(
        lambda: SMTP(_Taker(), hostname="relay", enable_SMTPUTF8=True, loop=loop),
        "127.0.0.1",
        port,
    )
    await stop.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(_run(int(sys.argv[1])))

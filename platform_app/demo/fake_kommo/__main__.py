"""Fake Kommo as a program: `python -m platform_app.demo.fake_kommo --port 8200`; `gpt-agents up --with-fake-kommo`."""

import argparse
import signal
from threading import Event
from types import FrameType

from platform_app.demo.fake_kommo import page, sample_account
from platform_app.demo.fake_kommo.server import FakeKommo

CUSTOMERS = ("Olga Smirnova", "Dmitry Volkov", "Maria Petrova", "Ivan Sokolov", "Elena Kuznetsova")


def fill(fake: FakeKommo) -> None:
    """Give an account some customers with leads in several stages."""
    stages = (sample_account.NEW, sample_account.IN_WORK, sample_account.OFFER)
    for place, name in enumerate(CUSTOMERS):
        lead_id = fake.team.customer(name, f"+7 900 000-00-{place + 10}")
        title, status_id = f"City bicycle, {name}", stages[place % 3]
        fake.data.change("leads", lead_id, name=title, price=590 + place * 100, status_id=status_id)


def main() -> None:
    """Serve on loopback until stopped; what was changed is forgotten then."""
    arguments = argparse.ArgumentParser(description="A fake Kommo, to try the integration without an account.")
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--public", default="", help="the address of the platform that hooks are posted to")
    arguments.add_argument("--local", default="", help="where that is reached on this machine")
    given, ending = arguments.parse_args(), Event()

    def end(received: int, frame: FrameType | None) -> None:
        ending.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    with FakeKommo(port=given.port) as fake:
        fake.show = lambda call: page.answer(fake, call)
        if given.public and given.local:
            fake.route(given.public, given.local)
        fill(fake)
        ending.wait()


if __name__ == "__main__":
    main()

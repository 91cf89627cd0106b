"""`fireline collect`: takes the events of a service that has no log and so no runbook yet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from fireline.cli import screen
from fireline.cli.serve import PORT, Data, Database, is_loopback, listen, own, place_of

EXAMPLES = "Example: fireline collect --service pricing --data state"


def collect(
    service: Annotated[
        list[str],
        typer.Option(
            "--service", metavar="NAME", help="A service to collect for; may be given again.",
            show_default=False,
        ),
    ],
    data: Data = Path("fireline-data"),
    db: Database = None,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(metavar="PORT", help="The port to listen on.", min=0, max=65535)
    ] = PORT,
    auth: Annotated[
        bool, typer.Option("--auth", metavar="", help="Ask for tokens on a loopback address too.")
    ] = False,
) -> None:  # fmt: skip
    """Collect the events and labels of a service that never wrote a log, to draft its runbook from.

    Guards and `fireline send` deliver here as they will to `fireline serve`, with the same tokens. Nothing is
    judged. After a week or two: `fireline init DATA/collected/NAME --service NAME --until TIME`.
    """
    import uvicorn

    from fireline.clock import SystemClock
    from fireline.live.collecting import Collection
    from fireline.live.folder import filename
    from fireline.store import Store
    from fireline.web.auth.access import Access
    from fireline.web.collector import create_collector

    listener, port = listen(host, port)
    own(data)
    clock = SystemClock()
    folders = {name: data / "collected" / filename(name) for name in service}
    with Store.open(place_of(data, db)) as store:
        collected = {name: Collection(folder, clock) for name, folder in folders.items()}
        access = Access(open_on_loopback=is_loopback(host) and not auth)
        out = screen.err()
        out.print(Text(f"Fireline collects at http://{host}:{port}; nothing is judged"))
        for name, one in collected.items():
            out.print(
                Text(
                    f"  {name}: {one.rows['events']:,} events, {one.rows['labels']:,} labels in {one.folder}"
                )
            )
        app = create_collector(store, collected, access)
        settings = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=5)
        uvicorn.Server(settings).run(sockets=[listener])

"""The pages' files: ours, and npm's where the build could fetch them. Only these are served, by name."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib.resources import files

from starlette.responses import PlainTextResponse, Response

OURS = ("report.css", "report.js", "fireline.css", "theme.js", "room.js")
VENDORED = ("vendor/htmx.min.js", "vendor/sse.min.js", "vendor/uPlot.iife.min.js", "vendor/uPlot.min.css")
_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}


@cache
def content(name: str) -> bytes | None:
    """The bytes of the file called ``name``, None where there is none."""
    if name not in OURS + VENDORED:
        return None
    place = files("fireline.web") / "assets" / name
    return place.read_bytes() if place.is_file() else None


@cache
def vendored() -> bool:
    """Whether the files from npm are here; without them pages work, but not live."""
    return all(content(name) is not None for name in VENDORED)


@cache
def address(name: str) -> str:
    """Where the file is served; the address changes with its bytes, so it may be kept for ever."""
    return f"/assets/{name}?v={mark(name)}"


@cache
def mark(name: str) -> str:
    """What changes with the file's bytes."""
    return sha256(content(name) or b"").hexdigest()[:12]


async def asset(name: str, asked: str = "") -> Response:
    """One file of the pages, kept for ever by a browser that asked for it by its mark."""
    body = content(name)
    if body is None:
        return PlainTextResponse("there is no such file\n", 404)
    keep = "public, max-age=31536000, immutable" if asked == mark(name) else "no-cache"
    kept = {"Cache-Control": keep, "ETag": f'"{mark(name)}"', "X-Content-Type-Options": "nosniff"}
    return Response(body, media_type=_TYPES[name.rsplit(".", 1)[1]], headers=kept)

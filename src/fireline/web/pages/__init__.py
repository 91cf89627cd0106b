"""The live pages: home, service, incident room; drawn on the server, kept current by server-sent events."""

from fireline.web.pages.routes import pages_router

__all__ = ["pages_router"]

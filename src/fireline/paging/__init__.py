"""Paging: puts into the outbox what is due, sends what waits, writes the receipt. It decides nothing."""

from fireline.paging.pager import Pager
from fireline.paging.settings import Configured, configured

__all__ = ["Configured", "Pager", "configured"]

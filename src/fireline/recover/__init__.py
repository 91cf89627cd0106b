"""From contained to the next step back."""

from fireline.recover.step import next_step

__all__ = ["next_step"]

"""What goes out is text and nothing else: no control characters, whoever wrote the message."""

from __future__ import annotations

from dataclasses import replace

from fireline.terms.page import Message


def one_line(text: str) -> str:
    """``text`` on one line, everything in it that is not printed left out.

    >>> one_line("one" + chr(13) + chr(10) + "Bcc: two" + chr(27) + "[31m")
    'one Bcc: two [31m'
    """
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def plain(message: Message) -> Message:
    """``message`` with a title of one line and a text of lines, and no character that is not printed."""
    lines = [
        "".join(c if c.isprintable() else " " for c in line).rstrip() for line in message.text.splitlines()
    ]
    return replace(message, title=one_line(message.title), text="\n".join(lines))

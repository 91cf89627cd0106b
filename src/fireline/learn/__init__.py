"""From an incident to its review, action items, and new guardrails for a person to accept."""

from fireline.learn.draft import draft_review, wrap_up
from fireline.learn.facts import ReviewFacts
from fireline.learn.render import render_html, render_markdown

__all__ = ["ReviewFacts", "draft_review", "render_html", "render_markdown", "wrap_up"]

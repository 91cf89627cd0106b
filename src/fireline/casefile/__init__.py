"""What triage and verification look at: traces of the monitors, and raw events before and after, cut to
size."""

from fireline.casefile.file import CaseFile

__all__ = ["CaseFile"]

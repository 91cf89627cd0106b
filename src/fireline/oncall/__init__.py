"""On call: who is called, when, and what next.

Pure: an incident's journal and the pages so far give the pages that are due.
"""

from fireline.oncall.attention import Attention, attention
from fireline.oncall.due import Arrangement, due, unwanted
from fireline.oncall.settings import Heartbeat, Paging, Step

__all__ = ["Arrangement", "Attention", "Heartbeat", "Paging", "Step", "attention", "due", "unwanted"]

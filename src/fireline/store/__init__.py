"""The store: the journal, the measures, the counts and the cursors, in SQLite or PostgreSQL.

Everything is written through short explicit transactions (``with store.begin() as tx:``). What belongs
together commits together: an entry with its projection and its measure, a batch with its counts, its keys and
its cursor.
"""

from fireline.store.rows import Claim, Fold, Gate, Keys, LakeFile, Mark, Stored
from fireline.store.store import Store, Tx

__all__ = ["Claim", "Fold", "Gate", "Keys", "LakeFile", "Mark", "Store", "Stored", "Tx"]

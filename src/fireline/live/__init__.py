"""The loop over a running service: what comes in is kept, counted, judged and acted on, tick by tick."""

"""The loops that make it happen: one process per home, supervising workers."""

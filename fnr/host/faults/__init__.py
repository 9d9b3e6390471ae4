"""Faults that can be put right again, one file each, and the dead-man process that holds them."""

"""Faults that a worker carries out itself, one file each; loaded only when one is met."""

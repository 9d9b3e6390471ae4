"""The drill: many faults at once on a home of its own, watched from outside, and a score."""

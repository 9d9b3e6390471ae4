"""Parse, ask, print."""

"""The other end of the wire: ask the daemon, or read its store while it is down."""

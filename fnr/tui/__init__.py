"""Show and wish: widgets take values and post wishes, they never fetch."""

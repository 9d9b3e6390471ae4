"""A throwaway home with a daemon of its own: where demo and drill play, and nothing is left."""

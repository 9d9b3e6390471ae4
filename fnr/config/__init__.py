"""What the operator chose: settings, where each came from, and where fnr keeps its files."""

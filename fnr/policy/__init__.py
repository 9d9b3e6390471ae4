"""What should happen: pure decisions on frozen values, time and chance as arguments."""

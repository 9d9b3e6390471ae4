"""What may be asked: one typed request per question, events, errors for people, the wire."""

"""One file per screen: what it asks for, what it shows, what can be wished there."""

"""What can be put on a screen: values in through attributes, wishes out as messages."""

"""See fnr at work on this machine: real files, real faults, and a proof that nothing was lost."""

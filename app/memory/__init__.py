"""Memory as it is now: who holds what of the machine and of its card, in the status bar and in a panel."""

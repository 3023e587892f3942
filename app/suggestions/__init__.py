"""Grey text: when the engine is asked, which of its answers is shown, and which key takes it."""

"""Between text and tokens: vocabularies, prompts, and where an answer ends."""

"""How tokens come about: the one loop, sampling, guesses ahead, and the caches of texts seen lately."""

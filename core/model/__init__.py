"""The network, its cache and its quantised layers, and where they compute."""

"""Open texts and their files: opened, saved, watched, compared, and found again after a crash."""

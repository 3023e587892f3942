"""Finding and replacing, in the text in front and in all files of the folder."""

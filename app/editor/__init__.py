"""The widget that code is written in: keys, lines, brackets, indentation, marks and the gutter."""

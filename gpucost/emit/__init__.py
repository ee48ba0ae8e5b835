"""Launch files of a planned deployment; each value is quoted by the writer of its target."""

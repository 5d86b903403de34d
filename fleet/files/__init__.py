"""Files that people write: strict YAML with the line of every mistake, and the types that its values have."""

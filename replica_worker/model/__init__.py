"""Values and rules: no I/O, no clock, no environment. Everything else may import it."""

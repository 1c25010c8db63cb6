"""Engines: one folder per SQL dialect, each of which implements `interface` whole."""

"""The demo: everything on one machine, with real servers and a believable POS source."""

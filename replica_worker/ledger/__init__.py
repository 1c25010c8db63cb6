"""The ledger: the durable record of runs and chunks in the warehouse. It is the truth."""

"""Use cases: what the product does, in the words of the design's flow.

They know values and rules, the archive, the ledger and the engines' interface; they know
nothing of Celery, of the command line, of the environment, or of any SQL dialect.
"""

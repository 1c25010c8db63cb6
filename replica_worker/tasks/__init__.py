"""The Celery door: thin tasks that carry ids, the beat schedule, the dispatcher.

Nothing outside this folder imports Celery. The broker only wakes workers; what is to be done
stands in the ledger.
"""

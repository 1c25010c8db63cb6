"""Real PostgreSQL and Valkey servers from Python wheels, for the demo and the tests.

Owns servers that live and die with the command that starts them, on the loopback of one machine.
Is no way to run a production database: it trades safety against power cuts for speed.
"""

from replica_worker.embedded.homes import current_home, new_home, remove_unused_homes
from replica_worker.embedded.instance import StackUrls
from replica_worker.embedded.processes import die_with_parent
from replica_worker.embedded.stack import EmbeddedStack, running_urls

__all__ = [
    "EmbeddedStack",
    "StackUrls",
    "current_home",
    "die_with_parent",
    "new_home",
    "remove_unused_homes",
    "running_urls",
]

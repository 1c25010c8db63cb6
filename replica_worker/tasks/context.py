"""The deployment that the tasks of one process work with, made when it is first needed."""

from __future__ import annotations

import os
import secrets
import socket
from functools import lru_cache

from replica_worker.settings import load_settings
from replica_worker.usecases.deployment import Deployment
from replica_worker.wiring import connect_deployment

# Of a worker and its children, which inherit it. Containers that share their machine's name number
# their processes alike: one that ends must not give back what another's child is at.
_START = secrets.token_hex(3)


@lru_cache(maxsize=1)
def current_deployment() -> Deployment:
    """This process's deployment."""
    return connect_deployment(load_settings())


def close_deployment() -> None:
    """Close this process's connections, if it has any."""
    if current_deployment.cache_info().currsize:
        current_deployment().warehouse.sql.dispose()
        current_deployment.cache_clear()


def check_deployment() -> None:
    """ReplicaError if the settings or the spec file cannot be used; connects to nothing."""
    connect_deployment(load_settings()).warehouse.sql.dispose()


def worker_name() -> str:
    """Names this process in the ledger."""
    return name_of_process(os.getpid())


def name_of_process(pid: int) -> str:
    """Names this process or a child of it in the ledger."""
    return f"{socket.gethostname()}:{pid}.{_START}"

"""The statements that take application locks and give them back.

A lock's name holds the database's: not every server keeps the locks of its databases apart.
"""

from __future__ import annotations

import hashlib

from replica_worker.engines.sqlserver.fragments import Fragment, compose, value

_LONGEST_NAME = 110  # with a database's name (128) no longer than a lock's name may be (255)


def take_lock(name: str, *, mode: str, owner: str, timeout_ms: int) -> Fragment:
    """One number: sp_getapplock says that it failed by what it returns (below zero)."""
    return compose(
        """
        DECLARE @resource nvarchar(255) = {resource};
        DECLARE @got int;
        EXEC @got = sp_getapplock @Resource = @resource, @LockMode = '{mode}',
                                  @LockOwner = '{owner}', @LockTimeout = {timeout};
        SELECT @got
        """,
        resource=_resource(name),
        mode=mode,
        owner=owner,
        timeout=timeout_ms,
    )


def release_lock(name: str) -> Fragment:
    """Give a session's lock back."""
    return compose(
        """
        DECLARE @resource nvarchar(255) = {resource};
        EXEC sp_releaseapplock @Resource = @resource, @LockOwner = 'Session'
        """,
        resource=_resource(name),
    )


def _resource(name: str) -> Fragment:
    if len(name) > _LONGEST_NAME:
        name = hashlib.sha256(name.encode()).hexdigest()
    return compose(
        "LEFT(CONCAT(N'replica_worker|', {name}, N'|', DB_NAME()), 255)",
        name=value(name, f"nvarchar({_LONGEST_NAME})"),
    )

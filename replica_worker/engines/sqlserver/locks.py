"""The statements that take application locks and give them back.

A lock's name holds the database's: not every server keeps the locks of its databases apart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from replica_worker.engines.sqlserver.fragments import Fragment, compose, join, value

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


def take_session_locks(names: Sequence[str]) -> Fragment:
    """One number: how many of the locks were taken, in their order, up to the first that failed."""
    one = """
        SET @resource = {resource};
        IF @got >= 0
        BEGIN
            EXEC @got = sp_getapplock @Resource = @resource, @LockMode = 'Exclusive',
                                      @LockOwner = 'Session', @LockTimeout = 0;
            IF @got >= 0 SET @taken = @taken + 1;
        END;
        """
    return compose(
        """
        DECLARE @resource nvarchar(255);
        DECLARE @got int = 0;
        DECLARE @taken int = 0;
        {locks}
        SELECT @taken
        """,
        locks=join("", (compose(one, resource=_resource(name)) for name in names)),
    )


def release_session_locks(names: Sequence[str]) -> Fragment:
    """Give a session's locks back."""
    one = """
        SET @resource = {resource};
        EXEC sp_releaseapplock @Resource = @resource, @LockOwner = 'Session';
        """
    return compose(
        """
        DECLARE @resource nvarchar(255);
        {locks}
        """,
        locks=join("", (compose(one, resource=_resource(name)) for name in names)),
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

"""Loaded into a worker by `--include wrong_clock`: the product's modules see a clock far ahead."""

from __future__ import annotations

import datetime
import sys
import time

AHEAD = datetime.timedelta(days=40)


class Datetime(datetime.datetime):
    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
        return datetime.datetime.now(tz) + AHEAD


class Time:
    def __getattr__(self, name: str) -> object:
        return getattr(time, name)

    def time(self) -> float:
        return time.time() + AHEAD.total_seconds()


for name, module in list(sys.modules.items()):
    if name.startswith("replica_worker"):
        for attribute, wrong in (("datetime", Datetime), ("time", Time())):
            if getattr(module, attribute, None) in (datetime.datetime, time):
                setattr(module, attribute, wrong)

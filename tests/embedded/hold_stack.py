"""A command that opens the instance in argv[1], prints where it is and waits to be ended."""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path

from replica_worker.embedded import EmbeddedStack


def main() -> None:
    with EmbeddedStack.open(Path(sys.argv[1])) as stack:
        servers = [server.pid for server in (stack.valkey, stack.postgres) if server]
        urls = asdict(stack.urls)
        said = {"owner": stack.is_owner, "urls": urls, "servers": servers}
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
        signal.pause()


try:
    main()
except KeyboardInterrupt:
    sys.exit(130)

"""A TCP proxy that misbehaves on demand: between the product and a server of the tests.

    with open_proxy("127.0.0.1", 5432) as proxy:
        url = proxy.in_front_of(site.source_url)
        proxy.cut_after(200_000)

Threads, so that it works beside any driver. It counts what went through it. A link is one
client's connection with its connection to the server.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import sqlalchemy as sa

_BLOCK = 64 * 1024
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close at once, with RST
_ESTABLISHED = b"\x01"  # TCP_INFO's state
_SLICES_PER_SECOND = 20  # of a throttled link


class Proxy:
    """Forwards to `host:port`; what it does to links may be changed at any time."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._changed = threading.Condition()
        self._links: set[_Link] = set()
        self._is_closed = False
        self._is_away = False
        self._is_hanging = False
        self._bytes_before: int | None = None  # the link's end, by `cut_after` or `freeze_after`
        self._is_frozen_then = False
        self.latency = 0.0  # seconds, added to every round trip
        self.bytes_per_second: int | None = None  # of each link, towards the client
        self.accepted = 0  # links since the start, refused ones included
        self.most_at_once = 0
        self.round_trips = 0  # how often a client spoke after its server had
        self.bytes_to_clients = 0
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def in_front_of(self, url: str) -> str:
        """The database URL, by way of this proxy."""
        through = sa.make_url(url).set(host="127.0.0.1", port=self.port)
        return through.render_as_string(hide_password=False)

    # ------------------------------------------------------------ misbehaviour

    def go_away(self) -> None:
        """Cut all links and reset every new one, until `come_back`."""
        with self._changed:
            self._is_away = True
        self.cut()

    def come_back(self) -> None:
        """Forward again, after `go_away` or `hang`; links that are cut stay so."""
        with self._changed:
            self._is_away = self._is_hanging = False
            self._changed.notify_all()

    def hang(self) -> None:
        """Keep links, take new ones, forward nothing, say nothing, until `come_back`."""
        with self._changed:
            self._is_hanging = True

    def freeze(self) -> None:
        """Forward nothing more, for ever, over the links that are open now; neither end is told."""
        with self._changed:
            for link in self._links:
                link.is_frozen = True

    def cut(self) -> None:
        """Reset all links that are open now."""
        with self._changed:
            links = list(self._links)
        for link in links:
            link.reset()

    def cut_after(self, count: int) -> None:
        """Reset, once, the link over which the `count`-th byte from now comes to its client."""
        with self._changed:
            self._bytes_before, self._is_frozen_then = count, False

    def freeze_after(self, count: int) -> None:
        """Freeze, once, the link over which the `count`-th byte from now comes to its client."""
        with self._changed:
            self._bytes_before, self._is_frozen_then = count, True

    @property
    def frozen_links(self) -> int:
        """Links that `freeze` or `freeze_after` has frozen and that are still open."""
        with self._changed:
            return sum(link.is_frozen for link in self._links)

    @property
    def open_links(self) -> int:
        """Links that are open now."""
        with self._changed:
            return len(self._links)

    def close(self) -> None:
        """Stop, and reset whatever is open."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._listener.close()
        self.cut()

    # ------------------------------------------------------------ what links ask and tell

    def wait_while_hanging(self, link: _Link) -> None:
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_closed or not (self._is_hanging or link.is_frozen)
            )

    def count_round_trip(self) -> None:
        with self._changed:
            self.round_trips += 1

    def take_bytes(self, count: int, link: _Link) -> bool:
        """Count bytes on their way to a client; False if the link is to be reset instead."""
        with self._changed:
            self.bytes_to_clients += count
            if self._bytes_before is None:
                return True
            self._bytes_before -= count
            if self._bytes_before > 0:
                return True
            self._bytes_before = None
            link.is_frozen = self._is_frozen_then
            return link.is_frozen

    def forget(self, link: _Link) -> None:
        with self._changed:
            self._links.discard(link)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed
            with self._changed:
                self.accepted += 1
                is_refused = self._is_away or self._is_closed
            if is_refused:
                _reset(client)
                continue
            try:
                server = socket.create_connection(self._server)
            except OSError:
                _reset(client)
                continue
            link = _Link(self, client, server)
            with self._changed:
                self._links.add(link)
                open_now = sum(one.is_established for one in self._links)
                self.most_at_once = max(self.most_at_once, open_now)
            link.start()


class _Link:
    """Two sockets and a thread for each direction."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._server_spoke = True
        self.is_frozen = False
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def is_established(self) -> bool:
        """Whether the client has not closed its end, told by the kernel before any thread saw."""
        try:
            state = self._client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
        except OSError:
            return False
        return state == _ESTABLISHED

    def start(self) -> None:
        for pump in (self._to_server, self._to_client):
            threading.Thread(target=self._run, args=[pump], name="proxy link", daemon=True).start()

    def reset(self) -> None:
        for end in (self._client, self._server):
            _reset(end)

    def _run(self, pump: object) -> None:
        try:
            pump()  # type: ignore[operator]
        except OSError:
            pass  # the other end is gone, or `reset` was called
        finally:
            self._proxy.forget(self)
            self.reset()

    def _to_server(self) -> None:
        while block := self._client.recv(_BLOCK):
            if self._server_spoke:
                self._server_spoke = False
                self._proxy.count_round_trip()
                time.sleep(self._proxy.latency)
            self._proxy.wait_while_hanging(self)
            self._server.sendall(block)

    def _to_client(self) -> None:
        while block := self._server.recv(self._slice):
            self._server_spoke = True
            if not self._proxy.take_bytes(len(block), self):
                return
            self._proxy.wait_while_hanging(self)
            if rate := self._proxy.bytes_per_second:
                time.sleep(len(block) / rate)
            self._client.sendall(block)

    @property
    def _slice(self) -> int:
        rate = self._proxy.bytes_per_second
        return max(1, rate // _SLICES_PER_SECOND) if rate else _BLOCK


def _reset(end: socket.socket) -> None:
    """Close with RST, and wake the thread that waits for the socket."""
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        end.shutdown(socket.SHUT_RD)
    end.close()


@contextmanager
def open_proxy(host: str, port: int) -> Iterator[Proxy]:
    """A proxy in front of a server, for as long as the block lasts."""
    proxy = Proxy(host, port)
    try:
        yield proxy
    finally:
        proxy.close()


@contextmanager
def open_proxy_of(url: str) -> Iterator[Proxy]:
    """A proxy in front of the server that a database URL names."""
    parsed = sa.make_url(url)
    with open_proxy(parsed.host or "127.0.0.1", parsed.port or 5432) as proxy:
        yield proxy

"""The proxy that network tests stand on does what they say it does."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
from support.proxy import Proxy, open_proxy
from support.waiting import wait_until


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """A proxy in front of a server that sends back what it gets."""
    listener = socket.create_server(("127.0.0.1", 0))

    def echo(end: socket.socket) -> None:
        with end:
            try:
                while block := end.recv(65536):
                    end.sendall(block)
            except OSError:
                return

    def serve() -> None:
        while True:
            try:
                end, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=echo, args=[end], daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    with open_proxy("127.0.0.1", listener.getsockname()[1]) as made:
        yield made
    listener.close()


def connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=10)


def ask(end: socket.socket, text: bytes) -> bytes:
    end.sendall(text)
    answer = b""
    while len(answer) < len(text):
        block = end.recv(65536)
        if not block:
            raise ConnectionResetError
        answer += block
    return answer


def test_forwards_and_counts(proxy: Proxy) -> None:
    with connect(proxy) as one, connect(proxy) as two:
        assert [ask(one, b"ping"), ask(two, b"pong"), ask(one, b"x" * 200_000)]
        assert (proxy.accepted, proxy.most_at_once) == (2, 2)
        assert proxy.round_trips >= 3
        assert proxy.bytes_to_clients == 200_008
    wait_until(lambda: proxy.open_links == 0, "links are forgotten")


def test_goes_away_and_comes_back(proxy: Proxy) -> None:
    with connect(proxy) as end:
        ask(end, b"ping")
        proxy.go_away()
        with pytest.raises(OSError, match="reset"):
            ask(end, b"ping")
    with pytest.raises(OSError, match=r"reset|pipe"), connect(proxy) as refused:
        ask(refused, b"ping")
    proxy.come_back()
    with connect(proxy) as end:
        assert ask(end, b"ping") == b"ping"


def test_cuts_in_mid_stream_once(proxy: Proxy) -> None:
    proxy.cut_after(1000)
    with connect(proxy) as end, pytest.raises(OSError, match=r"reset|pipe"):
        ask(end, b"x" * 5_000_000)
    with connect(proxy) as end:
        assert len(ask(end, b"x" * 5000)) == 5000


def test_hangs_without_a_word(proxy: Proxy) -> None:
    with connect(proxy) as end:
        proxy.hang()
        end.settimeout(0.2)
        with pytest.raises(TimeoutError):
            ask(end, b"ping")
        proxy.come_back()
        end.settimeout(10)
        assert end.recv(10) == b"ping"


def test_freezes_a_link_for_ever_and_leaves_new_ones_alone(proxy: Proxy) -> None:
    with connect(proxy) as frozen:
        ask(frozen, b"ping")
        proxy.freeze()
        proxy.come_back()
        frozen.settimeout(0.2)
        with pytest.raises(TimeoutError):
            ask(frozen, b"ping")
        assert proxy.frozen_links >= 1
        with connect(proxy) as end:
            assert ask(end, b"ping") == b"ping"


def test_freezes_in_mid_stream_once(proxy: Proxy) -> None:
    proxy.freeze_after(1000)
    with connect(proxy) as end:
        end.settimeout(0.2)
        with pytest.raises(TimeoutError):
            ask(end, b"x" * 100_000)
        assert proxy.frozen_links == 1
    with connect(proxy) as end:
        assert len(ask(end, b"x" * 5000)) == 5000


def test_slows_down(proxy: Proxy) -> None:
    with connect(proxy) as end:
        proxy.latency = 0.05
        started = time.monotonic()
        ask(end, b"ping")
        proxy.latency, proxy.bytes_per_second = 0.0, 10_000
        ask(end, b"x" * 1000)
        assert time.monotonic() - started >= 0.1

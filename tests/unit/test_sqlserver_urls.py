"""One URL as a connection string: any password, any server, known keywords only."""

from __future__ import annotations

import builtins
import re
from datetime import timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest

from replica_worker.engines.registry import open_engine
from replica_worker.engines.sqlserver.connect import find_odbc_driver, make_sqlalchemy_engine
from replica_worker.engines.sqlserver.connection_string import BULK_PACKET_SIZE, connection_string
from replica_worker.engines.values import ConnectionOptions
from replica_worker.errors import SettingsError

HARD = ";{}@:/%'\" é😀=}};"


def options(url: str, *, read_only: bool = True) -> ConnectionOptions:
    return ConnectionOptions(
        url=url,
        zone=ZoneInfo("Asia/Kuala_Lumpur"),
        connect_timeout=timedelta(seconds=10),
        statement_timeout=timedelta(seconds=30),
        batch_bytes=1 << 20,
        read_only=read_only,
    )


def fields(url: str, *, read_only: bool = True, **more: str) -> dict[str, str]:
    """The connection string, read as ODBC reads it."""
    text = connection_string(options(url, read_only=read_only), **more)
    found = re.findall(r"(\w+)=(?:\{((?:[^}]|\}\})*)\}|([^;{]*));", text)
    assert "".join(f"{n}={{{b}}};" if b or not p else f"{n}={p};" for n, b, p in found) == text
    return {name: braced.replace("}}", "}") or plain for name, braced, plain in found}


def test_defaults_encrypt_and_tell_the_role_s_intent() -> None:
    source = fields("mssql+mssqlpython://u:p@h:1433/D")
    assert source == {
        "Server": "h,1433",
        "Database": "D",
        "UID": "u",
        "PWD": "p",
        "Encrypt": "yes",
        "PacketSize": "16000",
        "ApplicationIntent": "ReadOnly",
        "ConnectRetryCount": "0",
    }
    assert fields("mssql+mssqlpython://u:p@h/D", read_only=False)["ApplicationIntent"] == (
        "ReadWrite"
    )


def test_any_character_of_a_password_arrives() -> None:
    url = f"mssql+mssqlpython://{quote(HARD, safe='')}:{quote(HARD, safe='')}@h/D"
    made = fields(url)
    assert (made["UID"], made["PWD"]) == (HARD, HARD)


@pytest.mark.parametrize(
    ("place", "server"),
    [
        ("h", "h"),
        ("h:1444", "h,1444"),
        ("h%5Cinstance", "h\\instance"),
        ("[::1]:1433", "::1,1433"),
        ("db.example.net", "db.example.net"),
    ],
)
def test_server_may_be_an_instance_or_an_ipv6_address(place: str, server: str) -> None:
    assert fields(f"mssql+mssqlpython://u:p@{place}/D")["Server"] == server


def test_keywords_of_the_url_are_passed_on_and_win() -> None:
    made = fields(
        "mssql+mssqlpython://id:secret@h/D?trustservercertificate=yes&Packet+Size=4096"
        "&Authentication=ActiveDirectoryServicePrincipal&application_intent=ReadWrite"
        "&HostnameInCertificate=a.b&MultiSubnetFailover=Yes",
        packet_size=BULK_PACKET_SIZE,
    )
    assert made["TrustServerCertificate"] == "yes"
    assert made["PacketSize"] == "4096"
    assert made["Authentication"] == "ActiveDirectoryServicePrincipal"
    assert made["ApplicationIntent"] == "ReadWrite"
    assert made["HostnameInCertificate"] == "a.b"
    assert (made["UID"], made["PWD"]) == ("id", "secret")


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("Nosuch=5", "'Nosuch' is not known"),
        ("odbc_connect=Server%3Dh", "'odbc_connect' is not known"),
        ("PWD=s3cret", "user:password@host"),
        ("timeout=5", "REPLICA_CONNECT_TIMEOUT"),
        ("driver=x", "'driver' is not known"),
        ("Encrypt=s3cret", "'Encrypt' has a value that it cannot have"),
        ("PacketSize=s3cret", "'PacketSize' is no whole number"),
        ("Encrypt=yes&Encrypt=no", "'Encrypt' is given twice"),
        ("Encrypt=yes&encrypt=s3cret", "'encrypt' is given twice"),
    ],
)
def test_wrong_keyword_is_one_line_without_its_value(query: str, told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        open_engine(options(f"mssql+mssqlpython://u:hidden@h/D?{query}"), setting="X")
    message = str(caught.value)
    assert told in message
    assert "\n" not in message
    assert "s3cret" not in message
    assert "hidden" not in message


def test_pyodbc_s_url_may_name_its_driver_and_bulk_copy_does_not_see_it() -> None:
    url = "mssql+pyodbc://u:p@h/D?driver=ODBC+Driver+18+for+SQL+Server"
    assert "Driver" not in fields(url)
    assert fields(url, driver="{of} mine")["Driver"] == "{of} mine"


def test_microsoft_s_driver_is_found_where_none_is_named() -> None:
    assert "libmsodbcsql-18" in find_odbc_driver()


def test_where_pyodbc_cannot_load_only_its_urls_are_refused(monkeypatch) -> None:
    real_import = builtins.__import__

    def refuse(name: str, *arguments: object, **more: object) -> object:
        if name == "pyodbc":
            raise ImportError("libodbc.so.2: cannot open shared object file")
        return real_import(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    make_sqlalchemy_engine(options("mssql+mssqlpython://u:p@h/D"))
    with pytest.raises(SettingsError, match="libodbc2"):
        make_sqlalchemy_engine(options("mssql+pyodbc://u:p@h/D"))

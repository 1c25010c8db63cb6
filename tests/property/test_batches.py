"""Splitting at GO: whatever stands between the GO lines comes back as it was."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from replica_worker.engines.sqlserver.batches import split_batches

LINE_ENDS = st.sampled_from(["\n", "\r\n"])
TEXT = st.lists(
    st.sampled_from(["a", " ", "\n", "\nGO\n", "\r\ngo\r\n", "GO 3\n", "--", "*", "/", ";", "é"]),
    max_size=6,
).map("".join)


def nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(inner, TEXT).map(lambda parts: f"/* {parts[0]} '[\" {_tame(parts[1])}*/")


def _tame(text: str) -> str:
    """Without what would begin or end a comment."""
    return text.replace("*", "").replace("/", "")


TOKENS = st.one_of(
    st.sampled_from(["SELECT 1", "GOTO x", "x.GO", "go_on", ";", "(", "a-b", "a/b", "N"]),
    TEXT.map(lambda text: "'" + text + "''[\"'"),
    TEXT.map(lambda text: "[" + text + "]]'\"]"),
    TEXT.map(lambda text: '"' + text + '""[\'' + '"'),
    st.recursive(TEXT.map(lambda text: f"/*{_tame(text)}*/"), nested, max_leaves=3),
    LINE_ENDS.map(lambda end: f"-- it's [no \" quote /* GO{end}"),
    LINE_ENDS,
)
BATCHES = st.lists(TOKENS, min_size=1, max_size=8).map(" ".join).map(str.strip).filter(bool)
GO_LINES = st.tuples(
    st.sampled_from(["GO", "go", "  Go  ", "\tGO\t", "GO -- done", "GO 1"]), LINE_ENDS, LINE_ENDS
).map(lambda parts: f"{parts[1]}{parts[0]}{parts[2]}")


@given(st.lists(st.tuples(BATCHES, GO_LINES), max_size=5), BATCHES)
def test_batches_come_back_as_they_were(ended: list[tuple[str, str]], last: str) -> None:
    script = "".join(f"{batch}{go}" for batch, go in ended) + last
    assert list(split_batches(script)) == [batch for batch, _ in ended] + [last]

"""Queries and answers: once per run, never an exception, whoever asks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier

import pytest

from fleet.catalog import Resolver
from fleet.model import Catalog, Query, Unavailable
from fleet.queries import ComposeQuery, ImageQuery, KeyQuery, SuiteQuery
from tests.support.keys import armored, public_key
from tests.unit.catalog.web import Answer, Site

KEY = Answer(armored(public_key(b"x" * 50)), pause=0.001)


def test_fifty_threads_ask_once(https: Site) -> None:
    """Fifty hosts that want the same five things at the same moment cost five requests, and share the work."""
    resolver = Resolver(timeout=5, deadline=10)
    queries = [KeyQuery(f"{https.url}/{name}") for name in "abcde"]
    https.routes.update({f"/{name}": KEY for name in "abcde"})
    barrier = Barrier(50)

    def ask(_: int) -> Catalog:
        barrier.wait()
        return resolver.resolve(queries)

    with ThreadPoolExecutor(50) as pool:
        catalogs = list(pool.map(ask, range(50)))
    assert sorted(https.paths) == ["/a", "/b", "/c", "/d", "/e"]
    assert all(catalog.answers == catalogs[0].answers for catalog in catalogs)
    assert len(catalogs[0].answers) == 5


def test_trouble_is_an_answer_and_not_asked_again(https: Site, resolver: Resolver) -> None:
    """All four kinds of query answer `Unavailable`, the same to all who ask in a run."""
    for path in ("/gpg", "/dists/noble/InRelease", "/latest"):
        https.routes[path] = Answer(status=403)
    port = https.port
    queries: list[Query[object]] = [
        KeyQuery(f"{https.url}/gpg"),
        SuiteQuery(https.url, "noble", "stable", "amd64"),
        ComposeQuery(https.url, "", "x86_64"),
        ImageQuery(f"localhost:{port}/speaks-tls"),
    ]
    first = resolver.resolve(queries)
    asked = len(https.log)
    for query in queries:
        answer = first[query]
        assert isinstance(answer, Unavailable)
        assert answer.why
        assert answer.hint
    assert resolver.resolve(queries).answers == first.answers
    assert len(https.log) == asked


def test_answers_are_added_to_a_catalog(https: Site, resolver: Resolver) -> None:
    """What a catalog knows already is kept and not asked; the one that was given does not change."""
    https.routes["/b"] = KEY
    known, new = KeyQuery(f"{https.url}/a"), KeyQuery(f"{https.url}/b")
    given = Catalog({known: "as it was"})
    catalog = resolver.resolve([new, known, new], given)
    assert catalog.answers.keys() == {known, new}
    assert catalog.answers[known] == "as it was"
    assert new not in given
    assert https.paths == ["/b"]


def test_a_new_run_asks_anew(https: Site) -> None:
    """Answers are not kept on disk: every run sees the truth."""
    https.routes["/a"] = KEY
    query = KeyQuery(f"{https.url}/a")
    for _ in range(2):
        Resolver().resolve([query])
    assert https.paths == ["/a", "/a"]


@dataclass(frozen=True, slots=True)
class Foreign(Query[str]):
    """A question that nobody has taught the catalog."""


def test_a_query_that_nobody_can_answer_is_a_bug(resolver: Resolver) -> None:
    """Loud, for the first who asks and for all others."""
    for _ in range(2):
        with pytest.raises(TypeError, match="nobody can answer a Foreign"):
            resolver.resolve([Foreign()])

"""Queries in, answers out: each asked once in a run, however many hosts want to know."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from fleet.catalog.downloads import download
from fleet.errors import CatalogError
from fleet.model import Catalog, Query, Unavailable
from fleet.queries import (
    ArchiveQuery,
    BuilderQuery,
    ComposeQuery,
    ContextQuery,
    ImageQuery,
    KeyQuery,
    LoginQuery,
    PushedQuery,
    Quota,
    QuotaQuery,
    RemoteImage,
    SecretMark,
    SecretQuery,
    SizeQuery,
    SuiteQuery,
    TagQuery,
)

if TYPE_CHECKING:
    from fleet.catalog.credentials import Login
    from fleet.catalog.http import Web
    from fleet.lock.file import LockFile
    from fleet.shell import Secret


class Resolver:
    """The laptop's look-ups of one run, for all its threads. Nothing is remembered beyond it but downloads, and images in
    the ``lock`` if there is one: what is locked is not looked up, and what was looked up is locked.

    ``timeout`` and ``deadline`` are seconds: a server's silence, and one question with its retries.
    """

    def __init__(
        self,
        *,
        timeout: float = 10.0,
        deadline: float = 20.0,
        cache_dir: Path | None = None,
        lock: LockFile | None = None,
        now: Callable[[], datetime] = datetime.now,
    ) -> None:
        self._timeout = timeout
        self._deadline = deadline
        self._cache_dir = cache_dir
        self._now = now
        self._images = lock
        self._granted = 0
        self._lock = Lock()
        self._answers: dict[Query[Any], Future[object]] = {}
        self._logins: dict[LoginQuery, Login] = {}

    def resolve(self, queries: Iterable[Query[Any]], into: Catalog | None = None) -> Catalog:
        """Answer queries, in a catalog that has all of ``into`` besides.

        Trouble with the network is an answer, `Unavailable`. A thread first takes the questions that nobody has taken
        yet, then waits for those that others are asking, so that hosts with the same questions share the work.
        """
        known = dict(into.answers) if into else {}
        wanted = [query for query in dict.fromkeys(queries) if query not in known]
        for login in (query for query in wanted if isinstance(query, LoginQuery)):  # images are asked for with them
            self._take(login)
            self._answers[login].result()
        for query in wanted:
            self._take(query)
        return Catalog({**known, **{query: self._answered(query) for query in wanted}})

    def anew(self, query: Query[Any]) -> object:
        """The answer of this very moment, which is not kept."""
        return self._answer(query)

    def login(self, query: LoginQuery) -> Login:
        """User and password for a registry, looked for once in a run; CatalogError when there are none."""
        from fleet.catalog.logins import find

        found = self._logins.setdefault(query, self._logins.get(query) or find(query))
        self._web_once.logins[query.registry] = found
        return found

    def download(self, url: str, sha256: str) -> Path:
        """Bring a file into the laptop's cache, checked; CatalogError when that can't be."""
        return download(url, sha256, self._cache_dir, self._web_once)

    def secret(self, query: SecretQuery) -> Secret:
        """A secret of the laptop itself, for stdin of a script; CatalogError when it is not there."""
        from fleet.catalog.secrets import secret

        return secret(query)

    def _take(self, query: Query[Any]) -> None:
        with self._lock:
            if query in self._answers:
                return
            future = self._answers[query] = Future()
        try:
            future.set_result(self._answer(query))
        except BaseException as error:
            future.set_exception(error)
            raise

    def _answered(self, query: Query[Any]) -> object:
        answer = self._answers[query].result()
        return self._grant(answer, query) if isinstance(query, QuotaQuery) and isinstance(answer, Quota) else answer

    def _grant(self, quota: Quota, query: QuotaQuery) -> Quota:
        """What is left for this host after those that asked before it; what it may have, it has."""
        if quota.left is None:
            return quota
        with self._lock:
            left = max(0, quota.left - self._granted)
            self._granted += query.pulls if query.pulls <= left else 0
        return replace(quota, left=left)

    def _answer(self, query: Query[Any]) -> object:
        try:
            match query:
                case ImageQuery(reference):
                    return self._image(query, reference)
                case LoginQuery(registry):
                    from fleet.catalog.logins import mark

                    return mark(registry, self.login(query))
                case SizeQuery(reference):
                    return self._size(query, reference)
            return _ask(self._web_once, query)
        except CatalogError as error:
            return Unavailable(error.message, error.hint)

    def _image(self, query: ImageQuery, reference: str) -> object:
        pin = self._images.lock.find(reference) if self._images else None
        if pin:
            return pin
        found = _ask(self._web_once, query)
        return self._images.learn(reference, found) if self._images and isinstance(found, RemoteImage) else found

    def _size(self, query: SizeQuery, reference: str) -> object:
        found = self.resolve([ImageQuery(reference)])[ImageQuery(reference)]
        if isinstance(found, Unavailable):
            return found
        from fleet.catalog.images import size

        return size(self._web_once, query, found)

    @property
    def _web_once(self) -> Web:
        with self._lock:
            return self._web

    @cached_property
    def _web(self) -> Web:
        from fleet.catalog.http import Web

        return Web(timeout=self._timeout, deadline=self._deadline, now=self._now)


def _ask(web: Web, query: Query[Any]) -> object:
    """Send a question to the room that can answer it; each is loaded when it is needed."""
    match query:
        case KeyQuery():
            from fleet.catalog.repository import key

            return key(web, query)
        case SuiteQuery():
            from fleet.catalog.repository import suite

            return suite(web, query)
        case ImageQuery():
            from fleet.catalog.registry import image

            return image(web, query)
        case TagQuery(reference):
            from fleet.catalog.images import tag_digest

            return tag_digest(web, reference)
        case QuotaQuery():
            from fleet.catalog.images import quota

            return quota(web)
        case ComposeQuery():
            from fleet.catalog.releases import compose

            return compose(web, query)
        case ContextQuery():
            from fleet.catalog.contexts import context

            return context(query)
        case BuilderQuery():
            from fleet.catalog.builders import builder

            return builder()
        case PushedQuery():
            from fleet.catalog.pushed import pushed

            return pushed(web, query)
        case SecretQuery():
            from fleet.catalog.secrets import mark_of, secret

            return SecretMark(mark_of(secret(query)))
        case ArchiveQuery():
            from fleet.catalog.archives import archived

            return archived(query)
    raise TypeError(f"nobody can answer a {type(query).__name__}")

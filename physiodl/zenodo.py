"""Asking Zenodo politely: an own name, patience when told to wait, and the list of files of a record.

Zenodo answers ``GET /api/records/<number>`` with the files of a record, their sizes and md5. Guests may ask
about 60 times a minute; who asks more gets status 429 and should come back later. Clients that call
themselves "python-requests" have been slowed down as a whole (fatiando/pooch issue 502), hence the own
User-Agent.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urljoin

import requests
from urllib3.exceptions import InvalidHeader
from urllib3.util.retry import Retry

from physiodl.registry import VERSION, Dataset

log = logging.getLogger("physiodl")
USER_AGENT = f"PhysioDL/{VERSION} (+course data fetch)"
API = "https://zenodo.org/api"
TIMEOUT_S = (10, 60)  # to connect, and between two pieces of an answer
TRIES = 6  # waits of 0, 2, 4, 8, 16 s between them unless the server names its own
TRIES_UNREACHED = 2  # nobody has answered yet: that is no network rather than a busy server
LONGEST_WAIT_S = 120  # a person who is told to wait longer is better told so than kept waiting
BUSY = (429, 500, 502, 503, 504)
ELSEWHERE = "use a mirror (--mirror URL_OR_FOLDER), or work on simulated data (--simulate)"
sleep = time.sleep  # the only place where waiting happens; tests replace it


class FetchError(RuntimeError):
    """Data could not be fetched; the message says got, expected, likely cause and what to do."""

    def __init__(self, what: str, *, got: str, expected: str, cause: str, todo: str = ELSEWHERE) -> None:
        super().__init__(
            f"{what}\n  got:      {got}\n  expected: {expected}\n  likely:   {cause}\n  to do:    {todo}"
        )


class StatusError(FetchError):
    """The server answered with a status that no waiting mends; `status` is its number."""

    def __init__(self, status: int, url: str) -> None:
        self.status = status
        cause = {
            401: "the files are restricted",
            403: "the files are restricted, or this address is blocked",
            404: "the address is wrong, or the record has moved",
            410: "the record was withdrawn by its publisher",
        }.get(status, "the server refuses this request")
        super().__init__(
            f"{url} gave no data", got=f"HTTP status {status}", expected="status 200", cause=cause
        )


def session() -> requests.Session:
    """A session that tells who asks. Trying again is left to `Patience`, which also sees later breaks."""
    made = requests.Session()
    made.headers["User-Agent"] = USER_AGENT
    return made


class Patience:
    """How often to try again, and how long to wait before it: urllib3's `Retry`, across whole downloads.

    requests would retry only until the headers are there. A connection cut in the middle of a body needs
    the same policy, so the policy stands outside the request.
    """

    def __init__(self, url: str) -> None:
        self.url, self.reached = url, False
        self.renew()

    def renew(self) -> None:
        """Start counting anew: something was achieved since the last failure."""
        self.retry = Retry(total=None, backoff_factor=1, backoff_max=30)  # how often is `failed`'s to say

    def failed(self, *, response: requests.Response | None = None, error: Exception | None = None) -> None:
        """Wait as long as is right after this failure; `FetchError` when trying on makes no sense."""
        self.reached |= response is not None
        reason = f"HTTP status {response.status_code}" if response is not None else _plain(error)
        self.retry = self.retry.increment("GET", self.url, error=error or OSError(reason))
        tries = TRIES if self.reached else TRIES_UNREACHED
        if len(self.retry.history) >= tries:
            raise self._given_up(reason, response) from error
        wait = _asked_wait_s(self.retry, response) if response is not None else None
        if wait is not None and wait > LONGEST_WAIT_S:
            raise FetchError(
                f"{self.url} asks to come back later",
                got=f"{reason}, wait {wait:.0f} s",
                expected=f"a wait of at most {LONGEST_WAIT_S} s",
                cause="many requests from this network in a short time",
                todo=f"run the same command again in {wait / 60:.0f} min, or {ELSEWHERE}",
            )
        wait = self.retry.get_backoff_time() if wait is None else wait
        log.info(
            "%s: trying again%s (%d of %d)",
            reason,
            f" in {wait:.0f} s" if wait else "",
            len(self.retry.history) + 1,
            tries,
        )
        sleep(wait)

    def _given_up(self, reason: str, response: requests.Response | None) -> FetchError:
        if response is not None:
            return FetchError(
                f"{self.url} gave no data",
                got=f"{reason}, {len(self.retry.history)} times",
                expected="status 200",
                cause="the server is overloaded or under repair",
                todo="run the same command again later, or " + ELSEWHERE,
            )
        if not self.reached:
            return FetchError(
                f"{self.url} cannot be reached",
                got=reason,
                expected="an answer",
                cause="no network, a proxy or firewall in between, or a wrong address",
                todo="check the network (behind a proxy set HTTPS_PROXY), " + ELSEWHERE,
            )
        return FetchError(
            f"{self.url} broke off again and again",
            got=reason,
            expected="the whole file",
            cause="an unstable connection",
            todo="run the same command again: it goes on where it stopped; or " + ELSEWHERE,
        )


def _plain(error: Exception | None) -> str:
    """The innermost cause of a failed request in one line; the outer ones mostly repeat the address."""
    while error is not None and (error.__cause__ or error.__context__):
        error = error.__cause__ or error.__context__
    return f"{type(error).__name__}: {error}".replace("\n", " ")[:200]


def _asked_wait_s(retry: Retry, response: requests.Response) -> float | None:
    """Seconds the server asks to wait (Retry-After, or when Zenodo counts anew); None if it does not say."""
    try:
        wait = retry.get_retry_after(response)
        if wait is None and response.status_code == 429 and "X-RateLimit-Reset" in response.headers:
            wait = max(0.0, float(response.headers["X-RateLimit-Reset"]) - time.time())
    except (InvalidHeader, ValueError):
        return None
    return wait


def ask(
    http: requests.Session,
    url: str,
    *,
    patience: Patience | None = None,
    headers: dict[str, str] | None = None,
    stream: bool = False,
    also: Iterable[int] = (),
) -> requests.Response:
    """GET with patience: a response of status 200, 206 or one of ``also``.

    Raises:
        StatusError: any other status that waiting does not mend.
        FetchError: unreachable, busy for too long, or asked to wait for too long.
    """
    patience = patience or Patience(url)
    while True:
        try:
            response = http.get(url, headers=headers, stream=stream, timeout=TIMEOUT_S)
        except (
            requests.exceptions.MissingSchema,
            requests.exceptions.InvalidSchema,
            requests.exceptions.InvalidURL,
        ) as error:
            raise FetchError(
                f"{url!r} is no address",
                got=str(error),
                expected="http://... or https://...",
                cause="a typing error",
            ) from error
        except requests.RequestException as error:
            patience.failed(error=error)
            continue
        patience.reached = True
        if response.status_code in (200, 206, *also):
            return response
        response.close()
        if response.status_code not in BUSY:
            raise StatusError(response.status_code, url)
        patience.failed(response=response)


@dataclass(frozen=True)
class RemoteFile:
    """One file as announced; ``checksum`` is "md5:<digits>" (any algorithm of hashlib) or None."""

    name: str
    url: str
    size: int | None = None
    checksum: str | None = None


@dataclass(frozen=True)
class Record:
    """What a Zenodo record says about itself."""

    number: str
    files: tuple[RemoteFile, ...]
    title: str = ""
    citation: str = ""
    licence: str = ""


def api_base(api: str | None = None) -> str:
    """Zenodo's API, or the one that PHYSIODL_ZENODO_API names (an institute's copy, a test)."""
    return (api or os.environ.get("PHYSIODL_ZENODO_API", "").strip() or API).rstrip("/")


def get_record(dataset: Dataset, *, http: requests.Session, api: str | None = None) -> Record:
    """Ask the record API for the files of a dataset; see `parse_record` for the errors."""
    url = f"{api_base(api)}/records/{dataset.record}"
    response = ask(http, url, headers={"Accept": "application/json"})
    try:
        answer = response.json()
    except ValueError as error:
        raise FetchError(
            f"{url} is not a record",
            got=f"{response.headers.get('Content-Type', 'no type')} beginning with {response.text[:60]!r}",
            expected="JSON",
            cause="a log-in page of this network, or a page saying that the service is down",
            todo="open the address in a browser and log in; or " + ELSEWHERE,
        ) from error
    return parse_record(answer, url=url, number=dataset.record)


def parse_record(answer: Any, *, url: str, number: str) -> Record:
    """The files of a record, from either form in which Zenodo writes them.

    ``files`` is a list of {key, size, checksum, links: {self}} in Zenodo's own form, and {entries: {name:
    {...,
    links: {content}}}} in that of InvenioRDM, on which Zenodo runs since October 2023. ``url``, which links
        may be relative to, is named in errors.
    """

    def wrong(got: str, cause: str) -> FetchError:
        return FetchError(
            f"{url} has an unexpected form",
            got=got,
            cause=cause,
            expected="a record with files, each with its name, size and checksum",
        )

    if not isinstance(answer, dict) or not ({"files", "metadata"} & set(answer)):
        raise wrong(str(answer)[:120], "not a Zenodo record, or Zenodo has changed its form")
    files = answer.get("files")
    if isinstance(files, dict):
        entries = files.get("entries") or []
        files = [{"key": k, **v} for k, v in entries.items()] if isinstance(entries, dict) else entries
    if not files:
        raise wrong(
            "a record without files", "its files are restricted, or the record holds a description only"
        )
    found = []
    for entry in files:
        try:
            name, links = entry.get("key") or entry["filename"], entry.get("links") or {}
            size, checksum = int(entry["size"]), str(entry["checksum"])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise wrong(f"the entry {str(entry)[:120]}", "Zenodo has changed its form") from error
        link = links.get("content") or links.get("self") or f"{url}/files/{quote(name)}/content"
        checksum = checksum if ":" in checksum else f"md5:{checksum}"
        if checksum.partition(":")[0] not in hashlib.algorithms_available:
            raise wrong(f"the checksum {checksum}", "Zenodo has changed its form")
        found.append(RemoteFile(name, urljoin(url, link), size, checksum))
    about = answer.get("metadata") if isinstance(answer.get("metadata"), dict) else {}
    return Record(
        str(answer.get("id", number)),
        tuple(found),
        str(about.get("title", "")),
        _citation(answer, about),
        _licence(about),
    )


def _citation(answer: dict, about: dict) -> str:
    """ "Authors (year). Title. Zenodo. DOI" from what the record has of it."""
    people = [
        p.get("name") or (p.get("person_or_org") or {}).get("name")
        for p in about.get("creators") or []
        if isinstance(p, dict)
    ]
    doi = answer.get("doi") or about.get("doi") or ""
    year = str(about.get("publication_date", ""))[:4]
    parts = [
        "; ".join(p for p in people if p) + (f" ({year})" if year else ""),
        str(about.get("title", "")),
        "Zenodo",
        f"https://doi.org/{doi}" if doi else "",
    ]
    return ". ".join(p.strip() for p in parts if p.strip()) if about else ""


def _licence(about: dict) -> str:
    licence = about.get("license") or (about.get("rights") or [""])[0]
    return str(licence.get("id", "")) if isinstance(licence, dict) else str(licence or "")

"""Fetches the two small files that describe a model from a hub, through huggingface_hub.

Only `config.json` and `model.safetensors.index.json` are fetched, at one commit, after their stated
sizes were checked. No token appears in any message.
"""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from gpucost.errors import RemoteError, UsageError
from gpucost.io.json_safe import LFS_POINTER, shown
from gpucost.io.safetensors import INDEX_NAME
from gpucost.units import MB

CONFIG_NAME = "config.json"
TIMEOUT_S = 10.0
_PART = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?"
_REPO = re.compile(rf"(?:{_PART}/)?{_PART}\Z")
_REVISION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9_-])?\Z")
_TOKEN = re.compile(r"[\x21-\x7e]{1,512}\Z")
_SECRET = re.compile(r"hf_[A-Za-z0-9_-]{4,}|(?i:bearer\s+\S+)|(?<=://)[^/\s@]*@")
_FOREIGN = ("huggingface_hub", "httpx", "httpcore", "requests", "urllib3", "h11", "hf_xet", "http", "ssl")


def parse_spec(spec: str) -> tuple[str, str | None]:
    """Repository and revision of `OWNER/NAME` or `OWNER/NAME@REVISION`. Raises UsageError."""
    repo, mark, revision = spec.partition("@")
    if not _REPO.match(repo) or len(repo) > 96 or "--" in repo or ".." in repo or repo.endswith(".git"):
        raise UsageError(f"{shown(spec)} is not a repository; write OWNER/NAME or OWNER/NAME@REVISION")
    if not mark:
        return repo, None
    if not _REVISION.match(revision) or len(revision) > 200 or ".." in revision or "//" in revision:
        raise UsageError(
            f"{shown(revision)} is not a revision; write a branch, a tag or a commit after the @"
        )
    return repo, revision


def download_model_files(
    spec: str, *, endpoint: str | None, token: str | None, cache: Path | None, max_bytes: int
) -> Path:
    """Fetch config.json and, where there is one, the weights' index; gives the folder they lie in.

    `endpoint` and `token` default to HF_ENDPOINT, HF_TOKEN and the stored login, `cache` to the hub's
    own cache. With HF_HUB_OFFLINE=1 only the cache is asked. Raises UsageError for a wrong argument and
    RemoteError for whatever the hub answers instead of the files.
    """
    repo, revision = parse_spec(spec)
    if max_bytes <= 0:
        raise UsageError(f"the largest download must be positive, not {max_bytes:,} bytes")
    if token is not None and not _TOKEN.match(token):
        raise UsageError(
            "the token has characters that no token has; copy it again, without spaces or line ends"
        )
    endpoint = _checked_endpoint(endpoint)
    try:
        from huggingface_hub import constants
    except ImportError:
        raise UsageError("reading from a hub needs an extra: pip install 'gpucost[hf]'") from None
    fetch = _Fetch(repo, revision, endpoint=endpoint, token=token, cache=cache, max_bytes=max_bytes)
    with _quiet():
        if constants.HF_HUB_OFFLINE:
            return fetch.from_cache()
        return fetch.from_hub()


def _checked_endpoint(endpoint: str | None) -> str | None:
    if endpoint is None:
        return None
    try:
        parts = urlsplit(endpoint)
        usable = (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and not parts.query
            and not parts.fragment
        )
        _ = parts.port
    except ValueError:
        usable = False
    if not usable or not endpoint.isprintable() or " " in endpoint:
        raise UsageError(
            f"the endpoint {shown(_scrubbed(endpoint, None))} is not an address; write https://HOST"
        )
    return endpoint.rstrip("/")


class _Fetch:
    """One download, with what its error messages need."""

    def __init__(
        self,
        repo: str,
        revision: str | None,
        *,
        endpoint: str | None,
        token: str | None,
        cache: Path | None,
        max_bytes: int,
    ) -> None:
        self.repo, self.revision, self.endpoint, self.token = repo, revision, endpoint, token
        self.cache, self.max_bytes = cache, max_bytes
        self.name = repo if revision is None else f"{repo}@{revision}"

    def from_cache(self) -> Path:
        """The folder of files fetched before."""
        try:
            path = self._download(CONFIG_NAME, self.revision, local=True)
            self._optional(INDEX_NAME, self.revision, local=True)
        except Exception as error:
            self._refuse(error)
        return path.parent

    def from_hub(self) -> Path:
        """The folder of the files of one commit."""
        try:
            commit = self._check(CONFIG_NAME, self.revision)
            path = self._download(CONFIG_NAME, commit)
            self._optional(INDEX_NAME, commit)
        except Exception as error:
            self._refuse(error)
        return path.parent

    def _optional(self, name: str, revision: str | None, *, local: bool = False) -> None:
        from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

        try:
            if not local:
                self._check(name, revision)
            self._download(name, revision, local=local)
        except LocalEntryNotFoundError:
            if not local:
                raise
        except EntryNotFoundError:
            return

    def _check(self, name: str, revision: str | None) -> str | None:
        """Check a file's stated size; gives the commit it belongs to."""
        from huggingface_hub import get_hf_file_metadata, hf_hub_url

        url = hf_hub_url(self.repo, name, revision=revision, endpoint=self.endpoint)
        found = get_hf_file_metadata(url, token=self.token, timeout=TIMEOUT_S, endpoint=self.endpoint)
        if found.size is None:
            raise RemoteError(f"{self.name}: the hub does not state the size of {name}; download it yourself")
        if found.size > self.max_bytes:
            raise RemoteError(
                f"{self.name}: {name} has {found.size / MB:,.1f} MB, but at most "
                f"{self.max_bytes / MB:,.1f} MB are allowed; raise the limit or download it yourself"
            )
        return found.commit_hash or revision

    def _download(self, name: str, revision: str | None, *, local: bool = False) -> Path:
        from huggingface_hub import hf_hub_download

        path = Path(
            hf_hub_download(
                self.repo,
                name,
                revision=revision,
                endpoint=self.endpoint,
                token=self.token,
                cache_dir=self.cache,
                etag_timeout=TIMEOUT_S,
                local_files_only=local,
            )
        )
        if path.stat().st_size > self.max_bytes:
            raise RemoteError(f"{self.name}: {name} is larger than allowed; raise the limit")
        with path.open("rb") as file:
            if file.read(len(LFS_POINTER)) == LFS_POINTER:
                raise RemoteError(
                    f"{self.name}: {name} is a Git LFS pointer there; ask the hub's owner for the file"
                )
        return path

    def _refuse(self, error: Exception) -> NoReturn:
        """Raise what the error of huggingface_hub means. Anything that is not its own stays as it is."""
        from huggingface_hub.errors import HFValidationError

        if isinstance(error, (RemoteError, UsageError)):
            raise error from None
        if isinstance(error, HFValidationError):
            raise UsageError(f"{shown(self.name)} is not a repository; write OWNER/NAME@REVISION") from None
        if isinstance(error, OSError) and error.filename is not None:
            raise UsageError(f"the cache cannot be used: {error.filename}: {error.strerror}") from None
        root = type(error).__module__.partition(".")[0].rstrip("0123456789")
        if not isinstance(error, OSError) and root not in _FOREIGN:
            raise error
        raise RemoteError(f"{self.name}: {self._meaning(error)}") from None

    def _meaning(self, error: Exception) -> str:
        from huggingface_hub import errors

        if isinstance(error, errors.GatedRepoError):
            return "the repository is gated; accept its terms on its page, then set HF_TOKEN or give a token"
        if isinstance(error, errors.RevisionNotFoundError):
            return "there is no such branch, tag or commit; check the part after the @"
        if isinstance(error, errors.RepositoryNotFoundError):
            return "no such repository, or it is private; check the name, or set HF_TOKEN or give a token"
        if isinstance(error, (errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError)):
            cause = error.__cause__
            if isinstance(error, errors.LocalEntryNotFoundError) and isinstance(cause, Exception):
                return self._meaning(cause)
            return "not in the cache, and the hub may not be asked; unset HF_HUB_OFFLINE or download it first"
        if isinstance(error, errors.EntryNotFoundError):
            return f"has no {CONFIG_NAME}; give the repository of the base model, or download a .gguf file"
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status is not None:
            return _status_meaning(status)
        names = " ".join(kind.__name__ for kind in type(error).__mro__)
        if "Timeout" in names:
            return f"no answer within {TIMEOUT_S:.0f} s; try again, or set HF_HUB_OFFLINE=1 to use the cache"
        detail = _scrubbed(" ".join(str(error).split())[:200], self.token)
        return f"could not be read ({type(error).__name__}: {detail}); check the connection and the endpoint"


def _status_meaning(status: int) -> str:
    if status == 401:
        return "the hub asks for a login (401); set HF_TOKEN, or check the token"
    if status == 403:
        return "the token may not read it (403); ask for access, or use another token"
    if status == 404:
        return "not found (404); check the name and the endpoint"
    if status == 429:
        return "too many requests (429); wait a few minutes, or give a token"
    if status >= 500:
        return f"the hub has a fault ({status}); try again later"
    return f"the hub answered {status}; check the name and the endpoint"


def _scrubbed(text: str, token: str | None) -> str:
    """Text without anything that looks like, or is, a secret."""
    for secret in (token, os.environ.get("HF_TOKEN"), os.environ.get("HUGGING_FACE_HUB_TOKEN")):
        if secret and len(secret) > 3:
            text = text.replace(secret, "***")
    return _SECRET.sub("***", text)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the library's progress bars and log lines, which would mix with the answer's notes."""
    utils = import_module("huggingface_hub.utils")
    logs = import_module("huggingface_hub.utils.logging")
    before, verbosity = utils.are_progress_bars_disabled(), logs.get_verbosity()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        utils.disable_progress_bars()
        logs.set_verbosity(logging.CRITICAL)
        try:
            yield
        finally:
            logs.set_verbosity(verbosity)
            if not before:
                utils.enable_progress_bars()

"""Downloads from a hub: a local server that answers like one."""

import json
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gpucost.errors import RemoteError, UsageError
from gpucost.io.folder import read_model_path
from gpucost.io.hub import download_model_files, parse_spec
from gpucost.io.safetensors import INDEX_NAME
from tests.io import configs

pytest.importorskip("huggingface_hub")

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_" + "SecretSecretSecretSecret"
CONFIG = json.dumps(configs.LLAMA_31_8B).encode()
INDEX = json.dumps({"metadata": {"total_size": 16060522496}, "weight_map": {"a": "a.safetensors"}}).encode()


class Hub(ThreadingHTTPServer):
    """Files by path below `resolve`, and how to misbehave."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {"config.json": CONFIG, INDEX_NAME: INDEX}
        self.status = 200
        self.error_code = ""
        self.delay_s = 0.0
        self.stated_size: int | None = None
        self.seen: list[tuple[str, str, str]] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no fault."""


class Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def _answer(self, *, with_body: bool) -> None:
        hub = self.server
        hub.seen.append((self.command, self.path, self.headers.get("Authorization") or ""))
        time.sleep(hub.delay_s)
        repo, _, rest = self.path.partition("/resolve/")
        revision, _, name = rest.partition("/")
        if hub.status != 200:
            return self._plain(hub.status, hub.error_code)
        if repo != "/org/model":
            return self._plain(404, "RepoNotFound")
        if revision not in {"main", "v1", COMMIT}:
            return self._plain(404, "RevisionNotFound")
        if name not in hub.files:
            return self._plain(404, "EntryNotFound")
        body = hub.files[name]
        self.send_response(200)
        self.send_header("ETag", f'"{name}-{len(body)}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(hub.stated_size or len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)
        return None

    def _plain(self, status: int, code: str) -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
            self.send_header("X-Error-Message", f"refused for {self.headers.get('Authorization')}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def hub() -> Iterator[Hub]:
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture(autouse=True)
def _no_login(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants

    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


def fetch(hub: Hub, tmp_path: Path, spec: str = "org/model", **other: Any) -> Path:
    arguments: dict[str, Any] = {"endpoint": hub.address, "token": None, "max_bytes": 10**6} | other
    return download_model_files(spec, cache=tmp_path / "cache", **arguments)


def test_fetches_two_files_of_one_commit(hub: Hub, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = fetch(hub, tmp_path)
    assert sorted(item.name for item in folder.iterdir()) == ["config.json", INDEX_NAME]
    found = read_model_path(folder)
    assert found.model is not None
    assert (found.model.name, found.weights_bytes) == ("org/model", 16060522496)
    asked = [path for _, path, _ in hub.seen]
    assert asked[0] == "/org/model/resolve/main/config.json"
    assert all(f"/resolve/{COMMIT}/" in path for path in asked[1:])
    assert capfd.readouterr() == ("", "")


def test_revision_and_token_are_sent(hub: Hub, tmp_path: Path) -> None:
    fetch(hub, tmp_path, "org/model@v1", token=TOKEN)
    assert hub.seen[0] == ("HEAD", "/org/model/resolve/v1/config.json", f"Bearer {TOKEN}")
    assert all(sent == f"Bearer {TOKEN}" for _, _, sent in hub.seen)


def test_token_of_the_environment(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    fetch(hub, tmp_path)
    assert hub.seen[0][2] == f"Bearer {TOKEN}"


def test_repository_without_an_index(hub: Hub, tmp_path: Path) -> None:
    del hub.files[INDEX_NAME]
    assert [item.name for item in fetch(hub, tmp_path).iterdir()] == ["config.json"]


def test_too_large_is_not_fetched(hub: Hub, tmp_path: Path) -> None:
    hub.stated_size = 10**9
    with pytest.raises(RemoteError, match=r"config\.json has 1,000\.0 MB, but at most 1\.0 MB"):
        fetch(hub, tmp_path)
    assert [method for method, _, _ in hub.seen] == ["HEAD"]


def test_too_large_index(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match="at most"):
        fetch(hub, tmp_path, max_bytes=len(CONFIG) - 1)
    hub.files[INDEX_NAME] = b" " * 10_000
    with pytest.raises(RemoteError, match=r"index\.json has"):
        fetch(hub, tmp_path, max_bytes=5000)


def test_git_lfs_pointer(hub: Hub, tmp_path: Path) -> None:
    hub.files["config.json"] = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    with pytest.raises(RemoteError, match="Git LFS pointer"):
        fetch(hub, tmp_path)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (401, "RepoNotFound", "no such repository, or it is private"),
        (401, "", "private|asks for a login"),
        (404, "RepoNotFound", "no such repository, or it is private"),
        (403, "GatedRepo", "accept its terms"),
        (403, "", "may not read it"),
        (404, "RevisionNotFound", "no such branch"),
        (404, "EntryNotFound", "has no config.json"),
        (404, "", "not found"),
        (418, "", "answered 418"),
        (429, "", "too many requests"),
        (500, "", "has a fault"),
        (503, "", "has a fault"),
    ],
)
def test_refusals(hub: Hub, tmp_path: Path, status: int, code: str, expected: str) -> None:
    hub.status, hub.error_code = status, code
    started = time.monotonic()
    with pytest.raises(RemoteError, match=expected) as caught:
        fetch(hub, tmp_path, token=TOKEN)
    assert time.monotonic() - started < (60 if status == 429 else 5)  # old clients wait and try again
    assert caught.value.exit_code == 4
    assert TOKEN not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_unknown_revision_and_repository(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match=r"org/model@v9: there is no such branch"):
        fetch(hub, tmp_path, "org/model@v9")
    with pytest.raises(RemoteError, match="org/other: no such repository"):
        fetch(hub, tmp_path, "org/other")


def test_timeout(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpucost.io.hub.TIMEOUT_S", 0.2)
    hub.delay_s = 2.0
    with pytest.raises(RemoteError, match="no answer within"):
        fetch(hub, tmp_path)


def test_nobody_listens(hub: Hub, tmp_path: Path) -> None:
    hub.shutdown()
    hub.server_close()
    with pytest.raises(RemoteError, match="check the connection and the endpoint") as caught:
        fetch(hub, tmp_path, token=TOKEN)
    assert TOKEN not in str(caught.value)


def test_secrets_in_an_address_are_not_shown(hub: Hub, tmp_path: Path) -> None:
    port = hub.server_address[1]
    hub.shutdown()
    hub.server_close()
    with pytest.raises(RemoteError) as caught:
        fetch(hub, tmp_path, endpoint=f"http://user:pa55word@127.0.0.1:{port}")
    assert "pa55word" not in str(caught.value)
    with pytest.raises(UsageError) as usage:
        fetch(hub, tmp_path, endpoint="ftp://user:pa55word@host")
    assert "pa55word" not in str(usage.value)


def test_offline_uses_the_cache(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    folder = fetch(hub, tmp_path, "org/model@main")
    hub.seen.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert fetch(hub, tmp_path, f"org/model@{COMMIT}") == folder
    assert hub.seen == []
    with pytest.raises(RemoteError, match="not in the cache"):
        fetch(hub, tmp_path, "org/other")


def test_cache_that_cannot_be_written(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(UsageError, match="the cache cannot be used"):
        fetch(hub, tmp_path)


def test_without_the_extra(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UsageError, match=r"pip install 'gpucost\[hf\]'"):
        fetch(hub, tmp_path)


@pytest.mark.parametrize(
    "spec",
    ["", "a/b/c", "../x", "a/..", ".a/b", "a/b.", "a--b/c", "a/b.git", "datasets/a/b", "a b/c", "a/b\n",
     "a/é", "x" * 97, "http://host/a", "a/b@", "a/b@../x", "a/b@-x", "a/b@x y", "a/b@x\n", "a/b@x//y",
     "a/b@/x", "a/b@" + "x" * 201, "a/b@c@d"],
)  # fmt: skip
def test_wrong_specs(spec: str) -> None:
    with pytest.raises(UsageError):
        parse_spec(spec)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("gpt2", ("gpt2", None)),
        ("org/model", ("org/model", None)),
        ("org/Model-1.5_x@refs/pr/3", ("org/Model-1.5_x", "refs/pr/3")),
        (f"org/model@{COMMIT}", ("org/model", COMMIT)),
    ],
)
def test_specs(spec: str, expected: tuple[str, str | None]) -> None:
    assert parse_spec(spec) == expected


@pytest.mark.parametrize(
    "other",
    [{"max_bytes": 0}, {"token": "a b"}, {"token": "a\nb"}, {"token": ""}, {"endpoint": "host"},
     {"endpoint": "http://"}, {"endpoint": "file:///etc"}, {"endpoint": "http://h/?a=b"}, {"endpoint": "http://h:99999"}],
)  # fmt: skip
def test_wrong_arguments(hub: Hub, tmp_path: Path, other: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        fetch(hub, tmp_path, **other)
    assert not other.get("token") or other["token"] not in str(caught.value)
    assert hub.seen == []

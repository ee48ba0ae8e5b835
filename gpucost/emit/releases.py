"""Exact releases and container images behind MAJOR.MINOR of an engine."""

from gpucost.domain.deployment import EngineKind, Version

# Last patch release of each minor version, from the version lists of the packages on 2026-11-21.
_VLLM = {
    Version(0, 6): "0.6.6.post1",
    Version(0, 7): "0.7.3",
    Version(0, 8): "0.8.5.post1",
    Version(0, 9): "0.9.2",
    Version(0, 10): "0.10.2",
    Version(0, 11): "0.11.2",
    Version(0, 14): "0.14.1",
    Version(0, 15): "0.15.1",
    Version(0, 17): "0.17.1",
    Version(0, 18): "0.18.1",
    Version(0, 19): "0.19.1",
    Version(0, 20): "0.20.2",
    Version(0, 22): "0.22.1",
    Version(0, 25): "0.25.1",
    Version(0, 27): "0.27.1",
}
_SGLANG = {Version(0, 4): "0.4.10.post2", Version(0, 5): "0.5.23"}
# Images up to CUDA 12 carry the CUDA version in the tag; v0.5.20 and later are CUDA 13 only
# (sgl-project/sglang@7760d526:docs/docs/get-started/install.mdx).
_SGLANG_TAGS = {Version(0, 4): "v0.4.10.post2-cu126"}

WORKER_SINCE = Version(0, 22)
"""First vLLM whose number the tags of RunPod's worker follow: v2.23.0 carries vLLM 0.23.0."""


def release(engine: EngineKind, version: Version) -> str:
    """MAJOR.MINOR.PATCH of the package to install: the newest known of that minor version.

    Raises ValueError where an engine has no such package.
    """
    if engine is EngineKind.VLLM:
        return _VLLM.get(version, f"{version}.0")
    if engine is EngineKind.SGLANG:
        return _SGLANG.get(version, f"{version}.0")
    raise ValueError(f"no package release is known for {engine}")


def image(engine: EngineKind, version: Version) -> str:
    """Container image of an engine.

    Raises ValueError where none is known.
    """
    if engine is EngineKind.VLLM:
        return f"vllm/vllm-openai:v{release(engine, version)}"
    if engine is EngineKind.SGLANG:
        return f"lmsysorg/sglang:{_SGLANG_TAGS.get(version, 'v' + release(engine, version))}"
    if engine is EngineKind.LLAMA_CPP:
        # docs/docker.md of llama.cpp as packed in llama-cpp-python 0.3.36; `server-cuda-bNNNN` pins a build.
        return "ghcr.io/ggml-org/llama.cpp:server-cuda"
    raise ValueError(f"no container image is known for {engine}")


def runpod_worker(version: Version) -> str | None:
    """Image of RunPod's own vLLM worker; None where its tag for that version is not known.

    Tags: github.com/runpod-workers/worker-vllm, release v2.23.0 (vLLM 0.23.0), pull request 302 (0.22.1).
    """
    if version < WORKER_SINCE or version.major:
        return None
    return f"runpod/worker-v1-vllm:v2.{version.minor}.0"

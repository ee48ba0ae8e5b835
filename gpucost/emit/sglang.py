"""The command line of `sglang.launch_server`.

Read in the packages sglang 0.4.10.post2 (`sglang/srt/server_args.py`) and 0.5.23
(`sglang/srt/arg_groups/fields`): no environment variable holds the key, so it is handed over as
`--api-key`; /health and /metrics ask for none (`sglang/srt/utils/auth.py`).
"""

from gpucost.domain.deployment import Version
from gpucost.domain.launch import Launch, Speculation
from gpucost.emit.command import Command, Key, Option
from gpucost.emit.formats import canonical, is_gguf
from gpucost.emit.memory import budget, weights

PORT = 30000
KEY = Key("SGLANG_API_KEY", "--api-key")
# --speculative-algorithm: 0.4.10 has EAGLE, EAGLE3 and NEXTN; STANDALONE and NGRAM came with 0.5.
_ALGORITHMS = {"eagle3": "EAGLE3", "mtp": "NEXTN"}
_ALGORITHMS_0_5 = {**_ALGORITHMS, "draft_model": "STANDALONE", "ngram": "NGRAM"}


def command(launch: Launch) -> Command:
    """`sglang.launch_server` with the numbers of the plan.

    Raises ValueError where this version cannot serve the plan.
    """
    if is_gguf(launch.quantization):
        raise ValueError(f"quantization: {launch.quantization} is a GGUF format; llama.cpp serves it")
    memory = budget(launch, f"{weights(launch)} and KV cache")
    options = [
        Option("--tp-size", str(launch.tp), "cards that share one copy of the model"),
        Option(
            "--context-length", str(launch.max_model_len), "longest prompt and answer of the plan [tokens]"
        ),
        Option(
            "--max-running-requests", str(launch.max_num_seqs), "sequences in flight per replica in the plan"
        ),
        Option("--mem-fraction-static", f"{launch.gpu_memory_utilization:g}", memory),
        Option("--enable-metrics", None, "Prometheus metrics at /metrics"),
    ]
    if launch.pp > 1:
        options.append(Option("--pp-size", str(launch.pp), "stages of one copy of the model"))
    if launch.ep > 1:
        if launch.engine_version <= Version(0, 4):
            options.append(Option("--enable-ep-moe", None, "experts stay whole, spread over the cards"))
        options.append(Option("--ep-size", str(launch.ep), "cards that share the experts"))
    if launch.dtype is not None:
        options.append(Option("--dtype", launch.dtype, "the card does not compute in bfloat16"))
    if launch.kv_dtype != "auto":
        dtype = "fp8_e4m3" if launch.kv_dtype == "fp8" else launch.kv_dtype
        options.append(Option("--kv-cache-dtype", dtype, "format that the KV cache was sized with"))
    if launch.max_num_batched_tokens:
        tokens = str(launch.max_num_batched_tokens)
        options.append(Option("--chunked-prefill-size", tokens, "prompt tokens per step in the plan"))
    online = canonical(launch.quantization) == "fp8" and launch.base_model == launch.model
    if online:
        options.append(Option("--quantization", "fp8", "the checkpoint is 16 bit: quantised while it loads"))
    if launch.revision is not None:
        options.append(Option("--revision", launch.revision, "pinned"))
    if launch.enforce_eager:
        options.append(Option("--disable-cuda-graph", None, "no CUDA graphs in the plan"))
    if launch.speculation:
        options.extend(_speculative(launch.speculation, launch.engine_version))
    note = f"no --quantization: {launch.quantization} is read from the checkpoint"
    start = ("python3", "-m", "sglang.launch_server", "--model-path", launch.model)
    return Command(start, tuple(options), PORT, KEY, () if online else (note,))


def _speculative(speculation: Speculation, version: Version) -> list[Option]:
    known = _ALGORITHMS if version <= Version(0, 4) else _ALGORITHMS_0_5
    if speculation.method not in known:
        raise ValueError(f"speculation: SGLang {version} has no {speculation.method}")
    if speculation.method in ("draft_model", "eagle3") and speculation.draft_model is None:
        raise ValueError(f"draft_model: {speculation.method} needs the repository of the model that drafts")
    why = f"{speculation.tokens} tokens drafted per pass"
    options = [Option("--speculative-algorithm", known[speculation.method], why)]
    if speculation.draft_model is not None:
        options.append(Option("--speculative-draft-model-path", speculation.draft_model))
    if speculation.method == "ngram":
        return [*options, Option("--speculative-num-draft-tokens", str(speculation.tokens))]
    # A chain, not a tree: one candidate per step, and the token that the model itself adds is counted too.
    return [
        *options,
        Option("--speculative-num-steps", str(speculation.tokens)),
        Option("--speculative-eagle-topk", "1"),
        Option("--speculative-num-draft-tokens", str(speculation.tokens + 1)),
    ]

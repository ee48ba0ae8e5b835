"""The command line of `vllm serve`, in the syntax of its version.

Options, and what happens to them, were read in the packages that `flags_vllm` names:
`vllm/engine/arg_utils.py`, `vllm/config/speculative.py`, `vllm/model_executor/layers/quantization/`. The
key is the environment variable VLLM_API_KEY (`vllm/envs.py`, 0.6.6 to 0.33.0); it guards the paths below
/v1 only.
"""

import json

from gpucost.domain.deployment import Version
from gpucost.domain.launch import Launch, Speculation
from gpucost.emit.command import Command, Key, Option
from gpucost.emit.formats import BITSANDBYTES, SIXTEEN_BIT, canonical, is_gguf
from gpucost.emit.memory import budget, weights

PORT = 8000
KEY = Key("VLLM_API_KEY")
SPECULATIVE_CONFIG = Version(0, 8)
"""First version with one JSON option for speculative decoding (0.8.2, to be exact)."""
# 0.10.0 to 0.14.1 stop with "Speculative decoding with draft model is not supported yet"; 0.15.1 drafts.
_NO_DRAFT_MODEL = (Version(0, 10), Version(0, 14))
# 0.20.2 reads GGUF, 0.24.0 no more; 0.24.0 reads bitsandbytes, 0.28.0 no more.
_NO_GGUF = Version(0, 24)
_NO_BITSANDBYTES = Version(0, 28)
_LOOKUP_MAX = 4
"""Longest n-gram looked up in the prompt [tokens]: old versions have no default for it."""


def command(launch: Launch) -> Command:
    """`vllm serve` with the numbers of the plan.

    Raises ValueError where this version cannot serve the plan.
    """
    _refuse_format(launch)
    memory = budget(launch, f"{weights(launch)}, activations and KV cache")
    options = [
        Option("--tensor-parallel-size", str(launch.tp), "cards that share one copy of the model"),
        Option(
            "--max-model-len", str(launch.max_model_len), "longest prompt and answer of the plan [tokens]"
        ),
        Option("--max-num-seqs", str(launch.max_num_seqs), "sequences in flight per replica in the plan"),
        Option("--gpu-memory-utilization", f"{launch.gpu_memory_utilization:g}", memory),
    ]
    if launch.pp > 1:
        options.append(Option("--pipeline-parallel-size", str(launch.pp), "stages of one copy of the model"))
    if launch.ep > 1:
        options.append(Option("--enable-expert-parallel", None, "experts stay whole, spread over the cards"))
    if launch.dtype is not None:
        options.append(Option("--dtype", launch.dtype, "the card does not compute in bfloat16"))
    if launch.kv_dtype != "auto":
        options.append(Option("--kv-cache-dtype", launch.kv_dtype, "format that the KV cache was sized with"))
    if launch.max_num_batched_tokens:
        tokens = str(launch.max_num_batched_tokens)
        options.append(Option("--max-num-batched-tokens", tokens, "tokens per step in the plan"))
    online = canonical(launch.quantization) == "fp8" and launch.base_model == launch.model
    if online:
        options.append(Option("--quantization", "fp8", "the checkpoint is 16 bit: quantised while it loads"))
    if launch.revision is not None:
        options.append(Option("--revision", launch.revision, "pinned"))
    if launch.enforce_eager:
        options.append(Option("--enforce-eager", None, "no CUDA graphs in the plan"))
    if launch.speculation:
        options.extend(_speculative(launch.speculation, launch.engine_version))
    notes = () if online else (_format_note(launch),)
    return Command(("vllm", "serve", launch.model), tuple(options), PORT, KEY, notes)


def _format_note(launch: Launch) -> str:
    if canonical(launch.quantization) in SIXTEEN_BIT:
        return f"no --quantization: {launch.quantization} weights are served as they are"
    return (
        f"no --quantization: {launch.quantization} is read from the checkpoint, with the fastest kernel "
        "(awq or gptq spelt out forced a slower one up to 0.11)"
    )


def _refuse_format(launch: Launch) -> None:
    version, quantization = launch.engine_version, canonical(launch.quantization)
    if is_gguf(quantization) and version >= _NO_GGUF:
        raise ValueError(
            f"quantization: vLLM {version} reads no GGUF ({launch.quantization}); llama.cpp does"
        )
    if quantization in BITSANDBYTES and version >= _NO_BITSANDBYTES:
        raise ValueError(f"quantization: vLLM {version} reads no bitsandbytes ({launch.quantization})")


def _speculative(speculation: Speculation, version: Version) -> list[Option]:
    method = speculation.method
    if method in ("draft_model", "eagle3") and speculation.draft_model is None:
        raise ValueError(f"draft_model: {method} needs the repository of the model that drafts")
    if method == "draft_model" and _NO_DRAFT_MODEL[0] <= version <= _NO_DRAFT_MODEL[1]:
        raise ValueError(
            f"speculation: vLLM {version} drafts by eagle3, mtp or ngram, not with another model"
        )
    if version < SPECULATIVE_CONFIG:
        return _separate_options(speculation, version)
    config: dict[str, str | int] = {"num_speculative_tokens": speculation.tokens}
    if method == "mtp":
        # 0.8 knows the method by the model alone, then one name per family, from 0.11 on one for all.
        if version >= Version(0, 9):
            config["method"] = "mtp" if version >= Version(0, 11) else "deepseek_mtp"
    elif method in ("draft_model", "eagle3", "ngram"):
        config["method"] = method
    else:
        raise ValueError(f"speculation: no method {method!r}")
    if speculation.draft_model is not None:
        config["model"] = speculation.draft_model
    if method == "ngram":
        config["prompt_lookup_max"] = _LOOKUP_MAX
    why = f"{speculation.tokens} tokens drafted per pass"
    return [Option("--speculative-config", json.dumps(config, sort_keys=True), why)]


def _separate_options(speculation: Speculation, version: Version) -> list[Option]:
    """Speculative decoding before there was one JSON option."""
    tokens = Option("--num-speculative-tokens", str(speculation.tokens), "tokens drafted per pass")
    if speculation.method == "draft_model":
        small = Option("--speculative-draft-tensor-parallel-size", "1", "the small model stays on one card")
        return [Option("--speculative-model", speculation.draft_model), tokens, small]
    if speculation.method == "ngram":
        lookup = Option("--ngram-prompt-lookup-max", str(_LOOKUP_MAX), "longest n-gram looked up [tokens]")
        return [Option("--speculative-model", "[ngram]"), tokens, lookup]
    if speculation.method == "mtp" and version >= Version(0, 7):
        return [tokens]
    raise ValueError(f"speculation: vLLM {version} has no {speculation.method}")

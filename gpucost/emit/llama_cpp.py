"""The command line of `llama-server`.

Options: tools/server/README.md of llama.cpp as packed in llama-cpp-python 0.3.36 (2026). The key is the
environment variable LLAMA_API_KEY; only /health answers without it (tools/server/server-http.cpp), /metrics
asks for it.
"""

from gpucost.domain.launch import Launch, Speculation
from gpucost.emit.command import Command, Key, Option
from gpucost.emit.formats import gguf_name
from gpucost.emit.memory import weights

PORT = 8080
KEY = Key("LLAMA_API_KEY")
CACHE_TYPES = frozenset({"f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "iq4_nl", "q5_0", "q5_1"})
_TYPES = {
    "draft_model": "draft-simple",
    "eagle3": "draft-eagle3",
    "mtp": "draft-mtp",
    "ngram": "ngram-simple",
}


def command(launch: Launch) -> Command:
    """`llama-server` with the numbers of the plan.

    Raises ValueError where llama.cpp cannot serve the plan.
    """
    name = gguf_name(launch.quantization)
    if name is None:
        raise ValueError(
            f"quantization: {launch.quantization} is no GGUF format, the only one that llama.cpp reads"
        )
    context = launch.max_model_len * launch.max_num_seqs
    options = [
        Option("--parallel", str(launch.max_num_seqs), "slots: sequences in flight in the plan"),
        Option(
            "--ctx-size",
            str(context),
            f"{launch.max_model_len} tokens for each slot; they share the cache evenly",
        ),
        Option("--n-gpu-layers", "all", f"all layers on the cards: {weights(launch)} each"),
        Option("--flash-attn", "on", "needed by a quantised cache"),
        Option("--metrics", None, "Prometheus metrics at /metrics"),
    ]
    if launch.gpus > 1:
        options.append(Option("--split-mode", "layer", f"layers spread over {launch.gpus} cards"))
    if launch.kv_dtype != "auto":
        if launch.kv_dtype not in CACHE_TYPES:
            raise ValueError(
                f"kv_dtype: llama.cpp has no {launch.kv_dtype}; one of {', '.join(sorted(CACHE_TYPES))}"
            )
        options.append(Option("--cache-type-k", launch.kv_dtype, "format that the KV cache was sized with"))
        options.append(Option("--cache-type-v", launch.kv_dtype))
    if launch.max_num_batched_tokens:
        options.append(
            Option("--ubatch-size", str(launch.max_num_batched_tokens), "tokens per step in the plan")
        )
    if launch.speculation:
        options.extend(_speculative(launch.speculation))
    notes = (
        () if launch.revision is None else ("the revision is not pinned: llama-server has no option for it",)
    )
    return Command(("llama-server", *_weights(launch.model, name)), tuple(options), PORT, KEY, notes)


def is_file(model: str) -> bool:
    """Whether a model is a file or folder rather than a repository of the hub."""
    return model.startswith(("/", "./", "../", "~")) or model.endswith(".gguf")


def _weights(model: str, name: str) -> tuple[str, str]:
    return ("--model", model) if is_file(model) else ("--hf-repo", f"{model}:{name}")


def _speculative(speculation: Speculation) -> list[Option]:
    if speculation.method not in _TYPES:
        raise ValueError(f"speculation: llama.cpp has no {speculation.method}")
    draft = speculation.draft_model
    if draft is None and speculation.method in ("draft_model", "eagle3"):
        raise ValueError(f"draft_model: {speculation.method} needs the repository of the model that drafts")
    why = f"{speculation.tokens} tokens drafted per pass"
    kind = Option("--spec-type", _TYPES[speculation.method], why)
    if speculation.method == "ngram":
        return [kind, Option("--spec-ngram-simple-size-m", str(speculation.tokens))]
    options = [kind, Option("--spec-draft-n-max", str(speculation.tokens))]
    if draft is not None:
        options.append(Option("--spec-draft-model" if is_file(draft) else "--spec-draft-hf", draft))
    return options

"""The command line of `trtllm-serve`: NVIDIA/TensorRT-LLM@00209af1:tensorrt_llm/commands/serve.py.

It knows no API key, so that its server stays on the loopback address: no manifest publishes it.
"""

from gpucost.domain.launch import Launch
from gpucost.emit.command import Command, Option
from gpucost.emit.formats import is_gguf
from gpucost.emit.memory import weights

PORT = 8000


def command(launch: Launch) -> Command:
    """`trtllm-serve` with the numbers of the plan.

    Raises ValueError for what only its YAML options can say.
    """
    if is_gguf(launch.quantization):
        raise ValueError(f"quantization: {launch.quantization} is a GGUF format; llama.cpp serves it")
    if launch.kv_dtype != "auto":
        raise ValueError(
            "kv_dtype: trtllm-serve has no option for it; use auto, or set it in its own --config file"
        )
    if launch.speculation:
        raise ValueError("speculation: trtllm-serve has no option for it; set it in its own --config file")
    free = f"of what {weights(launch)} leave free on each card, for the KV cache"
    options = [
        Option("--tp_size", str(launch.tp), "cards that share one copy of the model"),
        Option("--max_seq_len", str(launch.max_model_len), "longest prompt and answer of the plan [tokens]"),
        Option("--max_batch_size", str(launch.max_num_seqs), "sequences in flight per replica in the plan"),
        Option("--kv_cache_free_gpu_memory_fraction", f"{launch.gpu_memory_utilization:g}", free),
    ]
    if launch.pp > 1:
        options.append(Option("--pp_size", str(launch.pp), "stages of one copy of the model"))
    if launch.ep > 1:
        options.append(Option("--ep_size", str(launch.ep), "cards that share the experts"))
    if launch.max_num_batched_tokens:
        options.append(
            Option("--max_num_tokens", str(launch.max_num_batched_tokens), "tokens per step in the plan")
        )
    if launch.revision is not None:
        options.append(Option("--revision", launch.revision, "pinned"))
    return Command(("trtllm-serve", launch.model), tuple(options), PORT, None)

"""Which ways of cutting a model over cards are possible."""

from gpucost.domain.deployment import Parallelism
from gpucost.domain.model import LatentAttention, LinearAttention, Model, MoeMlp, SoftmaxAttention, StateSpace
from gpucost.domain.quantization import Quantization


def parallel_fault(model: Model, quantization: Quantization, parallel: Parallelism) -> str | None:
    """Why a model cannot be cut like this, or None.

    Heads, KV heads, states and intermediate sizes must divide; grouped formats need whole groups on
    every rank; pipeline stages need at least one layer; whole experts must divide over ranks.
    """
    tp = parallel.tp
    for mixer in model.mixers:
        match mixer:
            case SoftmaxAttention():
                if mixer.heads % tp:
                    return f"tp {tp} does not divide {mixer.heads} attention heads"
                if mixer.kv_heads % tp and tp % mixer.kv_heads:
                    return f"tp {tp} and {mixer.kv_heads} KV heads do not divide"
            case LatentAttention():
                if mixer.heads % tp:
                    return f"tp {tp} does not divide {mixer.heads} attention heads"
            case LinearAttention():
                if mixer.value_heads % tp or mixer.key_heads % tp:
                    heads = f"{mixer.key_heads}/{mixer.value_heads}"
                    return f"tp {tp} does not divide {heads} linear-attention heads"
            case StateSpace():
                if mixer.heads % tp:
                    return f"tp {tp} does not divide {mixer.heads} state-space heads"
    for mlp in model.mlps:
        routed = isinstance(mlp, MoeMlp)
        if isinstance(mlp, MoeMlp) and parallel.ep > 1:
            if mlp.experts % parallel.ep:
                return f"ep {parallel.ep} does not divide {mlp.experts} experts"
            continue
        if mlp.intermediate_size % tp:
            return f"tp {tp} does not divide the intermediate size {mlp.intermediate_size}"
        group = quantization.group_size
        part = "expert_down" if routed else "mlp_down"
        needs_groups = group and part in quantization.parts and quantization.id != "mxfp4"
        if needs_groups and group and (mlp.intermediate_size // tp) % group:
            return f"tp {tp} cuts the intermediate size {mlp.intermediate_size} within a group of {group}"
    if parallel.pp > model.layers:
        return f"pp {parallel.pp} is more than the {model.layers} layers"
    return None

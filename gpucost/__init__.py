"""GPU cost and sizing calculator for LLMs: sourced data, measured error.

`gpucost.size(model="meta-llama/Llama-3.1-8B", gpu="l40s")` returns the same report that the command
line prints; so do `gpucost.throughput`, `gpucost.cost`, `gpucost.bill`, `gpucost.breakeven`,
`gpucost.compare`, `gpucost.simulate`, `gpucost.traffic`, `gpucost.train`, `gpucost.plan`,
`gpucost.deploy`, `gpucost.check`, `gpucost.diff`, `gpucost.explain` and `gpucost.validate`.
"""

TYPE_CHECKING = False  # as in `typing`, whose import would cost more than `--version` answers in

if TYPE_CHECKING:
    from gpucost.api.bill import bill
    from gpucost.api.breakeven import breakeven
    from gpucost.api.check import check
    from gpucost.api.compare import compare
    from gpucost.api.cost import cost
    from gpucost.api.deploy import deploy
    from gpucost.api.diff import diff
    from gpucost.api.explain import explain
    from gpucost.api.plan import plan
    from gpucost.api.simulate import simulate
    from gpucost.api.size import size
    from gpucost.api.throughput import throughput
    from gpucost.api.traffic import traffic
    from gpucost.api.train import train
    from gpucost.api.validate import validate

__version__ = "0.1.0"
__all__ = [
    "__version__",
    "bill",
    "breakeven",
    "check",
    "compare",
    "cost",
    "deploy",
    "diff",
    "explain",
    "plan",
    "simulate",
    "size",
    "throughput",
    "traffic",
    "train",
    "validate",
]


def __getattr__(name: str) -> object:
    """Load a question when it is first asked: importing the package costs nothing."""
    if name in __all__:
        from importlib import import_module

        return getattr(import_module(f"gpucost.api.{name}"), name)
    raise AttributeError(f"module 'gpucost' has no attribute {name!r}")

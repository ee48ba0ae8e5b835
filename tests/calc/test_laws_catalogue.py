"""The laws again, on every model of the catalogue and every engine."""

from __future__ import annotations

import math
from functools import cache

import pytest

from gpucost.api.engines import EngineFlags, EngineSetup
from gpucost.api.sizing import Evaluation, Load, Sizer, kv_tokens, longest_context
from gpucost.calc.kv_cache import sequence_bytes
from gpucost.calc.parallel import parallel_fault
from gpucost.calc.tensors import active_parameters, total_parameters
from gpucost.catalog.names import CACHE_FORMATS, resolve_version
from gpucost.catalog.store import Catalog, load
from gpucost.domain.cache import CacheKind
from gpucost.domain.deployment import EngineKind, Parallelism
from gpucost.units import GIB
from tests.calc.strategies import BF16, per_gpu

ENGINES = [
    ("vllm", "0.7"),
    ("vllm", "0.12"),
    ("vllm", "0.33"),
    ("sglang", "0.5"),
    ("tensorrt-llm", "1.2"),
    ("llama.cpp", None),
    ("transformers", "5.23"),
]
LOAD = Load(16_384, 4)
FORMATS = [
    ("fp32", "bf16"),
    ("bf16", "fp8-block"),
    ("gptq-int8", "gptq-int4"),
    ("f16", "q8-0"),
    ("q8-0", "q6-k"),
    ("q6-k", "q4-0"),
]


@cache
def catalog() -> Catalog:
    return load()


MODELS = sorted(load().model_rows)


@pytest.mark.parametrize("identity", MODELS)
def test_sizes_of_every_model(identity: str) -> None:
    model = catalog().model(identity)
    whole = per_gpu(model)
    assert 0 < active_parameters(model) <= total_parameters(model)
    assert whole >= 2 * total_parameters(model) * (1 - 1e-9)
    assert whole <= 2 * total_parameters(model) + 2 * 2 * 64 * model.hidden_size
    for tp in (2, 4, 8):
        if parallel_fault(model, BF16, Parallelism(tp)) is None:
            assert whole <= tp * per_gpu(model, tp=tp) * (1 + 1e-12)
            assert per_gpu(model, tp=tp) < whole
    for wide, narrow in FORMATS:
        assert per_gpu(model, catalog().quantization(narrow)) < per_gpu(model, catalog().quantization(wide))


def evaluate(identity: str, engine: str, version: str | None, flags: EngineFlags) -> tuple[Sizer, Evaluation]:
    found = catalog().engine(engine)
    sizer = Sizer(
        model=catalog().model(identity),
        setup=EngineSetup(found, resolve_version(found, version), flags),
        cache=CACHE_FORMATS["bf16"],
        load=LOAD,
        usable_override={"b300-sxm-288gb": 16_384 * GIB},
    )
    card = catalog().gpus["b300-sxm-288gb"]
    return sizer, sizer.evaluate(card, catalog().quantization("bf16"), Parallelism())


@pytest.mark.parametrize(("engine", "version"), ENGINES)
def test_every_model_on_every_engine(engine: str, version: str | None) -> None:
    """On a card of 16 TiB: parts sum up, the identity closes, nothing holds more than its bytes allow."""
    for identity in MODELS:
        sizer, got = evaluate(identity, engine, version, EngineFlags())
        budget = got.budget
        assert all(math.isfinite(value) for value in budget), identity
        assert sum(got.by_part.values()) == budget.weights_bytes, identity
        if sizer.setup.kind is EngineKind.VLLM:
            inside = budget.cuda_graphs_bytes if got.settings.graphs_in_budget else 0
            parts = (budget.weights_bytes, budget.activations_bytes, budget.non_torch_bytes, inside)
            share = math.fsum((*parts, budget.states_bytes, budget.kv_available_bytes))
            assert share == pytest.approx(budget.usable_bytes * got.settings.utilization, abs=1), identity
        growing = [spec for spec in got.specs if spec.kind is not CacheKind.STATE]
        need = sequence_bytes(growing, tokens=LOAD.context)
        assert got.max_concurrency * need <= got.room_bytes * (1 + 1e-12), identity
        assert got.need_bytes == LOAD.concurrency * sequence_bytes(got.specs, tokens=LOAD.context)
        assert got.fits == (got.max_concurrency >= LOAD.concurrency)
        longest = longest_context(got, LOAD, 1_000_000)
        assert (longest >= LOAD.context) == got.fits, identity
        assert kv_tokens(got, LOAD) >= 0


def test_a_stated_pool_replaces_the_computed_one() -> None:
    found = catalog().engine("vllm")
    sizer = Sizer(
        model=catalog().model("Qwen/Qwen3-8B"),
        setup=EngineSetup(found, resolve_version(found, "0.12"), EngineFlags()),
        cache=CACHE_FORMATS["bf16"],
        load=LOAD,
        usable_override={},
        pool_override=147_456 * 65_536,
    )
    card = catalog().gpus["h100-sxm-80gb"]
    got = sizer.evaluate(card, catalog().quantization("bf16"), Parallelism())
    assert got.max_concurrency == 4
    assert got.fits
    assert kv_tokens(got, LOAD) == 65_536

"""Laws of speed, over random deployments: nothing comes for free, nothing beats the hardware."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpucost.api.speed import speed_constants, traits_of
from gpucost.calc.latency import concurrency_for, largest_load, ttft_quantile_s
from gpucost.calc.machine import Machine, SpeedConstants, Traits, machine_of
from gpucost.calc.speed import (
    Round,
    Speculation,
    closed_loop,
    decode_parts,
    decode_step_s,
    sequence_cache_bytes,
    tokens_per_pass,
    touched_share,
)
from gpucost.calc.sweep import stacked_traits, stacked_work, sweep
from gpucost.calc.token_cost import usd_per_million
from gpucost.calc.work import Work, work_of
from gpucost.domain.deployment import Parallelism
from gpucost.domain.engine import EngineSpeed
from tests.calc.strategies import BF16, BF16_CACHE, count, law
from tests.reference.loading import catalog

MODELS = (
    "Qwen/Qwen3-0.6B",
    "meta-llama/Llama-3.1-8B",
    "meta-llama/Llama-3.3-70B-Instruct",
    "mistralai/Mixtral-8x7B-v0.1",
    "openai/gpt-oss-120b",
    "deepseek-ai/DeepSeek-R1",
    "Qwen/Qwen3.5-397B-A17B",
    "google/gemma-3-27b-it",
)
CARDS = ("h100-sxm-80gb", "b200-sxm-180gb", "a100-pcie-80gb", "l40s-48gb", "mi300x-192gb", "rtx-4090-24gb")
FORMATS = ("bf16", "fp8", "awq", "nvfp4")
PAGED = EngineSpeed(None, "graphs", "paged", "mixed", "")


def constants() -> SpeedConstants:
    return speed_constants(catalog())


class Place(NamedTuple):
    """One rank of a deployment."""

    work: Work
    traits: Traits

    @property
    def machine(self) -> Machine:
        return machine_of(self.work, self.traits, constants())

    def loop(self, concurrency: float, given: float, made: float, room: float = 1e9) -> Round:
        return closed_loop(
            self.work,
            self.machine,
            concurrency=concurrency,
            room=room,
            input_tokens=given,
            output_tokens=made,
        )


def place(model: str, card: str, form: str, tp: int) -> Place:
    quantization = catalog().quantization(form)
    work = work_of(
        catalog().model(model), quantization=quantization, parallel=Parallelism(tp), cache=BF16_CACHE
    )
    return Place(work, traits_of(catalog().gpus[card], quantization, PAGED))


@st.composite
def places(draw: st.DrawFn, *, tps: tuple[int, ...] = (1, 2, 4, 8)) -> Place:
    return place(
        draw(st.sampled_from(MODELS)),
        draw(st.sampled_from(CARDS)),
        draw(st.sampled_from(FORMATS)),
        draw(st.sampled_from(tps)),
    )


LOADS = st.floats(1, 512)
TOKENS = st.floats(1, 60_000)


@law
@given(places(), LOADS, LOADS, TOKENS, TOKENS)
def test_tpot_never_falls_with_concurrency(
    spot: Place, one: float, other: float, given_: float, made: float
) -> None:
    low, high = sorted((one, other))
    assert spot.loop(low, given_, made).tpot_s <= spot.loop(high, given_, made).tpot_s * (1 + 1e-12)


@law
@given(places(), LOADS, TOKENS, TOKENS, TOKENS)
def test_longer_prompts_never_raise_throughput_and_always_delay_the_first_token(
    spot: Place, load: float, one: float, other: float, made: float
) -> None:
    short, long = sorted((one, other))
    pool = 30e9

    def at(tokens: float) -> Round:
        each = float(sequence_cache_bytes(spot.work, tokens + made / 2))
        return spot.loop(load, tokens, made, max(1.0, pool / max(each, 1.0)))

    few, many = at(short), at(long)
    assert many.requests_per_s <= few.requests_per_s * (1 + 1e-12)
    assert many.prefill_s >= few.prefill_s * (1 - 1e-12)
    assert many.alone_s >= few.alone_s * (1 - 1e-12)


@law
@given(places(), LOADS, TOKENS)
def test_decoding_beats_neither_bandwidth_nor_peak(spot: Place, load: float, context: float) -> None:
    step = decode_step_s(spot.work, spot.machine, sequences=load, context=context)
    work, traits = spot.work, spot.traits
    touched = float(touched_share(work, load))
    read = work.dense_bytes + touched * work.expert_bytes + work.head_bytes
    read += load * sequence_cache_bytes(work, context)
    assert read / step <= traits.bandwidth
    flops = work.low_flops + work.full_flops + work.expert_flops + work.head_flops
    assert load * flops / step <= max(traits.low_peak, traits.full_peak)


@law
@given(places(tps=(1,)), LOADS, TOKENS, TOKENS)
def test_twice_the_cards_never_more_than_double_the_work_of_the_same_sequences(
    spot: Place, load: float, given_: float, made: float
) -> None:
    """At equal concurrency, where no freed cache lets more run."""
    one = spot.loop(load, given_, made)
    halves = {
        name: getattr(spot.work, name) / 2
        for name in Work._fields
        if name.endswith(("_bytes", "_flops")) and name not in ("window",)
    }
    ideal = spot.work._replace(**halves)
    machine = machine_of(ideal, spot.traits, constants())
    two = closed_loop(ideal, machine, concurrency=load, room=1e9, input_tokens=given_, output_tokens=made)
    assert two.requests_per_s <= 2 * one.requests_per_s * (1 + 1e-12)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("card", CARDS)
def test_tensor_parallelism_never_more_than_doubles_speed(model: str, card: str) -> None:
    for tp in (1, 2, 4):
        for load in (1.0, 16.0, 256.0):
            one = place(model, card, "bf16", tp).loop(load, 1000, 500)
            two = place(model, card, "bf16", 2 * tp).loop(load, 1000, 500)
            assert two.requests_per_s <= 2 * one.requests_per_s * (1 + 1e-12)


@law
@given(places(), LOADS, TOKENS, TOKENS, st.floats(1, 600))
def test_requests_in_flight_are_rate_times_time(
    spot: Place, load: float, given_: float, made: float, room: float
) -> None:
    """Little's law, over running and waiting requests."""
    found = spot.loop(load, given_, made, room)
    assert found.requests_per_s * found.e2e_s == pytest.approx(load)
    assert found.running <= room


@law
@given(places(), TOKENS, TOKENS, st.floats(2, 400), st.floats(0.001, 0.999))
def test_a_rate_is_met_at_its_concurrency(
    spot: Place, given_: float, made: float, room: float, share: float
) -> None:
    def rate(load: float) -> float:
        return float(spot.loop(load, given_, made, room).requests_per_s)

    asked = share * rate(room)
    load = concurrency_for(rate, asked=asked, room=room)
    assert load is not None
    met = rate(load) if load >= 1 else load * rate(1.0)
    assert met == pytest.approx(asked, rel=1e-6)
    assert concurrency_for(rate, asked=rate(room) * 1.01, room=room) is None


@law
@given(places(), TOKENS, TOKENS, st.floats(2, 400), st.floats(0.002, 2.0))
def test_the_largest_load_meets_its_limit_and_no_larger_one_does(
    spot: Place, given_: float, made: float, room: float, limit: float
) -> None:
    def meets(load: float) -> bool:
        return float(spot.loop(load, given_, made, room).tpot_s) <= limit

    load = largest_load(meets, room=room)
    if load is None:
        assert not meets(1.0)
    else:
        assert meets(load)
        assert load == room or not meets(min(room, load * 1.001))


@law
@given(places(), LOADS, TOKENS, TOKENS)
def test_percentiles_rise_and_are_not_below_the_mean(
    spot: Place, load: float, given_: float, made: float
) -> None:
    found = spot.loop(load, given_, made)
    p50, p95, p99 = (ttft_quantile_s(found, share=share) for share in (0.5, 0.95, 0.99))
    assert found.ttft_s <= p50 * (1 + 1e-12)
    assert p50 <= p95 <= p99


@law
@given(count(1, 16), st.floats(0, 1))
def test_expected_tokens_of_a_pass_lie_between_one_and_all_drafted(drafted: int, accepted: float) -> None:
    expected = sum(accepted**i for i in range(drafted + 1))
    assert tokens_per_pass(drafted, accepted) == pytest.approx(expected)
    assert 1 <= tokens_per_pass(drafted, accepted) <= drafted + 1


def test_five_drafted_tokens_at_the_seeds_acceptance() -> None:
    """S004-32: 2.94 at 0.7 and 3.69 at 0.8, not five."""
    assert tokens_per_pass(5, 0.7) == pytest.approx(2.94, abs=5e-3)
    assert tokens_per_pass(5, 0.8) == pytest.approx(3.69, abs=5e-3)


@law
@given(places(), LOADS, TOKENS, TOKENS, count(1, 8))
def test_speculation_without_acceptance_is_never_faster(
    spot: Place, load: float, given_: float, made: float, drafted: int
) -> None:
    plain = spot.loop(load, given_, made)
    hopeless = closed_loop(
        spot.work,
        spot.machine,
        concurrency=load,
        room=1e9,
        input_tokens=given_,
        output_tokens=made,
        speculation=Speculation(drafted, 0.0, 0.001),
    )
    assert hopeless.tpot_s > plain.tpot_s


@law
@given(places(), LOADS, TOKENS)
def test_the_parts_of_a_step_add_up(spot: Place, load: float, context: float) -> None:
    parts = decode_parts(spot.work, spot.machine, sequences=load, context=context)
    assert all(part >= 0 for part in parts)
    assert sum(parts) == pytest.approx(
        decode_step_s(spot.work, spot.machine, sequences=load, context=context)
    )


def test_experts_touched_by_one_token_are_its_own_and_by_many_all() -> None:
    spot = place("openai/gpt-oss-120b", "h100-sxm-80gb", "bf16", 1)
    assert touched_share(spot.work, 1.0) == pytest.approx(4 / 128)
    assert touched_share(spot.work, 2.0) == pytest.approx(1 - (1 - 4 / 128) ** 2)
    assert touched_share(spot.work, 1e5) == pytest.approx(1)
    dense = place("meta-llama/Llama-3.1-8B", "h100-sxm-80gb", "bf16", 1)
    assert dense.work.expert_bytes == 0


def test_a_sweep_on_arrays_gives_what_single_loads_give() -> None:
    spots = [place(model, "h100-sxm-80gb", "fp8", 2) for model in MODELS]
    loads = np.array([1.0, 7.0, 300.0])
    found = sweep(
        stacked_work([spot.work for spot in spots]),
        stacked_traits([spot.traits for spot in spots]),
        constants(),
        pools_bytes=np.full(len(spots), 20e9),
        concurrency=loads,
        input_tokens=900.0,
        output_tokens=300.0,
    )
    for row, spot in enumerate(spots):
        room = max(1.0, 20e9 / float(sequence_cache_bytes(spot.work, 1050.0)))
        for column, load in enumerate(loads):
            single = spot.loop(float(load), 900.0, 300.0, room)
            assert found.e2e_s[row, column] == pytest.approx(single.e2e_s, rel=1e-12)


@law
@given(st.floats(0.01, 1000), st.floats(0.1, 1e6), st.floats(1.01, 10))
def test_cost_per_token_falls_with_speed(price: float, speed: float, factor: float) -> None:
    slow = usd_per_million(usd_per_hour=price, tokens_per_s=speed)
    assert usd_per_million(usd_per_hour=price, tokens_per_s=speed * factor) < slow
    assert slow * speed * 3600 / 1e6 == pytest.approx(price)


def test_a_step_by_hand() -> None:
    """Llama 3.1 8B in 16 bit on an H100, one sequence of 1,000 tokens, term by term."""
    spot = place("meta-llama/Llama-3.1-8B", "h100-sxm-80gb", "bf16", 1)
    k = constants()
    layer = 4096 * (4096 + 2 * 1024) + 4096 * 4096 + 3 * 4096 * 14336
    head = 128256 * 4096
    stream = 3350e9 * k.hbm_share
    read = 2 * (32 * layer + head) / stream + 1000 * 32 * 2 * 8 * 128 * 2 / stream
    multiply = 2 * (32 * layer + head) / (989e12 * k.full_share)
    passes = 4096 * 2 * 32 * k.passes / 3350e9
    launches = (32 * k.layer_us + k.sequence_us) / 1e6
    step = decode_step_s(spot.work, spot.machine, sequences=1.0, context=1000.0)
    assert step == pytest.approx(read + multiply + passes + launches, rel=1e-3)
    assert BF16.weight_bits == 16

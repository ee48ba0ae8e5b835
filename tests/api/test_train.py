"""What `train` promises: candidates that add up, limits that are kept, numbers that are cited."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import cache
from itertools import islice, pairwise
from math import inf, isfinite, nan
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gpucost.api.train import train
from gpucost.api.train_data import TrainFlags, hours_of, parse_count
from gpucost.catalog.store import Catalog, load
from gpucost.domain.provenance import Confidence, Evidence
from gpucost.domain.report import Report
from gpucost.domain.training_results import TrainCandidate
from gpucost.errors import DataError, GpucostError, UnknownNameError, UsageError
from gpucost.view.to_json import plain

TODAY = date(2026, 11, 21)
LLAMA_8B = "meta-llama/Llama-3.1-8B"
LLAMA_70B = "meta-llama/Llama-3.1-70B"
H100 = "h100-sxm-80gb"
EIGHT: dict[str, Any] = {"model": LLAMA_8B, "gpu": H100, "gpus": 8, "dataset_tokens": "1B", "seq_len": 4096}
ADAPTERS: dict[str, Any] = {
    "model": LLAMA_8B,
    "method": "lora",
    "gpu": ["rtx-4090-24gb", "a100-sxm-80gb", H100, "b200-sxm-180gb"],
    "dataset_tokens": "100M",
    "seq_len": 4096,
}
QUESTIONS: tuple[dict[str, Any], ...] = (
    EIGHT,
    {"model": LLAMA_8B},
    {"model": LLAMA_8B, "method": "lora", "dataset_tokens": "100M"},
    {"model": LLAMA_8B, "method": "lora", "dataset_tokens": "100M", "sort": "hours", "top": 3},
    {"model": LLAMA_8B, "method": "qlora", "gpu": ["rtx-4090-24gb", "t4-16gb"], "dataset_tokens": "10M"},
    {"model": LLAMA_70B, "method": "qlora", "dataset_tokens": "10M", "sort": "gpus"},
    {"model": LLAMA_70B, "gpu": "a100-sxm-80gb", "gpus": 4, "dataset_tokens": "10M"},
    {"model": LLAMA_70B, "dataset_tokens": "1B", "deadline": "6h", "budget": 2000, "batch": 256},
    {"model": "Qwen/Qwen3-30B-A3B", "gpu": H100, "gpus": 16, "ep": 8, "dataset_tokens": "1B"},
    {"model": "Qwen/Qwen3-30B-A3B", "billing": "spot", "interruptions_per_day": 2, "dataset_tokens": "1B"},
    {"model": "deepseek-ai/DeepSeek-V3", "ep": 32, "gpus": 256, "gpu": "h200-sxm-141gb", "batch": 512},
    {"model": "nvidia/NVIDIA-Nemotron-Nano-9B-v2", "examples": 1e5, "tokens_per_example": 700, "epochs": 3},
    {"model": LLAMA_8B, "gpu": H100, "gpus": 16, "tp": 4, "pp": 2, "virtual_pp": 2, "zero": 1},
    {"model": LLAMA_8B, "gpu": "b200-sxm-180gb", "precision": "fp8-mixed", "compile": True, "explain": True},
    {"model": LLAMA_8B, "dataset_tokens": "10M", "keep_checkpoints": 3, "keep_months": 2.0},
    {"params": 13, "method": "qlora", "gpu": "a100-sxm-80gb", "gpus": 1, "dataset_tokens": "10M"},
)


@pytest.fixture(scope="module")
def ask(shipped: Catalog) -> Any:
    known: dict[str, Report] = {}

    def asked(**question: Any) -> Report:
        name = repr(question)
        if name not in known:
            known[name] = train(**{"today": TODAY, "catalog": shipped, **question})
        return known[name]

    return asked


def label(question: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={value}" for key, value in question.items())


@pytest.mark.parametrize("question", QUESTIONS, ids=label)
class TestEveryAnswer:
    def test_the_parts_of_a_card_add_up(self, ask: Any, question: dict[str, Any]) -> None:
        for each in ask(**question).result.candidates:
            memory = each.memory_per_gpu
            assert all(part >= 0 for part in memory[:6])
            assert memory.total_bytes == sum(memory[:6])
            assert memory.overhead_bytes == sum(memory.overhead_by_part.values())
            assert memory.free_bytes == memory.usable_bytes - memory.total_bytes

    def test_parts_of_a_step_and_lines_of_a_bill_add_up(self, ask: Any, question: dict[str, Any]) -> None:
        for each in ask(**question).result.candidates:
            if each.step is not None:
                assert all(part >= 0 for part in each.step)
                assert each.step.total_s == pytest.approx(sum(each.step[:-1]))
            if each.usd is not None:
                assert each.usd == pytest.approx(sum(line.usd for line in each.lines))
                for line in each.lines:
                    assert line.usd == pytest.approx(line.quantity * line.usd_per_unit)

    def test_hours_are_those_of_the_speed_and_what_is_lost(self, ask: Any, question: dict[str, Any]) -> None:
        result = ask(**question).result
        for each in result.candidates:
            if each.hours is None:
                assert each.lost_hours is None
                continue
            assert result.tokens is not None
            assert each.lost_hours >= 0
            working = result.tokens / each.tokens_per_s / 3600
            assert each.hours == pytest.approx(working + each.lost_hours)

    def test_cards_are_the_product_of_their_divisions(self, ask: Any, question: dict[str, Any]) -> None:
        report = ask(**question)
        for each in report.result.candidates:
            plan = each.settings
            assert each.gpus == plan.dp * plan.tp * plan.pp * plan.cp
            assert plan.dp * plan.micro_batch * plan.grad_accumulation == report.inputs["batch"]
            if each.mfu is not None:
                assert 0 < each.mfu < 1

    def test_it_fits_when_nothing_is_missing(self, ask: Any, question: dict[str, Any]) -> None:
        for each in ask(**question).result.candidates:
            assert each.fits == (each.reason == "")
            if each.memory_per_gpu.free_bytes < 0:
                assert each.reason.startswith("lacks ")
                assert not each.fits
            elif not each.fits:
                assert any(word in each.reason for word in ("takes ", "costs ", "not known"))

    def test_what_fits_stands_first_and_is_recommended(self, ask: Any, question: dict[str, Any]) -> None:
        report = ask(**question)
        result = report.result
        fits = [each.fits for each in result.candidates]
        assert fits
        assert fits == sorted(fits, reverse=True)
        best = result.recommendation
        assert report.answered_no == (best is None) == (not any(fits))
        if best is None:
            assert result.sweep == result.billing == ()
            return
        first = result.candidates[0]
        assert (best.gpu, best.gpus, best.settings) == (first.gpu, first.gpus, first.settings)
        assert (best.hours, best.usd) == (first.hours, first.usd)
        assert best.offer == (None if first.offer is None else first.offer.id)
        assert best.reasons[0].startswith((f"{first.gpus} × ", "one "))

    def test_what_is_roomy_stands_in_the_asked_order(self, ask: Any, question: dict[str, Any]) -> None:
        key: Callable[[Any], float] = {
            "usd": usd_of,
            "hours": lambda each: inf if each.hours is None else each.hours,
            "gpus": lambda each: each.gpus,
        }[question.get("sort", "usd")]
        roomy = [
            each
            for each in ask(**question).result.candidates
            if each.fits and not any(note.startswith("tight") for note in each.notes)
        ]
        values = [key(each) for each in roomy]
        assert values == sorted(values)

    def test_the_sweep_says_what_the_recommendation_says(self, ask: Any, question: dict[str, Any]) -> None:
        result = ask(**question).result
        best = result.recommendation
        if best is None or not result.sweep:
            return
        counts = [point.gpus for point in result.sweep]
        assert counts == sorted(set(counts))
        here = next(point for point in result.sweep if point.gpus == best.gpus)
        assert (here.hours, here.usd) == (best.hours, best.usd)
        known = [point for point in result.sweep if point.usd is not None]
        assert sum(point.knee for point in result.sweep) == bool(known)
        for point in known:
            if point.knee:
                assert point.usd <= 1.1 * min(each.usd for each in known)

    def test_numbers_are_finite(self, ask: Any, question: dict[str, Any]) -> None:
        def walk(value: Any) -> Iterator[float]:
            if isinstance(value, dict):
                value = list(value.values())
            if isinstance(value, list):
                for item in value:
                    yield from walk(item)
            elif isinstance(value, int | float):
                yield value

        assert all(isfinite(value) for value in walk(plain(ask(**question).result)))


def usd_of(each: TrainCandidate) -> float:
    """What a search compares [USD]."""
    known = each.usd if each.usd is not None else each.usd_per_billion_tokens
    return inf if known is None else known


def best(report: Report) -> Any:
    """The recommended candidate."""
    first = report.result.candidates[0]
    assert first.fits
    return first


class TestTimeAndMoney:
    def test_hours_times_price_by_hand(self, ask: Any) -> None:
        found = best(ask(**EIGHT, provider="lambda", billing="on-demand"))
        assert found.offer is not None
        assert found.hours == pytest.approx(1e9 / found.tokens_per_s / 3600)
        assert found.usd == pytest.approx(found.hours * found.offer.usd_per_hour)
        assert found.usd_per_billion_tokens == pytest.approx(found.usd)
        (line,) = found.lines
        assert line.quantity == pytest.approx(8 * found.hours)
        assert line.usd_per_unit == pytest.approx(found.offer.usd_per_hour / 8)

    def test_twice_the_data_and_two_epochs_take_twice_as_long(self, ask: Any) -> None:
        once, twice, epochs = (
            best(ask(**{**EIGHT, **more})) for more in ({}, {"dataset_tokens": "2B"}, {"epochs": 2.0})
        )
        assert twice.hours == pytest.approx(2 * once.hours)
        assert twice.usd == pytest.approx(2 * once.usd)
        assert epochs == twice

    def test_examples_are_tokens(self, ask: Any) -> None:
        tokens = {name: value for name, value in EIGHT.items() if name != "dataset_tokens"}
        report = ask(**tokens, examples=1e6, tokens_per_example=1000)
        assert report.result.candidates == ask(**EIGHT).result.candidates
        assert report.result.steps == -(-(10**9) // (64 * 4096))

    def test_padding_is_computed_and_said(self, ask: Any) -> None:
        packed = best(ask(**EIGHT))
        report = ask(**EIGHT, packed=False, tokens_per_example=1024)
        padded = best(report)
        assert padded.hours == pytest.approx(4 * packed.hours)
        assert any("300%" in note.text for note in report.notes)

    def test_examples_longer_than_a_sequence_are_cut(self, ask: Any) -> None:
        tokens = {name: value for name, value in EIGHT.items() if name != "dataset_tokens"}
        report = ask(**tokens, examples=1e5, tokens_per_example=8192, packed=False)
        assert report.result.tokens == 1e5 * 4096
        assert any("are cut at --seq-len 4,096" in note.text for note in report.notes)

    def test_the_price_decides_and_doubles_the_bill(self, ask: Any, tmp_path: Path) -> None:
        usd = []
        for price in (10.0, 20.0):
            path = tmp_path / f"{price}.yaml"
            path.write_text(
                "sources:\n"
                "  - {id: my-quote, title: Quote, publisher: me, address: mail, as_of: '2026-11-01',"
                " confidence: published}\n"
                "providers:\n  - {id: mine, name: My cloud, sources: [my-quote]}\n"
                "prices:\n"
                "  - {offer: mine/vm/h100x8, provider: mine, product: vm, billing: on-demand, sku: H100,"
                f" gpus: [h100-sxm-80gb], gpu_count: 8, usd_per_hour: {price}, as_of: '2026-11-01',"
                " stated_by: provider, source: my-quote}\n",
                encoding="utf-8",
            )
            found = best(ask(**EIGHT, provider="mine", catalog=load((path,))))
            assert found.usd_per_hour == price
            usd.append(found.usd)
        assert usd[1] == pytest.approx(2 * usd[0])

    def test_kept_and_moved_checkpoints_are_lines(self, ask: Any) -> None:
        kept = {"keep_checkpoints": 2, "keep_months": 3.0, "egress_checkpoints": 1}
        report = ask(**EIGHT, provider="runpod", billing="on-demand", **kept)
        found, size = best(report), report.result.checkpoint_gb
        assert size == pytest.approx(14 * 8.030261248, rel=1e-6)  # 2 of weight, 4 of master, 8 of moments
        amounts = {line.name: 0.0 for line in found.lines}
        for line in found.lines:
            amounts[line.name] += line.quantity
        assert amounts["checkpoints kept"] == pytest.approx(2 * 3 * size)
        assert amounts["checkpoints moved out"] == pytest.approx(size)
        assert found.usd > best(ask(**EIGHT, provider="runpod", billing="on-demand")).usd

    def test_an_unknown_price_beside_the_cards_does_not_refuse_them(self, ask: Any) -> None:
        kept = {"keep_checkpoints": 2, "keep_months": 3.0}
        found = best(ask(**EIGHT, provider="lambda", billing="on-demand", **kept))
        assert found.usd is None
        assert found.lines[0].usd is not None
        assert any("checkpoints kept is not known" in note for note in found.notes)

    def test_cards_with_a_known_price_come_before_those_without(self, ask: Any) -> None:
        shown = ask(
            model=LLAMA_8B, dataset_tokens="1B", keep_checkpoints=1, keep_months=1.0
        ).result.candidates
        fits = [each for each in shown if each.fits and not each.notes]
        offers = [each.offer is not None for each in fits]
        assert offers == sorted(offers, reverse=True)


class TestInterruptions:
    def test_spot_takes_longer_the_more_it_is_interrupted(self, ask: Any) -> None:
        hours = [
            best(ask(**EIGHT, billing="spot", interruptions_per_day=rate)).hours
            for rate in (0.0, 1.0, 4.0, 16.0)
        ]
        assert all(before < after for before, after in pairwise(hours))
        assert hours[0] == best(ask(**EIGHT)).hours

    def test_an_unknown_rate_is_said(self, ask: Any) -> None:
        report = ask(**EIGHT, billing="spot")
        assert any("interrupted is not known" in note.text for note in report.notes)
        assert best(report).lost_hours == 0
        row = next(row for row in ask(**EIGHT).result.billing if row.billing == "spot")
        assert row.note.startswith("at least: how often")
        known = ask(**EIGHT, interruptions_per_day=2.0)
        row = next(row for row in known.result.billing if row.billing == "spot")
        assert row.note == ""
        assert row.hours > best(known).hours

    def test_more_machines_are_interrupted_more_often(self, ask: Any) -> None:
        lost = [
            best(ask(**{**EIGHT, "gpus": count}, billing="spot", interruptions_per_day=4.0))
            for count in (8, 64)
        ]
        shares = [each.lost_hours / each.hours for each in lost]
        assert shares[1] > 2 * shares[0]

    def test_work_that_is_never_done_is_no_answer(self, ask: Any) -> None:
        report = ask(**EIGHT, billing="spot", interruptions_per_day=400.0)
        assert report.answered_no
        assert "faster than work can be done" in report.result.candidates[0].reason

    def test_checkpoints_that_are_asked_for_cost_time_anywhere(self, ask: Any) -> None:
        found = best(ask(**EIGHT, checkpoint_minutes=30.0))
        # 112 GB at 1 GB/s in every half hour
        assert found.lost_hours / (found.hours - found.lost_hours) == pytest.approx(112.42 / 1800, rel=1e-3)


class TestLimits:
    def test_deadline_and_budget_are_kept(self, ask: Any) -> None:
        for deadline, budget in (("20h", 100), ("3h", 20), ("1h", 12), ("30m", 1000)):
            report = ask(**ADAPTERS, deadline=deadline, budget=budget)
            for each in report.result.candidates:
                if each.fits:
                    assert each.hours <= hours_of(deadline)
                    assert each.usd <= budget

    def test_an_earlier_deadline_is_never_cheaper(self, ask: Any) -> None:
        usd = [best(ask(**ADAPTERS, deadline=hours)).usd for hours in ("100h", "10h", "3h", "1h", "30m")]
        assert usd == sorted(usd)
        assert usd[0] < usd[-1]

    def test_a_smaller_budget_is_never_faster(self, ask: Any) -> None:
        hours = [best(ask(**ADAPTERS, budget=usd, sort="hours")).hours for usd in (1000, 50, 20, 10, 7)]
        assert hours == sorted(hours)
        assert hours[0] < hours[-1]

    def test_what_is_missed_is_said_with_both_numbers(self, ask: Any) -> None:
        report = ask(**EIGHT, deadline="1h", budget=10)
        assert report.answered_no
        (only,) = report.result.candidates
        assert only.reason == (
            f"takes {only.hours:,.2f} h, beyond the deadline of 1.00 h; "
            f"costs {only.usd:,.2f} USD, above the budget of 10.00 USD"
        )

    def test_the_nearest_to_the_limits_is_shown_first(self, ask: Any) -> None:
        report = ask(**ADAPTERS, deadline="1h", budget=3, top=1)
        assert report.answered_no
        excess = [max(each.hours / 1, each.usd / 3) for each in report.result.candidates if each.usd]
        assert excess == sorted(excess)
        assert all(each.memory_per_gpu.free_bytes >= 0 for each in report.result.candidates)

    def test_several_machines_only_where_one_is_not_enough(self, ask: Any) -> None:
        job = {"model": LLAMA_70B, "dataset_tokens": "1B", "batch": 256, "gpu": H100}
        assert best(ask(**job)).gpus > 8
        assert best(ask(model=LLAMA_8B, dataset_tokens="1B", gpu=H100)).gpus <= 8


class TestSweep:
    @pytest.mark.parametrize(
        "job",
        [
            {"model": LLAMA_8B, "gpu": H100, "dataset_tokens": "1B"},
            {"model": LLAMA_70B, "gpu": "h200-sxm-141gb", "dataset_tokens": "1B", "batch": 256},
            {"model": LLAMA_8B, "gpu": "l4-24gb", "method": "qlora", "dataset_tokens": "10M"},
        ],
        ids=label,
    )
    def test_more_cards_never_take_longer_while_passes_are_the_same(
        self, ask: Any, job: dict[str, Any]
    ) -> None:
        points = ask(**job, micro_batch=1, checkpointing="full", zero=3).result.sweep
        hours = [point.hours for point in points if point.hours is not None]
        assert len(hours) >= 3
        assert all(after < before for before, after in pairwise(hours))

    def test_what_nothing_beats_costs_more_the_faster_it_is(self, ask: Any) -> None:
        report = ask(model="Qwen/Qwen3-30B-A3B", gpu="h200-sxm-141gb", dataset_tokens="1B")
        points = [(p.hours, p.usd) for p in report.result.sweep if p.hours is not None]
        assert len(points) >= 3
        front = [
            (hours, usd)
            for hours, usd in points
            if not any(h <= hours and u <= usd and (h, u) != (hours, usd) for h, u in points)
        ]
        front.sort()
        assert front
        assert all(first[1] > second[1] for first, second in pairwise(front))

    def test_one_number_of_cards_is_no_sweep(self, ask: Any) -> None:
        assert ask(**EIGHT).result.sweep == ()

    def test_cards_without_a_network_stay_in_one_machine(self, ask: Any) -> None:
        points = ask(model=LLAMA_8B, gpu="rtx-4090-24gb", method="qlora", dataset_tokens="1M").result.sweep
        assert max(point.gpus for point in points) == 8


class TestSettings:
    def test_what_is_fixed_stays_fixed(self, ask: Any) -> None:
        fixed = {"micro_batch": 2, "checkpointing": "full", "zero": 2, "tp": 2, "optimizer": "lion"}
        found = best(ask(**{**EIGHT, **fixed}))
        assert found.settings.micro_batch == 2
        assert found.settings.checkpointing == "full"
        assert found.settings.sharding == "zero-2"
        assert found.settings.tp == 2
        assert found.settings.dp == 4

    def test_fsdp_is_stage_three(self, ask: Any) -> None:
        assert ask(**EIGHT, fsdp=True).result == ask(**EIGHT, zero=3).result

    def test_checkpointing_costs_time_and_saves_memory(self, ask: Any) -> None:
        none, full = (best(ask(**EIGHT, micro_batch=1, checkpointing=each)) for each in ("none", "full"))
        assert none.memory_per_gpu.activations_bytes > full.memory_per_gpu.activations_bytes
        assert none.hours < full.hours

    def test_tight_ways_are_said_and_come_last(self, ask: Any) -> None:
        report = ask(
            model=LLAMA_70B, method="qlora", gpu=[H100, "rtx-a6000-48gb"], gpus=1, dataset_tokens="1M"
        )
        roomy, tight = report.result.candidates
        assert tight.usd < roomy.usd
        assert roomy.notes == ()
        assert tight.notes[0].startswith("tight")
        assert report.result.recommendation.reasons[1].endswith("but tight")

    def test_the_words_of_a_plan_name_its_division(self, ask: Any) -> None:
        report = ask(**{**EIGHT, "tp": 2, "pp": 2})
        assert report.result.recommendation.reasons[0].endswith("tp 2, pp 2")

    def test_frozen_weights_count_four_operations(self, ask: Any) -> None:
        """Of the 6 per parameter and token those of gradients of weights are left out."""
        job = {"model": LLAMA_8B, "gpu": H100, "gpus": 1, "method": "lora", "seq_len": 512}
        found = best(ask(**job))
        active = 8.030261248e9 - 128_256 * 4096
        attention = 3 * 2 * 32 * 32 * (128 + 128) * 256
        useful = (4 * active + attention) * found.tokens_per_s
        assert found.mfu == pytest.approx(useful / 989.4e12, rel=2e-3)

    def test_a_precision_that_a_card_lacks_is_said(self, ask: Any) -> None:
        notes = ask(model=LLAMA_8B, method="qlora", gpu="t4-16gb", gpus=1).notes
        assert any("has no bf16" in note.text for note in notes)
        notes = ask(model=LLAMA_8B, precision="fp8-mixed", gpu="a100-sxm-80gb").notes
        assert any("has no FP8" in note.text for note in notes)

    @pytest.mark.parametrize(
        ("settings", "text"),
        [
            ({"micro_batch": 7}, "8 sequences to each data-parallel rank, which micro-batches of 7"),
            ({"micro_batch": 2, "grad_accumulation": 3}, "micro-batches of 2 and 3 passes"),
            ({"grad_accumulation": 3}, "3 passes cannot"),
            ({"micro_batch": 2, "optimizer_in_backward": True}, "one pass"),
            ({"tp": 3}, "not a multiple of tp"),
            ({"batch": 12}, "does not divide over 8"),
            ({"batch": 4}, "cannot feed 8"),
            ({"cp": 8, "seq_len": 1001}, "cp 8 does not divide"),
            ({"shard_degree": 3, "zero": 3}, "shards over 3 cards"),
            ({"shard_degree": 16, "zero": 3}, "shards over 16 cards"),
            ({"pp": 8, "virtual_pp": 8}, "--virtual-pp 8"),
            ({"virtual_pp": 2}, "--virtual-pp 2 needs --pp"),
            ({"ep": 2}, "no experts"),
            ({"fsdp": True, "zero": 1}, "asks for less"),
            ({"lora_rank": 8}, "has no adapters"),
            ({"load_in_4bit": True}, "is frozen"),
        ],
        ids=str,
    )
    def test_contradictions_are_refused(self, ask: Any, settings: dict[str, Any], text: str) -> None:
        question = {**EIGHT, "tp": 1, "batch": 64, **settings}
        with pytest.raises(UsageError) as error:
            ask(**question)
        assert text in str(error.value)

    @pytest.mark.parametrize("name", ["method", "precision", "optimizer", "state_format", "checkpointing"])
    def test_unknown_words_name_the_known_ones(self, ask: Any, name: str) -> None:
        with pytest.raises(UnknownNameError) as error:
            ask(**{**EIGHT, name: "nonsense"})
        assert len(error.value.suggestions) >= 3

    def test_flags_that_do_not_exist(self, ask: Any) -> None:
        with pytest.raises(UsageError):
            ask(**EIGHT, nonsense=1)

    def test_files_that_are_wrong(self, ask: Any, tmp_path: Path) -> None:
        with pytest.raises(DataError):
            ask(config=tmp_path / "none")

    def test_every_setting_is_a_flag_of_the_command(self) -> None:
        from gpucost.cli.train_flags import TrainOptions

        flags = {name for name in vars(TrainOptions) if not name.startswith("_")} - {"scenario"}
        assert flags == set(TrainFlags._fields)
        for name, default in TrainFlags._field_defaults.items():
            assert getattr(TrainOptions, name) in (default, None), name


class TestWords:
    @pytest.mark.parametrize(
        ("text", "tokens"),
        [
            ("100M", 10**8),
            ("1.5B", 1_500_000_000),
            ("2t", 2 * 10**12),
            ("30k", 30_000),
            ("1,000,000", 10**6),
            (" 1e9 ", 10**9),
            (5.0, 5),
        ],
    )
    def test_counts_of_tokens(self, text: str | float, tokens: int) -> None:
        assert parse_count(text) == tokens

    @pytest.mark.parametrize(
        "text", ["", "M", "5X", "-5M", "0", "nan", "nanM", "inf", "1e400", "8x7B", "1e30T"]
    )
    def test_what_is_no_count(self, text: str) -> None:
        with pytest.raises(ValueError, match="write a count of tokens"):
            parse_count(text)

    @pytest.mark.parametrize(
        ("text", "hours"), [("12h", 12), ("90m", 1.5), ("3d", 72), ("8", 8), (8.5, 8.5), (None, None)]
    )
    def test_times(self, text: str | float | None, hours: float | None) -> None:
        assert hours_of(text) == hours

    @pytest.mark.parametrize(
        "text", ["12y", "", "h", "-5h", "0", "nan", "inf", "nanh", nan, "1e400", "twelve"]
    )
    def test_what_is_no_time(self, text: str | float) -> None:
        with pytest.raises(UsageError):
            hours_of(text)


Sections = dict[str, list[dict[str, Any]]]
FACTOR = 1.1
CITING: dict[str, dict[str, Any]] = {
    "dense": EIGHT,
    "search": {"model": "Qwen/Qwen3-8B", "method": "lora", "dataset_tokens": "10M", "top": 1, "max_gpus": 2},
    "quantised, sharded": {
        "model": "google/gemma-3-27b-it",
        "gpu": "rtx-4090-24gb",
        "method": "qlora",
        "gpus": 4,
        "zero": 3,
    },
    "experts": {"model": "Qwen/Qwen3-30B-A3B", "gpu": "h200-sxm-141gb", "gpus": 8, "ep": 8, "compile": True},
    "first-generation": {"model": LLAMA_8B, "gpu": "t4-16gb", "method": "qlora", "gpus": 1},
    "nothing fits": {"model": LLAMA_70B, "gpu": "a100-sxm-80gb", "gpus": 4},
}


class Number(NamedTuple):
    """Where a number of the catalogue stands, and the name by which an answer cites it."""

    field: str
    section: str
    place: int
    path: tuple[str | int, ...]


class Trial(NamedTuple):
    """What became of one question when every second number of the catalogue was changed in turn."""

    cited: Mapping[str, Evidence]
    fields: list[str]
    moved_up: Mapping[str, bool]
    moved: Mapping[str, bool]
    """The same for a tenth more or less; asked of cited fields only."""


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield path
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))


def looked_at(report: Report, sections: Sections) -> Iterator[Number]:
    """Every number of the rows that could matter; of a constant its value, of offers those of the cards."""
    cards = {each.gpu for each in report.result.candidates}
    wanted: dict[str, Callable[[Mapping[str, Any]], bool]] = {
        "gpus": lambda row: row["id"] in cards,
        "models": lambda row: row["id"] == report.result.model.id,
        "training_constants": lambda row: True,
        "prices": lambda row: bool(cards & set(row.get("gpus", ()))) and row["stated_by"] == "provider",
    }
    for section, keep in wanted.items():
        for index, entry in enumerate(sections[section]):
            row = entry["row"]
            if not keep(row):
                continue
            for path in leaves(row):
                if section == "training_constants" and path != ("value",):
                    continue
                name = ".".join(map(str, (section, row.get("id") or row["offer"], *path)))
                yield Number(name, section, index, path)


def changed(sections: Sections, number: Number, factor: float) -> Sections:
    """The catalogue with one number changed; a whole number stays whole."""
    entry = copy.deepcopy(sections[number.section][number.place])
    node: Any = entry["row"]
    for part in number.path[:-1]:
        node = node[part]
    value = node[number.path[-1]]
    other = value * factor
    if isinstance(value, int):
        other = round(other) if round(other) != value else value + (1 if factor > 1 else -1)
    node[number.path[-1]] = other
    rows = list(sections[number.section])
    rows[number.place] = entry
    return {**sections, number.section: rows}


def answer(question: Mapping[str, Any], sections: Sections) -> Any:
    """What is said; how many ways were looked at on the way to it is left out."""
    try:
        result = train(**question, today=TODAY, catalog=Catalog(sections)).result
    except GpucostError:
        return None
    return plain(result._replace(searched=0))


MOST_PRICES = 6


@cache
def trial(name: str, shipped: Catalog) -> Trial:
    sections = {section: shipped.sections[section] for section in shipped.sections}
    question = CITING[name]
    report = train(**question, today=TODAY, catalog=Catalog(sections))
    before = plain(report.result._replace(searched=0))
    cited = {each.field: each for each in report.evidence if each.confidence is not Confidence.USER}
    up: dict[str, bool] = {}
    any_way: dict[str, bool] = {}
    others = 0
    step = 4 if name == "search" else 2
    for number in islice(looked_at(report, sections), list(CITING).index(name) % step, None, step):
        if number.section == "prices" and number.field not in cited:
            others += 1
            if others > MOST_PRICES:
                continue
        moves = answer(question, changed(sections, number, FACTOR)) != before
        up[number.field] = up.get(number.field, False) or moves
        if number.field in cited:
            moves = moves or answer(question, changed(sections, number, 1 / FACTOR)) != before
            any_way[number.field] = any_way.get(number.field, False) or moves
    return Trial(cited, [each.field for each in report.evidence], up, any_way)


@pytest.mark.parametrize("name", CITING)
class TestEvidence:
    def test_what_moves_the_answer_is_cited(self, name: str, shipped: Catalog) -> None:
        found = trial(name, shipped)
        assert [field for field, moves in found.moved_up.items() if moves and field not in found.cited] == []
        assert sum(found.moved_up.values()) >= 5

    def test_what_is_cited_moves_the_answer_or_is_marked(self, name: str, shipped: Catalog) -> None:
        found = trial(name, shipped)
        idle = [field for field, moves in found.moved.items() if not moves and found.cited[field].binding]
        assert idle == []

    def test_what_is_marked_does_not_move_the_answer(self, name: str, shipped: Catalog) -> None:
        found = trial(name, shipped)
        assert [f for f, moves in found.moved_up.items() if moves and not found.cited[f].binding] == []

    def test_every_constant_is_cited_once(self, name: str, shipped: Catalog) -> None:
        fields = trial(name, shipped).fields
        rows = [entry["row"]["id"] for entry in shipped.sections["training_constants"]]
        if name == "nothing fits":  # its speed was not asked
            rows = [identity for identity in rows if identity.startswith("memory-")]
        wanted = [f"training_constants.{identity}.value" for identity in rows]
        assert sorted(field for field in fields if field.startswith("training_constants.")) == sorted(wanted)
        assert len(fields) == len(set(fields))

    def test_citations_have_a_source_and_a_date(self, name: str, shipped: Catalog) -> None:
        for each in trial(name, shipped).cited.values():
            assert each.source in shipped.source_rows
            assert each.title
            assert each.as_of


def test_prices_of_everything_shown_are_cited(ask: Any) -> None:
    report = ask(model=LLAMA_8B, dataset_tokens="1B", keep_checkpoints=1, keep_months=1.0)
    fields = {each.field for each in report.evidence}
    offers = {line.offer for each in report.result.candidates for line in each.lines if line.offer}
    offers |= {row.offer for row in report.result.billing}
    assert len(offers) >= 10
    for offer in offers:
        assert any(field.startswith(f"prices.{offer}.") for field in fields), offer


def test_the_user_s_numbers_are_the_user_s(ask: Any) -> None:
    report = ask(**EIGHT, batch=128, epochs=2.0)
    mine = {each.field: each.value for each in report.evidence if each.confidence is Confidence.USER}
    assert mine["--dataset-tokens"] == 10**9
    assert mine["--seq-len"] == 4096
    assert mine["--batch"] == 128
    assert mine["--epochs"] == 2

"""What would change the answer of a plan, its assumptions, the way from a baseline, what it cites."""

from __future__ import annotations

from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import gpucost
from gpucost.catalog.store import Catalog
from gpucost.domain.plans import PlanResult, PlanRow
from gpucost.errors import UsageError
from tests.api.scenarios import (
    CHAT,
    LLAMA,
    SCENARIOS,
    TODAY,
    bill_flags,
    billed,
    changed,
    found,
    planned,
    plans,
    written,
)


class TestChanges:
    @pytest.mark.parametrize("name", ["chat", "quiet, scaling wins", "70B on several cards", "diurnal"])
    def test_at_the_stated_traffic_both_months_are_equal_and_beyond_it_the_other_wins(
        self, name: str, folder: Path, shipped: Catalog
    ) -> None:
        scenario = SCENARIOS[name]
        result = found(name, folder, shipped)
        own = result.plans[0]
        changes = [each for each in result.changes if each.what == "traffic"]
        for each in changes:
            rival = next(row for row in result.plans if row.deployment == each.then)
            assert each.value is not None

            def months(per_day: float, rival: PlanRow = rival) -> tuple[float, float]:
                free = {"requests_per_day": per_day, "workers": None}
                return tuple(billed(row, scenario, shipped, **free) for row in (own, rival))  # type: ignore[return-value]

            outside = 1 + 1e-6 if "above" in each.text else 1 - 1e-6
            first, other = months(each.value * outside)
            inside, rest = months(each.value / outside)
            assert other <= first * (1 + 1e-5)
            assert inside <= rest * (1 + 1e-5)

    def test_another_price_makes_the_next_plan_win(self, tmp_path: Path, shipped: Catalog) -> None:
        scenario = changed(CHAT, constraints={"providers": ["runpod"], "max_gpus": 1})
        result = plans(tmp_path, shipped, scenario)
        own, change = result.plans[0], next(each for each in result.changes if each.what == "price")
        assert change.value is not None
        rival = next(row for row in result.plans if row.deployment == change.then)
        for factor, winner in ((0.98, change.then), (1.02, own.deployment)):
            scaled = (1 - change.value) * factor
            catalog = Catalog(
                {
                    **shipped.sections,
                    "prices": [
                        entry
                        if entry["row"]["offer"]
                        != rival.lines[0].offer.removesuffix(f"x{rival.gpus_per_worker}")
                        else {**entry, "row": _times(entry["row"], scaled)}
                        for entry in shipped.sections["prices"]
                    ],
                }
            )
            assert plans(tmp_path, catalog, scenario).plans[0].deployment == winner

    def test_an_overlay_flips_the_answer(self, tmp_path: Path, shipped: Catalog) -> None:
        scenario = changed(CHAT, constraints={"providers": ["runpod"], "billing": ["on-demand"]})
        before = plans(tmp_path, shipped, scenario).plans[0]
        overlay = tmp_path / "prices.yaml"
        overlay.write_text(
            "sources:\n- {id: mine, title: Offer by mail, as_of: '2026-11-19', "
            "confidence: published, address: 'https://example.com', publisher: RunPod}\n"
            "prices:\n- {offer: runpod/secure/a100-sxm-80gb, provider: runpod, product: secure, sku: A100, "
            "gpus: [a100-sxm-80gb], gpu_count: 1, billing: on-demand, usd_per_hour: 0.05, "
            "as_of: '2026-11-19', source: mine, stated_by: provider}\n",
            encoding="utf-8",
        )
        path = written(tmp_path, one=scenario)
        after = gpucost.plan(scenario=path, catalog=[overlay], today=TODAY).result.plans[0]
        assert before.gpu != "a100-sxm-80gb"
        assert after.deployment == "runpod/secure/a100-sxm-80gb"
        assert after.usd_per_month == pytest.approx(0.05 * 730)

    def test_the_longest_sequence_is_where_it_stops_fitting(self, folder: Path, shipped: Catalog) -> None:
        row = found("chat", folder, shipped).plans[0]
        change = next(each for each in found("chat", folder, shipped).changes if each.what == "context")
        assert change.value == row.max_context

        def fits(context: int) -> bool:
            report = gpucost.size(
                model=LLAMA,
                quant=row.quantization,
                gpu=row.gpu,
                gpus=row.gpus_per_worker,
                tp=row.tp,
                context=context,
                concurrency=row.concurrency,
                catalog=shipped,
                today=TODAY,
            )
            return bool(report.result.candidates[0].fits)

        assert fits(row.max_context)
        assert not fits(row.max_context + 64)

    @pytest.mark.parametrize("name", ["chat", "quiet, scaling wins"])
    def test_the_ends_of_the_traffic_are_billed(self, name: str, folder: Path, shipped: Catalog) -> None:
        result, scenario = found(name, folder, shipped), SCENARIOS[name]
        row = next(each for each in result.sensitivity if each.assumption == "traffic")
        per_day = scenario["workload"]["requests_per_day"]
        for factor, usd in ((0.5, row.low_usd), (2.0, row.high_usd)):
            free = {"requests_per_day": factor * per_day, "workers": None}
            assert usd == pytest.approx(billed(result.plans[0], scenario, shipped, **free))

    def test_the_ends_of_the_speed_are_billed(self, folder: Path, shipped: Catalog) -> None:
        name = "quiet, scaling wins"
        result, scenario = found(name, folder, shipped), SCENARIOS[name]
        row = result.plans[0]
        sensitive = next(each for each in result.sensitivity if each.assumption.startswith("speed"))
        asked = bill_flags(row, scenario)
        (bill,) = gpucost.bill(catalog=shipped, today=TODAY, **asked).result.bills
        for end, usd in ((sensitive.low, sensitive.low_usd), (sensitive.high, sensitive.high_usd)):
            slower = bill.execution_s / float(end.removeprefix("× "))
            again = billed(row, scenario, shipped, execution_s=slower)
            assert usd == pytest.approx(again, rel=0.01)  # the factor is shown to two digits
        assert (sensitive.low_usd or 0.0) <= row.usd_per_month <= (sensitive.high_usd or 0.0)

    def test_starts_and_idle_times_are_the_ends_of_the_bill(self, folder: Path, shipped: Catalog) -> None:
        result = found("quiet, scaling wins", folder, shipped)
        ends = next(each for each in result.sensitivity if each.assumption.startswith("starts"))
        assert (ends.low_usd, ends.high_usd) == (result.plans[0].low_usd, result.plans[0].high_usd)


def _times(row: dict[str, Any], factor: float) -> dict[str, Any]:
    return {key: value * factor if key.startswith("usd_per_") else value for key, value in row.items()}


CHAIN = changed(
    CHAT,
    models=[{"model": "meta-llama/Llama-3.3-70B-Instruct", "quantizations": ["awq"]}],
    workload={"requests_per_day": 100_000, "input_tokens": 256, "output_tokens": 512},
    slo=None,
    constraints={"providers": ["runpod"], "gpus": ["l40s", "rtx-6000-ada"]},
    baseline={"gpu": "h100-sxm", "gpus": 2, "quantization": "bf16", "concurrency": 16, "usd_per_hour": 5.98},
)


class TestWaterfall:
    def test_steps_sum_to_the_whole_and_come_out_by_hand(self, tmp_path: Path, shipped: Catalog) -> None:
        result = plans(tmp_path, shipped, CHAIN, baseline=True)
        steps, row = result.waterfall, result.plans[0]
        first, last = steps[0].usd_per_million_tokens, steps[-1].usd_per_million_tokens
        assert last - first == pytest.approx(sum(each.delta_usd for each in steps))
        assert last == row.usd_per_million_tokens
        for before, step in pairwise(steps):
            assert step.delta_usd == pytest.approx(
                step.usd_per_million_tokens - before.usd_per_million_tokens
            )
            assert step.delta == pytest.approx(step.delta_usd / before.usd_per_million_tokens)
        assert [each.step for each in steps] == ["baseline", "hardware", "quantization", "engine", "billing"]
        assert steps[1].confidence == "skipped"

        def by_hand(gpu: str, count: int, quant: str, load: int, usd: float) -> tuple[float, float]:
            report = gpucost.cost(
                model="meta-llama/Llama-3.3-70B-Instruct",
                quant=quant,
                gpu=gpu,
                gpus=count,
                tp=count,
                concurrency=load,
                input_tokens=256,
                output_tokens=512,
                usd_per_hour=usd,
                estimate_only=True,
                catalog=shipped,
                today=TODAY,
            )
            (found,) = report.result.rows
            return found.usd_per_million_output_tokens, found.tpot_s

        cards, price = row.gpus_per_worker, row.lines[0].usd_per_unit or 0.0
        for index, asked in (
            (0, ("h100-sxm", 2, "bf16", 16, 5.98)),
            (2, (row.gpu, cards, "awq", 16, cards * price)),
            (3, (row.gpu, cards, "awq", row.concurrency, cards * price)),
        ):
            usd, tpot = by_hand(*asked)
            assert steps[index].usd_per_million_tokens == pytest.approx(usd, rel=1e-6), steps[index]
            assert steps[index].tpot_s == pytest.approx(tpot, rel=1e-6)

    def test_a_stated_speed_is_the_user_s(self, tmp_path: Path, shipped: Catalog) -> None:
        scenario = changed(CHAIN, baseline={"tokens_per_second": 890})
        first = plans(tmp_path, shipped, scenario, baseline=True).waterfall[0]
        assert first.usd_per_million_tokens == pytest.approx(5.98 / 3600 / 890 * 1e6)
        assert first.confidence == "user"

    def test_half_the_utilisation_doubles_the_cost(self, tmp_path: Path, shipped: Catalog) -> None:
        whole, half = (
            plans(tmp_path, shipped, changed(CHAIN, baseline={"utilisation": share}), baseline=True).waterfall
            for share in (1.0, 0.5)
        )
        for index in (0, 2, 3):
            assert half[index].usd_per_million_tokens == pytest.approx(
                2 * whole[index].usd_per_million_tokens
            )

    def test_a_scenario_without_one_says_so(self, tmp_path: Path, shipped: Catalog) -> None:
        with pytest.raises(UsageError, match="has no baseline"):
            plans(tmp_path, shipped, CHAT, baseline=True)

    def test_a_baseline_that_cannot_serve_says_why(self, tmp_path: Path, shipped: Catalog) -> None:
        scenario = changed(CHAIN, baseline={"gpus": 1})
        with pytest.raises(UsageError, match=r"the baseline cannot serve: .*tokens_per_second"):
            plans(tmp_path, shipped, scenario, baseline=True)


class TestEvidence:
    @pytest.mark.parametrize("name", ["chat", "quiet, scaling wins"])
    def test_cited_numbers_move_the_answer(self, name: str, tmp_path: Path, shipped: Catalog) -> None:
        """A sample: a tenth more of a binding number changes some number of the answer."""
        scenario = SCENARIOS[name]
        report = planned(tmp_path, shipped, scenario)
        before = numbers(report.result)
        cited = [each for each in report.evidence if each.binding and each.confidence != "user"]
        sample = [each for each in cited if each.field.split(".")[0] in ("gpus", "models", "prices")]
        assert len(sample) >= 8
        for each in sample[:: max(1, len(sample) // 8)]:
            moved = [
                numbers(plans(tmp_path, catalog, scenario)) != before
                for catalog in with_field(shipped, each.field)
            ]
            assert any(moved), each.field


def numbers(result: PlanResult) -> object:
    rows = [(row.deployment, row.usd_per_month, row.ttft_s, row.max_concurrency) for row in result.plans]
    return rows, [each.usd_per_month for each in result.apis]


def with_field(shipped: Catalog, field: str) -> list[Catalog]:
    """Catalogues with one number a tenth higher and lower; none where the field is no plain number."""
    section, _, rest = field.partition(".")
    made = []
    for place, entry in enumerate(shipped.sections[section]):
        row = entry["row"]
        name = row.get("id") or row.get("offer")
        if not name or not rest.startswith(f"{name}."):
            continue
        keys = rest.removeprefix(f"{name}.").split(".")
        if len(keys) == 1 and keys[0] not in row:
            continue  # another statement of the offer, in another unit
        for factor in (1.1, 1 / 1.1):
            made.append(_changed(shipped, section, place, keys, factor))
    return made


def _changed(shipped: Catalog, section: str, place: int, keys: list[str], factor: float) -> Catalog:
    rows = list(shipped.sections[section])
    rows[place] = deepcopy(rows[place])
    node: Any = rows[place]["row"]
    for key in keys[:-1]:
        node = node[int(key)] if isinstance(node, list) else node[key]
    value = node[keys[-1]]
    if isinstance(value, bool):
        node[keys[-1]] = not value
    elif isinstance(value, int):
        node[keys[-1]] = round(value * factor) if round(value * factor) != value else value + 1
    else:
        node[keys[-1]] = value * factor
    return Catalog({**shipped.sections, section: rows})

"""How products scale: rows to domain objects, what is refused, and what providers publish."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import get_args

import pytest

from gpucost.catalog import check
from gpucost.catalog.rows_billing import ScalingRow
from gpucost.catalog.store import Catalog, load
from gpucost.domain.rules import ProductKind
from gpucost.domain.scaling import Binding, Policy, Routing, Scaling
from gpucost.errors import DataError

BILLING = """\
billing:
  - id: acme/workers
    kind: workers
    during_start: queued
    parts: {image: free, load: billed, busy: billed, gaps: billed, tail: billed}
    terms:
      - {term: scale_up_after_s, value: 30, source: datasheet}
      - {term: scale_down_after_s, value: 600, low: 0, high: 3600, settable: true, source: datasheet}
    sources: [datasheet]
"""
SCALING = """\
scaling:
  - id: acme/workers
    policy: queue-delay
    terms:
      - {term: delay_s, value: 4, source: datasheet}
      - {term: hit_s, value: 1.4, low: 0.5, high: 2.3, note: small models, source: datasheet}
    routing: random
    binding: first-free
    note: as its page says
    sources: [datasheet]
"""


def scaling(data: Path, text: str = SCALING) -> Scaling:
    (data / "workers.yaml").write_text(BILLING + text, encoding="utf-8")
    return load().scaling("acme/workers")


def faults(data: Path, text: str) -> list[str]:
    (data / "billing.yaml").write_text(BILLING, encoding="utf-8")
    (data / "scaling.yaml").write_text(text, encoding="utf-8")
    return check.check((), today=date(2026, 11, 21)).faults


def test_a_row_becomes_an_object_with_ranges(data: Path) -> None:
    found = scaling(data)
    assert (found.product, found.note, found.sources) == (
        "acme/workers",
        "as its page says",
        ("datasheet",),
    )
    assert (found.policy, found.routing, found.binding) == (
        Policy.QUEUE_DELAY,
        Routing.RANDOM,
        Binding.FIRST_FREE,
    )
    assert found.terms["delay_s"][:4] == (4, 4, 4, "datasheet")
    assert found.terms["hit_s"] == (1.4, 0.5, 2.3, "datasheet", "small models", False)
    assert set(found.terms) == {"delay_s", "hit_s"}


def test_what_is_left_out_is_unknown(data: Path) -> None:
    found = scaling(data, "scaling:\n  - {id: acme/workers, sources: [datasheet]}\n")
    assert found == Scaling("acme/workers", None, {}, None, None, "", ("datasheet",))


def test_a_product_without_a_row_is_unknown(data: Path) -> None:
    assert scaling(data, "") == Scaling("acme/workers", None, {}, None, None, "", ())
    assert load().scaling("nobody/nothing").terms == {}


@pytest.mark.parametrize("policy", ["target", "alarm"])
def test_windows_of_a_target_stand_with_the_billing(data: Path, policy: str) -> None:
    own = SCALING.replace("queue-delay", policy)
    assert {name: term.value for name, term in scaling(data, own).terms.items()} == {
        "delay_s": 4,
        "hit_s": 1.4,
        "up_after_s": 30,
        "down_after_s": 600,
    }
    assert scaling(data, own).terms["down_after_s"] == (600, 0, 3600, "datasheet", "", True)
    stated = own.replace("{term: delay_s, value: 4", "{term: up_after_s, value: 0")
    assert scaling(data, stated).terms["up_after_s"].value == 0


def test_an_overlay_replaces_the_whole_row(data: Path, tmp_path: Path) -> None:
    scaling(data)
    overlay = tmp_path / "mine.yaml"
    overlay.write_text(
        "scaling:\n  - {id: acme/workers, policy: each-request, sources: [datasheet]}\n", encoding="utf-8"
    )
    found = load((overlay,)).scaling("acme/workers")
    assert (found.policy, found.routing, found.terms) == (Policy.EACH_REQUEST, None, {})


REFUSED = [
    ("policy: queue-delay", "policy: magic", 3, "acme/workers.policy: Input should be 'each-request'"),
    ("routing: random", "routing: nearest", 7, "acme/workers.routing: Input should be 'most-recent'"),
    ("binding: first-free", "binding: loose", 8, "acme/workers.binding: Input should be 'first-free'"),
    ("term: delay_s", "term: delay", 5, "acme/workers.terms.0.term: Input should be 'delay_s'"),
    ("value: 4,", "value: -4,", 5, "acme/workers.terms.0.value: Input should be greater than or equal to 0"),
    ("value: 1.4", "value: 3", 6, "acme/workers.terms.1: low, value and high must be in this order"),
    ("term: delay_s", "term: hit_s", 2, "acme/workers: a term stands twice"),
    ("4, source: datasheet", "4, source: nowhere", 2, "acme/workers: source 'nowhere' is not declared"),
    ("sources: [datasheet]", "sources: [nowhere]", 2, "acme/workers: source 'nowhere' is not declared"),
    (
        "id: acme/workers",
        "id: acme/cloud",
        2,
        "acme/cloud: product 'acme/cloud' is not declared; add it under billing",
    ),
    ("    note: as", "    colour: red\n    note: as", 9, "acme/workers.colour: unknown key"),
]


@pytest.mark.parametrize(("right", "wrong", "line", "text"), REFUSED)
def test_a_wrong_row_is_refused(data: Path, right: str, wrong: str, line: int, text: str) -> None:
    found = faults(data, SCALING.replace(right, wrong, 1))
    assert len(found) == 1
    assert found[0].startswith(f"scaling.yaml:{line}: scaling.{text}")


def test_a_row_that_stands_twice_is_refused(data: Path) -> None:
    (data / "again.yaml").write_text(SCALING, encoding="utf-8")
    assert faults(data, SCALING) == [
        "scaling.yaml:2: scaling.acme/workers: stands twice (first at again.yaml:2); remove one"
    ]


def test_a_faulty_product_counts_as_declared(data: Path) -> None:
    (data / "scaling.yaml").write_text(SCALING, encoding="utf-8")
    (data / "billing.yaml").write_text(BILLING.replace("kind: workers", "kind: worker"), encoding="utf-8")
    found = check.check((), today=date(2026, 11, 21)).faults
    assert [fault.split(": ")[1] for fault in found] == ["billing.acme/workers.kind"]


def test_an_overlay_for_an_unknown_product_does_not_load(data: Path, tmp_path: Path) -> None:
    overlay = tmp_path / "mine.yaml"
    overlay.write_text(SCALING, encoding="utf-8")
    with pytest.raises(DataError, match=r"mine\.yaml:2: scaling\.acme/workers: product 'acme/workers'"):
        load((overlay,))


@pytest.mark.parametrize(("field", "words"), [("policy", Policy), ("routing", Routing), ("binding", Binding)])
def test_rows_and_objects_use_the_same_words(
    field: str, words: type[Policy] | type[Routing] | type[Binding]
) -> None:
    literal, _ = get_args(ScalingRow.model_fields[field].annotation)
    assert get_args(literal) == tuple(words)


@pytest.fixture
def shipped() -> Catalog:
    return load()


def test_every_product_with_workers_was_looked_at(shipped: Catalog) -> None:
    workers = {
        product
        for product in shipped.billing_rows
        if shipped.rule(product).kind is ProductKind.WORKERS and not product.endswith("/as-stated")
    }
    assert set(shipped.scaling_rows) == workers


PUBLISHED = [
    ("runpod/flex", Policy.QUEUE_DELAY, {"delay_s": 4, "per_worker": 4}),
    ("modal/functions", Policy.EACH_REQUEST, {"buffer": 0}),
    ("aws/sagemaker", Policy.ALARM, {"interval_s": 60, "step": 1}),
    ("aws/sagemaker-async", Policy.ALARM, {"interval_s": 120, "step": 1}),
    ("gcp/cloud-run", Policy.TARGET, {"utilisation": 0.6}),
    ("huggingface/endpoints", Policy.TARGET, {"per_worker": 1.5, "utilisation": 0.8, "down_after_s": 300}),
    (
        "baseten/dedicated",
        Policy.TARGET,
        {"interval_s": 60, "utilisation": 0.7, "up_after_s": 0, "down_after_s": 900},
    ),
    ("fal/serverless", Policy.QUEUE_DELAY, {"delay_s": 0, "buffer": 0}),
    ("koyeb/instance", Policy.TARGET, {"interval_s": 15}),
    ("together/dedicated", Policy.TARGET, {"up_after_s": 60, "down_after_s": 300}),
    ("fireworks/on-demand", Policy.TARGET, {"utilisation": 0.8, "up_after_s": 30, "down_after_s": 600}),
]


@pytest.mark.parametrize(("product", "policy", "terms"), PUBLISHED)
def test_published_values(shipped: Catalog, product: str, policy: Policy, terms: dict[str, float]) -> None:
    found = shipped.scaling(product)
    assert found.policy is policy
    assert {name: found.terms[name].value for name in terms} == terms


def test_starts_from_a_saved_worker_of_runpod(shipped: Catalog) -> None:
    terms = shipped.scaling("runpod/flex").terms
    assert (terms["hit_s"].low, terms["hit_s"].high) == (0.563, 2.3)
    assert "memory_s" not in terms


def test_the_idle_window_of_modal_stands_with_its_billing(shipped: Catalog) -> None:
    term = shipped.rule("modal/functions").terms["idle_timeout_s"]
    assert (term.value, term.high, term.settable) == (60, 1200, True)
    assert "down_after_s" not in shipped.scaling("modal/functions").terms


def test_only_what_is_documented_is_stated(shipped: Catalog) -> None:
    assert {product for product in shipped.scaling_rows if shipped.scaling(product).policy is None} == {
        "deepinfra/dedicated",
        "replicate/hardware",
        "replicate/public",
    }
    assert {product for product in shipped.scaling_rows if shipped.scaling(product).routing is not None} == {
        "aws/sagemaker"
    }
    assert {product for product in shipped.scaling_rows if shipped.scaling(product).binding is not None} == {
        "baseten/dedicated",
        "fal/discounted",
        "fal/serverless",
        "runpod/flex",
    }

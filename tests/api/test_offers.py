"""Which price answers, on which day, and how many priced units a deployment needs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from gpucost.api.offers import OfferBook, OfferFilter, choose, first_day, is_stale
from gpucost.catalog import build
from gpucost.catalog.store import Catalog
from gpucost.domain.offer import Billing, Price

TODAY = date(2026, 11, 21)
H100 = "h100-sxm-80gb"


def row(as_of: str, usd: float, **other: Any) -> dict[str, Any]:
    """One statement of one price, per hour by the provider unless told otherwise."""
    base = {
        "offer": "cloud/vm/h100",
        "provider": "cloud",
        "product": "vm",
        "billing": "on-demand",
        "sku": "H100",
        "gpus": [H100],
        "as_of": as_of,
        "stated_by": "provider",
        "source": "a-source",
    }
    unit = other.pop("unit", "usd_per_hour")
    return {**base, unit: usd, **other}


def price(as_of: str, usd: float, **other: Any) -> Price:
    return build.price(row(as_of, usd, **other))


def answer(*prices: Price, today: date = TODAY) -> Price | None:
    chosen = choose(prices, today=today)
    return None if chosen is None else chosen.price


def book(*rows: Mapping[str, Any], today: date = TODAY, **allowed: Any) -> OfferBook:
    per_card = allowed.pop("per_card", ())
    return OfferBook(rows, today=today, allowed=OfferFilter(**allowed), per_card=per_card)


class TestWhichStatementAnswers:
    def test_the_newest_wins(self) -> None:
        old, new = price("2026-01-01", 3.0), price("2026-10-01", 4.0)
        assert answer(old, new) is new
        assert answer(new, old) is new

    def test_later_statements_are_not_known_yet(self) -> None:
        old, new = price("2026-01-01", 3.0), price("2026-10-01", 4.0)
        assert answer(old, new, today=date(2026, 9, 30)) is old
        assert answer(old, new, today=date(2026, 10, 1)) is new

    def test_nothing_up_to_the_day_is_unknown(self) -> None:
        assert answer(price("2026-10-01", 4.0), today=date(2026, 9, 30)) is None
        assert answer() is None

    def test_the_provider_beats_a_newer_reading_within_30_days(self) -> None:
        own = price("2026-09-01", 3.0)
        read = price("2026-10-01", 4.0, stated_by="third-party")
        assert answer(own, read) is own

    def test_a_reading_more_than_30_days_newer_wins(self) -> None:
        own = price("2026-08-31", 3.0)
        read = price("2026-10-01", 4.0, stated_by="third-party")
        assert answer(own, read) is read

    def test_thirty_days_are_counted_from_the_newest_known_on_that_day(self) -> None:
        own = price("2026-05-01", 3.0)
        read = price("2026-05-20", 4.0, stated_by="third-party")
        later = price("2026-10-01", 5.0, stated_by="third-party")
        assert answer(own, read, later) is later
        assert answer(own, read, later, today=date(2026, 6, 1)) is own

    def test_undated_ranks_below_every_dated_one(self) -> None:
        undated, old = price("unknown", 1.0), price("2020", 9.0, stated_by="third-party")
        assert answer(undated, old) is old

    def test_undated_answers_where_nothing_else_does(self) -> None:
        undated, future = price("unknown", 1.0), price("2027-01-01", 9.0)
        assert answer(undated, future) is undated

    def test_of_several_undated_the_provider_s_own_wins(self) -> None:
        own, read = price("unknown", 3.0), price("unknown", 1.0, stated_by="third-party")
        assert answer(read, own) is own

    def test_on_equal_terms_the_lower_price_answers(self) -> None:
        low, high = price("2026-10-01", 3.0), price("2026-10-01", 4.0)
        assert answer(high, low) is low

    def test_a_month_counts_from_its_first_day(self) -> None:
        month = price("2026-10", 4.0)
        assert answer(month, today=date(2026, 9, 30)) is None
        assert answer(month, today=date(2026, 10, 1)) is month

    def test_a_statement_nearby_that_differs_is_named(self) -> None:
        own = price("2026-09-01", 3.0)
        read = price("2026-09-20", 4.0, stated_by="third-party")
        chosen = choose([own, read], today=TODAY)
        assert chosen is not None
        assert chosen.differing == (read,)

    def test_the_same_price_in_another_unit_does_not_differ(self) -> None:
        hourly = price("2026-09-01", 3.6)
        by_second = price("2026-09-02", 0.001, unit="usd_per_second", stated_by="third-party")
        chosen = choose([hourly, by_second], today=TODAY)
        assert chosen is not None
        assert chosen.differing == ()


class TestDates:
    @pytest.mark.parametrize(
        ("text", "day"),
        [
            ("2026-10-09", date(2026, 10, 9)),
            ("2026-10", date(2026, 10, 1)),
            ("2026", date(2026, 1, 1)),
            ("unknown", None),
        ],
    )
    def test_the_first_day_of_a_date(self, text: str, day: date | None) -> None:
        assert first_day(text) == day

    @pytest.mark.parametrize(
        ("text", "stale"),
        [("2026-08-23", False), ("2026-08-22", True), ("2025", True), ("unknown", True), ("2026-11", False)],
    )
    def test_older_than_90_days_or_undated_is_stale(self, text: str, stale: bool) -> None:
        assert is_stale(text, TODAY) is stale


class TestUnits:
    def test_a_price_per_card_is_paid_for_every_card(self) -> None:
        offer, _ = book(row("2026-10-01", 2.0), per_card=["cloud/vm"]).cheapest(H100, cards=6, per_replica=3)
        assert offer is not None
        assert (offer.units, offer.usd_per_hour, offer.usd_per_gpu_hour) == (6, 12.0, 2.0)

    def test_a_price_per_gpu_hour_is_one_per_card_without_being_declared(self) -> None:
        offer, _ = book(row("2026-10-01", 2.0, unit="usd_per_gpu_hour")).cheapest(
            H100, cards=4, per_replica=4
        )
        assert offer is not None
        assert offer.usd_per_hour == 8.0

    def test_a_copy_on_cards_priced_one_by_one_stays_in_a_machine_of_eight(self) -> None:
        per_card = book(row("2026-10-01", 2.0), per_card=["cloud/vm"])
        assert per_card.cheapest(H100, cards=16, per_replica=16) == (None, None)
        offer, _ = per_card.cheapest(H100, cards=16, per_replica=8)
        assert offer is not None
        assert offer.units == 16

    @pytest.mark.parametrize(
        ("count", "cards", "per_replica", "units"),
        [
            (8, 1, 1, 1),
            (8, 8, 8, 1),
            (8, 16, 8, 2),
            (8, 9, 3, 2),
            (8, 15, 3, 3),
            (8, 6, 3, 1),
            (4, 8, 8, None),
            (0.5, 1, 1, None),
        ],
    )
    @pytest.mark.parametrize("unit", ["usd_per_hour", "usd_per_gpu_hour"])
    def test_an_instance_holds_whole_copies_only(
        self, count: float, cards: int, per_replica: int, units: int | None, unit: str
    ) -> None:
        offers = book(row("2026-10-01", 10.0, gpu_count=count, unit=unit))
        offer, _ = offers.cheapest(H100, cards=cards, per_replica=per_replica)
        assert (None if offer is None else offer.units) == units
        if offer is not None and units is not None:
            each = 10.0 if unit == "usd_per_hour" else 10.0 * count
            assert offer.usd_per_hour == pytest.approx(units * each)
            assert offer.usd_per_gpu_hour * cards == pytest.approx(offer.usd_per_hour)

    @pytest.mark.parametrize(("cards", "per_replica", "units"), [(2, 2, None), (4, 1, 4)])
    def test_an_instance_of_one_card_holds_copies_of_one_card(
        self, cards: int, per_replica: int, units: int | None
    ) -> None:
        offer, _ = book(row("2026-10-01", 10.0)).cheapest(H100, cards=cards, per_replica=per_replica)
        assert (None if offer is None else offer.units) == units

    def test_a_whole_instance_may_be_cheaper_than_its_cards(self) -> None:
        one = row("2026-10-01", 3.0, offer="cloud/vm/h100")
        eight = row("2026-10-01", 8.0, offer="cloud/vm/h100x8", gpu_count=8)
        offers = book(one, eight)
        single, _ = offers.cheapest(H100, cards=1, per_replica=1)
        assert single is not None
        assert single.id == "cloud/vm/h100"
        several, _ = offers.cheapest(H100, cards=4, per_replica=1)
        assert several is not None
        assert (several.id, several.units, several.usd_per_hour) == ("cloud/vm/h100x8", 1, 8.0)

    def test_a_second_s_price_is_3600_times_as_much_an_hour(self) -> None:
        offer, choice = book(
            row("2026-10-01", 0.00133, unit="usd_per_second"), per_card=["cloud/vm"]
        ).cheapest(H100, cards=1, per_replica=1)
        assert offer is not None
        assert choice is not None
        assert offer.usd_per_hour == pytest.approx(4.788)
        assert choice.price.usd == 0.00133


class TestFilter:
    @pytest.mark.parametrize("mode", ["spot", "reserved", "active", "savings-plan", "capacity-block"])
    def test_only_modes_without_commitment_answer_unless_asked(self, mode: str) -> None:
        offers = row("2026-10-01", 1.0, billing=mode)
        assert book(offers).cheapest(H100, cards=1, per_replica=1) == (None, None)
        offer, _ = book(offers, billing=frozenset({Billing(mode)})).cheapest(H100, cards=1, per_replica=1)
        assert offer is not None
        assert offer.billing == mode

    def test_provider_region_and_service(self) -> None:
        west = row("2026-10-01", 1.0, region="us-west-2")
        assert book(west, providers=frozenset({"other"})).choices(H100) == []
        assert book(west, regions=frozenset({"us-east-1"})).choices(H100) == []
        assert book(west, refused=frozenset({"cloud/vm"})).choices(H100) == []
        kept = book(west, providers=frozenset({"cloud"}), regions=frozenset({"us-west-2"}))
        assert len(kept.choices(H100)) == 1

    def test_a_statement_without_region_is_global(self) -> None:
        assert len(book(row("2026-10-01", 1.0), regions=frozenset({"global"})).choices(H100)) == 1

    def test_regions_of_one_offer_are_priced_apart(self) -> None:
        offers = book(row("2026-10-01", 2.0, region="a"), row("2026-09-01", 1.0, region="b"))
        offer, _ = offers.cheapest(H100, cards=1, per_replica=1)
        assert offer is not None
        assert (offer.region, offer.usd_per_hour) == ("b", 1.0)

    def test_a_card_that_the_newest_statement_no_longer_names_is_not_offered(self) -> None:
        offers = book(row("2026-09-01", 1.0, gpus=[H100, "a100-sxm-80gb"]), row("2026-10-01", 1.0))
        assert offers.cheapest("a100-sxm-80gb", cards=1, per_replica=1) == (None, None)

    def test_prices_that_are_not_of_time_never_answer(self) -> None:
        offers = book(row("2026-10-01", 1.0, unit="usd_per_million_input_tokens"))
        assert offers.cheapest(H100, cards=1, per_replica=1) == (None, None)


class TestShippedHistory:
    """What RunPod asked for an H100 flex worker, as far as it is known."""

    @pytest.mark.parametrize(
        ("day", "usd", "unit"),
        [
            (date(2026, 5, 11), None, ""),
            (date(2026, 5, 12), 0.00116, "usd_per_second"),
            (date(2026, 6, 30), 0.00116, "usd_per_second"),
            (date(2026, 7, 28), 0.00116, "usd_per_second"),
            (date(2026, 7, 29), 4.55, "usd_per_hour"),
            (date(2026, 9, 27), 4.55, "usd_per_hour"),
            (date(2026, 9, 28), 4.79, "usd_per_hour"),
            (date(2026, 10, 8), 4.79, "usd_per_hour"),
            (date(2026, 10, 9), 0.00133, "usd_per_second"),
            (TODAY, 0.00133, "usd_per_second"),
        ],
    )
    def test_each_day_has_its_price(self, shipped: Catalog, day: date, usd: float | None, unit: str) -> None:
        found = OfferBook(
            shipped.price_rows(),
            today=day,
            allowed=OfferFilter(providers=frozenset({"runpod"}), billing=frozenset({Billing.FLEX})),
            per_card=shipped.per_card_products,
        )
        offer, choice = found.cheapest(H100, cards=1, per_replica=1)
        if usd is None:
            assert offer is None
            return
        assert offer is not None
        assert choice is not None
        assert (choice.price.usd, choice.price.unit) == (usd, unit)
        assert offer.usd_per_hour == pytest.approx(usd * 3600 if unit == "usd_per_second" else usd)
        assert offer.id == "runpod/flex/h100-80gb"

    def test_the_card_is_priced_one_by_one(self, shipped: Catalog) -> None:
        assert "runpod/flex" in shipped.per_card_products

    def test_every_offer_that_answers_today_names_its_source(self, shipped: Catalog) -> None:
        found = OfferBook(
            shipped.price_rows(), today=TODAY, allowed=OfferFilter(), per_card=shipped.per_card_products
        )
        choices = [choice for gpu in shipped.gpus for choice in found.choices(gpu)]
        assert len(choices) > 150
        for choice in choices:
            assert choice.price.source in shipped.source_rows
            assert choice.price.usd_per_hour is not None
            assert choice.price.usd_per_hour > 0

"""The tables of `compare`."""

from __future__ import annotations

from gpucost.domain.billing import ColdStart, CompareResult, GenerationOffer
from gpucost.domain.report import Report
from gpucost.view.format import format_value
from gpucost.view.table import Column, Kind, Table, cells


def compare_tables(report: Report) -> list[Table]:
    """Offers, cold starts, features, history, and who is out."""
    result: CompareResult = report.result
    tables = []
    if result.generations:
        tables.append(_generations(result))
    elif result.offers:
        tables.append(_offers(report, result))
    if result.cold_starts:
        tables += _cold_starts(report, result, main=not tables)
    if result.features:
        tables.append(_features(result, main=not tables))
    if result.seeds:
        tables.append(_seeds(result, main=not tables))
    if not tables:
        tables.append(Table("Offers", (), (), main=True, headline="No offer answers."))
    if result.eliminated and not result.seeds:
        columns = (Column("product", "not compared"), Column("reason", "reason"))
        tables.append(Table("Out of the comparison", columns, [list(each) for each in result.eliminated]))
    return tables


def _offers(report: Report, result: CompareResult) -> Table:
    rows = result.offers
    several = len({row.gpu for row in rows}) > 1
    columns = (
        *([Column("gpu", "GPU")] if several else []),
        Column("group", "group"),
        Column("offer", "offer"),
        Column("cards", "cards", Kind.COUNT),
        Column("usd_per_hour", "machine", Kind.USD_PER_HOUR, priority=2),
        Column("usd_per_gpu_hour", "per card", Kind.USD_PER_HOUR),
        Column("delta_fraction", "to base", Kind.PERCENT_ERROR),
        Column("cold_start_low_s", "start from", Kind.SECONDS, priority=3),
        Column("cold_start_high_s", "start to", Kind.SECONDS, priority=3),
        Column("to_zero", "to zero", priority=5),
        Column("during_start", "at zero", priority=4),
        Column("execution_timeout_s", "timeout", Kind.SECONDS, priority=6),
        Column("egress_usd_per_gb", "egress USD/GB", Kind.USD, priority=7),
        Column("region", "region", priority=8),
        Column("as_of", "price of", priority=1),
    )
    named = report.inputs["model"] or ", ".join(report.inputs["gpu"])
    return Table(
        title=f"Offers for {named} on {report.inputs['as_of']}",
        columns=columns,
        rows=cells(columns, rows),
        main=True,
        headline=" ".join(f"{text}, before idle tails and starts." for text in result.guide),
        caption="to base: against runpod/flex among serverless products and runpod/secure among those "
        "kept on, or the cheapest; cards: the fewest that can be rented",
    )


def _generations(result: CompareResult) -> Table:
    products = list(dict.fromkeys(each.product for row in result.generations for each in row.offers))
    columns = (Column("gpu", "GPU"), Column("architecture", "generation"), *(Column(p, p) for p in products))
    rows = []
    for row in result.generations:
        said = {each.product: _cell(each) for each in row.offers}
        rows.append([row.gpu, row.architecture, *(said.get(product) for product in products)])
    return Table(
        "USD per card and hour, and the fewest cards that can be rented",
        columns,
        rows,
        main=True,
        caption="–: not rented there, as far as the catalogue knows",
    )


def _cell(each: GenerationOffer) -> str:
    price = format_value(each.usd_per_gpu_hour, Kind.NUMBER)
    return f"{price} ({each.cards:g}×)"


def _cold_starts(report: Report, result: CompareResult, *, main: bool) -> list[Table]:
    columns = (
        Column("product", "product"),
        Column("total_s", "sum", Kind.SECONDS),
        Column("low_s", "from", Kind.SECONDS),
        Column("high_s", "to", Kind.SECONDS),
        Column("snapshot_s", "snapshot hit", Kind.SECONDS),
        Column("snapshot_low_s", "hit from", Kind.SECONDS, priority=1),
        Column("snapshot_high_s", "hit to", Kind.SECONDS, priority=1),
        Column("unknown", "not in the sum"),
    )
    size = report.inputs["weights_gb"]
    rows = [
        [*(getattr(each, column.key) for column in columns[:-1]), ", ".join(each.unknown) or "nothing"]
        for each in result.cold_starts
    ]
    phases = (
        Column("product", "product"),
        Column("phase", "phase"),
        Column("value_s", "takes", Kind.SECONDS),
        Column("low_s", "from", Kind.SECONDS),
        Column("high_s", "to", Kind.SECONDS),
        Column("as_of", "as of"),
        Column("note", "note", priority=1),
    )
    said = "" if size is None else f" with {size:,.1f} GB of weights"
    return [
        Table(f"Cold starts{said}", columns, rows, main=main, headline=_first(result.cold_starts)),
        Table(
            "Phases",
            phases,
            [row for each in result.cold_starts for row in cells(phases, each.phases)],
        ),
    ]


def _first(starts: tuple[ColdStart, ...]) -> str:
    whole = [each for each in starts if each.total_s is not None and not each.unknown]
    if not whole:
        return ""
    best = whole[0]
    return f"Shortest that is known whole: {best.product}, {format_value(best.total_s, Kind.SECONDS)}."


def _features(result: CompareResult, *, main: bool) -> Table:
    columns = (Column("product", "product"), Column("feature", "feature"), Column("value", "is"))
    rows = []
    for each in result.features:
        shown = each.product
        for name, value in each.features.items():
            rows.append([shown, name, value])
            shown = "" if not main else each.product
    return Table("Features", columns, rows, main=main, caption="unknown: no source was found that says so")


def _seeds(result: CompareResult, *, main: bool) -> Table:
    columns = (
        Column("offer", "offer"),
        Column("as_of", "stated on", priority=1),
        Column("usd_per_hour", "stated", Kind.USD_PER_HOUR),
        Column("today_usd_per_hour", "now", Kind.USD_PER_HOUR),
        Column("refuted", "refuted"),
    )
    wrong = sum(1 for each in result.seeds if each.refuted)
    return Table(
        "Prices of the seed documents",
        columns,
        cells(columns, result.seeds),
        main=main,
        headline=f"{wrong} of {len(result.seeds)} prices are refuted.",
    )

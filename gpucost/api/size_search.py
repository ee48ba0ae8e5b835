"""Enumerates the ways to run a model and keeps the ones worth showing."""

from typing import NamedTuple

from gpucost.api.offers import Choice, OfferBook
from gpucost.api.sizing import Demand, Evaluation, Sizer, shortfall_text
from gpucost.domain.deployment import EngineKind, Parallelism
from gpucost.domain.hardware import Gpu
from gpucost.domain.quantization import Quantization
from gpucost.domain.results import Offer
from gpucost.errors import UsageError

COUNTS = (1, 2, 4, 8)
"""Cards of one machine that a search looks at."""
VENDORS = {
    EngineKind.VLLM: ("nvidia", "amd"),
    EngineKind.SGLANG: ("nvidia", "amd"),
    EngineKind.TENSORRT_LLM: ("nvidia",),
    EngineKind.LLAMA_CPP: ("nvidia", "amd", "intel"),
    EngineKind.TRANSFORMERS: ("nvidia", "amd"),
}
"""Vendors whose cards a search looks at; a card named by --gpu is always evaluated."""
NEAR_SHARE = 0.35
"""A candidate that misses by less than this share of its memory is a near miss worth a line."""
NEAR_MISSES = 3
"""Near misses shown below the candidates that fit."""


class Request(NamedTuple):
    """What to look at."""

    formats: tuple[Quantization, ...]
    named: tuple[Gpu, ...]
    cards: tuple[Gpu, ...]
    gpus: int | None
    tp: int | None
    pp: int
    ep: int
    max_usd_per_hour: float | None
    sort: str
    top: int


class Found(NamedTuple):
    """One evaluated candidate with its offer."""

    evaluation: Evaluation
    replicas: int
    offer: Offer | None
    choice: Choice | None
    fits: bool
    reason: str
    named: bool

    @property
    def cards(self) -> int:
        """Cards of the deployment."""
        return self.evaluation.parallel.gpus * self.replicas


class Search(NamedTuple):
    """What was looked at and what is worth showing, best first."""

    searched: int
    shown: tuple[Found, ...]
    best: Found | None
    nearest: Found
    """The candidate to explain when nothing fits."""


Way = tuple[Parallelism, int]
"""A shape of one copy, and the number of copies."""
Shapes = list[Way]


def _shapes(request: Request) -> Shapes:
    """Parallelism to try in order, with the replicas that --gpus asks for (one without it)."""
    if request.tp is not None:
        shapes = [Parallelism(request.tp, request.pp, request.ep)]
    elif request.ep > 1:
        shapes = [Parallelism(request.ep, request.pp, request.ep)]
    else:
        limit = request.gpus
        counts = [n for n in COUNTS if limit is None or n * request.pp <= limit]
        if limit is not None and limit % request.pp == 0:
            counts = sorted({*counts, limit // request.pp})
        shapes = [Parallelism(n, request.pp) for n in counts]
    if request.gpus is None:
        return [(shape, 1) for shape in shapes]
    whole: Shapes = [
        (shape, request.gpus // shape.gpus) for shape in shapes if request.gpus % shape.gpus == 0
    ]
    if not whole:
        need = shapes[0].gpus if shapes else request.pp
        raise UsageError(
            f"--gpus {request.gpus} is not a multiple of tp × pp = {need}: gpus = tp × pp × replicas"
        )
    return whole


def kernel_fault(quantization: Quantization, gpu: Gpu) -> str | None:
    """Why no kernel of the format runs on the card, or None."""
    need = quantization.min_compute_capability
    if need is None or gpu.vendor != "nvidia" or not gpu.compute_capability:
        return None
    if float(gpu.compute_capability) >= need:
        return None
    return f"{quantization.name} needs compute capability {need:g}; {gpu.name} has {gpu.compute_capability}"


class Sketch(NamedTuple):
    """A candidate before its memory is split up: enough to choose and to sort."""

    gpu: Gpu
    quantization: Quantization
    way: Way
    cards: int
    """Of the deployment."""
    demand: Demand
    missing_share: float
    """Of the card's memory; not above 0 when the load fits."""
    refused: str
    """Why a load that fits in memory is refused all the same."""
    kernel_missing: bool

    @property
    def replicas(self) -> int:
        """Copies of the model."""
        return self.way[1]


def _sketches(
    sizer: Sizer, request: Request, cards: tuple[Gpu, ...], shapes: Shapes
) -> tuple[list[Sketch], int]:
    """What is worth keeping of every card and format, and how many combinations were looked at.

    The smallest count that fits in memory and the one before it; the nearest miss where none fits.
    """
    kept: list[Sketch] = []
    searched = 0
    places = [(gpu, sizer.usable(gpu), sizer.kind_of(gpu)) for gpu in cards]
    for quantization in request.formats:
        ways = [way for way in shapes if sizer.fault(quantization, way[0]) is None]
        counts = [shape.gpus * copies for shape, copies in ways]
        demands_by_kind: dict[tuple[object, ...], list[Demand]] = {}
        for gpu, usable, kind in places if ways else ():
            demands = demands_by_kind.setdefault(kind, [])
            shares: list[float] = []
            for place, (shape, _) in enumerate(ways):
                if place == len(demands):
                    demands.append(sizer.demand(gpu, quantization, shape))
                shares.append(demands[place].missing_share(usable))
                if shares[-1] <= 0:
                    break
            searched += len(shares)
            last = len(shares) - 1
            picks = (max(0, last - 1), last) if shares[last] <= 0 else (shares.index(min(shares)),)
            kernel = kernel_fault(quantization, gpu)
            for index in dict.fromkeys(picks):
                kept.append(
                    Sketch(
                        gpu,
                        quantization,
                        ways[index],
                        counts[index],
                        demands[index],
                        shares[index],
                        kernel or "",
                        kernel is not None,
                    )
                )
    return kept, searched


def _over_budget(offer: Offer | None, limit: float) -> str:
    if offer is None:
        return "no price is known, so --max-usd-per-hour cannot be met"
    if offer.usd_per_hour > limit:
        return f"fits, but costs {offer.usd_per_hour:,.2f} USD/h, above --max-usd-per-hour"
    return ""


def search(sizer: Sizer, book: OfferBook, request: Request) -> Search:
    """Looks at every card, count and format; keeps per card and format the smallest count that fits.

    Near misses are what is only too dear, cheapest first, then the largest counts that do not fit, fewest
    cards first. Named cards are kept whatever comes out. Raises UsageError when the model can be cut in
    none of the asked ways.
    """
    shapes = _shapes(request)
    vendors = VENDORS[sizer.setup.kind]
    cards = request.named or tuple(gpu for gpu in request.cards if gpu.vendor in vendors)
    kept, searched = _sketches(sizer, request, cards, shapes)
    if not kept:
        faults = {sizer.fault(row, shape) for row in request.formats for shape, _ in shapes}
        reasons = "; ".join(sorted(fault for fault in faults if fault))
        raise UsageError(f"{sizer.model.id} cannot be cut like that: {reasons}")
    if request.max_usd_per_hour is not None:
        kept = [_within_budget(book, sketch, request.max_usd_per_hour) for sketch in kept]
    fitting = [sketch for sketch in kept if sketch.missing_share <= 0 and not sketch.refused]
    missing = [sketch for sketch in kept if sketch.missing_share > 0 or sketch.refused]
    fitting.sort(key=lambda sketch: _order(sizer, book, sketch, request.sort))
    missing.sort(key=lambda sketch: _miss_order(book, sketch))
    shown = fitting[: len(fitting) if request.named else request.top]
    if request.named:
        shown += missing
    elif request.top > 1 or not shown:
        near = [
            each for each in missing if each.missing_share < NEAR_SHARE and not each.kernel_missing
        ] or missing
        shown += near[: max(NEAR_MISSES, request.top - len(shown))]
    found = [_found(sizer, book, request, sketch) for sketch in shown]
    best = found[0] if fitting else None
    nearest = best or _found(sizer, book, request, min(missing, key=lambda sketch: _nearness(book, sketch)))
    return Search(searched, tuple(found), best, nearest)


def _nearness(book: OfferBook, sketch: Sketch) -> tuple[int, float]:
    """What a miss lacks: money first (it fits), then memory, then a kernel or a price."""
    if not sketch.refused:
        return 1, sketch.missing_share
    offer, _ = _offer(book, sketch)
    if offer is None or sketch.kernel_missing:
        return 2, sketch.missing_share
    return 0, offer.usd_per_hour


def _miss_order(book: OfferBook, sketch: Sketch) -> tuple[float | str, ...]:
    """Over the budget by price, then fewest cards first."""
    rank, lack = _nearness(book, sketch)
    return (rank, sketch.cards if rank else 0, lack, sketch.gpu.id)


def _offer(book: OfferBook, sketch: Sketch) -> tuple[Offer, Choice] | tuple[None, None]:
    return book.cheapest(sketch.gpu.id, cards=sketch.cards, per_replica=sketch.way[0].gpus)


def _within_budget(book: OfferBook, sketch: Sketch, limit: float) -> Sketch:
    if sketch.missing_share > 0 or sketch.refused:
        return sketch
    return sketch._replace(refused=_over_budget(_offer(book, sketch)[0], limit))


def _found(sizer: Sizer, book: OfferBook, request: Request, sketch: Sketch) -> Found:
    evaluation = sizer.evaluate(sketch.gpu, sketch.quantization, sketch.way[0])
    offer, choice = _offer(book, sketch)
    return Found(
        evaluation=evaluation,
        replicas=sketch.replicas,
        offer=offer,
        choice=choice,
        fits=sketch.missing_share <= 0 and not sketch.refused,
        reason=sketch.refused or shortfall_text(evaluation, sizer.load),
        named=bool(request.named),
    )


def _order(sizer: Sizer, book: OfferBook, sketch: Sketch, sort: str) -> tuple[float | str, ...]:
    offer, choice = _offer(book, sketch)
    usd = offer.usd_per_hour if offer else float("inf")
    place = choice.price.gpus.index(sketch.gpu.id) if choice else 0  # a tier names its likeliest card first
    key: tuple[float | str, ...] = (usd, sketch.cards, place)
    if sort == "gpus":
        key = (sketch.cards, usd)
    elif sort != "usd":
        pool = sketch.demand.pool(sizer.usable(sketch.gpu))
        if sort == "concurrency":
            key = (-pool / sketch.demand.bytes_per_sequence * sketch.replicas, usd)
        else:
            key = (sketch.demand.need_bytes - pool, usd)
    return (*key, sketch.gpu.id, sketch.quantization.id)

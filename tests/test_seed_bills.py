"""Statements about bills, prices and starts from five documents, checked through the command line.

`HOLDS` are those that hold, at least rounded. `WRONG` are those that do not, with what holds instead; they
are listed for people in `examples/04-seed-bills`, whose commands are run too. An interval is the rounding of
the stated figure or of the right one. Where a claim is about given prices, the question gives them.
"""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gpucost.cli.app import run

PAGE = Path(__file__).resolve().parents[1] / "examples" / "04-seed-bills" / "README.md"
TODAY = "--as-of 2026-11-20"
OLD_LIST = "--as-of 2026-05-12"
"""The last day of the list prices of active workers."""
Result = dict[str, Any]
Reading = Callable[[Result], float]


class Claim(NamedTuple):
    """A statement, the question that checks it, and the interval that the answer must lie in."""

    id: str
    stated: str
    question: str
    read: Reading
    low: float
    high: float


def bill(field: str, index: int = 0) -> Reading:
    """A field of a bill."""
    return lambda result: float(result["bills"][index][field])


def per_hour(index: int = 0) -> Reading:
    """A bill over the hours of its period [USD/h]."""
    return lambda result: bill("total_usd", index)(result) / bill("period_hours", index)(result)


def times(index: int, over: int) -> Reading:
    """One bill as a multiple of another."""
    return lambda result: bill("total_usd", index)(result) / bill("total_usd", over)(result)


def line(name: str, field: str, index: int = 0, tier: int = 0) -> Reading:
    """A field of a line of a bill; of its second tier where a price has tiers."""

    def read(result: Result) -> float:
        found = [each for each in result["bills"][index]["lines"] if each["name"] == name]
        return float(found[tier][field])

    return read


def fees(result: Result) -> float:
    """Lines of the first bill that charge by request."""
    return float(sum(each["unit"] == "requests" for each in result["bills"][0]["lines"]))


def node_seconds(result: Result) -> float:
    """Seconds of work of whole workers [s]."""
    return line("GPU execution", "quantity")(result) / bill("gpus_per_worker")(result)


def hours_of_work(result: Result) -> float:
    """The same [h]."""
    return node_seconds(result) / 3600


def billed_over_busy(result: Result) -> float:
    """What a request costs over its execution alone."""
    return bill("total_usd")(result) / line("GPU execution", "usd")(result)


def crossing(field: str, index: int = 0) -> Reading:
    """A field of a crossing."""
    return lambda result: float(result["crossings"][index][field])


def selling(result: Result) -> float:
    """Tokens that pay for an hour."""
    return float(result["selling"][0]["tokens_per_hour"])


def row(field: str) -> Reading:
    """A field of the first row of `cost`."""
    return lambda result: float(result["rows"][0][field])


def start(field: str) -> Reading:
    """A field of the first cold start [s]."""
    return lambda result: float(result["cold_starts"][0][field])


def phase(name: str, field: str) -> Reading:
    """A field of a phase of the first cold start [s]."""

    def read(result: Result) -> float:
        return float({each["phase"]: each for each in result["cold_starts"][0]["phases"]}[name][field])

    return read


def offer(name: str, field: str) -> Reading:
    """A number of a compared offer."""
    return lambda result: float({each["offer"]: each for each in result["offers"]}[name][field])


def word(name: str, field: str, expected: str) -> Reading:
    """Whether a field of a compared offer says this."""

    def read(result: Result) -> float:
        found = {each["offer"]: each for each in result["offers"]}[name]
        return float(found[field] == expected)

    return read


def feature(name: str, expected: str) -> Reading:
    """Whether a feature of the first product begins with this."""
    return lambda result: float(result["features"][0]["features"][name].startswith(expected))


def stated(name: str) -> Reading:
    """A price as a document states it [USD/h]."""
    return lambda result: float({each["offer"]: each for each in result["seeds"]}[name]["usd_per_hour"])


def about(value: float, half: float) -> tuple[float, float]:
    """The interval that rounds to a value."""
    return value - half, value + half


YES = (1.0, 1.0)
NONE = (0.0, 0.0)
SEEDS = "compare --prices seeds"

THOUSAND = "--requests-per-day 1000 --pattern packed"
FULL_MONTH = "--requests-per-day 86400 --execution-s 1 --pattern packed"
"""One worker that is never idle."""
FEW = "--requests-per-day 10 --execution-s 15 --pattern packed"
LONE = "--requests-per-day 1 --pattern uniform"
FLEX_2025, FLEX_2026 = "runpod/flex/h100-80gb=0.00116/s", "runpod/flex/h100-80gb=4.79/h"
POD = "runpod/secure/h100-sxm-80gb=2.69/h"
AS_STATED = "runpod/as-stated/serverless-h100"
FIVE = (
    f"bill --prices seeds -d {AS_STATED} -d replicate/as-stated/gpu-second -d modal/as-stated/gpu-second "
    "-d banana/as-stated/gpu-second -d runpod/pod/h100-sxm-80gb "
    f"--execution-s 15 {THOUSAND}"
)
"""Platforms of document 002 with its prices, 1,000 requests of 15 s a day."""
FIFTY = "--requests-per-day 4320 --execution-s 20 --output-tokens 50 --pattern packed --period request"
"""50 tokens in 20 s, day and night."""
HUNDRED = "--requests-per-month 24000 --execution-s 15 --pattern packed"
"""100 hours of work a month in requests of 15 s."""

PEAKS = "--pattern diurnal --peak-to-mean 2 --hours 8 --requests-per-second 2 --execution-s 15 --start-s 2"

ADA_POD = "runpod/secure/rtx-6000-adax2=1.58/h"
ADA_FLEX = "runpod/flex/48gb-prox2"
CHAT = (
    f"--requests-per-month 1000000 --concurrency 64 --execution-s {64 * 512 / 850} --output-tokens 512 "
    "--pattern packed --days 30"
)
"""Document 004: a million answers of 512 tokens from workers that make 850 tokens/s with 64 at once."""
START_40 = "compare --cold-start --weights-gb 40"
FLASHBOOT = f"{START_40} --product runpod/flex {TODAY}"
SAGEMAKER = f"{START_40} --product aws/sagemaker {TODAY}"
FEES = f"bill -d {AS_STATED} -d runpod/pod/h100-sxm-80gb --prices seeds"
FEE_CROSSES = f"breakeven {AS_STATED} runpod/pod/h100-sxm-80gb --prices seeds --pattern packed"


def tier(
    id: str, name: str, flex: float, active: float, discount: float, crosses: float
) -> tuple[Claim, ...]:
    """Rates of a tier [USD/h], the discount of active workers [%] and where they become cheaper [%]."""
    pair = f"runpod/flex/{name} runpod/active/{name} {OLD_LIST}"
    full = f"bill -d runpod/flex/{name} -d runpod/active/{name} {OLD_LIST} {FULL_MONTH}"
    return (
        Claim(id, f"{name}: flex {flex}/h", full, per_hour(0), *about(flex, 5e-4)),
        Claim(id, f"{name}: active {active}/h", full, per_hour(1), *about(active, 5e-4)),
        Claim(
            id,
            f"{name}: active workers are {discount} % cheaper",
            full,
            lambda result: -100 * bill("delta_fraction", 1)(result),
            *about(discount, 0.051),
        ),
        Claim(
            id,
            f"{name}: active is cheaper above {crosses} %",
            f"breakeven {pair}",
            lambda result: 100 * crossing("utilisation")(result),
            *about(crosses, 0.051),
        ),
    )


# fmt: off
HOLDS = (
    # 000: rates, and costs of a request of a full worker.
    Claim("S000-01", "16 GB: 0.00016/s is 0.576/h", SEEDS, stated("runpod/flex/16gb-snapshot"),
          *about(0.576, 5e-4)),
    Claim("S000-02", "48 GB: 0.00034/s is 1.224/h", SEEDS, stated("runpod/flex/48gb-snapshot"),
          *about(1.224, 5e-4)),
    Claim("S000-03", "80 GB: 0.00076/s is 2.736/h", SEEDS, stated("runpod/flex/a100-80gb-snapshot"),
          *about(2.736, 5e-4)),
    Claim("S000-04", "96 GB: 0.00111/s is 3.996/h", SEEDS, stated("runpod/flex/96gb"), *about(3.996, 5e-4)),
    *tier("S000-08", "16gb", 0.576, 0.396, 31.2, 68.8),
    *tier("S000-09", "24gb", 0.684, 0.468, 31.6, 68.4),
    *tier("S000-10", "24gb-pro", 1.116, 0.756, 32.3, 67.7),
    *tier("S000-11", "48gb", 1.224, 0.864, 29.4, 70.6),
    *tier("S000-12", "48gb-pro", 1.908, 1.332, 30.2, 69.8),
    *tier("S000-13", "a100-80gb", 2.736, 2.160, 21.1, 78.9),
    *tier("S000-14", "h100-80gb", 4.176, 3.348, 19.8, 80.2),
    *tier("S000-15", "h200-141gb", 5.580, 4.464, 20.0, 80.0),
    *tier("S000-16", "b200-180gb", 8.640, 6.840, 20.8, 79.2),
    Claim("S000-18", "221 ms at 0.00016/s cost 0.000035",
          f"bill -d runpod/flex/16gb=0.00016/s --execution-s 0.221 {THOUSAND}",
          bill("usd_per_request"), *about(3.5e-5, 5e-7)),
    Claim("S000-18", "some 28,500 requests per dollar: 28,281",
          f"bill -d runpod/flex/16gb=0.00016/s --execution-s 0.221 {THOUSAND}",
          lambda result: 1 / bill("usd_per_request")(result), *about(28_281, 0.5)),
    Claim("S000-19", "201 ms at 0.00034/s cost 0.000068",
          f"bill -d runpod/flex/48gb=0.00034/s --execution-s 0.201 {THOUSAND}",
          bill("usd_per_request"), *about(6.8e-5, 5e-7)),
    Claim("S000-19", "some 14,700 requests per dollar: 14,633",
          f"bill -d runpod/flex/48gb=0.00034/s --execution-s 0.201 {THOUSAND}",
          lambda result: 1 / bill("usd_per_request")(result), *about(14_633, 0.5)),
    Claim("S000-20", "215 ms at 0.00076/s cost 0.000164: 0.0001634",
          f"bill -d runpod/flex/a100-80gb=0.00076/s --execution-s 0.215 {THOUSAND}",
          bill("usd_per_request"), *about(1.634e-4, 5e-9)),
    Claim("S000-20", "some 6,000 requests per dollar: 6,120",
          f"bill -d runpod/flex/a100-80gb=0.00076/s --execution-s 0.215 {THOUSAND}",
          lambda result: 1 / bill("usd_per_request")(result), *about(6_120, 0.5)),
    Claim("S000-21", "204 ms at 0.00111/s cost 0.000227: 0.0002264",
          f"bill -d runpod/flex/96gb=0.00111/s --execution-s 0.204 {THOUSAND}",
          bill("usd_per_request"), *about(2.2644e-4, 5e-9)),
    Claim("S000-21", "some 4,400 requests per dollar: 4,416",
          f"bill -d runpod/flex/96gb=0.00111/s --execution-s 0.204 {THOUSAND}",
          lambda result: 1 / bill("usd_per_request")(result), *about(4_416, 0.5)),
    Claim("S000-24", "the 16 GB card saves about 85 % of the hour: 85.6 %",
          f"bill -d runpod/flex/96gb=0.00111/s -d runpod/flex/16gb=0.00016/s {FULL_MONTH}",
          bill("delta_fraction", 1), *about(-0.8559, 5e-5)),
    Claim("S000-25", "the 48 GB card is three times cheaper than the 96 GB one: 3.26",
          f"bill -d runpod/flex/96gb=0.00111/s -d runpod/flex/48gb=0.00034/s {FULL_MONTH}",
          times(0, 1), *about(3.26, 5e-3)),

    # 001: AWS beside RunPod.
    Claim("S001-02", "95 % of FlashBoot starts take less than 2.3 s", FLASHBOOT,
          start("snapshot_high_s"), 2.3, 2.3),
    Claim("S001-03", "SageMaker starts from zero in 5 to 6 minutes",
          SAGEMAKER, start("total_s"), 300, 360),
    Claim("S001-04", "1 + 1.75 + 2.28 min are 5.03 min", SAGEMAKER,
          lambda result: start("total_s")(result) / 60, *about(5.03, 1e-6)),
    Claim("S001-05", "requests fail while SageMaker starts from zero",
          f"compare --gpu l40s --product aws/sagemaker {TODAY}",
          word("aws/sagemaker/ml.g6e.xlarge", "during_start", "failed"), *YES),
    Claim("S001-08", "ml.g6e.xlarge has one L40S", f"compare --gpu l40s --product aws/sagemaker {TODAY}",
          offer("aws/sagemaker/ml.g6e.xlarge", "cards"), 1, 1),
    Claim("S001-08", "g6e.xlarge has one L40S", f"compare --gpu l40s --product aws/ec2 {TODAY}",
          offer("aws/ec2/g6e.xlarge", "cards"), 1, 1),
    Claim("S001-10", "EC2 rents a single H100, p5.4xlarge",
          f"compare --gpu h100-sxm --product aws/ec2 {TODAY}",
          offer("aws/ec2/p5.4xlarge", "cards"), 1, 1),
    Claim("S001-12", "the H200 comes by eight on AWS", f"compare --gpu h200-sxm --product aws/ec2 {TODAY}",
          offer("aws/ec2/p5en.48xlarge", "cards"), 8, 8),
    Claim("S001-14", "ml.g6e.xlarge at 2.61/h costs 37 % more than flex at 1.90/h",
          f"bill -d runpod/flex/48gb-pro=1.90/h -d aws/sagemaker/ml.g6e.xlarge=2.61/h {FULL_MONTH}",
          bill("delta_fraction", 1), *about(0.37, 5e-3)),
    Claim("S001-14", "and 2.61/h is its price",
          f"bill -d aws/sagemaker/ml.g6e.xlarge {FEW} {TODAY}", per_hour(), *about(2.61, 5e-3)),
    Claim("S001-18", "A100 flex 2.72/h: 2.736",
          f"bill -d runpod/flex/a100-80gb {FULL_MONTH} {OLD_LIST}", per_hour(), *about(2.736, 5e-4)),
    Claim("S001-19", "H100 flex 4.18/h",
          f"bill -d runpod/flex/h100-80gb {FULL_MONTH} {OLD_LIST}", per_hour(), *about(4.18, 5e-3)),
    Claim("S001-20", "H200 flex 5.58/h",
          f"bill -d runpod/flex/h200-141gb {FULL_MONTH} {OLD_LIST}", per_hour(), *about(5.58, 5e-3)),
    Claim("S001-21", "B200 flex 8.64/h",
          f"bill -d runpod/flex/b200-180gb {FULL_MONTH} {OLD_LIST}", per_hour(), *about(8.64, 5e-3)),
    Claim("S001-22", "L40S flex 1.90/h: 1.908",
          f"bill -d runpod/flex/l40s {FULL_MONTH} {OLD_LIST}", per_hour(), *about(1.908, 5e-4)),
    Claim("S001-25", "g5.xlarge 1.01/h", f"bill -d aws/ec2/g5.xlarge {FEW} {TODAY}", per_hour(),
          *about(1.01, 5e-3)),
    Claim("S001-26", "g5.xlarge costs 0.30 to 0.50/h as spot",
          f"bill -d aws/ec2-spot/g5.xlarge {FEW} {TODAY}",
          per_hour(), 0.30, 0.50),
    Claim("S001-28", "p5.48xlarge 55.04/h", f"bill -d aws/ec2/p5.48xlarge {FEW} {TODAY}", per_hour(),
          *about(55.04, 5e-3)),
    Claim("S001-30", "p5en.48xlarge 63.30/h", f"bill -d aws/ec2/p5en.48xlarge {FEW} {TODAY}", per_hour(),
          *about(63.30, 5e-3)),
    Claim("S001-32", "g6e.xlarge was not known: 1.861/h", f"bill -d aws/ec2/g6e.xlarge {FEW} {TODAY}",
          per_hour(), *about(1.861, 5e-4)),
    Claim("S001-33", "instance, container and model of SageMaker take 4 to 6 min",
          SAGEMAKER,
          lambda result: start("total_s")(result) / 60, 4, 6),
    Claim("S001-35", "SageMaker Async queues, so it is not for chats",
          f"compare --gpu l40s --product aws/sagemaker-async {TODAY}",
          word("aws/sagemaker-async/ml.g6e.xlarge", "during_start", "queued"), *YES),

    # 002: platforms by the day, with the document's own prices.
    Claim("S002-03", "an H100 SXM at 2.69/h, as a community pod",
          f"bill -d runpod/community/h100-sxm-80gb {FEW} {TODAY}", per_hour(), *about(2.69, 5e-3)),
    Claim("S002-06", "100 s cost 0.274 with the fee",
          f"bill -d {AS_STATED} --prices seeds --requests-per-day 10 --execution-s 100 --pattern packed "
          "--period request", bill("total_usd"), *about(0.274, 5e-7)),
    Claim("S002-11", "20 s cost 0.2548 with the fee", f"bill -d {AS_STATED} --prices seeds {FIFTY}",
          bill("total_usd"), *about(0.2548, 5e-7)),
    Claim("S002-13", "20 s of a pod that is always busy cost 0.0149", f"bill -d {POD} {FIFTY}",
          bill("usd_per_request"), *about(0.0149, 5e-5)),
    Claim("S002-22", "0.0005/s is 50 % less than 0.001/s", FIVE, times(2, 1),
          *about(0.5, 1e-9)),
    Claim("S002-27", "RunPod: 0.254 per request", f"{FIVE} --period request", bill("total_usd", 0),
          *about(0.254, 5e-4)),
    Claim("S002-27", "RunPod: 254 a day", f"{FIVE} --period day", bill("total_usd", 0), *about(254, 0.5)),
    Claim("S002-27", "RunPod: 92,710 a year from the rounded day: 92,564", f"{FIVE} --period year",
          bill("total_usd", 0), *about(92_564, 0.5)),
    Claim("S002-28", "Replicate: 0.015 per request", f"{FIVE} --period request", bill("total_usd", 1),
          *about(0.015, 5e-7)),
    Claim("S002-28", "Replicate: 15 a day", f"{FIVE} --period day", bill("total_usd", 1), *about(15, 5e-4)),
    Claim("S002-28", "Replicate: 5,475 a year", f"{FIVE} --period year", bill("total_usd", 1),
          *about(5_475, 5e-3)),
    Claim("S002-29", "Modal: 0.0075 per request", f"{FIVE} --period request", bill("total_usd", 2),
          *about(0.0075, 5e-7)),
    Claim("S002-29", "Modal: 7.50 a day", f"{FIVE} --period day", bill("total_usd", 2), *about(7.5, 5e-4)),
    Claim("S002-29", "Modal: 2,738 a year", f"{FIVE} --period year", bill("total_usd", 2),
          *about(2_737.5, 5e-3)),
    Claim("S002-30", "Banana: 0.0045 per request", f"{FIVE} --period request", bill("total_usd", 3),
          *about(0.0045, 5e-7)),
    Claim("S002-30", "Banana: 4.50 a day", f"{FIVE} --period day", bill("total_usd", 3), *about(4.5, 5e-4)),
    Claim("S002-30", "Banana: 1,642 a year", f"{FIVE} --period year", bill("total_usd", 3),
          *about(1_642.5, 5e-3)),
    Claim("S002-32", "1,000 requests of 15 s are 4.17 hours of work a day",
          f"bill -d {FLEX_2025} --execution-s 15 {THOUSAND} --period day",
          hours_of_work, *about(4.17, 5e-3)),
    Claim("S002-32", "17.4 % of one card",
          f"bill -d {POD} --execution-s 15 {THOUSAND} --period day",
          bill("utilisation"), *about(0.174, 5e-4)),
    Claim("S002-34", "reserved above 70 %: 64.4 % at 2.69 and 4.176/h", f"breakeven {FLEX_2025} {POD}",
          crossing("utilisation"), *about(0.644, 5e-4)),
    Claim("S002-34", "56.2 % at 2.69 and 4.79/h", f"breakeven {FLEX_2026} {POD}",
          crossing("utilisation"), *about(0.562, 5e-4)),
    Claim("S002-34", "72.9 % at 3.49 and 4.79/h",
          f"breakeven {FLEX_2026} runpod/secure/h100-sxm-80gb=3.49/h",
          crossing("utilisation"), *about(0.729, 5e-4)),
    Claim("S002-34", "83.3 % at 3.99 and 4.79/h",
          f"breakeven {FLEX_2026} runpod/secure/h100-sxm-80gb=3.99/h",
          crossing("utilisation"), *about(0.833, 5e-4)),
    Claim("S002-36", "a hybrid saves 20 to 40 % against reserved: so with 8 h a day at twice the mean",
          f"bill --hybrid {POD} --hybrid {FLEX_2025} {PEAKS}",
          lambda result: float(result["hybrid"]["saving_against_reserved"]), 0.20, 0.40),
    Claim("S002-38", "waiting 100 ms for a database makes 20.1 s billed of 20 s",
          f"bill -d {FLEX_2025} --requests-per-day 10 --execution-s 20 --external-ms 100 --pattern packed "
          "--period request", line("GPU execution", "quantity"), *about(20.1, 1e-6)),

    # 003: billing modes, starts, storage.
    Claim("S003-25", "pods are billed by the second, without a minimum: 90 s cost 90 s",
          f"bill -d {POD} --items 1 --pattern batch --execution-s 90 --period day",
          bill("total_usd"), *about(0.06725, 5e-9)),
    Claim("S003-27", "active workers are 20 to 30 % cheaper: 19.8 % on an H100",
          f"bill -d runpod/flex/h100-80gb -d runpod/active/h100-80gb {FULL_MONTH} {OLD_LIST}",
          bill("delta_fraction", 1), *about(-0.198, 5e-4)),
    Claim("S003-27", "and 32.3 % on an RTX 4090",
          f"bill -d runpod/flex/24gb-pro -d runpod/active/24gb-pro {FULL_MONTH} {OLD_LIST}",
          bill("delta_fraction", 1), *about(-0.323, 5e-4)),
    Claim("S003-29", "FlashBoot starts in 563 ms at best", FLASHBOOT,
          start("snapshot_low_s"), 0.563, 0.563),
    Claim("S003-29", "95 % of its starts take less than 2.3 s", FLASHBOOT,
          start("snapshot_high_s"), 2.3, 2.3),
    Claim("S003-32", "RunPod takes nothing for egress",
          f"bill -d runpod/flex/l40s=1.75/h --egress-gb 10000 {FEW} {TODAY}", line("egress", "usd"), *NONE),
    Claim("S003-37", "a network volume costs 0.07 per GB and month",
          f"bill -d runpod/flex/l40s=1.75/h --volume-gb 1000 {FEW} {TODAY}", line("network-volume", "usd"),
          *about(70, 5e-3)),
    Claim("S003-37", "and 0.05 beyond the first 1,000 GB",
          f"bill -d runpod/flex/l40s=1.75/h --volume-gb 3000 {FEW} {TODAY}",
          line("network-volume", "usd", tier=1), *about(100, 5e-3)),

    # 004: a chatbot on two 48 GB cards.
    Claim("S004-01", "1.5 M tokens at 0.002 per 1,000 pay for an H100 hour at 2.99: 1.495 M",
          "breakeven runpod/secure/h100-sxm-80gb=2.99/h --sell-usd-per-million 2",
          selling, *about(1_495_000, 0.5)),
    Claim("S004-02", "two H100 cost 5.98/h",
          f"bill -d runpod/secure/h100-sxm-80gb=2.99/h --workers 2 {FEW}", per_hour(), *about(5.98, 5e-4)),
    Claim("S004-04", "less than 0.55 per million tokens: 0.516",
          "cost --usd-per-hour 1.58 --tokens-per-second 850", row("usd_per_million_output_tokens"),
          *about(0.516, 5e-4)),
    Claim("S004-09", "1.58/h at 850 tokens/s are 0.52 per million",
          "cost --usd-per-hour 1.58 --tokens-per-second 850", row("usd_per_million_output_tokens"),
          *about(0.52, 5e-3)),
    Claim("S004-10", "a third of two H100: 26 % of their hour",
          f"bill -d runpod/secure/h100-sxm-80gbx2=5.98/h -d {ADA_POD} {FEW}", times(1, 0),
          *about(0.26, 5e-3)),
    Claim("S004-35", "three cards at 0.79 cost 2.37/h",
          f"bill -d runpod/secure/rtx-6000-ada=0.79/h --workers 3 {FEW}", per_hour(), *about(2.37, 5e-4)),
    Claim("S004-36", "2.37/h at 1,700 tokens/s are 0.39 per million",
          "cost --usd-per-hour 2.37 --tokens-per-second 1700", row("usd_per_million_output_tokens"),
          *about(0.39, 5e-3)),
    Claim("S004-42", "a pod at 1.58/h costs 1,137.60 in 30 days", f"bill -d {ADA_POD} {CHAT}",
          bill("total_usd"), *about(1_137.60, 5e-3)),
    Claim("S004-43", "and is 15 to 25 % busy", f"bill -d {ADA_POD} {CHAT}", bill("utilisation"), 0.15, 0.25),
    Claim("S004-43", "23.2 % for the stated traffic", f"bill -d {ADA_POD} {CHAT}", bill("utilisation"),
          *about(0.232, 5e-4)),
    Claim("S004-45", "about 602,000 s of work: 602,353", f"bill -d {ADA_FLEX}=3.816/h {CHAT}", node_seconds,
          *about(602_353, 0.5)),
    Claim("S004-46", "167.2 hours: 167.32, of two cards each", f"bill -d {ADA_FLEX}=3.816/h {CHAT}",
          hours_of_work, *about(167.32, 5e-3)),
    Claim("S004-51", "10 workers serve 640 requests at once",
          f"bill -d {ADA_FLEX}=3.816/h --requests-per-second {640 / 40} --execution-s 40 --concurrency 64 "
          "--pattern packed", bill("workers"), *about(10, 1e-6)),
    Claim("S004-52", "an idle timeout of 30 s: 0.0318 for each tail",
          f"bill -d {ADA_FLEX}=3.816/h --execution-s 40 --start-s 0 --idle-timeout-s 30 "
          f"--period request {LONE}",
          line("idle", "usd"), *about(0.0318, 5e-7)),
    Claim("S004-63", "100 GB of network volume cost 7.00 a month",
          f"bill -d {ADA_FLEX}=3.5/h --volume-gb 100 {FEW} --days 30 {TODAY}", line("network-volume", "usd"),
          *about(7, 5e-3)),
    Claim("S004-63", "and 10.00 as the disk of a running pod",
          f"bill -d {ADA_POD} --disk-gb 100 {FEW} --days 30 {TODAY}", line("volume-disk", "usd"),
          *about(10, 5e-3)),
)

WRONG = (
    Claim("S000-22", "a request costs its execution time: alone it bills 6 s, 0.00096",
          f"bill -d runpod/flex/16gb=0.00016/s --execution-s 0.221 --start-s 0 --period request {LONE}",
          bill("total_usd"), *about(0.00096, 5e-9)),
    Claim("S000-22", "27 times its execution",
          f"bill -d runpod/flex/16gb=0.00016/s --execution-s 0.221 --start-s 0 --period request {LONE}",
          billed_over_busy, *about(27, 0.5)),
    Claim("S000-22", "rounding to a second alone makes 0.00016",
          "bill -d runpod/flex/16gb=0.00016/s --execution-s 0.221 --start-s 0 --idle-timeout-s 0 "
          f"--period request {LONE}", bill("total_usd"), *about(0.00016, 5e-9)),
    Claim("S000-26", "beyond 16 GB the next step is 48 GB: 24 GB costs 0.684/h",
          f"bill -d runpod/flex/24gb -d runpod/flex/24gb-pro -d runpod/flex/48gb {FULL_MONTH} {OLD_LIST}",
          per_hour(0), *about(0.684, 5e-4)),
    Claim("S000-26", "and the faster 24 GB card 1.116/h, both below the 1.224/h of 48 GB",
          f"bill -d runpod/flex/24gb -d runpod/flex/24gb-pro -d runpod/flex/48gb {FULL_MONTH} {OLD_LIST}",
          times(1, 2), *about(1.116 / 1.224, 5e-4)),

    Claim("S001-01", "RunPod starts in about 500 ms: 0.563 s at best",
          FLASHBOOT, start("snapshot_low_s"), 0.563, 0.563),
    Claim("S001-01", "and up to 7 min until machine and image are there where none is hit", FLASHBOOT,
          phase("provision", "high_s"), 420, 420),
    Claim("S001-06", "FlashBoot buffers requests: the queue of the endpoint does",
          f"compare --features --product runpod/flex {TODAY}",
          feature("during-cold-start", "queued until a worker is ready"), *YES),
    Claim("S001-09", "an A100 80 GB is p4d: that is p4de",
          f"compare --gpu a100-sxm-80gb --product aws/ec2 {TODAY}",
          word("aws/ec2/p4de.24xlarge", "gpu", "a100-sxm-80gb"), *YES),
    Claim("S001-09", "p4d has cards of 40 GB",
          f"compare --gpu a100-sxm-40gb --product aws/ec2 {TODAY}",
          word("aws/ec2/p4d.24xlarge", "gpu", "a100-sxm-40gb"), *YES),
    Claim("S001-13", "AWS has no B200: eight cost 113.9328/h",
          f"bill -d aws/ec2/p6-b200.48xlarge {FEW} {TODAY}", per_hour(), *about(113.9328, 5e-5)),
    Claim("S001-15", "ml.g5.xlarge costs 2.03/h: 1.408",
          f"bill -d aws/sagemaker/ml.g5.xlarge {FEW} {TODAY}", per_hour(), *about(1.408, 5e-4)),
    Claim("S001-15", "and 85 % more than 1.10/h: 28 %",
          f"bill -d runpod/flex/24gb-pro=1.10/h -d aws/sagemaker/ml.g5.xlarge {FULL_MONTH} {TODAY}",
          bill("delta_fraction", 1), *about(0.28, 5e-4)),
    Claim("S001-16", "ml.p4d.24xlarge costs 37.69/h: 25.251",
          f"bill -d aws/sagemaker/ml.p4d.24xlarge {FEW} {TODAY}", per_hour(), *about(25.251, 5e-4)),
    Claim("S001-17", "ml.p5.48xlarge costs 113/h: 63.296",
          f"bill -d aws/sagemaker/ml.p5.48xlarge {FEW} {TODAY}", per_hour(), *about(63.296, 5e-4)),
    Claim("S001-23", "an L40S pod costs 1.33/h: an active worker does",
          f"bill -d runpod/active/48gb-pro {FEW} {OLD_LIST}", per_hour(), *about(1.332, 5e-4)),
    Claim("S001-23", "an A100 pod costs 2.17/h: an active worker does, 2.160",
          f"bill -d runpod/active/a100-80gb {FEW} {OLD_LIST}", per_hour(), *about(2.160, 5e-4)),
    Claim("S001-23", "an H100 pod costs 3.35/h: an active worker does, 3.348",
          f"bill -d runpod/active/h100-80gb {FEW} {OLD_LIST}", per_hour(), *about(3.348, 5e-4)),
    Claim("S001-23", "an H200 pod costs 4.46/h: an active worker does, 4.464",
          f"bill -d runpod/active/h200-141gb {FEW} {OLD_LIST}", per_hour(), *about(4.464, 5e-4)),
    Claim("S001-23", "secure pods with an A100 cost from 1.39/h",
          f"bill -d runpod/secure/a100-pcie-80gb {FEW} --as-of 2026-08-19", per_hour(), *about(1.39, 5e-3)),
    Claim("S001-23", "to 1.59/h",
          f"bill -d runpod/secure/a100-sxm-80gb {FEW} --as-of 2026-08-19", per_hour(), *about(1.59, 5e-3)),
    Claim("S001-23", "and with an H100 from 2.89/h",
          f"bill -d runpod/secure/h100-pcie-80gb {FEW} --as-of 2026-08-19", per_hour(), *about(2.89, 5e-3)),
    Claim("S001-23", "to 3.29/h",
          f"bill -d runpod/secure/h100-sxm-80gb {FEW} --as-of 2026-08-19", per_hour(), *about(3.29, 5e-3)),
    Claim("S001-24", "an A10G pod at 0.85/h: the active rate of the 48 GB tier, 0.864",
          f"bill -d runpod/active/48gb {FEW} {OLD_LIST}", per_hour(), *about(0.864, 5e-4)),
    Claim("S001-27", "p4d.24xlarge costs 32.77/h: 21.957642",
          f"bill -d aws/ec2/p4d.24xlarge {FEW} {TODAY}", per_hour(), *about(21.957642, 5e-7)),

    Claim("S002-01", "serverless is 5 to 10 times cheaper: 0.25 times", FIVE, times(4, 0),
          *about(0.25, 5e-3)),
    Claim("S002-01", "to 14 times, by the document's own prices", FIVE, times(4, 3), *about(14.3, 0.05)),
    Claim("S002-04", "RunPod takes 0.25 per execution: no such line",
          f"bill -d {FLEX_2025} --execution-s 15 {THOUSAND}", fees, *NONE),
    Claim("S002-04", "15 s cost 0.2536: 0.0174 at 0.00116/s",
          f"bill -d {FLEX_2025} --execution-s 15 {THOUSAND} --period request",
          bill("total_usd"), *about(0.0174, 5e-7)),
    Claim("S002-04", "and 0.0200 at 0.00133/s",
          f"bill -d runpod/flex/h100-80gb --execution-s 15 {THOUSAND} "
          f"--period request {TODAY}", bill("total_usd"), *about(0.01995, 5e-7)),
    Claim("S002-05", "H100 flex 0.00024/s: 0.00116 in spring 2026",
          f"bill -d runpod/flex/h100-80gb {FEW} {OLD_LIST}", line("GPU execution", "usd_per_unit"),
          *about(0.00116, 5e-9)),
    Claim("S002-05", "0.00133 in autumn", f"bill -d runpod/flex/h100-80gb {FEW} {TODAY}",
          line("GPU execution", "usd_per_unit"), *about(0.00133, 5e-9)),
    Claim("S002-07", "100 s hold a model load and ten requests of 10 s: these alone are 100 s",
          f"bill -d {FLEX_2025} --items 10 --pattern batch --execution-s 10 --max-workers 1 --start-s 5 "
          "--period day", line("GPU execution", "quantity"), *about(100, 1e-6)),
    Claim("S002-07", "and the load of 5 s comes on top",
          f"bill -d {FLEX_2025} --items 10 --pattern batch --execution-s 10 --max-workers 1 --start-s 5 "
          "--period day", line("cold starts", "quantity"), *about(5, 1e-6)),
    Claim("S002-08", "short requests favour serverless: at the stated prices it is cheaper from 493 s on",
          f"{FEES} --execution-s 492 --pattern packed "
          f"--requests-per-day {86400 / 492}", times(0, 1), 1, 1.005),
    Claim("S002-08", "not below",
          f"{FEES} --execution-s 494 --pattern packed "
          f"--requests-per-day {86400 / 494}", times(0, 1), 0.995, 1),
    Claim("S002-08", "against a pod kept on the number of requests decides: 255 of 15 s a day",
          f"{FEE_CROSSES} --execution-s 15",
          crossing("requests_per_day"), *about(254.57, 5e-3)),
    Claim("S002-08", "256 of 10 s",
          f"{FEE_CROSSES} --execution-s 10",
          crossing("requests_per_day"), *about(255.78, 5e-3)),
    Claim("S002-08", "251 of 30 s",
          f"{FEE_CROSSES} --execution-s 30",
          crossing("requests_per_day"), *about(251.01, 5e-3)),
    Claim("S002-09", "15 minutes of idling are free: each second is billed, 5 by default",
          f"bill -d {FLEX_2025} --execution-s 15 --start-s 0 --period request {LONE}",
          line("idle", "quantity"), *about(5, 1e-6)),
    Claim("S002-09", "a timeout of 15 minutes costs 1.044",
          f"bill -d {FLEX_2025} --execution-s 15 --start-s 0 --idle-timeout-s 900 --period request {LONE}",
          line("idle", "usd"), *about(1.044, 5e-4)),
    Claim("S002-10", "requests end after 15 min: after 600 s by default",
          f"compare --gpu h100-sxm --product runpod/flex {TODAY}",
          offer("runpod/flex/h100-80gb", "execution_timeout_s"), 600, 600),
    Claim("S002-10", "after 7 days at most", f"compare --gpu h100-sxm --product runpod/flex {TODAY}",
          offer("runpod/flex/h100-80gb", "longest_execution_s"), 604_800, 604_800),
    Claim("S002-12", "1,000 tokens cost 0.00765: 5.096", f"bill -d {AS_STATED} --prices seeds {FIFTY}",
          lambda result: bill("usd_per_million_tokens")(result) / 1000, *about(5.096, 5e-4)),
    Claim("S002-14", "1,000 tokens of a pod cost 0.00041: 0.29889", f"bill -d {POD} {FIFTY}",
          lambda result: bill("usd_per_million_tokens")(result) / 1000, *about(0.29889, 5e-6)),
    Claim("S002-15", "a pod is 18 times cheaper: 17.05 times with the fee",
          f"{FEES} {FIFTY}", times(0, 1),
          *about(17.05, 5e-3)),
    Claim("S002-15", "1.55 times without", f"bill -d {FLEX_2025} -d {POD} {FIFTY}", times(0, 1),
          *about(1.55, 5e-3)),
    Claim("S002-18", "Replicate costs 0.001/s: 0.000225 on a T4",
          f"bill -d replicate/public/gpu-t4 {FEW} {TODAY}",
          line("GPU execution", "usd_per_unit"), *about(0.000225, 5e-9)),
    Claim("S002-18", "0.000975 on an L40S", f"bill -d replicate/public/gpu-l40s {FEW} {TODAY}",
          line("GPU execution", "usd_per_unit"), *about(0.000975, 5e-9)),
    Claim("S002-18", "0.0014 on an A100", f"bill -d replicate/public/gpu-a100-large {FEW} {TODAY}",
          line("GPU execution", "usd_per_unit"), *about(0.0014, 5e-9)),
    Claim("S002-18", "0.001525 on an H100", f"bill -d replicate/public/gpu-h100 {FEW} {TODAY}",
          line("GPU execution", "usd_per_unit"), *about(0.001525, 5e-9)),
    Claim("S002-19", "20 s at 0.001/s cost the same as a pod: 34 % more",
          f"bill -d runpod/pod/h100-sxm-80gb -d replicate/as-stated/gpu-second --prices seeds {FIFTY}",
          bill("delta_fraction", 1), *about(0.34, 5e-3)),
    Claim("S002-19", "and 0.0305 at the rate of an H100",
          f"bill -d replicate/public/gpu-h100 {FIFTY} {TODAY}",
          bill("total_usd"), *about(0.0305, 5e-7)),
    Claim("S002-21", "Modal costs 0.0005/s: 0.000583 on an A100 40 GB",
          f"bill -d modal/functions/a100-40gb {FEW} {TODAY}", line("GPU execution", "usd_per_unit"),
          *about(0.000583, 5e-9)),
    Claim("S002-21", "0.000694 on an A100 80 GB", f"bill -d modal/functions/a100-80gb {FEW} {TODAY}",
          line("GPU execution", "usd_per_unit"), *about(0.000694, 5e-9)),
    Claim("S002-21", "0.001097 on an H100", f"bill -d modal/functions/h100-80gb {FEW} {TODAY}",
          line("GPU execution", "usd_per_unit"), *about(0.001097, 5e-9)),
    Claim("S002-21", "CPU comes on top", f"bill -d modal/functions/h100-80gb {FEW} {TODAY}",
          line("CPU", "usd_per_unit"), *about(0.0000131, 5e-10)),
    Claim("S002-21", "and memory", f"bill -d modal/functions/h100-80gb {FEW} {TODAY}",
          line("memory", "usd_per_unit"), *about(0.00000222, 5e-11)),
    Claim("S002-31", "a reserved H100 costs 91 a day: 64.56", f"{FIVE} --period day", bill("total_usd", 4),
          *about(64.56, 5e-3)),
    Claim("S002-31", "and 32,652 a year: 23,564", f"{FIVE} --period year", bill("total_usd", 4),
          *about(23_564, 0.5)),
    Claim("S002-33", "a fee makes bursts expensive: 100 requests at once, no fee",
          f"bill -d {FLEX_2025} --requests-per-day 100 --burst-size 100 --execution-s 15 --start-s 15", fees,
          *NONE),
    Claim("S002-35", "reserved above 10 G tokens a month: at 50 tokens in 20 s that is 1,522 cards",
          f"bill -d {FLEX_2025} --requests-per-month {10e9 / 50} --execution-s 20 --pattern packed",
          bill("workers"), *about(1_522, 0.5)),
    Claim("S002-39", "serverless pays below 5 to 10 hours a month: below 470 at 4.176/h",
          f"breakeven {FLEX_2025} {POD}", crossing("busy_hours_per_month"), *about(470, 0.5)),
    Claim("S002-39", "below 410 at 4.79/h", f"breakeven {FLEX_2026} {POD}",
          crossing("busy_hours_per_month"), *about(410, 0.5)),
    Claim("S002-39", "below 32 even with the fee",
          f"{FEE_CROSSES} --execution-s 15",
          crossing("busy_hours_per_month"), *about(32, 0.5)),
    Claim("S002-40", "100 hours cost 3 to 5 times more on serverless: 417.60",
          f"bill -d {FLEX_2025} -d {POD} {HUNDRED}", bill("total_usd"), *about(417.60, 5e-3)),
    Claim("S002-40", "against 1,963.70", f"bill -d {FLEX_2025} -d {POD} {HUNDRED}", bill("total_usd", 1),
          *about(1_963.70, 5e-3)),
    Claim("S002-40", "4.7 times less", f"bill -d {FLEX_2025} -d {POD} {HUNDRED}", times(1, 0),
          *about(4.7, 0.05)),
    Claim("S002-40", "3.1 times more only with the fee",
          f"{FEES} {HUNDRED}", times(0, 1),
          *about(3.1, 0.05)),
    Claim("S002-42", "reserved costs 10 to 20 times less for training: 1.55 times",
          f"bill -d {FLEX_2025} -d {POD} {FULL_MONTH}", times(0, 1), *about(1.55, 5e-3)),
    Claim("S002-42", "1.78 times at 4.79/h", f"bill -d {FLEX_2026} -d {POD} {FULL_MONTH}", times(0, 1),
          *about(1.78, 5e-3)),
    Claim("S002-43", "RunPod ends requests after 15 min: 600 s, up to 7 days",
          f"compare --features --product runpod/flex {TODAY}",
          feature("execution-timeout", "600 s by default, 5 s to 7 days"), *YES),
    Claim("S002-43", "Modal after 30 min: 300 s by default",
          f"compare --gpu h100-sxm --product modal/functions {TODAY}",
          offer("modal/functions/h100-80gb", "execution_timeout_s"), 300, 300),

    Claim("S002-43", "Replicate after 120 min: 30 min",
          f"compare --features --product replicate/hardware {TODAY}",
          feature("execution-timeout", "30 min; longer on request"), *YES),

    Claim("S003-26", "flex bills active processing only: 15 s of work and 15 s of start bill 35 s",
          f"bill -d {FLEX_2025} --execution-s 15 --start-s 15 --period request {LONE}",
          bill("total_usd"), *about(0.0406, 5e-9)),
    Claim("S003-26", "5 s of it idle",
          f"bill -d {FLEX_2025} --execution-s 15 --start-s 15 --period request {LONE}",
          line("idle", "quantity"), *about(5, 1e-6)),
    Claim("S003-31", "weights on a network volume are there at once: 40 GB take from 100 s",
          FLASHBOOT, phase("weights", "low_s"), *about(100, 1e-6)),
    Claim("S003-31", "to 200 s", FLASHBOOT, phase("weights", "high_s"),
          *about(200, 1e-6)),

    Claim("S004-41", "FlashBoot starts in less than 250 ms: 0.563 s at best",
          FLASHBOOT, start("snapshot_low_s"), 0.563, 0.563),
    Claim("S004-44", "the pod costs 2.90 or more per million: 2.22", f"bill -d {ADA_POD} {CHAT}",
          bill("usd_per_million_tokens"), *about(2.22, 5e-3)),
    Claim("S004-44", "2.90 would be 17.8 % busy",
          "cost --usd-per-hour 1.58 --tokens-per-second 850 --utilization 0.178",
          row("usd_per_million_output_tokens"), *about(2.90, 5e-3)),
    Claim("S004-44", "15 % busy costs 3.44",
          "cost --usd-per-hour 1.58 --tokens-per-second 850 --utilization 0.15",
          row("usd_per_million_output_tokens"), *about(3.44, 5e-3)),
    Claim("S004-44", "25 % busy 2.07",
          "cost --usd-per-hour 1.58 --tokens-per-second 850 --utilization 0.25",
          row("usd_per_million_output_tokens"), *about(2.07, 5e-3)),
    Claim("S004-47", "serverless costs 264.20: 264.37 at the price of the pod",
          f"bill -d {ADA_FLEX}=1.58/h {CHAT}",
          bill("total_usd"), *about(264.37, 5e-3)),
    Claim("S004-47", "638.49 at 2 × 0.00053/s", f"bill -d {ADA_FLEX}=3.816/h {CHAT}",
          bill("total_usd"), *about(638.49, 5e-3)),
    Claim("S004-47", "the list of spring 2026", f"bill -d {ADA_FLEX} {CHAT} {OLD_LIST}",
          bill("total_usd"), *about(638.49, 5e-3)),
    Claim("S004-47", "585.62 at 2 × 1.75/h", f"bill -d {ADA_FLEX}=3.50/h {CHAT}",
          bill("total_usd"), *about(585.62, 5e-3)),
    Claim("S004-47", "the list of autumn", f"bill -d {ADA_FLEX} {CHAT} {TODAY}",
          bill("total_usd"), *about(585.62, 5e-3)),
    Claim("S004-48", "serverless costs 0.52 per million: 0.516 at the price of the pod",
          f"bill -d {ADA_FLEX}=1.58/h {CHAT}", bill("usd_per_million_tokens"), *about(0.516, 5e-4)),
    Claim("S004-48", "1.25 at the flex rate of early 2026", f"bill -d {ADA_FLEX}=3.816/h {CHAT}",
          bill("usd_per_million_tokens"), *about(1.25, 5e-3)),
    Claim("S004-48", "1.14 in autumn", f"bill -d {ADA_FLEX}=3.50/h {CHAT}", bill("usd_per_million_tokens"),
          *about(1.14, 5e-3)),
    Claim("S004-49", "serverless saves 77 %: 76.8 % at the price of the pod",
          f"bill -d {ADA_POD} -d {ADA_FLEX}=1.58/h {CHAT}", bill("delta_fraction", 1), *about(-0.768, 5e-4)),
    Claim("S004-49", "43.9 % at 3.816 against 1.58/h",
          f"bill -d {ADA_POD} -d {ADA_FLEX}=3.816/h {CHAT}", bill("delta_fraction", 1), *about(-0.439, 5e-4)),
    Claim("S004-49", "51.6 % at 3.50 against 1.68/h",
          f"bill -d runpod/secure/rtx-6000-adax2=1.68/h -d {ADA_FLEX}=3.50/h {CHAT}",
          bill("delta_fraction", 1), *about(-0.516, 5e-4)),
    Claim("S004-49", "45.0 % at 3.50 against 1.48/h",
          f"bill -d runpod/community/rtx-6000-adax2=1.48/h -d {ADA_FLEX}=3.50/h {CHAT}",
          bill("delta_fraction", 1), *about(-0.450, 5e-4)),
    Claim("S004-50", "the pod wins above 65 to 70 %: never at equal rates",
          f"breakeven {ADA_FLEX}=1.58/h {ADA_POD} --workers 1",
          lambda result: float(result["crossings"][0]["verdict"] == "a_always"), 1, 1),
    Claim("S004-50", "above 41.4 % at 3.816 against 1.58/h", f"breakeven {ADA_FLEX}=3.816/h {ADA_POD}",
          crossing("utilisation"), *about(0.414, 5e-4)),
    Claim("S004-50", "above 48.0 % at 3.50 against 1.68/h",
          f"breakeven {ADA_FLEX}=3.50/h runpod/secure/rtx-6000-adax2=1.68/h",
          crossing("utilisation"), *about(0.480, 5e-4)),
    Claim("S004-50", "above 42.3 % at 3.50 against 1.48/h",
          f"breakeven {ADA_FLEX}=3.50/h runpod/community/rtx-6000-adax2=1.48/h",
          crossing("utilisation"), *about(0.423, 5e-4)),
    Claim("S004-50", "69.8 % is where active workers beat flex",
          "breakeven runpod/flex/48gb-pro=0.00053/s runpod/active/48gb-pro=0.00037/s",
          crossing("utilisation"), *about(0.698, 5e-4)),
    Claim("S004-58", "the bill drops by more than half: by 43.9 % in early 2026",
          f"bill -d {ADA_POD} -d {ADA_FLEX}=3.816/h {CHAT}", bill("delta_fraction", 1), *about(-0.439, 5e-4)),
    Claim("S004-64", "a worker kept warm is left out: at the flex rate it costs 2,747.52",
          f"bill -d {ADA_FLEX}=3.816/h --min-workers 1 {CHAT}", bill("total_usd"), *about(2_747.52, 5e-3)),
    Claim("S004-64", "at the old active rate 1,918.08",
          f"bill -d runpod/active/48gb-prox2=2.664/h {CHAT}", bill("total_usd"), *about(1_918.08, 5e-3)),
    Claim("S004-64", "2.4 times the pod",
          f"bill -d {ADA_POD} -d {ADA_FLEX}=3.816/h --min-workers 1 {CHAT}", times(1, 0), *about(2.4, 0.05)),
    # From 2 × 70 G operations a token on two cards of 364 dense TFLOPS to what an answer token costs.
    Claim("S004-65", "prompts cost nothing: more than 0.084 per million tokens",
          "cost --model Llama-3.3-70B --quant awq --gpu rtx-6000-ada --tp 2 --usd-per-hour 1.58 --split time "
          "--input-tokens 256 --output-tokens 512 --concurrency 64 --estimate-only",
          row("usd_per_million_input_tokens"), 0.084, 0.516),
)
# fmt: on


class Refused(NamedTuple):
    """A question about something that is not there: what is said, and the exit code."""

    id: str
    stated: str
    question: str
    code: int
    said: str


REFUSED = (
    Refused(
        "S001-07",
        "RunPod rents a single A10G: it has none",
        f"compare --gpu a10g --provider runpod --format json {TODAY}",
        1,
        '"offers":[]',
    ),
    Refused(
        "S001-24",
        "an A10G as a pod: it has none",
        f"bill -d runpod/secure/a10g {FEW} {TODAY}",
        2,
        "runpod/secure has no a10g",
    ),
    Refused(
        "S002-26",
        "Banana is a live platform",
        f"bill -d banana/serverless/h100=0.0003/s {FEW} {TODAY}",
        2,
        "2024-03-31",
    ),
    Refused(
        "S002-41",
        "only Banana starts in less than 500 ms",
        f"bill -d banana/as-stated/gpu-second {FEW} {TODAY}",
        2,
        "2024-03-31",
    ),
)


@pytest.fixture(autouse=True)
def _shipped_catalogue_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GPUCOST_CATALOG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def named(claim: Claim | Refused) -> str:
    """Name of a test."""
    return f"{claim.id} {claim.stated}"


@pytest.mark.parametrize("claim", HOLDS, ids=named)
def test_a_claim_that_holds(claim: Claim, capsys: pytest.CaptureFixture[str]) -> None:
    check(claim, capsys)


@pytest.mark.parametrize("claim", WRONG, ids=named)
def test_the_right_value_of_a_claim_that_does_not_hold(
    claim: Claim, capsys: pytest.CaptureFixture[str]
) -> None:
    check(claim, capsys)


def check(claim: Claim, capsys: pytest.CaptureFixture[str]) -> None:
    """Ask, and compare the answer with the interval."""
    day = [] if "--as-of" in claim.question else TODAY.split()
    code = run([*shlex.split(claim.question), *day, "--format", "json"])
    out, err = capsys.readouterr()
    assert code == 0, err
    value = claim.read(json.loads(out)["result"])
    assert claim.low <= value <= claim.high


@pytest.mark.parametrize("claim", REFUSED, ids=named)
def test_what_is_not_there(claim: Refused, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(shlex.split(claim.question))
    out, err = capsys.readouterr()
    assert code == claim.code
    assert claim.said in out + err


class Listed(NamedTuple):
    """A row of the table in `examples/04-seed-bills`."""

    claim: str
    stated: str
    value: str
    why: str
    command: str


def listed() -> list[Listed]:
    """Rows of the table, in order."""
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| S")]
    return [Listed(*(cell.strip() for cell in row.strip("|").split("|"))) for row in rows]


@pytest.mark.parametrize("row", listed(), ids=lambda row: f"{row.claim} {row.value}")
def test_a_row_of_the_page(row: Listed, capsys: pytest.CaptureFixture[str]) -> None:
    """Its command prints the value: a number with a unit, a share in %, or words."""
    program, *words = shlex.split(row.command.strip("`"))
    assert program == "gpucost"
    run(words)
    out, err = capsys.readouterr()
    number = re.fullmatch(r"(-?[\d,]+(?:\.(\d+))?)( .+)?", row.value)
    if number is None:
        assert row.value in out + err
        return
    shown = float(out) * (100 if (number[3] or "").strip().startswith("%") else 1)
    assert f"{shown:,.{len(number[2] or '')}f}" == number[1]


def test_the_page_lists_every_claim_that_does_not_hold() -> None:
    assert {row.claim for row in listed()} == {claim.id for claim in (*WRONG, *REFUSED)}

"""Worker-seconds: closed forms against published values and a simulation, deterministic traffic by hand."""

from math import exp, isclose

import numpy as np
import pytest

from gpucost.calc.traffic import Arrivals, Spent, Traffic, busy_hours, diurnal, needed, rounded_s, spend
from gpucost.calc.usage import (
    Flow,
    Workers,
    bursts,
    erlang_b,
    erlang_c,
    packed,
    poisson,
    queue_wait_s,
    tabulated,
    uniform,
)
from tests.calc.autoscaling import simulate

HOUR, DAY = 3600.0, 86400.0
ERRORS = 3.5
"""Standard errors within which a simulation must agree."""


def paid(flow: Flow, start_s: float) -> float:
    """Workers that are on."""
    return float(flow.busy + flow.kept + flow.starts * start_s + flow.gaps + flow.tail)


# Tables of Erlang's formulas, e.g. Kleinrock, Queueing Systems I (1975), and any traffic table.
@pytest.mark.parametrize(
    ("load", "servers", "lost"),
    [(1, 1, 0.5), (2, 2, 0.4), (5, 5, 0.2849), (10, 10, 0.2146)],
)
def test_erlang_b_is_the_published_table(load: float, servers: int, lost: float) -> None:
    assert erlang_b(load, servers) == pytest.approx(lost, abs=6e-5)


@pytest.mark.parametrize(
    ("load", "servers", "waits"), [(0.5, 1, 0.5), (1, 2, 1 / 3), (2, 3, 4 / 9), (4, 5, 0.5541)]
)
def test_erlang_c_is_the_published_table(load: float, servers: int, waits: float) -> None:
    assert erlang_c(load, servers) == pytest.approx(waits, abs=6e-5)


@pytest.mark.parametrize("servers", [1, 2, 5])
def test_erlang_c_is_what_a_simulation_waits(servers: int) -> None:
    rate, service = 0.7 * servers, 1.0
    found = simulate(
        rate=rate, service_s=service, most=servers, kept=servers, exponential=True, requests=60_000
    )
    assert abs(found.wait_s - queue_wait_s(rate, service, servers)) < ERRORS * found.wait_error


@pytest.mark.parametrize(
    ("rate", "service", "start", "timeout"),
    [(0.05, 1.2, 10.0, 5.0), (0.3, 1.2, 10.0, 5.0), (0.02, 15.0, 25.0, 60.0), (0.05, 15.0, 100.0, 5.0)],
)
def test_one_worker_with_starts_and_idle_timeout_is_what_a_simulation_pays(
    rate: float, service: float, start: float, timeout: float
) -> None:
    found = simulate(rate=rate, service_s=service, start_s=start, idle_timeout_s=timeout, most=1)
    flow = poisson(rate, Workers(service, 1, start, timeout, most=1))
    assert abs(found.paid - paid(flow, start)) < ERRORS * found.paid_error
    assert abs(found.wait_s - float(flow.wait_s or 0)) < ERRORS * found.wait_error
    assert found.cold == pytest.approx(flow.starts / rate, rel=0.04)


@pytest.mark.parametrize(
    ("rate", "service", "start", "timeout", "kept"),
    [
        (0.05, 1.2, 10.0, 5.0, 0),
        (0.3, 1.2, 20.0, 5.0, 0),
        (2.0, 1.2, 0.0, 5.0, 0),
        (2.0, 1.2, 20.0, 60.0, 0),
        (2.0, 1.2, 20.0, 5.0, 0),
        (0.1, 15.0, 30.0, 5.0, 0),
        (1.0, 10.0, 25.0, 5.0, 0),
        (1.0, 10.0, 25.0, 5.0, 6),
        (1.0, 10.0, 25.0, 5.0, 14),
    ],
)
def test_many_workers_lie_between_two_simulated_policies_or_within_7_percent(
    rate: float, service: float, start: float, timeout: float, kept: int
) -> None:
    runs = [
        simulate(
            rate=rate,
            service_s=service,
            start_s=start,
            idle_timeout_s=timeout,
            kept=kept,
            bound=bound,
            requests=20_000,
        ).paid
        for bound in (True, False)
    ]
    found = paid(poisson(rate, Workers(service, 1, start, timeout, kept)), start)
    assert min(runs) * 0.93 < found < max(runs) * 1.07


def test_rare_requests_pay_what_the_closed_form_says() -> None:
    """r·(S + (1 − e^(−qT))/q + e^(−qT)·L) per request; all of L + S + T when requests are very rare."""
    service, start, timeout = 0.5, 20.0, 30.0
    for rate in (1e-5, 1e-4, 1e-3):
        flow = poisson(rate, Workers(service, 1, start, timeout))
        cold = exp(-rate * timeout)
        expected = service + (1 - cold) / rate + cold * start
        assert paid(flow, start) / rate == pytest.approx(expected, rel=0.02)
    rare = poisson(1e-9, Workers(service, 1, start, timeout))
    assert paid(rare, start) / 1e-9 == pytest.approx(service + start + timeout, rel=1e-6)


@pytest.mark.parametrize("product", [0.1, 0.5, 0.9, 1.1, 2.0, 5.0])
def test_a_longer_timeout_pays_only_where_rate_times_start_is_above_1(product: float) -> None:
    """The change of sign at rate × load time = 1, at short timeouts and services."""
    rate = 0.001
    start = product / rate
    short, longer = (paid(poisson(rate, Workers(0.01, 1, start, timeout)), start) for timeout in (0.5, 1.0))
    assert (longer > short) == (product < 1)


def test_interpolated_flows_are_close_to_computed_ones() -> None:
    workers = Workers(2.0, 1, 25.0, 5.0)
    rates = np.geomspace(1e-6, 16, 5000)
    table = tabulated(rates, workers)
    for index in range(0, 5000, 173):
        flow = poisson(float(rates[index]), workers)
        same = table.busy[index] + 25 * table.starts[index] + table.gaps[index] + table.tail[index]
        assert same == pytest.approx(paid(flow, 25.0), rel=0.005)


@pytest.mark.parametrize(
    ("interval", "paid_per_request"),
    [
        (100.0, 2 + 20 + 5),  # every request starts a worker that idles out
        (5.0, 5.0),  # kept warm: the whole interval
        (24.0, (20 + 2 + 2 + 2 + 5) / 2),  # every other one: 22 s busy, 2 s gap, 2 s busy, 5 s tail, per two
    ],
)
def test_equal_distances_by_hand(interval: float, paid_per_request: float) -> None:
    flow = uniform(1 / interval, Workers(2.0, 1, 20.0, 5.0))
    assert paid(flow, 20.0) * interval == pytest.approx(paid_per_request)


def test_equal_distances_need_several_workers() -> None:
    flow = uniform(2.5, Workers(1.0, 1, 0.0, 5.0))  # 2 or 3 requests in flight
    assert (flow.busy, flow.gaps) == (2.5, 0.5)
    assert uniform(2.5, Workers(1.0, 4, 0.0, 5.0)).busy == 1.0
    kept = uniform(2.5, Workers(1.0, 1, 0.0, 5.0, least=4))
    assert (kept.busy, kept.kept, kept.gaps) == (2.5, 1.5, 0.0)


def test_bursts_by_hand() -> None:
    workers = Workers(2.0, 1, 20.0, 5.0, most=4)
    flow = bursts(10 / 100.0, workers, 10)  # 10 at once every 100 s on 4 workers: 3, 3, 2, 2
    assert flow.busy * 100 == pytest.approx(20)
    assert flow.starts * 100 == pytest.approx(4)
    assert paid(flow, 20.0) * 100 == pytest.approx(4 * 20 + 20 + 4 * 5)
    # waits in service turns: (0+1+2)·2 + (0+1)·2 = 8 of 2 s, and 20 s of start for each
    assert flow.wait_s == pytest.approx((8 * 2 + 10 * 20) / 10)
    warm = bursts(10 / 8.0, workers, 10)
    assert warm.starts == 0
    assert paid(warm, 20.0) == pytest.approx(4)
    assert bool(bursts(10 / 5.0, workers, 10).saturated)


def test_packed_is_busy_seconds_alone() -> None:
    flow = packed(0.5, Workers(3.0, 2, 20.0, 5.0))
    assert (flow.busy, paid(flow, 20.0)) == (0.75, 0.75)


def test_busy_hours_start_and_stop_once_a_day() -> None:
    """One request every 4 s for 2 hours: warm all along, one start and one tail per day."""
    traffic = busy_hours(hours=2, arrivals=Arrivals.UNIFORM)
    spent = spend(traffic, 1800 / DAY, Workers(1.0, 1, 20.0, 5.0), period_s=10 * DAY)
    assert spent.requests == pytest.approx(18_000)
    assert spent.busy_s == pytest.approx(18_000)
    assert spent.starts == pytest.approx(10)
    assert spent.tail_s == pytest.approx(50)
    assert spent.gaps_s == pytest.approx(10 * 7200 - 18_000)


def test_a_day_in_two_rates_holds_all_requests() -> None:
    traffic = diurnal(peak_to_mean=3, hours=4, arrivals=Arrivals.POISSON)
    assert sum(each.of_time for each in traffic.stretches) == pytest.approx(1)
    assert sum(each.of_requests for each in traffic.stretches) == pytest.approx(1)
    assert traffic.peak == pytest.approx(3)
    assert needed(traffic, 2.0, service_s=1.0, slots=1) == 6
    with pytest.raises(ValueError, match="at most 1"):
        diurnal(peak_to_mean=7, hours=4, arrivals=Arrivals.POISSON)


def test_a_lone_request_is_rounded_up_to_6_seconds() -> None:
    spent = Spent(1.0, 0.221, 0.0, 1.0, 0.0, 5.0, None, False)
    extra = rounded_s(Traffic(Arrivals.UNIFORM), spent, 5.221, step_s=1, least_s=0)
    assert extra == pytest.approx(0.779)
    assert rounded_s(Traffic(Arrivals.UNIFORM), spent, 6.0, step_s=1, least_s=0) == pytest.approx(0)
    assert rounded_s(Traffic(Arrivals.UNIFORM), spent, 5.221, step_s=0.1, least_s=60) == pytest.approx(54.779)
    random = Traffic(Arrivals.POISSON)
    assert rounded_s(random, spent, 5.221, step_s=1, least_s=0) == pytest.approx(0.5)
    assert rounded_s(random, spent, 5.221, step_s=1, least_s=0, lone_s=5.221) == pytest.approx(0.779)
    assert rounded_s(random, spent, 5.221, step_s=1, least_s=60, lone_s=5.221) == pytest.approx(54.779)
    # of four requests and two lives one has a single request, the other three
    some = Spent(4.0, 4.0, 0.0, 2.0, 1.0, 10.0, None, False)
    assert rounded_s(random, some, 15.0, step_s=1, least_s=0, lone_s=6.2) == pytest.approx(0.8 + 0.5)
    assert rounded_s(random, some, 15.0, step_s=1, least_s=7, lone_s=6.2) == pytest.approx(0.8 + 0.5)
    assert rounded_s(random, some, 15.0, step_s=1, least_s=12, lone_s=6.2) == pytest.approx(5.8 + 12 - 8.8)


def test_capacity_is_the_limit() -> None:
    flow = poisson(3.0, Workers(1.0, 1, 20.0, 5.0, most=2))
    assert bool(flow.saturated)
    assert isclose(flow.busy, 2.0)

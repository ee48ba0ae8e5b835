"""The traffic of a scenario as `plan` takes it: stated, or the mean of a trace."""

from math import ceil

from gpucost.api.scenario import traffic_at
from gpucost.api.traffic import traffic
from gpucost.catalog.store import Catalog
from gpucost.domain.scenario import Scenario
from gpucost.errors import UsageError


def with_rate(catalog: Catalog, scenario: Scenario) -> Scenario:
    """The scenario with a rate: of a trace the mean one, with its mean lengths and its longest sequence.

    Raises UsageError where nothing says how much comes, DataError for a file that is no trace.
    """
    load = scenario.workload
    if load.trace is None:
        if traffic_at(load, catalog).level is None:
            raise UsageError(
                f"scenario {scenario.name} has no rate: give requests_per_month, requests_per_day, "
                "requests_per_second or a trace"
            )
        return scenario
    stats = traffic(load.trace, catalog=catalog).result.stats
    if stats is None or not stats.requests_per_second:
        raise UsageError(f"{load.trace} has no mean rate: plan needs requests at several times")
    given, made = stats.input_tokens, stats.output_tokens
    inputs = load.input_tokens if given is None else max(1, round(given.mean))
    outputs = load.output_tokens if made is None else max(1, round(made.mean))
    longest = ceil((given.max if given else inputs) + (made.max if made else outputs))
    load = load._replace(
        requests_per_second=stats.requests_per_second,
        input_tokens=inputs,
        output_tokens=outputs,
        max_context=load.max_context or longest,
    )
    return scenario._replace(workload=load)

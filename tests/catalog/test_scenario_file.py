"""Scenario files: what may stand in them, and every fault at once with its line."""

from __future__ import annotations

import os
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import jsonschema
import pytest

from gpucost.api.scenario import lengths_in, open_scenario, traffic_at
from gpucost.api.schema import schema
from gpucost.catalog import rows_scenario as rows
from gpucost.catalog.rows_base import Row
from gpucost.catalog.scenario_file import holds_scenarios, read_scenarios, split_name
from gpucost.catalog.store import Catalog, load
from gpucost.catalog.yamlio import parse_yaml
from gpucost.domain import scenario as domain
from gpucost.errors import DataError, UnknownNameError, UsageError

SHORT = """\
version: 1
scenarios:
  chat:
    models:
      - model: Llama-3.1-8B
    workload:
      input_tokens: 1000
      output_tokens: 250
"""
FULL = """\
version: 1
scenarios:
  chat:
    models:
      - model: Llama-3.1-8B
        quantizations: [bf16, awq]
      - params: 70
      - params: 8x7B
      - config: models/own.json
    workload:
      input_tokens: 1000
      output_tokens: 250
      requests_per_day: 20000
      pattern: diurnal
      peak_to_mean: 2.5
      hours: 6
      prefix_cache_hit: 0.25
      max_context: 8192
    slo: ["ttft:p95<=1s", "tpot<=40ms"]
    constraints:
      providers: [runpod, AWS]
      regions: [global]
      gpus: [l4, H100-SXM]
      engines: [sglang, vllm]
      billing: [flex, spot]
      max_gpus: 4
      max_cold_start_s: 0
      single_provider: true
      ecc: true
      spot: true
      max_usd_per_month: 1e3
    budget:
      usd_per_month: 500
      usd_per_million_tokens: 2.5
      ttft_p99_s: 2
      min_headroom: 0.2
      max_price_age_days: 90
      providers: [runpod]
      max_increase_usd: 0
      max_increase: 0.1
    baseline:
      gpu: a100-sxm-80gb
      gpus: 2
      quantization: bf16
      engine: vllm
      usd_per_hour: 1.9
      tokens_per_second: 1800
      concurrency: 32
      utilisation: 0.5
    speculation:
      draft_tokens: 3
      acceptance: 1
      draft_model: Llama-3.2-1B
    as_of: "2026-11-20"
"""
KINDS: dict[type[Row], Any] = {
    rows.ModelRow: domain.ModelChoice,
    rows.WorkloadRow: domain.Workload,
    rows.ConstraintsRow: domain.Constraints,
    rows.BudgetRow: domain.Budget,
    rows.BaselineRow: domain.Baseline,
    rows.SpeculationRow: domain.Speculation,
    rows.ScenarioRow: domain.Scenario,
}


@pytest.fixture(scope="module")
def shipped() -> Catalog:
    return load()


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)

    def file(text: str, name: str = "s.yaml") -> Path:
        path = Path(name)
        path.write_text(text, encoding="utf-8", newline="")
        return path

    return file


def faults(path: Path, catalog: Catalog) -> list[str]:
    with pytest.raises(DataError) as caught:
        open_scenario(path, catalog)
    return str(caught.value).splitlines()


def bare(annotation: Any) -> Any:
    """A type without None and limits, lists as tuples, rows as their domain."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return bare(arguments[0])
    if origin in (Union, UnionType):
        (one,) = {bare(each) for each in arguments} - {NoneType}
        return one
    if origin in (list, tuple):
        return (tuple, bare(arguments[0]))
    if origin is Literal:
        return type(arguments[0])
    return KINDS.get(annotation, annotation)


@pytest.mark.parametrize("row", KINDS, ids=lambda row: row.__name__)
def test_rows_and_domain_cannot_drift(row: type[Row]) -> None:
    kind = KINDS[row]
    hints = get_type_hints(kind)
    hints.pop("name", None)  # the key of a scenario
    written = get_type_hints(row, include_extras=True)
    assert list(row.model_fields) == list(hints)
    for name, field in row.model_fields.items():
        assert bare(written[name]) == bare(hints[name]), name
        assert field.is_required() == (name not in kind._field_defaults), name
        assert field.is_required() or field.default is None, name


def test_every_key_is_described_with_what_holds_without_it() -> None:
    for row, kind in KINDS.items():
        for name, field in row.model_fields.items():
            assert field.description, name
            default = kind._field_defaults.get(name)
            if isinstance(default, (bool, int, float)):
                assert f"left out: {str(default).lower().removesuffix('.0')}" in field.description, name


def test_units_of_keys_are_those_of_their_description() -> None:
    for row in KINDS:
        for name, field in row.model_fields.items():
            if name.endswith("_s"):
                assert "[s]" in (field.description or ""), name
            if "usd" in name:
                assert "[USD/" in (field.description or ""), name


def test_the_version_is_that_of_the_domain() -> None:
    assert get_args(get_args(get_type_hints(rows.ScenarioFileRow, include_extras=True)["version"])[0]) == (
        domain.SCENARIO_VERSION,
    )


def test_what_is_left_out_is_the_default_of_the_domain(write: Any) -> None:
    found = read_scenarios(write(SHORT)).scenarios
    assert found == {
        "chat": domain.Scenario(
            name="chat",
            models=(domain.ModelChoice(model="Llama-3.1-8B"),),
            workload=domain.Workload(input_tokens=1000, output_tokens=250),
        )
    }


def test_every_key_arrives(write: Any, shipped: Catalog) -> None:
    Path("models").mkdir(exist_ok=True)
    path = write(FULL)
    Path("models").mkdir(exist_ok=True)
    Path("models/own.json").write_text("{}", encoding="utf-8")
    found = open_scenario(path, shipped)
    assert found.models == (
        domain.ModelChoice(model="Llama-3.1-8B", quantizations=("bf16", "awq")),
        domain.ModelChoice(params="70"),
        domain.ModelChoice(params="8x7B"),
        domain.ModelChoice(config=str(Path("models/own.json"))),
    )
    assert found.workload.peak_to_mean == 2.5
    assert found.slo == ("ttft:p95<=1s", "tpot<=40ms")
    assert found.constraints.engines == ("sglang", "vllm")
    assert found.constraints.max_usd_per_month == 1000
    assert found.constraints.spot
    assert found.budget.max_price_age_days == 90
    assert found.baseline is not None
    assert found.baseline.utilisation == 0.5
    assert found.speculation == domain.Speculation(3, 1, "Llama-3.2-1B")
    assert found.as_of == "2026-11-20"
    for part in (found.workload, found.constraints, found.budget, found.baseline):
        left_out = {name for name in part._fields if getattr(part, name) is None}
        assert left_out <= {
            "requests_per_month",
            "requests_per_second",
            "burst_size",
            "burst_interval_s",
            "trace",
        }


def test_a_key_without_a_value_is_left_out(write: Any) -> None:
    text = (
        SHORT
        + "      requests_per_day:\n      trace:\n    slo:\n    constraints:\n    budget: ~\n    baseline:\n"
    )
    assert read_scenarios(write(text)).scenarios == read_scenarios(write(SHORT, "t.yaml")).scenarios


def test_files_are_seen_from_the_folder_of_the_scenario(write: Any) -> None:
    Path("sub").mkdir()
    text = SHORT.replace("model: Llama-3.1-8B", "config: own.json") + "      trace: /data/t.csv\n"
    found = read_scenarios(write(text, "sub/s.yaml")).scenarios["chat"]
    assert found.models[0].config == str(Path("sub/own.json"))
    assert found.workload.trace == "/data/t.csv"


@pytest.mark.parametrize("change", [lambda text: text.replace("\n", "\r\n"), lambda text: "\ufeff" + text])
def test_line_ends_and_byte_order_marks_change_nothing(change: Any, write: Any) -> None:
    assert read_scenarios(write(change(FULL))).scenarios == read_scenarios(write(FULL, "t.yaml")).scenarios
    path = write(change(SHORT.replace("model:", "modle:")), "bad.yaml")
    with pytest.raises(DataError, match=r"bad\.yaml:5: .*'modle'; did you mean model\?"):
        read_scenarios(path)


def test_lines_of_keys(write: Any) -> None:
    file = read_scenarios(write(FULL))
    assert file.line("chat") == 3
    assert file.line("chat", "models", 1, "params") == 7
    assert file.line("chat", "workload", "trace") == 10  # not there: the line of what should hold it
    assert file.line("chat", "slo", 1) == 19


MANY = """\
version: 1
scenario: {}
scenarios:
  chat:
    models:
      - modle: Llama-3.1-8B
        quantizations: [awg]
      - model: Lama-3.1-8B
        params: 70
      - quantizations: bf16
    workload:
      input_tokens: "10"
      output_tokens: 0
      requests_per_day: 1e999
      requests_per_month: 5
      patern: poisson
    slo: [ttft<1parsec]
    constraints:
      provider: [runpod]
      providers: [runpood]
      regions: [us-east-9]
      gpus: [h1000, l40]
      engines: [vlm]
      billing: [flexx]
      max_gpus: 9999999999999999999999999
      spot: 1
    baseline: {gpus: true, utilisation: 1.5}
    as_of: "2026-02-31"
  two:
    models: []
    workload: 5
    budgets:
    budget: {usd_per_month: .nan, providers: runpod}
    speculation: {draft_tokens: 3.5, acceptance: "high"}
  three: [1]
"""
TOLD = """\
2: scenario: unknown key 'scenario'; did you mean scenarios?
6: scenarios.chat.models.0.modle: unknown key 'modle'; did you mean model?
7: scenarios.chat.models.0.quantizations.0: unknown quantization 'awg'; did you mean awq?
8: scenarios.chat.models.1.model: unknown model 'Lama-3.1-8B'; did you mean Llama-3.1-8B
9: scenarios.chat.models.1.params: model names the model already; leave one of them out
10: scenarios.chat.models.2.quantizations: write a list: [a, b], or a line '- a' for each (not 'bf16')
10: scenarios.chat.models.2: names no model; give one of model, params, config
12: scenarios.chat.workload.input_tokens: write a whole number (not '10')
13: scenarios.chat.workload.output_tokens: should be greater than or equal to 1 (not 0)
14: scenarios.chat.workload.requests_per_day: write a finite number (not inf)
15: scenarios.chat.workload.requests_per_month: requests_per_day says how much comes already; leave one
16: scenarios.chat.workload.patern: unknown key 'patern'; did you mean pattern?
17: scenarios.chat.slo.0: slo 'ttft<1parsec' is not a limit; write ttft:p95<=500ms
19: scenarios.chat.constraints.provider: unknown key 'provider'; did you mean providers?
20: scenarios.chat.constraints.providers.0: unknown provider 'runpood'; did you mean runpod?
21: scenarios.chat.constraints.regions.0: unknown region 'us-east-9'; did you mean us-east, us-east-1
22: scenarios.chat.constraints.gpus.0: unknown GPU 'h1000'; did you mean
23: scenarios.chat.constraints.engines.0: unknown engine 'vlm'; did you mean vllm
24: scenarios.chat.constraints.billing.0: unknown billing mode 'flexx'; did you mean flex
25: scenarios.chat.constraints.max_gpus: should be less than or equal to 4096 (not 9999999999999999999999999)
26: scenarios.chat.constraints.spot: write true or false (not 1)
27: scenarios.chat.baseline.gpu: missing; add it
27: scenarios.chat.baseline.gpus: write a whole number (not true)
27: scenarios.chat.baseline.utilisation: should be less than or equal to 1 (not 1.5)
28: scenarios.chat.as_of: as_of takes a date such as 2026-10-01, not '2026-02-31'
30: scenarios.two.models: write at least one
31: scenarios.two.workload: write keys and values below it (not 5)
32: scenarios.two.budgets: unknown key 'budgets'; did you mean budget?
33: scenarios.two.budget.usd_per_month: write a number (not '.nan')
33: scenarios.two.budget.providers: write a list: [a, b], or a line '- a' for each (not 'runpod')
34: scenarios.two.speculation.draft_tokens: write a whole number (not 3.5)
34: scenarios.two.speculation.acceptance: write a number (not 'high')
35: scenarios.three: write keys and values below it
"""


def test_all_faults_come_at_once_with_their_lines(write: Any, shipped: Catalog) -> None:
    found = faults(write(MANY), shipped)
    wanted = [f"s.yaml:{line}" for line in TOLD.splitlines()]
    assert len(found) == len(wanted), found
    for line, start in zip(found, wanted, strict=True):
        assert line.startswith(start)


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("version: 1", "versoin: 1"),
        ("scenarios:", "scenaros:"),
        ("    models:", "    model:"),
        ("      - model:", "      - modle:"),
        ("        quantizations:", "        quantisations:"),
        ("    workload:", "    workloads:"),
        ("      input_tokens:", "      input_token:"),
        ("      peak_to_mean:", "      peak-to-mean:"),
        ("    slo:", "    slos:"),
        ("    constraints:", "    constraint:"),
        ("      max_cold_start_s:", "      max_cold_start:"),
        ("    budget:", "    buget:"),
        ("      max_increase_usd:", "      max_increase_usdd:"),
        ("    baseline:", "    base_line:"),
        ("      utilisation:", "      utilization:"),
        ("    speculation:", "    speculations:"),
        ("      acceptance:", "      aceptance:"),
        ("    as_of:", "    asof:"),
    ],
)
def test_typos_at_every_level_are_told_with_the_right_key(path: str, key: str, write: Any) -> None:
    line = FULL.splitlines().index(next(each for each in FULL.splitlines() if each.startswith(path)))
    wrong, right = (word.strip(" -:").partition(":")[0] for word in (key, path))
    with pytest.raises(DataError) as caught:
        read_scenarios(write(FULL.replace(path, key, 1)))
    told = str(caught.value).splitlines()
    assert any(f"s.yaml:{line + 1}: " in each and f"unknown key '{wrong}'" in each for each in told), told
    assert any(f"did you mean {right}?" in each for each in told), told


def test_a_key_like_no_other_lists_what_may_stand_there(write: Any) -> None:
    with pytest.raises(
        DataError, match=r"unknown key 'zzz'; known here: draft_tokens, acceptance, draft_model"
    ):
        read_scenarios(
            write(FULL.replace("      draft_tokens: 3\n", "      draft_tokens: 3\n      zzz: 3\n"))
        )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "s.yaml:1: the file is empty; gpucost init"),
        ("# nothing\n", "s.yaml:1: the file is empty; gpucost init"),
        ("[1]", "s.yaml:1: the file must map version and scenarios"),
        ("text", "s.yaml:1: the file must map version and scenarios"),
        ("version: 2\nscenarios: {a: 1}\nfuture: 1", "s.yaml:1: version: should be 1 (not 2)"),
        ("version: 0", "s.yaml:1: version: should be 1 (not 0)"),
        (SHORT.replace("version: 1", "version: '1'"), "s.yaml:1: version: should be 1 (not '1')"),
        (SHORT.replace("version: 1", "version: true"), "s.yaml:1: version: write a whole number (not true)"),
        (SHORT.replace("version: 1", "version: 1.0"), "s.yaml:1: version: write a whole number (not 1.0)"),
        (SHORT.replace("version: 1", "version:"), "s.yaml:1: version: should be 1"),
        (SHORT.partition("\n")[2], "s.yaml:1: version: missing; add it"),
        ("version: 1", "s.yaml:1: scenarios: missing; add it"),
        ("version: 1\nscenarios:\n", "s.yaml:2: scenarios: write keys and values below it"),
        ("version: 1\nscenarios: []\n", "s.yaml:2: scenarios: write keys and values below it"),
        ("version: 1\nscenarios: {}\n", "s.yaml:2: scenarios: write at least one"),
        (SHORT + "  chat: {}\n", "s.yaml:9: chat: stands twice (first on line 3); remove one"),
        (SHORT + "      hours: 6\n      hours: 7\n", "s.yaml:10: hours: stands twice (first on line 9)"),
        (SHORT + "    as_of: 2026\n", "s.yaml:9: scenarios.chat.as_of: write text; quote what looks like"),
        (SHORT + "      pattern: diurnl\n", "s.yaml:9: scenarios.chat.workload.pattern: should be 'poisson'"),
        (SHORT + "      trace: NO\n", "s.yaml:9: NO: write true or false, or quote it"),
        (
            SHORT + "      burst_size: 5e1\n",
            "s.yaml:9: scenarios.chat.workload.burst_size: write a whole number",
        ),
        (SHORT + "      prefix_cache_hit: 1\n", "prefix_cache_hit: should be less than 1 (not 1)"),
        (SHORT + "      hours: 24.5\n", "hours: should be less than or equal to 24 (not 24.5)"),
        (
            SHORT + "    constraints: {engines: []}\n",
            "s.yaml:9: scenarios.chat.constraints.engines: write at",
        ),
        (SHORT + "    constraints: {gpus: [1]}\n", "s.yaml:9: scenarios.chat.constraints.gpus.0: write text"),
        (SHORT + "    slo: ttft<=1s\n", "s.yaml:9: scenarios.chat.slo: write a list"),
        (SHORT + "    budget: &b {}\n", "s.yaml:9: anchors and aliases"),
        (SHORT + "---\nversion: 1\n", "s.yaml:10: a second document"),
    ],
)
def test_faults_that_the_file_alone_tells(text: str, told: str, write: Any) -> None:
    with pytest.raises(DataError) as caught:
        read_scenarios(write(text))
    (line,) = str(caught.value).splitlines()
    assert told in line


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (SHORT.replace("Llama-3.1-8B", "Lama-9"), "s.yaml:5: scenarios.chat.models.0.model: unknown model"),
        (SHORT.replace("model: Llama-3.1-8B", "params: many"), "models.0.params: 'many' is not a parameter"),
        (SHORT.replace("model: Llama-3.1-8B", "config: no.json"), "models.0.config: no such file: no.json"),
        (SHORT + "      trace: no.csv\n", "s.yaml:9: scenarios.chat.workload.trace: no such file: no.csv"),
        (SHORT + "      pattern: diurnal\n", "workload: pattern diurnal needs peak_to_mean and hours"),
        (SHORT + "      pattern: uniform\n      hours: 3\n", "hours goes with pattern diurnal or busy-hours"),
        (
            SHORT + "      requests_per_day: 10\n      burst_size: 5\n      burst_interval_s: 1\n",
            "s.yaml:6: scenarios.chat.workload: 5 requests every 1 s are 432,000 per day, not 10",
        ),
        (SHORT + "    slo: ['wait<=1s']\n", "the wait for a worker is known to gpucost simulate"),
        (
            SHORT + "    slo: ['ttft:p95<=0s']\n",
            "s.yaml:9: scenarios.chat.slo.0: slo 'ttft:p95<=0s': the limit",
        ),
        (SHORT + "    constraints: {gpus: [a100]}\n", "constraints.gpus.0: GPU 'a100' is ambiguous"),
        (
            SHORT + "    budget: {providers: [aws, x]}\n",
            "s.yaml:9: scenarios.chat.budget.providers.1: unknown",
        ),
        (
            SHORT + "    baseline: {gpu: l44}\n",
            "s.yaml:9: scenarios.chat.baseline.gpu: unknown GPU 'l44'; did",
        ),
        (
            SHORT + "    baseline: {gpu: l4, engine: v}\n",
            "scenarios.chat.baseline.engine: unknown engine 'v'",
        ),
        (SHORT + "    baseline: {gpu: l4, quantization: f}\n", "baseline.quantization: unknown quantization"),
        (
            SHORT + "    speculation: {draft_tokens: 3, acceptance: 0.7, draft_model: Lama}\n",
            "s.yaml:9: scenarios.chat.speculation.draft_model: unknown model 'Lama'",
        ),
        (SHORT + "    as_of: '2026-13-01'\n", "s.yaml:9: scenarios.chat.as_of: as_of takes a date"),
    ],
)
def test_faults_that_need_the_catalogue(text: str, told: str, write: Any, shipped: Catalog) -> None:
    (line,) = faults(write(text), shipped)
    assert told in line


@pytest.mark.parametrize("name", ["a b", "a/b", "a:b", "a\\b", "", "x" * 81, "a\nb", "\x07", "\u2028"])
def test_names_that_nobody_could_write_behind_a_colon(name: str, write: Any) -> None:
    quoted = "".join(f"\\u{ord(letter):04x}" for letter in name)
    with pytest.raises(DataError) as caught:
        read_scenarios(write(SHORT.replace("  chat:", f'  "{quoted}":')))
    (line,) = str(caught.value).splitlines()
    assert line.startswith("s.yaml:3: scenarios.")
    assert "not a name" in line
    assert line.isprintable()
    assert len(line) < 200


@pytest.mark.parametrize("name", ["chat", "70B", "1", "büro", "客服", "x" * 80, "chat-v1.2_b"])
def test_names_of_any_script(name: str, write: Any, shipped: Catalog) -> None:
    write(SHORT.replace("  chat:", f"  {name}:"))
    assert open_scenario(f"s.yaml:{name}", shipped).name == name


def test_text_from_a_file_garbles_no_message(write: Any) -> None:
    text = SHORT + '      "a\\e[31m\\u202e": 1\n      "' + "k" * 1000 + '": 1\n      pattern: "\\n\\nx"\n'
    with pytest.raises(DataError) as caught:
        read_scenarios(write(text))
    lines = str(caught.value).splitlines()
    assert [line.partition(": ")[0] for line in lines] == ["s.yaml:9", "s.yaml:10", "s.yaml:11"]
    assert all(line.isprintable() and len(line) < 700 for line in lines)


def test_a_file_name_garbles_no_message(write: Any, shipped: Catalog) -> None:
    (line,) = faults(write(SHORT + '      trace: "a\\n\\e[31mb"\n'), shipped)
    assert line.endswith("no such file: a\\n\\x1b[31mb")


def test_a_file_that_cannot_be_read(write: Any, tmp_path: Path) -> None:
    for path, told in ((Path("none.yaml"), "No such file"), (tmp_path, "directory"), (Path("a\0b"), "null")):
        with pytest.raises(DataError, match=told):
            read_scenarios(path)
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("büro: 1".encode("latin-1"))
    with pytest.raises(DataError, match="not UTF-8"):
        read_scenarios(latin)


@pytest.mark.skipif(os.name == "nt" or getattr(os, "geteuid", lambda: 1)() == 0, reason="rights bind here")
def test_a_file_that_may_not_be_read(write: Any) -> None:
    path = write(SHORT)
    path.chmod(0)
    with pytest.raises(DataError, match="Permission denied"):
        read_scenarios(path)


def test_one_scenario_needs_no_name_and_several_do(write: Any, shipped: Catalog) -> None:
    assert open_scenario(write(SHORT), shipped).name == "chat"
    block = SHORT.partition("scenarios:\n")[2]
    write(SHORT + block.replace("chat", "batch"), "two.yaml")
    assert open_scenario("two.yaml:batch", shipped).name == "batch"
    for text in ("two.yaml", "two.yaml:"):
        with pytest.raises(
            UsageError, match=r"holds 2 scenarios; name one of two\.yaml:chat, two\.yaml:batch"
        ):
            open_scenario(text, shipped)
    with pytest.raises(UnknownNameError, match=r"unknown scenario of two\.yaml 'chatt'; did you mean chat\?"):
        open_scenario("two.yaml:chatt", shipped)
    with pytest.raises(UnknownNameError, match="did you mean chat, batch"):
        open_scenario("two.yaml:zzz", shipped)


@pytest.mark.parametrize(
    ("text", "path", "name"),
    [
        ("s.yaml", "s.yaml", None),
        ("s.yaml:chat", "s.yaml", "chat"),
        ("s.yaml:", "s.yaml", ""),
        ("no.yaml:chat", "no.yaml", "chat"),
        ("no.yaml", "no.yaml", None),
        ("a:b.yaml", "a:b.yaml", None),
        ("a:b.yaml:chat", "a:b.yaml", "chat"),
        ("a:chat", "a", "chat"),
        (":chat", "", "chat"),
        ("C:\\x\\s.yaml", "C:\\x\\s.yaml", None),
        ("C:/x/s.yaml:chat", "C:/x/s.yaml", "chat"),
        ("C:\\x\\s.yaml:chat", "C:\\x\\s.yaml", "chat"),
        ("s.yaml:a:b", "s.yaml", "a:b"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="names with colons")
def test_file_and_name(text: str, path: str, name: str | None, write: Any) -> None:
    write("", "s.yaml")
    write("", "a:b.yaml")
    assert split_name(text) == (Path(path), name)
    assert split_name(Path(text)) == (Path(path), name)


def test_files_of_flags_are_told_apart() -> None:
    assert holds_scenarios(parse_yaml("scenarios: 1", Path("s.yaml")))
    assert holds_scenarios(parse_yaml("version: 1", Path("s.yaml")))
    assert not holds_scenarios(parse_yaml("gpu: l4", Path("s.yaml")))
    assert not holds_scenarios(parse_yaml("", Path("s.yaml")))


def test_traffic_of_a_workload(shipped: Catalog) -> None:
    load = domain.Workload(1, 1, requests_per_day=86_400)
    assert traffic_at(load, shipped).level == 1
    bursts = domain.Workload(1, 1, burst_size=50, burst_interval_s=100)
    assert traffic_at(bursts, shipped).level == 0.5
    assert traffic_at(bursts, shipped).pattern == "bursty"
    assert traffic_at(domain.Workload(1, 1), shipped).level is None


def test_which_lengths_a_trace_has(write: Any) -> None:
    assert lengths_in(write("timestamp,prompt_tokens\n0,5\n", "t.csv")) == {"input_tokens"}
    assert lengths_in(write("timestamp\n0\n", "t.csv")) == frozenset()
    with pytest.raises(DataError):
        lengths_in(write("nothing here\n", "t.csv"))


def test_the_published_schema_takes_what_the_reader_takes() -> None:
    check = jsonschema.Draft202012Validator(schema("scenario"))
    check.check_schema(check.schema)
    data = parse_yaml(FULL, Path("s.yaml")).data
    check.validate(data)
    check.validate(parse_yaml(SHORT, Path("s.yaml")).data)
    for text in (
        MANY,
        "version: 2",
        SHORT.replace("chat", "a b"),
        SHORT.replace("- model: Llama-3.1-8B", "- quantizations: [awq]"),
        SHORT.replace("- model: Llama-3.1-8B", "- {model: a, params: b}"),
        SHORT + "      requests_per_day: 1\n      trace: t.csv\n",
        SHORT + "    as_of: soon\n",
    ):
        assert not check.is_valid(parse_yaml(text, Path("s.yaml")).data)
    definitions = schema("scenario")["$defs"]
    for found in definitions.values():
        assert all("description" in each for each in found["properties"].values())

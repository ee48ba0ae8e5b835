"""Which model is meant: a name, a bare parameter count, or files."""

import os
from collections.abc import Mapping
from math import log
from pathlib import Path
from typing import Any, NamedTuple

from gpucost.api.ledger import Ledger
from gpucost.calc.kv_cache import cache_specs, kv_bytes_per_token
from gpucost.calc.tensors import active_parameters, total_parameters
from gpucost.catalog.names import CACHE_FORMATS, resolve_model, squeeze
from gpucost.catalog.remember import remember
from gpucost.catalog.store import Catalog
from gpucost.domain.model import Model, MoeMlp
from gpucost.domain.provenance import Evidence
from gpucost.errors import UsageError
from gpucost.units import BILLION, MB, parse_parameters

MAX_DOWNLOAD_BYTES = 64 * MB
"""Most that --hf fetches: a config and an index, never weights [B]."""
PLAUSIBLE_RATIO = 1.12
"""Models within this ratio of an asked size stand for it."""
PLAUSIBLE_CONTEXT = 8192
"""Tokens that a model must reach to stand for a size."""


MOST_CITED = 512
"""Models whose numbers are kept."""


class ChosenModel(NamedTuple):
    """The model, the format that its name or files state, and how it was chosen."""

    model: Model
    quantization: str | None
    exact_weights_bytes: int | None = None
    alternatives: tuple[Model, ...] = ()
    """For a bare count: as plausible architectures, the chosen one included."""


def choose_model(
    catalog: Catalog,
    ledger: Ledger,
    *,
    params: str | float | None,
    active_params: str | float | None,
    model: str | None,
    config: Path | str | None,
    hf: str | None,
) -> ChosenModel:
    """The model behind the flags. Raises UsageError when not exactly one way to name it is used."""
    named = {"--params": params, "--model": model, "--config": config, "--hf": hf}
    given = [flag for flag, value in named.items() if value is not None]
    if len(given) != 1:
        choice = ", ".join(named)
        raise UsageError(f"name the model in one way ({choice}), not {' and '.join(given) or 'none'}")
    if active_params is not None and params is None:
        raise UsageError("--active-params goes with --params; a named model has its own")
    if params is not None:
        return _representative(
            catalog, ledger, str(params), None if active_params is None else str(active_params)
        )
    if model is not None:
        return _named(catalog, ledger, model)
    return _from_files(ledger, None if config is None else Path(config), hf)


@remember(MOST_CITED)
def _numbers(catalog: Catalog, identity: str, skip: tuple[str, ...]) -> tuple[Evidence, ...]:
    """The numbers of a model's row, with their source."""
    ledger = Ledger(catalog)
    for source in catalog.model(identity).sources[:1]:
        ledger.cite_row(f"models.{identity}", catalog.model_rows[identity], source, skip=skip)
    return ledger.evidence


def _cite_model(ledger: Ledger, catalog: Catalog, model: Model) -> None:
    skip: tuple[str, ...] = ("stated_parameters_b", "stated_active_parameters_b", "mtp_layers")
    if model.use_stated_parameters:
        skip = ("mtp_layers",)
    ledger.add(_numbers(catalog, model.id, skip))
    for text in model.notes:
        ledger.note(f"{model.id}: {text}")
    if model.incomplete:
        ledger.note(f"{model.id}: not fully described: {model.incomplete}", "warning")


def _named(catalog: Catalog, ledger: Ledger, name: str) -> ChosenModel:
    found = resolve_model(catalog, name)
    for text in found.notes:
        ledger.note(text)
    _cite_model(ledger, catalog, found.model)
    return ChosenModel(found.model, found.quantization)


def _is_moe(model: Model) -> bool:
    return any(isinstance(mlp, MoeMlp) for mlp in model.mlps)


def _representative(catalog: Catalog, ledger: Ledger, params: str, active_params: str | None) -> ChosenModel:
    try:
        wanted = parse_parameters(params)
        wanted_active = None if active_params is None else parse_parameters(active_params)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if wanted_active is not None and wanted_active > wanted:
        raise UsageError(f"--active-params {active_params} is more than --params {params}")
    if "x" in params.lower() and active_params is None:
        known = [identity for identity in catalog.model_rows if squeeze(params) in squeeze(identity)]
        if known:
            named = catalog.model(known[0])
            _cite_model(ledger, catalog, named)
            ledger.user("--params", params)
            size = total_parameters(named) / BILLION
            ledger.note(
                f"--params {params}: read as {named.id}, {size:,.1f}B in all: its experts share the attention"
            )
            return ChosenModel(named, None, alternatives=(named,))
    sparse = wanted_active is not None or "x" in params.lower()
    ledger.user("--params", wanted, "parameters")
    pool: list[tuple[float, Model]] = []
    for identity, row in catalog.model_rows.items():
        if not sparse and not 1 / 3 < _rough_size(row) / wanted < 3:
            continue
        each = catalog.model(identity)
        if _is_moe(each) != sparse or each.incomplete or each.vision is not None:
            continue
        distance = abs(log(total_parameters(each) / wanted))
        if wanted_active is not None:
            distance += 0.5 * abs(log(active_parameters(each) / wanted_active))
        pool.append((distance, each))
    if not pool:
        raise UsageError(
            "no architecture in the catalogue can stand for that size; name a model with --model"
        )
    pool.sort(key=lambda item: (item[0], item[1].id))
    near = [each for distance, each in pool if distance <= log(PLAUSIBLE_RATIO)] or [pool[0][1]]
    # Models whose context is too short for today's prompts stand for a size only where nothing else does.
    near = [each for each in near if (each.max_context or 0) >= PLAUSIBLE_CONTEXT] or near
    cached = {each.id: _kv_per_token(each) for each in near}
    middle = sorted(cached.values())[(len(cached) - 1) // 2]
    chosen = min(
        near,
        key=lambda each: (
            abs(log(cached[each.id] / middle)),
            _distance(each, wanted),
            each.stated_parameters is None,
            each.id,
        ),
    )
    _cite_model(ledger, catalog, chosen)
    scaled = chosen._replace(
        name=f"{wanted / BILLION:g}B shaped like {chosen.name}",
        use_stated_parameters=True,
        stated_parameters=wanted,
        stated_active_parameters=wanted_active or (wanted if not sparse else None),
    )
    closest = total_parameters(chosen) / BILLION
    ledger.note(
        f"--params {params}: computed with the architecture of {chosen.id} ({closest:,.1f}B), scaled to "
        f"{wanted / BILLION:,.4g}B parameters; --model NAME gives the answer for one model"
    )
    if not 0.5 <= total_parameters(chosen) / wanted <= 2:
        ledger.note(
            f"no model of the catalogue is near {wanted / BILLION:,.4g}B; the cache may be far off", "warning"
        )
    return ChosenModel(scaled, None, alternatives=tuple(near))


def _rough_size(row: Mapping[str, Any]) -> float:
    """Parameters by the sizes alone, within a factor of two: spares building every model [parameters]."""
    hidden = row["hidden_size"]
    inner = max((mlp["intermediate_size"] for mlp in row.get("mlp", ())), default=4 * hidden)
    return float(row["layers"] * hidden * (3 * hidden + 3 * inner) + row["vocab_size"] * hidden)


def _distance(model: Model, wanted: int) -> float:
    return round(abs(log(total_parameters(model) / wanted)), 3)


def _kv_per_token(model: Model) -> float:
    return max(1.0, kv_bytes_per_token(cache_specs(model, cache=CACHE_FORMATS["bf16"], tp=1)))


def _from_files(ledger: Ledger, config: Path | None, hf: str | None) -> ChosenModel:
    from gpucost.io.folder import read_model_path

    if hf is not None:
        from gpucost.io.hub import download_model_files

        try:
            config = download_model_files(
                hf,
                endpoint=os.environ.get("HF_ENDPOINT") or None,
                token=None,
                cache=None,
                max_bytes=MAX_DOWNLOAD_BYTES,
            )
        except UnicodeError:
            raise UsageError("HF_TOKEN has characters that no token has; copy it again") from None
    if config is None:
        raise UsageError("no path given")
    found = read_model_path(config)
    if found.model is None:
        raise UsageError(
            f"{config}: holds no model description; give a config.json, its folder or a .gguf file"
        )
    for text in found.notes:
        ledger.note(text)
    label = f"--hf {hf}" if hf else f"--config {config}"
    ledger.user(label, total_parameters(found.model), "parameters")
    return ChosenModel(found.model, found.quantization, exact_weights_bytes=found.weights_bytes)

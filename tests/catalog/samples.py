"""A catalogue in miniature, and rows that are wrong in one way each."""

from __future__ import annotations

from pathlib import Path

SOURCES = """\
sources:
  - id: datasheet
    title: Datasheet
    publisher: Maker
    address: https://example.org/datasheet
    as_of: "2026-01-01"
    confidence: published
"""
GPUS = """\
gpus:
  - id: alpha-80gb
    name: NVIDIA Alpha 80GB
    aliases: [Alpha]
    vendor: nvidia
    architecture: first
    marketing_memory_gb: 80
    memory_gib: 79.5
    memory_basis: measured
    bandwidth_gb_per_s: 3000
    dense_tflops: {bf16: 900, fp8: 1800}
    native_precisions: [bf16, fp8]
    link: {kind: NVLink4, gb_per_s_each_way: 450}
    sources: [datasheet]
  - id: beta-24gb
    name: AMD Beta 24GB
    vendor: amd
    architecture: second
    marketing_memory_gb: 24
    memory_gib: 23.9
    memory_basis: derived
    bandwidth_gb_per_s: 600
    dense_tflops: {bf16: 100}
    native_precisions: [bf16]
    link: {kind: PCIe 4.0 x16}
    sources: [datasheet]
"""
PRICES = """\
providers:
  - {id: acme, name: Acme}
prices:
  - offer: acme/cloud/alpha
    provider: acme
    product: cloud
    billing: on-demand
    sku: Alpha
    gpus: [alpha-80gb]
    as_of: "2026-05-01"
    stated_by: provider
    source: datasheet
    usd_per_hour: 2.0
  - offer: acme/cloud/alpha
    provider: acme
    product: cloud
    billing: on-demand
    sku: Alpha
    gpus: [alpha-80gb]
    as_of: "2026-09-01"
    stated_by: provider
    source: datasheet
    usd_per_hour: 1.5
  - offer: acme/cloud/beta-x2
    provider: acme
    product: cloud
    billing: spot
    sku: Two Betas
    gpus: [beta-24gb]
    gpu_count: 2
    as_of: "2026-09-01"
    stated_by: third-party
    source: datasheet
    usd_per_gpu_hour: 0.25
"""
FORMATS = """\
quantizations:
  - {id: bf16, name: BF16, weight_bits: 16, parts: [all], compute: bf16,
     engines: [engine-a], sources: [datasheet]}
engines:
  - id: engine-a
    name: Engine A
    latest: "1.2"
    defaults:
      - {flag: max-num-seqs, value: 256, since: "0.9", source: datasheet}
    sources: [datasheet]
models:
  - id: maker/Tiny-1B
    name: Tiny 1B
    family: tiny
    hidden_size: 1024
    vocab_size: 32000
    layers: 16
    attention: [{kind: full, layers: 16, heads: 16, kv_heads: 4, head_dim: 64}]
    mlp: [{kind: dense, layers: 16, intermediate_size: 4096}]
    tied_embeddings: true
    sources: [datasheet]
"""


def write_folder(folder: Path) -> Path:
    """The miniature catalogue as files of a folder, one of them in a subfolder."""
    (folder / "prices").mkdir(parents=True)
    (folder / "sources.yaml").write_text(SOURCES, encoding="utf-8")
    (folder / "gpus.yaml").write_text(GPUS, encoding="utf-8")
    (folder / "formats.yml").write_text(FORMATS, encoding="utf-8")
    (folder / "prices" / "acme.yaml").write_text(PRICES, encoding="utf-8")
    return folder


def price(offer: str = "acme/cloud/alpha", *, extra: str = "", unit: str = "usd_per_hour: 9.0") -> str:
    """One price row as a file."""
    return f"""\
prices:
  - offer: {offer}
    provider: acme
    product: cloud
    billing: on-demand
    sku: Alpha
    gpus: [alpha-80gb]
    as_of: "2026-10-01"
    stated_by: provider
    source: datasheet
    {unit}
{extra}"""

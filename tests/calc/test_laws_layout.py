"""Laws of the paged pool: whole blocks, and no more sequences than bytes allow."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gpucost.calc.kv_cache import PagedLayout, kv_bytes_per_token, paged_layout, sequence_bytes
from gpucost.calc.memory import max_context
from gpucost.domain.cache import CacheKind, CacheSpec
from tests.calc.strategies import count, law, spec_lists

POOL = st.floats(0, 1e12)
CONTEXT = st.integers(1, 2_000_000)
BATCHED = st.integers(1, 65_536)
BLOCK = st.sampled_from((1, 16, 32, 64, 128))


@st.composite
def layouts(draw: st.DrawFn) -> tuple[tuple[CacheSpec, ...], PagedLayout]:
    specs = draw(spec_lists())
    layout = paged_layout(
        specs,
        block_tokens=draw(BLOCK),
        hybrid=draw(st.booleans()),
        reports_context=draw(st.booleans()),
        state_blocks=draw(count(1, 2)),
    )
    return specs, layout


Laid = tuple[tuple[CacheSpec, ...], PagedLayout]


@law
@given(layouts(), POOL)
def test_blocks_are_whole_and_inside_the_pool(laid: Laid, pool: float) -> None:
    _, layout = laid
    blocks = layout.blocks(pool)
    assert isinstance(blocks, int)
    assert blocks * layout.bytes_per_block <= pool
    assert (blocks + 1) * layout.bytes_per_block > pool


@law
@given(layouts(), POOL, CONTEXT, BATCHED)
def test_printed_tokens_are_whole_blocks(laid: Laid, pool: float, context: int, batched: int) -> None:
    _, layout = laid
    tokens = layout.tokens(pool, context=context, batched_tokens=batched)
    assert isinstance(tokens, int)
    if layout.reports_context:
        at_once = layout.concurrency(pool, context=context, batched_tokens=batched)
        assert tokens == int(at_once * context)
    else:
        assert tokens % layout.block_tokens == 0


@law
@given(layouts(), POOL, POOL, CONTEXT, BATCHED)
def test_a_larger_pool_never_holds_less(
    laid: Laid, one: float, other: float, context: int, batched: int
) -> None:
    _, layout = laid
    small, large = sorted((one, other))
    load = {"context": context, "batched_tokens": batched}
    assert layout.blocks(small) <= layout.blocks(large)
    assert layout.tokens(small, **load) <= layout.tokens(large, **load)
    assert layout.concurrency(small, **load) <= layout.concurrency(large, **load)


@law
@given(layouts(), POOL, CONTEXT, CONTEXT, BATCHED)
def test_concurrency_falls_with_context(laid: Laid, pool: float, one: int, other: int, batched: int) -> None:
    _, layout = laid
    short, long = sorted((one, other))
    at_short = layout.concurrency(pool, context=short, batched_tokens=batched)
    assert at_short >= layout.concurrency(pool, context=long, batched_tokens=batched)


@law
@given(layouts(), POOL, CONTEXT, BATCHED, BATCHED)
def test_larger_chunks_never_leave_room_for_more(
    laid: Laid, pool: float, context: int, one: int, other: int
) -> None:
    _, layout = laid
    small, large = sorted((one, other))
    at_small = layout.concurrency(pool, context=context, batched_tokens=small)
    assert at_small >= layout.concurrency(pool, context=context, batched_tokens=large)


@law
@given(layouts(), CONTEXT, BATCHED)
def test_a_sequence_gets_at_least_the_bytes_that_it_needs(laid: Laid, context: int, batched: int) -> None:
    """Blocks are rounded up, groups are padded: the allocator never stores more than it takes."""
    specs, layout = laid
    taken = layout.blocks_per_sequence(context=context, batched_tokens=batched) * layout.bytes_per_block
    assert taken >= sequence_bytes(specs, tokens=context) * (1 - 1e-12)


@law
@given(layouts())
def test_groups_have_a_slot_for_every_layer(laid: Laid) -> None:
    _, layout = laid
    if len(layout.groups) == 1:
        return
    widest = max(spec.bytes_per_token for spec, _, _ in layout.groups)
    slots = layout.bytes_per_block / (widest * layout.block_tokens)
    for spec, tokens, groups in layout.groups:
        assert groups * slots >= spec.layers
        page = layout.bytes_per_block / slots
        assert tokens * spec.bytes_per_token <= page
        assert spec.state_bytes <= page


@law
@given(spec_lists(states=False), POOL, BLOCK, CONTEXT)
def test_one_kind_of_layer_gives_pool_over_bytes_per_token(
    specs: tuple[CacheSpec, ...], pool: float, block: int, context: int
) -> None:
    full = tuple(spec._replace(kind=CacheKind.FULL, window=None) for spec in specs)
    layout = paged_layout(full, block_tokens=block, hybrid=True, reports_context=True, state_blocks=1)
    whole = pool // (kv_bytes_per_token(full) * block)
    assert layout.tokens(pool, context=context, batched_tokens=1) == whole * block
    blocks = -(-context // block)
    assert layout.concurrency(pool, context=context, batched_tokens=1) == whole / blocks


@law
@given(spec_lists(states=False), POOL, BLOCK, CONTEXT, BATCHED)
def test_without_hybrid_support_windows_save_nothing(
    specs: tuple[CacheSpec, ...], pool: float, block: int, context: int, batched: int
) -> None:
    plain = paged_layout(specs, block_tokens=block, hybrid=False, reports_context=False, state_blocks=1)
    full = tuple(spec._replace(kind=CacheKind.FULL, window=None) for spec in specs)
    open_windows = paged_layout(full, block_tokens=block, hybrid=True, reports_context=False, state_blocks=1)
    load = {"context": context, "batched_tokens": batched}
    assert plain.concurrency(pool, **load) == open_windows.concurrency(pool, **load)
    assert plain.tokens(pool, **load) == open_windows.tokens(pool, **load)


@law
@given(layouts(), POOL, st.integers(1, 300), BATCHED, st.integers(1, 10**7))
def test_the_longest_context_is_the_longest(
    laid: Laid, pool: float, concurrency: int, batched: int, limit: int
) -> None:
    _, layout = laid
    longest = max_context(layout, pool, concurrency=concurrency, batched_tokens=batched, limit=limit)
    assert 0 <= longest <= limit
    if longest:
        assert layout.concurrency(pool, context=longest, batched_tokens=batched) >= concurrency
    if longest < limit:
        assert layout.concurrency(pool, context=longest + 1, batched_tokens=batched) < concurrency


@law
@given(layouts(), POOL, POOL, st.integers(1, 300), st.integers(1, 300), BATCHED)
def test_the_longest_context_falls_with_concurrency_and_grows_with_the_pool(
    laid: Laid, one: float, other: float, few: int, many: int, batched: int
) -> None:
    _, layout = laid
    few, many = sorted((few, many))
    small, large = sorted((one, other))

    def longest(pool: float, concurrency: int) -> int:
        return max_context(layout, pool, concurrency=concurrency, batched_tokens=batched, limit=10**7)

    assert longest(small, few) >= longest(small, many)
    assert longest(small, few) <= longest(large, few)


@law
@given(layouts(), st.floats(-1e12, 0), CONTEXT, BATCHED)
def test_nothing_fits_in_no_memory(laid: Laid, pool: float, context: int, batched: int) -> None:
    _, layout = laid
    assume(pool < layout.bytes_per_block)
    assert layout.blocks(pool) == 0
    assert layout.tokens(pool, context=context, batched_tokens=batched) == 0
    assert max_context(layout, pool, concurrency=1, batched_tokens=batched, limit=10**6) == 0


def test_an_exabyte_is_counted_exactly() -> None:
    spec = CacheSpec(CacheKind.FULL, 1, 4096.0)
    layout = paged_layout([spec], block_tokens=16, hybrid=True, reports_context=False, state_blocks=1)
    assert layout.tokens(2.0**60, context=1, batched_tokens=1) == 2**48


def test_only_states_take_one_page_each() -> None:
    spec = CacheSpec(CacheKind.STATE, 24, 0.0, state_bytes=1_000_000)
    layout = paged_layout([spec], block_tokens=16, hybrid=True, reports_context=False, state_blocks=1)
    assert layout.concurrency(24e6 * 7, context=10**6, batched_tokens=1) == 7


@pytest.mark.parametrize(("full", "sliding", "groups"), [(8, 10, 3), (8, 9, 2), (10, 52, 7), (5, 20, 5)])
def test_group_size_is_the_smaller_count_unless_they_are_close(full: int, sliding: int, groups: int) -> None:
    """vLLM takes the larger count when it is less than 1.25 times the smaller; 10 is just 1.25 times 8."""
    specs = [CacheSpec(CacheKind.FULL, full, 2048.0), CacheSpec(CacheKind.WINDOW, sliding, 2048.0, 1024)]
    layout = paged_layout(specs, block_tokens=16, hybrid=True, reports_context=False, state_blocks=1)
    assert sum(count for _, _, count in layout.groups) == groups


@pytest.mark.parametrize(
    ("window", "batched", "context", "blocks"),
    [
        (17, 16, 1000, 3),  # 16 tokens before the chunk and 16 of it: two blocks, and one for the offset
        (18, 16, 1000, 4),  # 33 tokens: three blocks and one
        (1024, 2048, 9900, 193),  # 3,071 tokens
        (1024, 2048, 100, 8),  # the context is shorter than either
    ],
)
def test_a_window_holds_what_stands_before_a_chunk_and_the_chunk(
    window: int, batched: int, context: int, blocks: int
) -> None:
    spec = CacheSpec(CacheKind.WINDOW, 10, 2048.0, window)
    layout = paged_layout([spec], block_tokens=16, hybrid=True, reports_context=False, state_blocks=1)
    assert layout.blocks_per_sequence(context=context, batched_tokens=batched) == blocks

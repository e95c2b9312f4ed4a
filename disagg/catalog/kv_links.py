"""How fast KV transfers over EFA were seen to be, and what they cost beside their bytes."""

from disagg.catalog.source import Kind, Source

EFA_EFFICIENCY = (0.2, 0.6)
"""Share of the line rate that NIXL over LIBFABRIC reaches, lower and upper end: 9.6 GB/s of 50 was
measured, and +37 ms for 1.049 GB (28 GB/s of 50). Never 1.0."""
TCP_GB_PER_SECOND = (0.1, 1.0)
"""What a transfer reaches that fell back to TCP, or to UCX on a kernel of 6.8 or newer [GB/s]."""
DESCRIPTOR_US = 3.9
"""Time of one descriptor [us]: a hand-over of 5,000 tokens took 263 ms at block size 16 and 197 ms
at 64, 16,900 descriptors fewer of a model of 36 layers."""
HANDSHAKE_MS = 2.0
"""Fixed part of a hand-over [ms]: assumed, 2026-11-23; one round trip of the side channel and one
notification."""
LARGEST_LINK_LOAD = 0.85
"""Load of a link above which transfers queue: as for prefill workers."""

KV_LINKS_SOURCE = Source(
    kind=Kind.MEASURED,
    reference=(
        "ai-dynamo/dynamo PR 7764 and its EFA guide (Llama-3.1-8B, 8,000 tokens, p5, four EFA"
        " devices of 100 Gb/s); descriptors: vLLM RFC 50913, whose model is taken to have 36 layers"
    ),
    date="2026-11-23",
)

"""GPUs: what the roofline needs of them."""

from dataclasses import dataclass

from disagg.catalog.source import Kind, Source


@dataclass(frozen=True, kw_only=True, slots=True)
class Gpu:
    """One GPU; rates are peaks, dense, one direction."""

    name: str
    """As `InstanceType.gpu_name` says it."""
    memory_gb_per_second: float
    """HBM or GDDR bandwidth [GB/s, decimal]."""
    bf16_tflops: float
    fp8_tflops: float
    fp4_tflops: float | None
    """None where the GPU has no FP4 matrix units."""
    link_gb_per_second: float
    """To another GPU of the node: NVLink, or PCIe where there is none [GB/s]."""
    source: Source

    def tflops(self, precision: str) -> float:
        """Return the peak of a matrix precision; FP4 on a GPU without it runs as FP8 [TFLOP/s].

        Example:
            >>> GPUS["H200"].tflops("fp4") == GPUS["H200"].fp8_tflops
            True
        """
        table = {"bf16": self.bf16_tflops, "fp8": self.fp8_tflops, "fp4": self.fp4_tflops}
        return table[precision] or self.fp8_tflops


def _source(page: str) -> Source:
    reference = f"{page}; the figures equal those of aiconfigurator-core 0.12.0 systems/*.yaml"
    return Source(kind=Kind.PUBLISHED, reference=reference, date="2026-11-23")


_ROWS = (
    Gpu(
        name="B200",
        memory_gb_per_second=7_700,
        bf16_tflops=2_250,
        fp8_tflops=4_500,
        fp4_tflops=9_000,
        link_gb_per_second=900,
        source=_source("NVIDIA Blackwell datasheet (HGX B200)"),
    ),
    Gpu(
        name="B300",
        memory_gb_per_second=7_750,
        bf16_tflops=2_250,
        fp8_tflops=4_500,
        fp4_tflops=14_000,
        link_gb_per_second=900,
        source=_source("NVIDIA Blackwell Ultra datasheet"),
    ),
    Gpu(
        name="H200",
        memory_gb_per_second=4_800,
        bf16_tflops=989,
        fp8_tflops=1_978,
        fp4_tflops=None,
        link_gb_per_second=450,
        source=_source("NVIDIA H200 datasheet"),
    ),
    Gpu(
        name="H100",
        memory_gb_per_second=3_350,
        bf16_tflops=989,
        fp8_tflops=1_978,
        fp4_tflops=None,
        link_gb_per_second=450,
        source=_source("NVIDIA H100 datasheet"),
    ),
    Gpu(
        name="RTX PRO Server 6000",
        memory_gb_per_second=1_792,
        bf16_tflops=467.8,
        fp8_tflops=935.6,
        fp4_tflops=1_871.2,
        link_gb_per_second=64,
        source=_source("NVIDIA RTX PRO 6000 Blackwell Server Edition datasheet"),
    ),
    Gpu(
        name="L40S",
        memory_gb_per_second=864,
        bf16_tflops=362.05,
        fp8_tflops=733,
        fp4_tflops=None,
        link_gb_per_second=32,
        source=_source("NVIDIA L40S datasheet"),
    ),
)

GPUS: dict[str, Gpu] = {row.name: row for row in _ROWS}
"""Every GPU of the instance catalogue."""

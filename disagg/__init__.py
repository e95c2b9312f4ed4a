"""disagg: one environment file to a disaggregated LLM inference platform on AWS."""

__version__ = "0.1.0"

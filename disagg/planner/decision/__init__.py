"""Whether disaggregation is worth it: gains, reasons, verdict. Pure arithmetic."""

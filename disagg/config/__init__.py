"""The environment file: the only place that reads YAML; frozen dataclasses come out."""

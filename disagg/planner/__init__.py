"""Pure arithmetic over the catalogue and an environment: no I/O, no AWS, no Kubernetes."""

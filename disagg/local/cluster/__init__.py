"""A Kubernetes control plane of our own on loopback, with nodes that only exist in its API."""

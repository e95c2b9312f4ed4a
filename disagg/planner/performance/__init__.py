"""How fast a layout serves a workload: step times, queues, KV transfer, and how sure that is."""

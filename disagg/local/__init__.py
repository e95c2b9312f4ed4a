"""Engines that run on this machine: an AWS endpoint, and the programs that drive it."""

"""Money: what a node costs, what a token costs, when a change pays. Pure arithmetic."""

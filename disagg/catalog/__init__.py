"""Facts as typed data: each row says its source and the date it was read. No logic, no I/O."""

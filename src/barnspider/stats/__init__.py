"""Numbers in, numbers out: numpy and scipy only. This room imports nothing else of ours, and knows no names."""

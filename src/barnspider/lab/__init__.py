"""The laboratory: studies are planned, trained and stored here. The only room that may import torch."""

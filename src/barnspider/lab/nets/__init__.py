"""Networks by name: a few small ones of our own, any of torchvision or timm, or a user's. `docs/networks.md`.

Initial weights depend on the seed alone (a whitening stem's on the training images alone), so runs of one seed start
alike at every dose.
"""

from barnspider.lab.nets.building import build
from barnspider.lab.nets.own import NETWORKS
from barnspider.lab.nets.whitening import whiten

__all__ = ["NETWORKS", "build", "whiten"]

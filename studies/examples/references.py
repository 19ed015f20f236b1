"""Networks that torchvision's authors trained on ImageNet, for `preserve --pretrained references:resnet50`.

    pip install 'barnspider[torchvision]'
    cd studies/examples
    barnspider preserve ../full/imagenet-crop.toml --data FOLDER --device cuda --store runs \\
        --doses 0,0.5,0.75,0.92,0.98 --pretrained references:resnet50 --pretrained references:vit_b_16

torchvision fetches the weights, once, into torch's cache. Classes are ImageNet's 1,000 in the order of their wnids, as
in a folder `imagenet`. Here a changed image is shown whole, brought to 224 pixels: what is not to be seen of it was cut
away already. So dose 0 is the whole central square, and answers there are not those to a centre crop.
"""

from torch import nn
from torch.nn import functional

from barnspider.lab.nets.foreign import import_torchvision

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Prepared(nn.Module):
    """Levels 0 to 1 of any square size, as torchvision's networks were trained to see them."""

    def __init__(self, net, side=224):
        super().__init__()
        transforms = import_torchvision("torchvision.transforms.v2")
        self.net, self.side, self.normalize = net, side, transforms.Normalize(MEAN, STD)

    def forward(self, images):
        if images.shape[-1] != self.side:
            images = functional.interpolate(images, (self.side, self.side), mode="bilinear", antialias=True)
        return self.net(self.normalize(images.expand(-1, 3, -1, -1)))


def reference(name, classes, weights="DEFAULT"):
    if classes != 1000:
        raise ValueError(f"{name} knows ImageNet's 1,000 classes; the data has {classes}")
    return Prepared(import_torchvision("torchvision.models").get_model(name, weights=weights))


def resnet50(_shape, classes):
    return reference(
        "resnet50", classes, weights="IMAGENET1K_V1"
    )  # trained as in the paper's time, crops and flips alone


def densenet121(_shape, classes):
    return reference("densenet121", classes)


def convnext_tiny(_shape, classes):
    return reference("convnext_tiny", classes)


def vit_b_16(_shape, classes):
    return reference("vit_b_16", classes)

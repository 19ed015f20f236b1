"""`python -m barnspider` is `barnspider`."""

from barnspider.cli import main

main()

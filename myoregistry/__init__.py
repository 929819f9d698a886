"""The front door: the command line. The only package that knows all three floors."""

from myoregistry.command_line import cli, main

__all__ = ["cli", "main"]

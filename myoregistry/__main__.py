"""Run the command line with python -m myoregistry."""

from myoregistry.command_line import main

main()

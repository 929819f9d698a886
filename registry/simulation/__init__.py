"""The parts of the simulator: assumptions, centres, people, their disease, and files."""

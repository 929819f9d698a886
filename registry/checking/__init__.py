"""From text tables to typed rows, and every problem in them."""

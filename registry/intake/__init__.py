"""From the bytes that a centre sends to text tables of the contract."""

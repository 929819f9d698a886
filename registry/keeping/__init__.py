"""What the registry keeps: one writer, one transaction, and nothing lost."""

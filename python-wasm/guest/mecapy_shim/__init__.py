"""The guest's side of the contract with the host; not visible to handlers."""

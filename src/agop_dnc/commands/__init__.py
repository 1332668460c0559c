"""The commands of `agop-dnc`, a module each."""

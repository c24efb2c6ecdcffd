"""Barline's starter model: compose loops, train a codec and a language model on them, export, evaluate."""

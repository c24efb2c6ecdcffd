//! The packed decoder against the exact one, on random weights in odd shapes.

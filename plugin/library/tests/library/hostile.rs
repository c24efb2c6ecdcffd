//! x
pub(crate) fn import(_: &std::path::Path) {}

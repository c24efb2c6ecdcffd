//! Link settings of the plugin library.

/// A host may unload the library as soon as the last instance is gone, while the threads of
/// the engine and of a session are still on their way out. On Linux the library therefore
/// stays in memory once it is loaded; macOS never unloads a library that has thread-locals.
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}

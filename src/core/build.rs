//! With the feature `python`: a run path to the libpython that the embedded plugin is linked to.

fn main() {
    println!("cargo:rerun-if-changed=src/core/build.rs");
    // Told by src/python/build.rs; absent without the feature.
    println!("cargo:rerun-if-env-changed=DEP_RSGI_PYTHON_LIBDIR");
    if let Ok(directory) = std::env::var("DEP_RSGI_PYTHON_LIBDIR") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{directory}");
    }
}

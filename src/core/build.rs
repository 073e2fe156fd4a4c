//! With the feature `python`: a run path to the libpython that the embedded plugin is linked to.

fn main() {
    println!("cargo:rerun-if-changed=src/core/build.rs");
    #[cfg(feature = "python")]
    if let Some(directory) = pyo3_build_config::get().lib_dir() {
        println!("cargo:rerun-if-env-changed=PYO3_PYTHON");
        println!("cargo:rustc-link-arg=-Wl,-rpath,{directory}");
    }
}

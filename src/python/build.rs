//! Tells the linker where libpython lies, so that loading the plugin brings it along, and remembers the interpreter.

fn main() {
    let python = pyo3_build_config::get();
    pyo3_build_config::use_pyo3_cfgs();
    println!("cargo:rerun-if-env-changed=PYO3_PYTHON");
    println!("cargo:rustc-env=RSGI_PYTHON_EXECUTABLE={}", python.executable().unwrap_or_default());
    println!("cargo:rustc-env=RSGI_PYTHON_VERSION={}", python.version());
    assert!(
        python.implementation() == pyo3_build_config::PythonImplementation::CPython && !python.is_free_threaded(),
        "the Python plugin is built for CPython with its interpreter lock: name such a python in PYO3_PYTHON"
    );
    let full = python.run_python_script("import sys; print(sys.version.replace(chr(10), ' '))");
    println!("cargo:rustc-env=RSGI_PYTHON_FULL_VERSION={}", full.expect("the interpreter tells its version").trim());
    // A wheel's plugin is linked to no libpython, and the loader looks below /usr/lib by itself.
    println!("cargo:rerun-if-env-changed=PYO3_BUILD_EXTENSION_MODULE");
    let is_linked = std::env::var_os("PYO3_BUILD_EXTENSION_MODULE").is_none();
    if let Some(directory) = python.lib_dir().filter(|directory| is_linked && !directory.starts_with("/usr/lib")) {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{directory}");
        println!("cargo:libdir={directory}");
    }
}

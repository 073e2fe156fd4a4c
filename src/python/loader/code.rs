//! Runs Python code: modules by import, files and source text as modules of their own.

use pyo3::prelude::*;
use pyo3::types::PyModule;

use super::trouble::Trouble;

/// Imports a module, or runs a file when the value looks like one.
pub(super) fn import<'py>(py: Python<'py>, value: &str) -> Result<Bound<'py, PyModule>, Trouble> {
    if value.contains('/') || value.ends_with(".py") {
        return run_file(py, value);
    }
    py.import(value).map_err(Trouble::raised(value))
}

/// `name=module_or_path`: makes the module known under a second name.
pub(super) fn alias(py: Python<'_>, value: &str) -> Result<(), Trouble> {
    let Some((name, target)) = value.split_once('=') else {
        return Err(Trouble::Setting(format!("pymodule-alias = {value}: expected name=module or name=/path/file.py")));
    };
    let module = import(py, target)?;
    let modules = py.import("sys").and_then(|sys| sys.getattr("modules"));
    modules.and_then(|modules| modules.set_item(name, module)).map_err(Trouble::raised(value))
}

/// Runs a file as a module named after its path.
pub(super) fn run_file<'py>(py: Python<'py>, path: &str) -> Result<Bound<'py, PyModule>, Trouble> {
    let code = std::fs::read(path).map_err(|reason| unreadable(path, reason))?;
    execute(py, &code, path, &module_name(path), path)
}

/// The trouble of a file that cannot be read.
pub(super) fn unreadable(path: &str, reason: std::io::Error) -> Trouble {
    Trouble::Unreadable { path: path.to_owned(), reason }
}

/// `sub/foo.py` becomes `uwsgi_file_sub_foo`.
fn module_name(path: &str) -> String {
    let stem = path.strip_suffix(".py").unwrap_or(path);
    format!("uwsgi_file_{}", stem.replace(['/', '.'], "_"))
}

/// Compiles and runs source as a module of its own, known in `sys.modules` while it runs.
pub(super) fn execute<'py>(
    py: Python<'py>,
    code: &[u8],
    file: &str,
    name: &str,
    what: &str,
) -> Result<Bound<'py, PyModule>, Trouble> {
    let run = || -> PyResult<Bound<'py, PyModule>> {
        let builtins = py.import("builtins")?;
        let code = builtins.call_method1("compile", (pyo3::types::PyBytes::new(py, code), file, "exec", 0, true))?;
        let module = PyModule::new(py, name)?;
        module.setattr("__file__", file)?;
        module.setattr("__builtins__", &builtins)?;
        let modules = py.import("sys")?.getattr("modules")?;
        modules.set_item(name, &module)?;
        if let Err(error) = builtins.call_method1("exec", (code, module.dict())) {
            modules.del_item(name)?;
            return Err(error);
        }
        // The code may have put another object in its own place, as under `import`.
        modules.get_item(name)?.cast_into::<PyModule>().or(Ok(module))
    };
    run().map_err(Trouble::raised(what))
}

#[cfg(test)]
mod tests {
    use super::module_name;

    #[test]
    fn files_get_uwsgis_module_names() {
        assert_eq!(module_name("sub/foo-bar.py"), "uwsgi_file_sub_foo-bar");
        assert_eq!(module_name("/srv/x.y.wsgi"), "uwsgi_file__srv_x_y_wsgi");
    }
}

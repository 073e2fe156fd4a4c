//! What stands behind the colon of `module = pkg.mod:…` (and in `callable`): a name, a dotted name, or a call of one with
//! literal arguments, e.g. `WSGIHandler()` or `create_app("production", debug=False)`. Nothing else is evaluated.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyModule, PyTuple};

use super::trouble::Trouble;

/// The callable that `expression` names in `module`; `place` says where that is.
pub(super) fn evaluate<'py>(
    module: &Bound<'py, PyModule>,
    expression: &str,
    place: &str,
) -> Result<Bound<'py, PyAny>, Trouble> {
    let missing = || Trouble::NoCallable { name: expression.to_owned(), place: place.to_owned() };
    let evaluator = Evaluator::new(module).map_err(Trouble::raised(expression))?;
    let tree = evaluator.parse(expression).map_err(|_| malformed(expression))?;
    match evaluator.value(&tree).map_err(Trouble::raised(&format!("{place}: {expression}")))? {
        Found::Value(value) if value.is_callable() => Ok(value),
        Found::Value(_) | Found::Nothing => Err(missing()),
        Found::Malformed => Err(malformed(expression)),
    }
}

fn malformed(expression: &str) -> Trouble {
    Trouble::Setting(format!(
        "{expression:?} is neither a name nor a call with literal arguments, such as create_app(\"x\")"
    ))
}

enum Found<'py> {
    Value(Bound<'py, PyAny>),
    Nothing,
    Malformed,
}

struct Evaluator<'a, 'py> {
    module: &'a Bound<'py, PyModule>,
    ast: Bound<'py, PyModule>,
}

impl<'a, 'py> Evaluator<'a, 'py> {
    fn new(module: &'a Bound<'py, PyModule>) -> PyResult<Self> {
        Ok(Self { module, ast: module.py().import("ast")? })
    }

    fn parse(&self, expression: &str) -> PyResult<Bound<'py, PyAny>> {
        self.ast.call_method1("parse", (expression, "<callable>", "eval"))?.getattr("body")
    }

    fn value(&self, node: &Bound<'py, PyAny>) -> PyResult<Found<'py>> {
        let is = |kind: &str| node.is_instance(&self.ast.getattr(kind)?);
        if is("Name")? {
            return Self::attribute(self.module.as_any(), &node.getattr("id")?);
        }
        if is("Attribute")? {
            return match self.value(&node.getattr("value")?)? {
                Found::Value(owner) => Self::attribute(&owner, &node.getattr("attr")?),
                other => Ok(other),
            };
        }
        if is("Call")? {
            return match self.value(&node.getattr("func")?)? {
                Found::Value(function) => self.call(&function, node),
                other => Ok(other),
            };
        }
        Ok(Found::Malformed)
    }

    fn attribute(owner: &Bound<'py, PyAny>, name: &Bound<'py, PyAny>) -> PyResult<Found<'py>> {
        let name = name.cast::<pyo3::types::PyString>()?;
        Ok(owner.getattr_opt(name)?.map_or(Found::Nothing, Found::Value))
    }

    fn call(&self, function: &Bound<'py, PyAny>, node: &Bound<'py, PyAny>) -> PyResult<Found<'py>> {
        let literal = |node: Bound<'py, PyAny>| self.ast.call_method1("literal_eval", (node,));
        let mut arguments = Vec::new();
        for argument in node.getattr("args")?.cast::<PyList>()? {
            let Ok(argument) = literal(argument) else { return Ok(Found::Malformed) };
            arguments.push(argument);
        }
        let named = PyDict::new(node.py());
        for keyword in node.getattr("keywords")?.cast::<PyList>()? {
            let (name, Ok(value)) = (keyword.getattr("arg")?, literal(keyword.getattr("value")?)) else {
                return Ok(Found::Malformed);
            };
            if name.is_none() {
                return Ok(Found::Malformed);
            }
            named.set_item(name, value)?;
        }
        function.call(PyTuple::new(node.py(), arguments)?, Some(&named)).map(Found::Value)
    }
}

//! Groups of mules: `name:1,2`.

use super::{Fault, Value};

impl Value<'_> {
    /// A farm's name and the numbers of its mules.
    pub(crate) fn farm(&self) -> Result<(String, Vec<u32>), Fault> {
        let help = "write a name and numbers of mules, such as mails:1,2";
        let fault = || Fault::new(format!("expected NAME:MULE,MULE, found \"{}\"", self.text), help);
        let (name, mules) = self.text.split_once(':').filter(|(name, _)| !name.is_empty()).ok_or_else(fault)?;
        let number = |text: &str| text.trim().parse().ok().filter(|&number: &u32| number > 0).ok_or_else(fault);
        let mules = mules.split(',').map(number).collect::<Result<_, _>>()?;
        Ok((name.to_owned(), mules))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_farm_has_a_name_and_mules() {
        assert_eq!(Value::new("mails:1, 3").farm(), Ok(("mails".into(), vec![1, 3])));
        for text in ["mails", ":1", "mails:", "mails:0", "mails:one", "mails:1,"] {
            assert!(Value::new(text).farm().is_err(), "{text}");
        }
    }
}

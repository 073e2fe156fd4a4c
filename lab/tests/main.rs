//! The lab: every framework is asked everything through every door, on rsgi and on the real uWSGI, in containers. One test a cell,
//! as `django/3.11/fastcgi`; a browser visits some of them. `cargo dev lab test` makes the images first.

mod ask;
mod behaviours;
mod browser;
mod cell;
mod client;
mod differences;
mod door;
mod framework;
mod images;
mod load;
mod place;
mod results;
mod rig;
mod trouble;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};

use crate::browser::{GATES, TOURS};
use crate::cell::Set;
use crate::door::DOORS;
use crate::framework::FRAMEWORKS;
use crate::images::Images;
use crate::results::Results;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Two processors are enough for four containers and a client when no more than two cells are at work.
    arguments.test_threads = arguments.test_threads.or(Some(2));
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("error: another provider of TLS was there first");
        return ExitCode::FAILURE;
    }
    if let Some(why) = place::missing() {
        eprintln!(
            "error: {why}: the lab runs in containers; everything else is tested by `cargo dev test --no-containers`"
        );
        return ExitCode::FAILURE;
    }
    let images = match Images::read() {
        Ok(images) => Arc::new(images),
        Err(error) => {
            eprintln!("error: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let results = Arc::new(Results::default());
    let mut trials = Vec::new();
    for release in images.releases() {
        for framework in FRAMEWORKS {
            // Started by the first of its cells, and gone with the last: each cell holds it until it has run.
            let set = Arc::new(Set::new(Arc::clone(&images), framework, release.clone()));
            for door in DOORS {
                let (set, results) = (Arc::clone(&set), Arc::clone(&results));
                let name = format!("{}/{release}/{}", framework.name, door.name);
                trials.push(Trial::test(name, move || {
                    set.cell(door, &results).map_err(|error| format!("{error:#}").into())
                }));
            }
            for tour in TOURS.iter().filter(|tour| tour.framework == framework.name) {
                for gate in GATES {
                    let set = Arc::clone(&set);
                    let name = format!("browser/{}/{release}/{}", tour.name, gate.name);
                    trials.push(Trial::ignorable_test(name, move || {
                        set.tour(tour, gate).map_err(|error| format!("{error:#}").into())
                    }));
                }
            }
        }
    }
    for case in trouble::CASES {
        let images = Arc::clone(&images);
        trials.push(Trial::ignorable_test(format!("trouble/{}", case.name), move || {
            case.prove(&images).map_err(|error| format!("{error:#}").into())
        }));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    if let Err(error) = results.write(images.web2py.as_deref()) {
        eprintln!("error: {error:#}");
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}

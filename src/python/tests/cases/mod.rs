//! All cases, by name.

mod answers;
mod children;
mod endings;
mod environ;
mod files;
mod heads;
mod input;
mod interpreter;
mod lifetime;
mod loading;
mod module;
mod threads;
mod validate;

use crate::support::Server;

/// Most cases: an application that picks a function by path.
const ROUTES: &str = r#"
import sys
routes = {}
def route(function):
    routes['/' + function.__name__] = function
    return function
def ok(start_response, *headers):
    return start_response('200 OK', list(headers))
def application(environ, start_response):
    return routes[environ['PATH_INFO']](environ, start_response)
"#;

fn routes(source: &str, settings: &[(&str, &str)]) -> Server {
    Server::with_app(&format!("{ROUTES}{source}"), settings)
}

/// A case: a function that panics when something is wrong.
pub(crate) type Case = fn();

/// Names each case after its path.
macro_rules! cases {
    ($($module:ident: $($case:ident)*;)*) => {
        /// Every case.
        pub(crate) const ALL: &[(&str, Case)] = &[
            $($((concat!(stringify!($module), "::", stringify!($case)), $module::$case),)*)*
        ];
    };
}

cases! {
    answers: hello kinds_of_results wrong_results buffers_and_early_heads hooks;
    children: come_back_from_the_application come_back_from_the_hook_after_the_request come_back_from_handlers_of_signals
        exit_with_their_own_code send_nothing;
    endings: close_exactly_once write_to_nobody write_to_nobody_quietly exits monitored_exceptions catch_exceptions;
    heads: start_response_rules wrong_heads;
    files: sent_or_read readers_of_their_own;
    environ: keys_and_types what_a_request_lacks_is_absent nothing_of_one_request_is_in_the_next many_names scheme several_cores mounts_by_script_name
        mounts_by_path no_default_app;
    input: with_a_length chunked without_a_body all_here buffered_by_the_core large failures after_its_request;
    interpreter: ordinary options virtual_environment installation bad_home wrong_version signals stdio;
    lifetime: fork_hooks lazy_loading shutdown_in_order shutdown_does_not_hang executors_end no_leaks no_leaks_of_kept_objects;
    loading: module module_with_name module_with_callable module_with_call module_with_arguments module_with_dots file
        file_in_sys_modules eval the_first_becomes_the_default several_in_one_module missing_module missing_dependency
        missing_callable uncallable nonsense_behind_the_colon missing_file file_given_as_module several_through_the_uwsgi_module syntax_error exit_while_importing
        failing_mount imports_and_aliases search_path;
    module: attributes functions request_functions sendfile_of_a_missing_file decorators harakiri absent;
    threads: cores_work_at_once names_and_locals deep_recursion application_threads_run input_from_another_thread input_used_without_end interrupted
        interrupt_spares_the_next stacks_of_all the_wait_for_the_lock_is_measured;
    validate: every_fixture;
}

"""The environ: its types, its variables, its streams."""

from behaviours import application, behaviour, ok, raised, shown  # noqa: F401


@behaviour(answer="dict")
def it_is_a_plain_dict(environ, start_response):
    return ok(start_response, type(environ).__name__.encode())


@behaviour(answer="[]")
def variables_are_plain_text(environ, start_response):
    return shown(start_response, [k for k, v in environ.items() if not k.startswith("wsgi.") and k.isupper() and type(v) is not str])


@behaviour(answer="[]")
def what_must_be_there(environ, start_response):
    names = """REQUEST_METHOD SCRIPT_NAME PATH_INFO QUERY_STRING SERVER_NAME SERVER_PORT SERVER_PROTOCOL wsgi.version
        wsgi.url_scheme wsgi.input wsgi.errors wsgi.multithread wsgi.multiprocess wsgi.run_once wsgi.file_wrapper"""
    return shown(start_response, [name for name in names.split() if name not in environ])


@behaviour(answer="((1, 0), 'http', True, False, False)")
def the_flags(environ, start_response):
    flags = ("version", "url_scheme", "multithread", "multiprocess", "run_once")
    return shown(start_response, tuple(environ[f"wsgi.{flag}"] for flag in flags))


@behaviour(answer="clean")
def it_is_the_applications_own(environ, start_response):
    was = environ.pop("x.left", "clean")
    environ["x.left"] = "behind"
    environ["PATH_INFO"] = "/changed"
    del environ["QUERY_STRING"]
    environ["QUERY_STRING"] = ""
    return ok(start_response, was.encode())


@behaviour(bare=True, answer="emptied")
def it_can_be_emptied(environ, start_response):
    environ.clear()
    return ok(start_response, b"emptied")


@behaviour(bare=True, method="PURGE", answer="PURGE")
def methods_are_what_the_client_says(environ, start_response):
    return ok(start_response, environ["REQUEST_METHOD"].encode())


@behaviour(sends={"X-Name": "value", "X-Other-Name": "a, b"}, answer="value|a, b")
def headers_become_variables(environ, start_response):
    return ok(start_response, environ["HTTP_X_NAME"].encode(), b"|", environ["HTTP_X_OTHER_NAME"].encode())


@behaviour(body=b"x", answer="[]")
def type_and_length_have_no_prefix(environ, start_response):
    return shown(start_response, [key for key in environ if key in ("HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH")])


@behaviour(answer="logged", log="^written to wsgi.errors$")
def errors_write(environ, start_response):
    environ["wsgi.errors"].write("written to wsgi.errors\n")
    return ok(start_response, b"logged")


@behaviour(answer="logged", log="^second of writelines$")
def errors_writelines(environ, start_response):
    environ["wsgi.errors"].writelines(["first of writelines\n", "second of writelines\n"])
    environ["wsgi.errors"].flush()
    return ok(start_response, b"logged")


@behaviour(answer="logged", log="^printed to wsgi.errors \u20ac$", bare=True)
def errors_of_print(environ, start_response):
    print("printed to wsgi.errors", "\u20ac", file=environ["wsgi.errors"])
    return ok(start_response, b"logged")


@behaviour(answer="TypeError", bare=True)
def errors_write_bytes(environ, start_response):
    return ok(start_response, raised(environ["wsgi.errors"].write, b"bytes").encode())


@behaviour(answer="True", bare=True)
def the_query_is_as_it_was_sent(environ, start_response):
    return shown(start_response, environ["QUERY_STRING"].startswith("the_query_is_as_it_was_sent-"))


@behaviour(answer="[]")
def nothing_of_the_server_is_in_it(environ, start_response):
    """The server's own environment does not leak into requests."""
    return shown(start_response, [key for key in environ if key in ("PATH", "HOME", "LD_LIBRARY_PATH", "PYTHONPATH")])

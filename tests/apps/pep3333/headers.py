"""Headers that are refused where they are made, headers that are left out, headers that arrive."""

from behaviours import PLAIN, application, behaviour, ok, raised, shown  # noqa: F401


def refusals(start_response, *headers):
    """What `start_response` says to each of these headers; the answer that follows shows that none has got through."""
    return shown(start_response, [raised(start_response, "200 OK", PLAIN + [header]) for header in headers])


def refused(error, count):
    return repr([error] * count)


# -- injection --------------------------------------------------------------------------------------------------------


@behaviour(bare=True, answer=refused("ValueError", 5), headers={"x-injected": None})
def a_value_with_a_newline(environ, start_response):
    return refusals(
        start_response,
        ("X-Name", "value\r\nX-Injected: 1"),
        ("X-Name", "value\nX-Injected: 1"),
        ("X-Name", "value\rX-Injected: 1"),
        ("X-Name", "value\n"),
        ("X-Name", "\r\n\r\n<html>"),
    )


@behaviour(bare=True, answer=refused("ValueError", 2))
def a_value_that_is_folded(environ, start_response):
    return refusals(start_response, ("X-Name", "first\r\n second"), ("X-Name", "first\n\tsecond"))


@behaviour(bare=True, answer=refused("ValueError", 3))
def a_value_with_a_nul(environ, start_response):
    return refusals(start_response, ("X-Name", "\0"), ("X-Name", "a\0b"), ("X-Name", "a\0"))


@behaviour(bare=True, answer=refused("ValueError", 5))
def a_value_with_a_control_character(environ, start_response):
    return refusals(start_response, *(("X-Name", f"a{letter}b") for letter in "\x01\x08\x0b\x1b\x7f"))


@behaviour(bare=True, answer="tab", headers={"x-name": "a\tb"})
def a_value_with_a_tab(environ, start_response):
    return ok(start_response, b"tab", headers=[("X-Name", "a\tb")])


@behaviour(bare=True, answer=refused("ValueError", 4), headers={"x-injected": None})
def a_name_with_a_newline(environ, start_response):
    return refusals(
        start_response,
        ("X-Name: 1\r\nX-Injected", "1"),
        ("X-Name\n", "1"),
        ("\rX-Name", "1"),
        ("\r\nX-Injected", "1"),
    )


@behaviour(bare=True, answer=refused("ValueError", 8))
def a_name_that_is_no_token(environ, start_response):
    return refusals(start_response, *((name, "1") for name in ("", "X Name", "X:", ":", "X\0", "X\t", '"X"', "(X)")))


@behaviour(bare=True, answer=refused("ValueError", 2))
def a_name_beyond_ascii(environ, start_response):
    return refusals(start_response, ("X-N\u00e4me", "1"), ("X-\u20ac", "1"))


@behaviour(bare=True, answer=refused("ValueError", 3))
def a_value_beyond_latin_1(environ, start_response):
    return refusals(start_response, ("X-Name", "\u20ac"), ("X-Name", "a\u0100"), ("X-Name", "\U0001f600"))


@behaviour(bare=True, answer=refused("ValueError", 2), headers={"x-injected": None})
def a_newline_that_only_looks_like_another_letter(environ, start_response):
    """U+010D and U+010A end in the bytes of CR and LF."""
    return refusals(start_response, ("X-Name", "a\u010d\u010aX-Injected: 1"), ("X-\u010aName", "1"))


@behaviour(bare=True, answer=refused("ValueError", 1), headers={"x-injected": None})
def a_lone_surrogate(environ, start_response):
    return refusals(start_response, ("X-Name", "\udc0a"))


# -- types ------------------------------------------------------------------------------------------------------------


@behaviour(bare=True, answer=refused("TypeError", 5))
def a_value_that_is_no_text(environ, start_response):
    return refusals(start_response, *(("X-Name", value) for value in (b"bytes", 1, None, True, ["a"])))


@behaviour(bare=True, answer=refused("TypeError", 3))
def a_name_that_is_no_text(environ, start_response):
    return refusals(start_response, (b"X-Name", "1"), (1, "1"), (None, "1"))


@behaviour(bare=True, answer=refused("TypeError", 6))
def a_header_that_is_no_pair(environ, start_response):
    return refusals(start_response, ("X",), ("X", "1", "2"), (), ["X", "1"], "X: 1", None)


@behaviour(bare=True, answer=refused("TypeError", 5))
def headers_that_are_no_list(environ, start_response):
    wrong = [tuple(PLAIN), dict(PLAIN), None, "Content-Type: text/plain", iter(PLAIN)]
    return shown(start_response, [raised(start_response, "200 OK", headers) for headers in wrong])


@behaviour(bare=True, answer="subclasses", headers={"x-name": "value"})
def headers_of_subclasses(environ, start_response):
    class Text(str):
        def __str__(self):
            return "X-Injected: 1\r\n"

    class Headers(list):
        pass

    class Pair(tuple):
        pass

    start_response("200 OK", Headers([Pair(("X-Name", Text("value")))]))
    return [b"subclasses"]


@behaviour(bare=True, answer="none at all", headers={"content-type": None})
def no_headers_at_all(environ, start_response):
    start_response("200 OK", [])
    return [b"none at all"]


@behaviour(answer="taken", headers={"x-late": None})
def headers_are_taken_at_once(environ, start_response):
    headers = list(PLAIN)
    start_response("200 OK", headers)
    headers.append(("X-Late", "1"))
    return [b"taken"]


# -- hop-by-hop -------------------------------------------------------------------------------------------------------


@behaviour(bare=True, answer="left out", headers={"connection": None, "x-kept": "1"})
def connection_is_left_out(environ, start_response):
    return ok(start_response, b"left out", headers=[("Connection", "X-Kept"), ("X-Kept", "1")])


@behaviour(bare=True, answer="closed")
def connection_close_is_heeded(environ, start_response):
    return ok(start_response, b"closed", headers=[("Connection", "close")])


@behaviour(bare=True, answer="left out", headers={"keep-alive": None})
def keep_alive_is_left_out(environ, start_response):
    return ok(start_response, b"left out", headers=[("Keep-Alive", "timeout=5000")])


@behaviour(bare=True, answer="left out", headers={"proxy-authenticate": None, "proxy-authorization": None, "proxy-connection": None})
def proxy_headers_are_left_out(environ, start_response):
    proxy = [("Proxy-Authenticate", "Basic"), ("proxy-authorization", "Basic eDp5"), ("Proxy-Connection", "keep-alive")]
    return ok(start_response, b"left out", headers=proxy)


@behaviour(bare=True, answer="left out", headers={"te": None, "trailer": None, "trailers": None})
def te_and_trailer_are_left_out(environ, start_response):
    return ok(start_response, b"left out", headers=[("TE", "trailers"), ("Trailer", "X-Sum"), ("Trailers", "X-Sum")])


@behaviour(bare=True, answer="left out", headers={"upgrade": None})
def upgrade_is_left_out(environ, start_response):
    return ok(start_response, b"left out", headers=[("UPGRADE", "h2c, websocket")])


@behaviour(bare=True, answer="8 bytes.", headers={"content-length": "8", "transfer-encoding": None})
def other_transfer_codings_are_left_out(environ, start_response):
    codings = [("Transfer-Encoding", "gzip"), ("Transfer-Encoding", "gzip, chunked"), ("Content-Length", "8")]
    return ok(start_response, b"8 bytes.", headers=codings)


# -- Content-Length ---------------------------------------------------------------------------------------------------


@behaviour(bare=True, answer=refused("ValueError", 9))
def a_length_that_is_no_number(environ, start_response):
    wrong = ["", "many", "-1", "+5", "0x5", "5.0", "5,5", "1 2", "\u00b2"]
    return refusals(start_response, *(("Content-Length", length) for length in wrong))


@behaviour(bare=True, answer=refused("ValueError", 2))
def a_length_beyond_all_files(environ, start_response):
    return refusals(start_response, ("Content-Length", "9223372036854775808"), ("Content-Length", "9" * 100))


@behaviour(bare=True, answer="ValueError")
def two_lengths_that_differ(environ, start_response):
    headers = PLAIN + [("Content-Length", "5"), ("content-length", "6")]
    return ok(start_response, raised(start_response, "200 OK", headers).encode())


@behaviour(bare=True, answer="12345", headers={"content-length": "5"})
def two_lengths_that_agree(environ, start_response):
    return ok(start_response, b"12345", headers=[("Content-Length", "5"), ("content-length", " 5 ")])


# -- what arrives -----------------------------------------------------------------------------------------------------


@behaviour(answer="", headers={"x-empty": "", "x-latin": "caf\u00e9", "x-blanks": "a  b"})
def values_arrive(environ, start_response):
    return ok(start_response, headers=[("X-Empty", ""), ("X-Latin", "caf\u00e9"), ("X-Blanks", "  a  b  ")])


@behaviour(answer="", headers={"set-cookie*": "a=1|b=2|c=3"})
def repeated_headers_arrive_in_order(environ, start_response):
    return ok(start_response, headers=[("Set-Cookie", "a=1"), ("set-cookie", "b=2"), ("X-Between", "1"), ("SET-COOKIE", "c=3")])


@behaviour(answer="many", headers={"x-name-499": "value"})
def many_headers(environ, start_response):
    return ok(start_response, b"many", headers=[(f"X-Name-{n}", "value") for n in range(500)])


@behaviour(answer="long", headers={"x-long": "x" * 30_000})
def a_long_value(environ, start_response):
    return ok(start_response, b"long", headers=[("X-Long", "x" * 30_000)])


@behaviour(answer="dated", headers={"date*": "Thu, 01 Jan 1970 00:00:00 GMT", "server": "mine"})
def its_own_date_and_server(environ, start_response):
    return ok(start_response, b"dated", headers=[("Date", "Thu, 01 Jan 1970 00:00:00 GMT"), ("Server", "mine")])


@behaviour(bare=True, answer="odd", headers={"!#$%&'*+-.^_`|~": "1", "status": "204"})
def names_that_are_odd_and_allowed(environ, start_response):
    return ok(start_response, b"odd", headers=[("!#$%&'*+-.^_`|~", "1"), ("X-Status", "204"), ("Status", "204")])

//! `wsgi.file_wrapper`: which files the core sends, and which Python reads.

use super::routes;

pub(crate) fn sent_or_read() {
    let mut server = routes(
        r"
import gzip, io, tempfile
with open('data', 'wb') as f: f.write(b'0123456789')
with open('chunks', 'wb') as f: f.write(b'1\r\nx\r\n0\r\n\r\n')
with gzip.open('data.gz', 'wb') as f: f.write(b'inside')
closed = []
class Watched(io.FileIO):
    def close(self):
        if not self.closed: closed.append(1)
        super().close()
def wrap(e, f, *size): return e['wsgi.file_wrapper'](f, *size)
@route
def plain(e, s): ok(s); return wrap(e, open('data', 'rb'))
@route
def position(e, s): ok(s); f = open('data', 'rb'); f.seek(3); f.read(1); return wrap(e, f, 8192)
@route
def limited(e, s): ok(s, ('Content-Length', '4')); return wrap(e, open('data', 'rb'))
@route
def raw(e, s): ok(s); return wrap(e, Watched('data'))
@route
def temporary(e, s):
    f = tempfile.NamedTemporaryFile(); f.write(b'temp'); f.flush(); f.seek(0); ok(s); return wrap(e, f)
@route
def unflushed(e, s):
    with open('mixed', 'wb') as f: f.write(b'0123456789')
    f = open('mixed', 'r+b'); f.seek(0); f.read(10); f.seek(0); f.write(b'NEW'); f.seek(0)
    ok(s); return wrap(e, f)
@route
def unflushable(e, s):
    class Full(io.FileIO):
        def write(self, data): raise OSError(28, 'full')
    f = io.BufferedRandom(Full('mixed', 'r+')); f.read(10); f.seek(0); f.write(b'NEW')
    ok(s); return wrap(e, f)
@route
def compressed(e, s): ok(s); return wrap(e, gzip.open('data.gz'))
@route
def memory(e, s): ok(s); return wrap(e, io.BytesIO(b'abcdefgh'), 3)
@route
def written(e, s): ok(s)(b'head '); return wrap(e, open('data', 'rb'))
@route
def measured(e, s): ok(s, ('Content-Length', '15'))(b'head '); return wrap(e, open('data', 'rb'))
@route
def chunked(e, s): ok(s, ('Transfer-Encoding', 'chunked')); return wrap(e, open('chunks', 'rb'))
@route
def complete(e, s): ok(s, ('Content-Length', '4'))(b'head'); return wrap(e, open('data', 'rb'))
@route
def headless(e, s): return wrap(e, open('data', 'rb'))
@route
def iterated(e, s): ok(s); return [b for b in wrap(e, open('data', 'rb'), 4)]
@route
def count(e, s): ok(s); return [str(len(closed)).encode()]
",
        &[],
    );
    for (path, body, file) in [
        ("/plain", "0123456789", Some((0, None))),
        ("/position", "456789", Some((4, None))),
        ("/limited", "0123", Some((0, Some(4)))),
        ("/raw", "0123456789", Some((0, None))),
        ("/temporary", "temp", Some((0, None))),
        ("/unflushed", "NEW3456789", Some((0, None))),
        ("/compressed", "inside", None),
        ("/memory", "abcdefgh", None),
        ("/written", "head 0123456789", None),
        ("/measured", "head 0123456789", Some((0, Some(10)))),
        ("/chunked", "1\r\nx\r\n0\r\n\r\n", None),
        ("/complete", "head", None),
        ("/iterated", "0123456789", None),
    ] {
        let answer = server.get(path);
        assert_eq!((answer.text().as_str(), answer.file, answer.complete), (body, file, true), "{path}");
        assert_eq!(answer.outcome.exceptions, 0, "{path}");
    }
    let surplus = server.host.log();
    assert_eq!(surplus.matches("more bytes than its Content-Length").count(), 1, "that of /complete: {surplus}");
    assert_eq!(server.text("/count"), "1", "the raw file was closed once");
    assert_eq!(server.get("/memory").chunks.len(), 3);
    let answer = server.get("/unflushable");
    assert_eq!((answer.file, answer.complete, answer.outcome.exceptions > 0), (None, false, true));
    let answer = server.get("/headless");
    assert_eq!((answer.status.as_str(), answer.outcome.exceptions), ("", 1));
}

/// Files whose bytes are not what reading them gives, beside some that only look so.
pub(crate) fn readers_of_their_own() {
    let mut server = routes(
        r"
import io, tempfile
with open('data', 'wb') as f: f.write(b'secret')
class Upper:
    def __init__(self, file): self.file = file
    def read(self, size=-1): return self.file.read(size).upper()
class Forwards:
    def __init__(self, file): self.file = file
    read = property(lambda self: self.file.read)
    tell = property(lambda self: self.file.tell)
class Raw(io.FileIO):
    def read(self, size=-1): return super().read(size).upper()
class Into(io.FileIO):
    def readinto(self, room):
        count = super().readinto(room)
        room[:count] = bytes(room[:count]).upper()
        return count
class Buffered(io.BufferedReader):
    def read(self, size=-1): return super().read(size).upper()
class Closing(io.FileIO):
    def close(self): super().close()
class Places(tempfile._TemporaryFileWrapper):
    def read(self, size=-1): return self.file.read(size).upper()
def patched():
    f = open('data', 'rb'); read = f.read; f.read = lambda size: read(size).upper(); return f
def temporary():
    f = tempfile.NamedTemporaryFile(); f.write(b'secret'); f.seek(0); return f
def patched_temporary():
    f = temporary(); f.read = lambda size: f.file.read(size).upper(); return f
opens = {
    'upper': lambda: Upper(open('data', 'rb')), 'nested': lambda: Forwards(Upper(open('data', 'rb'))),
    'raw': lambda: Raw('data'), 'into': lambda: io.BufferedReader(Into('data')),
    'buffered': lambda: Buffered(io.FileIO('data')), 'places': lambda: Places(open('data', 'rb'), 'data', delete=False),
    'patched': patched, 'patched_temporary': patched_temporary,
    'forwards': lambda: Forwards(open('data', 'rb')), 'temporary': temporary,
    'uploaded': lambda: Forwards(temporary()), 'closing': lambda: io.BufferedReader(Closing('data')),
}
def application(e, s):
    ok(s); return e['wsgi.file_wrapper'](opens[e['PATH_INFO'][1:]]())
",
        &[],
    );
    for path in ["/upper", "/nested", "/raw", "/into", "/buffered", "/places", "/patched", "/patched_temporary"] {
        let answer = server.get(path);
        assert_eq!((answer.text().as_str(), answer.file, answer.complete), ("SECRET", None, true), "{path}");
    }
    for path in ["/forwards", "/temporary", "/uploaded", "/closing"] {
        let answer = server.get(path);
        assert_eq!((answer.text().as_str(), answer.file), ("secret", Some((0, None))), "{path}");
    }
}

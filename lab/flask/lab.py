"""What the lab asks of every framework, in Flask's words; lab/README.md lists it."""

import hashlib
import time

from flask import Flask, Response, jsonify, redirect, render_template_string, request, send_file, session, stream_with_context
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

app = Flask(__name__)
app.secret_key = "only for the lab"
app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)
csrf = CSRFProtect(app)

FORM = """<!doctype html>
<ul>{% for note in notes %}<li>{{ note }}</li>{% endfor %}</ul>
<form method="post" enctype="multipart/form-data">
<input type="hidden" name="csrf_token" value="{{ csrf_token() }}">{{ fields|safe }}<button>Send</button></form>"""


@app.route("/login", methods=["GET", "POST"])
def login():
    if request.method == "POST" and (request.form["username"], request.form["password"]) == ("ann", "secret"):
        session["user"] = "ann"
        return redirect("/whoami")
    return render_template_string(FORM, fields='<input name="username"><input name="password">')


@app.route("/whoami")
def whoami():
    return Response(session.get("user", ""), mimetype="text/plain")


@app.route("/notes", methods=["GET", "POST"])
def notes():
    """Kept in the session, which is a signed cookie."""
    if request.method == "POST":
        session["notes"] = [request.form["text"], *session.get("notes", [])][:20]
        return redirect("/notes")
    return render_template_string(FORM, notes=session.get("notes", []), fields='<input name="text">')


@app.route("/upload", methods=["GET", "POST"])
def upload():
    if request.method != "POST":
        return render_template_string(FORM, fields='<input type="file" name="file">')
    file = request.files["file"]
    digest = hashlib.file_digest(file.stream, "sha256")
    return jsonify(name=file.filename, size=file.stream.tell(), sha256=digest.hexdigest())


@app.route("/download")
def download():
    blocks = int(request.args["mb"]) * 16
    return Response((n.to_bytes(4, "big") * 16384 for n in range(blocks)), mimetype="application/octet-stream")


@app.route("/file")
def file():
    return send_file("/srv/static/range.txt", conditional=True)


@app.route("/echo/<path:rest>", methods=["GET", "POST", "PUT", "DELETE"])
@csrf.exempt
def echo(rest):
    return jsonify(
        method=request.method,
        path=rest,
        q=request.args.get("q", ""),
        body=request.get_data(as_text=True),
        headers={name.lower(): value for name, value in request.headers.items()},
        cookies=request.cookies,
        scheme=request.scheme,
        host=request.host,
        address=request.remote_addr,
        forwarded=request.headers.get("X-Forwarded-For", ""),
    )


@app.route("/api/sum", methods=["POST"])
@csrf.exempt
def api():
    return jsonify(sum=sum(request.get_json()["numbers"]))


@app.route("/events")
def events():
    """Server-sent events, a moment apart: nobody on the way may collect them."""

    def stream():
        for n in range(3):
            yield f"data: {n} {time.time()}\n\n"
            time.sleep(0.4)

    return Response(stream_with_context(stream()), mimetype="text/event-stream", headers={"X-Accel-Buffering": "no"})


@app.route("/eat", methods=["POST"])
@csrf.exempt
def eat():
    """More memory than there is."""
    return str(len(bytearray(b"x") * (int(request.args["mb"]) << 20)))


@app.route("/redirect")
def moved():
    return redirect("/whoami")


@app.route("/cookies")
def cookies():
    response = Response("three")
    for name, value in (("first", "1"), ("second", "zwei"), ("long", "x" * 3000)):
        response.set_cookie(name, value, httponly=True)
    return response


@app.route("/protected")
def protected():
    return Response(headers={"X-Accel-Redirect": "/protected/report.txt"})


@app.route("/error")
def error():
    raise RuntimeError("a view failed")

"""What the lab asks of every framework, in web2py's words; lab/README.md lists it."""

import hashlib
import os


def user():
    auth.settings.login_next = URL("whoami")
    return dict(form=auth())


def whoami():
    response.headers["Content-Type"] = "text/plain"
    return auth.user.username if auth.user else ""


def notes():
    form = SQLFORM(db.note)
    if form.process().accepted:
        redirect(URL("notes"))
    return dict(form=form, notes=db(db.note).select(orderby=~db.note.id, limitby=(0, 20)))


def upload():
    form = FORM(INPUT(_type="file", _name="file"), INPUT(_type="submit"))
    if form.process().accepted:
        file = form.vars.file
        digest = hashlib.sha256()
        size = 0
        while chunk := file.file.read(65536):
            digest.update(chunk)
            size += len(chunk)
        return response.json(dict(name=file.filename, size=size, sha256=digest.hexdigest()))
    return dict(form=form)


def download():
    blocks = int(request.vars.mb) * 16
    response.headers["Content-Type"] = "application/octet-stream"
    raise HTTP(200, (n.to_bytes(4, "big") * 16384 for n in range(blocks)), **response.headers)


def file():
    response.headers["Content-Type"] = "text/plain"
    return response.stream("/srv/static/range.txt", request=request)


def echo():
    env = request.wsgi.environ
    headers = {name[5:].replace("_", "-").lower(): value for name, value in env.items() if name.startswith("HTTP_")}
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        headers[name.replace("_", "-").lower()] = env.get(name) or ""
    return response.json(
        dict(
            method=request.env.request_method,
            path="/".join(request.args),
            q=request.get_vars.q or "",
            body=request.body.read().decode(),
            headers=headers,
            cookies={name: morsel.value for name, morsel in request.cookies.items()},
            scheme="https" if request.is_https else "http",
            host=request.env.http_host,
            address=request.env.remote_addr,
            forwarded=request.env.http_x_forwarded_for or "",
        )
    )


def moved():
    redirect(URL("whoami"), how=302)


def cookies():
    for name, value in (("first", "1"), ("second", "zwei"), ("long", "x" * 3000)):
        response.cookies[name] = value
        response.cookies[name]["path"] = "/"
        response.cookies[name]["httponly"] = True
    return "three"


def protected():
    response.headers["X-Accel-Redirect"] = "/protected/report.txt"
    return ""


def error():
    raise RuntimeError("a controller failed")

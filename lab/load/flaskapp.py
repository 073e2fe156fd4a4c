"""A page from a template with what the query asks for, and a download that no buffer on the way holds."""

from flask import Flask, Response, render_template, request

application = Flask(__name__)
ROWS = [{"name": f"article {n}", "price": n * 3.5, "stock": n % 7} for n in range(30)]
LARGE = b"0123456789abcdef" * (8 << 16)


@application.route("/")
def index():
    return render_template("index.html", rows=ROWS, word=request.args.get("word", ""))


@application.route("/large")
def large():
    return Response(LARGE, mimetype="application/octet-stream")

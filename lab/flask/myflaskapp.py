from flask import Flask, Response, jsonify, request

app = Flask(__name__)


@app.route("/")
def index():
    return "<span style='color:red'>I am app 1</span>"


@app.route("/echo", methods=["POST"])
def echo():
    return jsonify(form=request.form.to_dict(), address=request.remote_addr, url=request.url)


@app.route("/stream")
def stream():
    return Response((f"line {n}\n" for n in range(1000)), mimetype="text/plain")


@app.route("/error")
def error():
    raise RuntimeError("flask view failed")

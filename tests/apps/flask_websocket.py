"""The example of Flask-uWSGI-WebSocket's README."""

import flask.app
from flask import Flask
from flask.sansio.scaffold import setupmethod

# Where the extension, which is older than Flask 2.3, looks for it.
flask.app.setupmethod = setupmethod
from flask_uwsgi_websocket import WebSocket  # noqa: E402

app = Flask(__name__)
ws = WebSocket(app)


@app.route("/")
def index():
    return "a page"


# Werkzeug 1.0 and later match a websocket with such rules only.
@ws.route("/echo", websocket=True)
def echo(socket):
    while True:
        message = socket.receive()
        if message is None:
            break
        socket.send(message)
    print("flask: socket closed")

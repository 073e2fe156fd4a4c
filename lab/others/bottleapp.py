import bottle

application = bottle.Bottle()


@application.get("/<name>")
def hello(name):
    return {"framework": "bottle", "name": name, "scheme": bottle.request.urlparts.scheme}


@application.post("/<name>")
def count(name):
    return {"length": len(bottle.request.body.read())}

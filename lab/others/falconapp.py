import falcon


class Hello:
    def on_get(self, request, response, name):
        response.media = {"framework": "falcon", "name": name, "scheme": request.scheme}

    def on_post(self, request, response, name):
        response.media = {"length": len(request.bounded_stream.read())}


application = falcon.App()
application.add_route("/{name}", Hello())

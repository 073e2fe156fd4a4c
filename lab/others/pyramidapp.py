from pyramid.config import Configurator
from pyramid.view import view_config


@view_config(route_name="hello", request_method="GET", renderer="json")
def hello(request):
    return {"framework": "pyramid", "name": request.matchdict["name"], "scheme": request.scheme}


@view_config(route_name="hello", request_method="POST", renderer="json")
def count(request):
    return {"length": len(request.body)}


with Configurator() as config:
    config.add_route("hello", "/{name}")
    config.scan(__name__)
    application = config.make_wsgi_app()

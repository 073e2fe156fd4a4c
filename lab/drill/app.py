"""A small Django application for drills: answers GET with a text, POST with the length of what it has read."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import re_path

settings.configure(
    ALLOWED_HOSTS=["*"],
    DEBUG=False,
    ROOT_URLCONF=__name__,
    SECRET_KEY="a drill",
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
)


HEALTH = 200


def view(request):
    if request.path == "/health":
        return HttpResponse(status=HEALTH)
    length = len(request.body) if request.method == "POST" else 0
    return HttpResponse(f"{request.method} {length} {os.getpid()}\n", content_type="text/plain")


urlpatterns = [re_path(r"^", view)]
application = get_wsgi_application()

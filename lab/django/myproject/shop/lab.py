"""What the lab asks of every framework, in Django's words; lab/README.md lists it."""

import hashlib

from django.contrib.auth import views as auth
from django.http import FileResponse, HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext
from django.views.decorators.csrf import csrf_exempt

from .models import Note


def whoami(request):
    return HttpResponse(request.user.get_username(), content_type="text/plain")


def notes(request, database="default"):
    """A form with CSRF protection, on either database."""
    if request.method == "POST":
        Note.objects.using(database).create(text=request.POST["text"])
        return HttpResponseRedirect(request.path)
    return render(request, "shop/notes.html", {"notes": Note.objects.using(database).order_by("-id")[:20]})


def upload(request):
    if request.method != "POST":
        return render(request, "shop/upload.html")
    digest = hashlib.sha256()
    file = request.FILES["file"]
    for chunk in file.chunks():
        digest.update(chunk)
    return JsonResponse({"name": file.name, "size": file.size, "sha256": digest.hexdigest()})


def download(request):
    blocks = int(request.GET["mb"]) * 16
    return StreamingHttpResponse((n.to_bytes(4, "big") * 16384 for n in range(blocks)), content_type="application/octet-stream")


def file(request):
    return FileResponse(open("/srv/static/range.txt", "rb"), content_type="text/plain")


@csrf_exempt
def echo(request, rest=""):
    meta = request.META
    return JsonResponse(
        {
            "method": request.method,
            "path": rest,
            "q": request.GET.get("q", ""),
            "body": request.body.decode(),
            "headers": {name.lower(): value for name, value in request.headers.items()},
            "cookies": request.COOKIES,
            "scheme": request.scheme,
            "host": request.get_host(),
            "address": meta["REMOTE_ADDR"],
            "forwarded": meta.get("HTTP_X_FORWARDED_FOR", ""),
        }
    )


def redirect(request):
    return HttpResponseRedirect("/lab/whoami")


def cookies(request):
    response = HttpResponse("three")
    for name, value in (("first", "1"), ("second", "zwei"), ("long", "x" * 3000)):
        response.set_cookie(name, value, httponly=True)
    return response


def protected(request):
    response = HttpResponse()
    response["X-Accel-Redirect"] = "/protected/report.txt"
    return response


def hello(request):
    """In the reader's language, from Django's own catalogue."""
    return HttpResponse(gettext("Yes"), content_type="text/plain; charset=utf-8")


def error(request):
    raise RuntimeError("a view failed")


urlpatterns = [
    path("login", auth.LoginView.as_view(template_name="shop/login.html", next_page="/lab/whoami")),
    path("whoami", whoami),
    path("notes", notes),
    path("notes/archive", notes, {"database": "archive"}),
    path("upload", upload),
    path("download", download),
    path("file", file),
    path("echo/<path:rest>", echo),
    path("redirect", redirect),
    path("cookies", cookies),
    path("protected", protected),
    path("hello", hello),
    path("error", error),
]

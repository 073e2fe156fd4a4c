import hashlib
import os
import sys

import django
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse
from django.shortcuts import render

from .models import Note


def index(request):
    return HttpResponse("It works")


def notes(request):
    """A form with CSRF protection: what is posted is stored, then shown."""
    if request.method == "POST":
        Note.objects.create(text=request.POST["text"])
        return HttpResponseRedirect("/notes/")
    return render(request, "shop/notes.html", {"notes": Note.objects.order_by("id")})


def upload(request):
    """Answers with what arrived, so that the sender can compare."""
    if request.method != "POST":
        return render(request, "shop/upload.html")
    digest = hashlib.sha256()
    size = 0
    for chunk in request.FILES["file"].chunks():
        digest.update(chunk)
        size += len(chunk)
    return JsonResponse({"name": request.FILES["file"].name, "size": size, "sha256": digest.hexdigest()})


def stream(request):
    return StreamingHttpResponse((f"row {n}\n" for n in range(5000)), content_type="text/plain")


def about(request):
    return JsonResponse(
        {
            "django": django.get_version(),
            "python": "%d.%d" % sys.version_info[:2],
            "settings": os.environ["DJANGO_SETTINGS_MODULE"],
            "scheme": request.scheme,
            "host": request.get_host(),
            "address": request.META["REMOTE_ADDR"],
            "script_name": request.META.get("SCRIPT_NAME", ""),
        }
    )

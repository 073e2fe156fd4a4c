from django.contrib import admin
from django.urls import include, path
from shop import views

urlpatterns = [
    path("", views.index),
    path("admin/", admin.site.urls),
    path("notes/", views.notes),
    path("upload/", views.upload),
    path("stream/", views.stream),
    path("about/", views.about),
    path("lab/", include("shop.lab")),
]

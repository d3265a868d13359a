from django.contrib import admin
from django.urls import path

from guestbook import views

urlpatterns = [
    path("", views.index),
    path("about/", views.about),
    path("entries", views.entries),
    path("healthz", views.healthz),
    path("admin/", admin.site.urls),
]

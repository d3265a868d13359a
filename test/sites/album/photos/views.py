from django.shortcuts import render

from .models import Photo


def index(request):
    return render(request, "photos/index.html", {"photos": Photo.objects.all()[:5], "count": Photo.objects.count()})

import os

from django.http import HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

RELEASE = os.environ.get("EVERSPOT_RELEASE", "unreleased")


@csrf_exempt
def index(request):
    """Which release answers, to whom, and how much was sent."""
    text = f"{RELEASE} {request.META.get('REMOTE_ADDR')} {request.scheme} {len(request.body)}\n"
    return HttpResponse(text, content_type="text/plain")


urlpatterns = [path("", index), path("upload/", index)]

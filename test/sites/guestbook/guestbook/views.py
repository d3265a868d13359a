import json
import os

from django import forms
from django.db import connection
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from .models import Entry

RELEASE = os.environ.get("EVERSPOT_RELEASE", "unreleased")


class EntryForm(forms.ModelForm):
    class Meta:
        model = Entry
        fields = ["name", "message"]


def index(request):
    form = EntryForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        form.save()
        return redirect("/")
    return render(request, "guestbook/index.html", {"form": form, "entries": Entry.objects.all()[:50], "release": RELEASE})


@require_GET
def about(request):
    return render(request, "guestbook/about.html", {"release": RELEASE})


@csrf_exempt
@require_POST
def entries(request):
    """Takes {"name", "message"}; answers with the entry's id and the release that wrote it."""
    try:
        form = EntryForm(json.loads(request.body))
    except (ValueError, TypeError):
        return JsonResponse({"error": "not a JSON object"}, status=400)
    if not form.is_valid():
        return JsonResponse({"error": form.errors}, status=400)
    return JsonResponse({"id": form.save().id, "release": RELEASE}, status=201)


@require_GET
def healthz(request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM guestbook_entry")
    return HttpResponse(f"ok {RELEASE}\n", content_type="text/plain")
